"""Keeping an identity: renewal over mTLS, and the quarantine door after long darkness."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.centre import Centre, running_centre
from helpers.enrolling import Host, make_host
from sqlalchemy import update

from tramgac_agent.identity.outcome import Outcome
from tramgac_agent.identity.rejoin import rejoin
from tramgac_agent.identity.renew import renew
from tramgac_collector.identity import office
from tramgac_collector.identity.waiting import listing
from tramgac_collector.store.schema import agents, certificates

DAY_MS = 86_400_000


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    state = tmp_path / "centre"
    state.mkdir()
    with running_centre(state) as running:
        yield running


@pytest.fixture
def host(tmp_path: Path, centre: Centre) -> Host:
    host = make_host(tmp_path / "host", centre)
    host.enroll(centre.token())
    return host


@pytest.fixture
def expired(tmp_path: Path, centre: Centre) -> Host:
    """Enrolled 375 days ago, so its certificate ran out 10 days ago."""
    host = make_host(tmp_path / "old", centre)
    centre.shift_ms = -375 * DAY_MS
    host.enroll(centre.token())
    centre.shift_ms = 0
    return host


def seen(centre: Centre, host: Host, days_ago: int) -> None:
    with centre.engine.begin() as connection:
        connection.execute(
            update(agents)
            .where(agents.c.id == host.identity.agent_id)
            .values(last_seen_ms=centre.now_ms() - days_ago * DAY_MS)
        )


def test_a_renewal_replaces_the_certificate_and_keeps_the_key(centre: Centre, host: Host) -> None:
    """Over the live channel the agent gets a later certificate for the same key and id."""
    before = host.identity
    centre.shift_ms = 100 * DAY_MS
    renew(host.config)
    after = host.identity
    assert after.not_after_ms - before.not_after_ms >= 99 * DAY_MS
    assert (after.key_pem, after.agent_id) == (before.key_pem, before.agent_id)


def test_an_unfinished_enrolment_does_not_disturb_a_renewal(host: Host) -> None:
    """A new key that waits for approval is not paired with the renewed certificate."""
    host.files.save_key(b"-----BEGIN PRIVATE KEY-----\nof another request\n")
    before = host.identity.key_pem
    renew(host.config)
    assert host.identity.key_pem == before


def test_a_denied_agent_cannot_renew(centre: Centre, host: Host) -> None:
    """The deny list counts at once, whatever the certificate says."""
    with centre.engine.begin() as connection:
        office.deny(connection, "bvdk/main/his-1", "stolen", centre.now_ms())
    with pytest.raises(Outcome, match="denied") as caught:
        renew(host.config)
    assert caught.value.exit_code == 1
    with pytest.raises(Outcome, match="denied"):
        rejoin(host.config)


def test_renewing_at_the_enrolment_port_is_refused(centre: Centre, host: Host) -> None:
    """Renewal needs a client certificate, which the enrolment port never asks for."""
    text = host.path.read_text()
    host.path.write_text(text.replace(str(centre.mtls_port), str(centre.enrollment_port)))
    with pytest.raises(Outcome, match="client_certificate_missing"):
        renew(host.config)


def test_an_expired_certificate_cannot_renew(expired: Host) -> None:
    """The agent itself says that the certificate ran out; gRPC would only say unavailable."""
    with pytest.raises(Outcome, match="expired") as caught:
        renew(expired.config)
    assert caught.value.exit_code == 1


def test_dark_for_ten_days_comes_back_alone(centre: Centre, expired: Host) -> None:
    """Known key, same machine, dark for 10 days: a new certificate without a person."""
    seen(centre, expired, 10)
    done = expired.child("rejoin")
    assert done.returncode == 0, done.stderr
    assert expired.identity.judge(centre.now_ms()) == "ok"
    renew(expired.config)


def test_another_machine_waits_for_a_person(centre: Centre, expired: Host) -> None:
    """The right key in a machine with another fingerprint pends, and returns once approved."""
    seen(centre, expired, 10)
    with centre.engine.begin() as connection:
        connection.execute(update(agents).values(fingerprint=b"the machine it was"))
    with pytest.raises(Outcome, match="pending") as caught:
        rejoin(expired.config)
    assert caught.value.exit_code == 75
    with centre.engine.begin() as connection:
        (row,) = listing(connection)
        assert row.agent_id == expired.identity.agent_id
        office.approve(connection, row.key[:8], ("", "", ""), centre.now_ms())
    rejoin(expired.config)
    registered = centre.registry.lookup(expired.identity.agent_id)
    assert registered is not None
    assert registered.fingerprint == expired.files.fingerprint()


def test_too_long_in_the_dark_waits_for_a_person(centre: Centre, expired: Host) -> None:
    """After more than 90 days even the same machine is looked at by somebody."""
    seen(centre, expired, 91)
    with pytest.raises(Outcome, match="pending"):
        rejoin(expired.config)


def test_a_store_older_than_the_agent_asks_a_person(centre: Centre, host: Host) -> None:
    """Restored from an older backup, the centre gives a forgotten agent its id back."""
    agent_id = host.identity.agent_id
    with centre.engine.begin() as connection:
        connection.execute(certificates.delete())
        connection.execute(agents.delete())
        centre.registry.reload(connection)
    with pytest.raises(Outcome, match="agent_unknown"):
        renew(host.config)
    with pytest.raises(Outcome, match="pending"):
        rejoin(host.config)
    with centre.engine.begin() as connection:
        (row,) = listing(connection)
        office.approve(connection, row.key[:8], ("bvdk", "main", "server"), centre.now_ms())
    rejoin(host.config)
    assert host.identity.agent_id == agent_id
    registered = centre.registry.lookup(agent_id)
    assert registered is not None
    assert registered.owner.place == "bvdk/main/his-1"


def test_a_rolled_ca_is_learned_before_it_signs(centre: Centre, host: Host) -> None:
    """With two anchors learned by renewal, the CA is rolled under a working agent."""
    centre.authority.prepare_next()
    renew(host.config)
    assert host.identity.ca_pem.count(b"BEGIN CERTIFICATE") == 2
    centre.authority.roll()
    # Its certificate is the old CA's, the server's the new one's: both are still trusted.
    renew(host.config)
    assert host.identity.ca_pem == centre.authority.ca_pem


def test_the_reporting_port_refuses_strangers(centre: Centre, host: Host, tmp_path: Path) -> None:
    """A certificate of another CA does not get through the handshake."""
    other_state = tmp_path / "other"
    other_state.mkdir()
    with running_centre(other_state) as other:
        stranger = make_host(tmp_path / "stranger", other)
        stranger.enroll(other.token())
        text = stranger.path.read_text()
        stranger.path.write_text(text.replace(str(other.mtls_port), str(centre.mtls_port)))
        stranger.files.ca_path.write_bytes(host.identity.ca_pem)
        with pytest.raises(Outcome, match="unreachable"):
            renew(stranger.config)
