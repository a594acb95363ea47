"""Enrolment from the host's side, against a real service on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.centre import Centre, running_centre
from helpers.enrolling import Host, make_host

from tramgac_agent.identity.outcome import Outcome
from tramgac_collector.identity import office
from tramgac_collector.identity.waiting import listing

DAY_MS = 86_400_000
MARK = b"-----BEGIN CERTIFICATE-----"


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    state = tmp_path / "centre"
    state.mkdir()
    with running_centre(state) as running:
        yield running


@pytest.fixture
def host(tmp_path: Path, centre: Centre) -> Host:
    return make_host(tmp_path / "host", centre)


def refusal(host: Host, token: str, **wish: object) -> Outcome:
    with pytest.raises(Outcome) as caught:
        host.enroll(token, **wish)
    return caught.value


def test_a_token_becomes_an_identity(centre: Centre, host: Host) -> None:
    """One command turns a token into key, certificate, anchors and lease key."""
    done = host.child("enroll", "--host", "his-1", token=centre.token())
    assert done.returncode == 0, done.stderr
    identity = host.identity
    assert (identity.facility, identity.site, identity.host) == ("bvdk", "main", "his-1")
    assert identity.ca_pem == centre.authority.ca_pem
    assert identity.lease_public_key == centre.authority.lease_public_key
    assert identity.judge(centre.now_ms()) == "ok"
    assert host.files.key_path.stat().st_mode & 0o777 == 0o600
    registered = centre.registry.lookup(identity.agent_id)
    assert registered is not None
    assert registered.owner.place == "bvdk/main/his-1"


def test_enrolling_twice_changes_nothing(centre: Centre, host: Host) -> None:
    """A second `enroll` says so, ends well and spends no token."""
    host.enroll(centre.token())
    before = host.identity
    assert "already enrolled" in host.enroll("")
    assert host.identity == before


def test_a_server_with_another_key_gets_no_token(
    tmp_path: Path, centre: Centre, host: Host
) -> None:
    """A token made by one centre is not sent to another that answers at its address."""
    other_state = tmp_path / "other"
    other_state.mkdir()
    with running_centre(other_state) as other:
        foreign = other.token()
    assert refusal(host, foreign).code == "ca_pin_mismatch"
    assert centre.refused == []
    assert not host.files.certificate_path.exists()


def test_showing_the_right_ca_is_not_enough(tmp_path: Path, centre: Centre, host: Host) -> None:
    """An impostor that adds the genuine CA to its chain passes the pin, not the signature."""
    other_state = tmp_path / "impostor"
    other_state.mkdir()
    with running_centre(other_state) as impostor:
        pair = impostor.authority.folder / "server.pem"
        private, _, rest = pair.read_bytes().partition(MARK)
        leaf = rest.partition(MARK)[0]
        pair.write_bytes(private + MARK + leaf + centre.authority.ca_pem)
        text = host.path.read_text()
        port, fake = str(centre.enrollment_port), str(impostor.enrollment_port)
        host.path.write_text(text.replace(port, fake))
        assert refusal(host, centre.token()).code == "ca_wrong"
        assert impostor.refused == []


def test_each_bad_token_has_its_own_reason(centre: Centre, host: Host) -> None:
    """Unknown, used, expired and wrong-host tokens are told apart, and none gives an identity."""
    good = centre.token()
    unknown = good.replace(good.split(".")[1], "0" * 12)
    assert refusal(host, unknown).code == "token_unknown"
    assert refusal(host, "tg1.half.of").code == "token_malformed"
    assert refusal(host, centre.token(life_ms=1)).code == "token_expired"
    assert refusal(host, centre.token(host="lis-9")).code == "token_wrong_host"
    host.enroll(good)
    again = refusal(host, good, force=True)
    assert (again.code, again.exit_code) == ("token_used", 1)


def test_a_lost_answer_costs_no_second_token(centre: Centre, host: Host) -> None:
    """The same key with the same one-use token gets the same identity again."""
    token = centre.token()
    host.enroll(token)
    first = host.identity.agent_id
    # As if the answer had never arrived: the request's key is there, the rest is not.
    host.files.new_key_path.write_bytes(host.files.key_path.read_bytes())
    host.files.certificate_path.unlink()
    host.enroll(token)
    assert host.identity.agent_id == first


def test_without_a_token_a_person_decides(centre: Centre, host: Host, tmp_path: Path) -> None:
    """A host that brings only the CA waits, and is let in by its key once approved."""
    anchor = tmp_path / "ca.crt"
    anchor.write_bytes(centre.authority.ca_pem)
    waiting = refusal(host, "", ca_file=str(anchor))
    assert (waiting.code, waiting.exit_code) == ("pending", 75)
    with centre.engine.begin() as connection:
        (row,) = listing(connection)
        office.approve(connection, row.key[:8], ("bvdk", "main", "probe"), centre.now_ms())
    host.enroll("", ca_file=str(anchor))
    registered = centre.registry.lookup(host.identity.agent_id)
    assert registered is not None
    assert registered.owner.role == "probe"
    assert refusal(host, "", force=True).code == "token_missing"


@pytest.mark.parametrize("content", [b"garbage", b"\xff\xfe"])
def test_a_file_that_is_no_ca_is_said(host: Host, tmp_path: Path, content: bytes) -> None:
    """A person picked the wrong file."""
    (tmp_path / "ca.crt").write_bytes(content)

    assert refusal(host, "", ca_file=str(tmp_path / "ca.crt")).code == "ca_wrong"


def test_nobody_at_the_port_is_said_and_may_be_tried_again(centre: Centre, host: Host) -> None:
    """A closed port ends with 75, which tells a script to come back."""
    token = centre.token()
    host.path.write_text(host.path.read_text().replace(str(centre.enrollment_port), "1"))
    outcome = refusal(host, token)
    assert (outcome.code, outcome.exit_code) == ("unreachable", 75)


def test_a_name_the_certificate_lacks_is_named(centre: Centre, host: Host) -> None:
    """A server reached by a name it was not certified for is not trusted, with that reason."""
    token = centre.token()
    host.path.write_text(host.path.read_text() + 'server_name = "elsewhere.example"\n')
    assert refusal(host, token).code == "server_name"


def test_a_clock_before_the_certificate_is_named(centre: Centre, host: Host) -> None:
    """A host whose clock is behind the server's certificate is told about its clock."""
    authority = centre.authority
    (authority.folder / "server.pem").unlink()
    authority.ensure_server_certificate(centre.now_ms() + 10 * DAY_MS)
    assert refusal(host, centre.token()).code == "clock_behind"


def test_the_command_prints_advice_and_ends_with_one(centre: Centre, host: Host) -> None:
    """The person at the terminal reads what to do, without a traceback or the secret."""
    token = centre.token(life_ms=1)
    done = host.child("enroll", "--host", "his-1", token=token)
    assert done.returncode == 1
    assert "token_expired" in done.stderr
    assert "token create" in done.stderr
    assert "Traceback" not in done.stderr
    assert token.split(".")[2] not in done.stderr + done.stdout
