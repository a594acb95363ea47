"""The enrolment rules, asked through the doors themselves by a bare client."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from helpers.centre import Centre, running_centre
from helpers.postgres import throwaway_postgresql
from sqlalchemy import func, select

from tramgac_collector.identity import office, waiting
from tramgac_collector.identity.codes import Refused
from tramgac_collector.identity.guards import NONCE_LIFE_MS, Nonces, RateLimit
from tramgac_collector.identity.waiting import Application
from tramgac_collector.store.schema import audit, pending, tokens
from tramgac_proto.v1 import enrollment_pb2 as pb
from tramgac_proto.v1 import enrollment_pb2_grpc

ISSUED, PENDING, REFUSED = (
    pb.ENROLL_STATUS_ISSUED,
    pb.ENROLL_STATUS_PENDING,
    pb.ENROLL_STATUS_REFUSED,
)
DAY_MS = 86_400_000


class Client:
    """Speaks to the enrolment port, one new key per request unless given one."""

    def __init__(self, centre: Centre) -> None:
        credentials = grpc.ssl_channel_credentials(centre.authority.ca_pem)
        self.channel = grpc.secure_channel(f"127.0.0.1:{centre.enrollment_port}", credentials)
        self.stub = enrollment_pb2_grpc.EnrollmentServiceStub(self.channel)

    def enroll(
        self,
        token: str,
        host: str = "his-1",
        *,
        fingerprint: bytes = b"machine",
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> pb.EnrollResponse:
        request = pb.EnrollRequest(
            csr_der=csr(key or new_key()), token=token, fingerprint=fingerprint, host=host
        )
        return self.stub.Enroll(request, timeout=10)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def csr(key: ec.EllipticCurvePrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    with running_centre(tmp_path) as running:
        yield running


@pytest.fixture
def client(centre: Centre) -> Iterator[Client]:
    client = Client(centre)
    yield client
    client.channel.close()


def test_a_token_is_spent_once_however_many_ask(centre: Centre, client: Client) -> None:
    """Ten hosts race for a token of three uses: three win, the count is exact."""
    token = centre.token(uses=3)
    answers: list[pb.EnrollResponse] = []

    def ask(number: int) -> None:
        answers.append(client.enroll(token, f"host-{number}"))

    threads = [Thread(target=ask, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    codes = sorted(answer.code for answer in answers)
    assert codes == [""] * 3 + ["token_used"] * 7
    assert len({answer.identity.agent_id for answer in answers if answer.identity.agent_id}) == 3
    with centre.engine.begin() as connection:
        assert connection.scalar(select(tokens.c.used)) == 3


def test_the_doors_work_on_postgresql(tmp_path: Path) -> None:
    """Issue, lost answer, replacement, waiting and refusal are the same on the second tier."""
    state = tmp_path / "postgresql"
    state.mkdir()
    with throwaway_postgresql() as url, running_centre(state, url) as centre:
        client, key, token = Client(centre), new_key(), centre.token()
        first = client.enroll(token, key=key).identity.agent_id
        assert client.enroll(token, key=key).identity.agent_id == first
        assert client.enroll(token).code == "token_used"
        assert client.enroll(centre.token(), fingerprint=b"another").code == "host_taken"
        assert client.enroll("", "his-2").code == "pending"
        second = client.enroll(centre.token()).identity.agent_id
        client.channel.close()
        old = centre.registry.lookup(first)
        assert second != first
        assert old is not None
        assert old.reason == "superseded"


def test_only_the_hash_of_a_token_is_kept(centre: Centre) -> None:
    """Nobody who reads the store can enrol with what is in it."""
    secret = centre.token().split(".")[2]
    centre.engine.dispose()
    stored = b"".join(path.read_bytes() for path in centre.state_dir.glob("store.db*"))
    assert secret.encode() not in stored


def test_a_site_token_cannot_take_a_living_name(centre: Centre, client: Client) -> None:
    """Another machine asking for a name in use is refused; the first keeps reporting."""
    first = client.enroll(centre.token()).identity.agent_id
    other = client.enroll(centre.token(), fingerprint=b"another machine")
    assert (other.status, other.code) == (REFUSED, "host_taken")
    registered = centre.registry.lookup(first)
    assert registered is not None
    assert not registered.denied


def test_a_reinstalled_machine_replaces_itself(centre: Centre, client: Client) -> None:
    """Same fingerprint, new key: a new agent id, and the old certificate is worthless."""
    first = client.enroll(centre.token()).identity.agent_id
    second = client.enroll(centre.token()).identity.agent_id
    assert second != first
    old, new = centre.registry.lookup(first), centre.registry.lookup(second)
    assert old is not None
    assert new is not None
    assert (old.state, old.reason, new.state) == ("denied", "superseded", "active")


def test_a_host_token_replaces_another_machine(centre: Centre, client: Client) -> None:
    """A token for exactly this host says that a person wants the machine exchanged; audited."""
    first = client.enroll(centre.token()).identity.agent_id
    second = client.enroll(centre.token(host="his-1"), fingerprint=b"new hardware")
    assert second.status == ISSUED
    old = centre.registry.lookup(first)
    assert old is not None
    assert old.denied
    with centre.engine.begin() as connection:
        actions = connection.scalars(select(audit.c.action).where(audit.c.object == first)).all()
    assert actions == ["agent_enrolled", "agent_superseded"]


def test_a_key_belongs_to_one_place(centre: Centre, client: Client) -> None:
    """The key of one host is not certified for another, nor for a second machine."""
    key = new_key()
    client.enroll(centre.token(), key=key)
    assert client.enroll(centre.token(), "his-2", key=key).code == "key_in_use"
    copied = client.enroll(centre.token(), key=key, fingerprint=b"copied disk")
    assert copied.code == "key_in_use"


def test_a_denied_key_stays_denied_with_any_token(centre: Centre, client: Client) -> None:
    """A new token does not wash a denied key; an explicit `allow` does."""
    key = new_key()
    agent_id = client.enroll(centre.token(), key=key).identity.agent_id
    with centre.engine.begin() as connection:
        office.deny(connection, agent_id, "left the hospital", centre.now_ms())
    assert client.enroll(centre.token(), key=key).code == "denied"
    with centre.engine.begin() as connection:
        office.allow(connection, agent_id, centre.now_ms())
    assert client.enroll(centre.token(), key=key).identity.agent_id == agent_id


@pytest.mark.parametrize("host", ["", "UPPER", "a/b", "-x", "x" * 65, "ba\nd"])
def test_impossible_host_names_are_refused(centre: Centre, client: Client, host: str) -> None:
    """A name that could not be a label is refused before anything is stored."""
    assert client.enroll(centre.token(), host).code == "host_invalid"
    assert centre.refused == ["host_invalid"]


def test_garbage_at_the_doors_is_refused_by_name(client: Client) -> None:
    """Nonsense in each field gets a code, not an exception."""
    answer = client.stub.Enroll(pb.EnrollRequest(csr_der=b"x" * 20), timeout=10)
    assert answer.code == "csr_malformed"
    long = client.enroll("tg1." + "x" * 100_000)
    assert long.code == "token_unknown"
    request = pb.RejoinRequest(nonce=client.stub.GetNonce(pb.GetNonceRequest(), timeout=10).nonce)
    assert client.stub.Rejoin(request, timeout=10).code == "certificate_foreign"
    assert client.stub.Rejoin(request, timeout=10).code == "nonce_unknown"


def test_a_stolen_certificate_without_its_key_opens_nothing(centre: Centre, client: Client) -> None:
    """Rejoin wants the nonce signed by the certificate's own key."""
    issued = client.enroll(centre.token()).identity
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem)
    thief = new_key()
    nonce = client.stub.GetNonce(pb.GetNonceRequest(), timeout=10).nonce
    request = csr(thief)
    answer = client.stub.Rejoin(
        pb.RejoinRequest(
            old_certificate_der=certificate.public_bytes(serialization.Encoding.DER),
            csr_der=request,
            nonce=nonce,
            signature=thief.sign(
                b"tramgac rejoin v1\n" + nonce + request, ec.ECDSA(hashes.SHA256())
            ),
            fingerprint=b"machine",
        ),
        timeout=10,
    )
    assert answer.code == "signature_wrong"


def test_the_waiting_list_is_bounded_and_forgets(
    centre: Centre, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strangers fill their share and no more; after a week of silence they are gone."""
    monkeypatch.setattr(waiting, "MAX_PER_PEER", 3)
    assert [client.enroll("", f"host-{n}").code for n in range(4)] == ["pending"] * 3 + [
        "pending_full"
    ]
    centre.shift_ms = 8 * DAY_MS
    assert client.enroll("", "host-9").status == PENDING
    with centre.engine.begin() as connection:
        assert connection.scalar(select(func.count()).select_from(pending)) == 1


def test_what_a_person_approved_cannot_be_changed_afterwards(
    centre: Centre, client: Client
) -> None:
    """The host that was shown is the host that is certified, whatever is asked later."""
    key = new_key()
    client.enroll("", "his-1", key=key)
    with centre.engine.begin() as connection:
        (row,) = waiting.listing(connection)
        office.approve(connection, row.key[:6], ("bvdk", "main", "server"), centre.now_ms())
    assert client.enroll("", "his-2", key=key).identity.host == "his-1"


def test_approving_needs_one_key_and_a_place(centre: Centre, client: Client) -> None:
    """An unknown or short prefix, or a missing place, changes nothing."""
    client.enroll("", "his-1")
    with centre.engine.begin() as connection:
        (row,) = waiting.listing(connection)
        with pytest.raises(LookupError, match="nobody waits"):
            office.approve(connection, "0123456789abcdef", ("a", "b", "server"), 0)
        with pytest.raises(LookupError, match="at least"):
            office.approve(connection, row.key[:3], ("a", "b", "server"), 0)
        with pytest.raises(ValueError, match="--facility"):
            office.approve(connection, row.key[:8], ("", "b", "server"), 0)
        assert waiting.approved(connection, row.key) is None


def test_a_place_has_one_agent_even_when_allowing(centre: Centre, client: Client) -> None:
    """An old agent is not allowed back while another holds its place."""
    first = client.enroll(centre.token()).identity.agent_id
    client.enroll(centre.token(host="his-1"), fingerprint=b"new hardware")
    with centre.engine.begin() as connection, pytest.raises(ValueError, match="superseded"):
        office.allow(connection, first, centre.now_ms())


def test_a_loop_of_requests_is_slowed_down() -> None:
    """A burst passes, then one peer waits while another is served."""
    rate = RateLimit(burst=3, per_second=1.0)
    for _ in range(3):
        rate.take("10.0.0.1", 0)
    with pytest.raises(Refused, match="rate_limited"):
        rate.take("10.0.0.1", 0)
    rate.take("10.0.0.2", 0)
    rate.take("10.0.0.1", 2000)


def test_asking_too_soon_does_not_cost_the_turn() -> None:
    """Many behind one address, who together ask too often, are still served at the rate."""
    rate = RateLimit(burst=1, per_second=1.0)
    served = 0
    for now_ms in range(0, 10_000, 400):
        try:
            rate.take("10.0.0.1", now_ms)
        except Refused:
            continue
        served += 1
    assert served >= 8


def test_a_nonce_works_once_and_not_for_long() -> None:
    """Used, foreign and stale nonces are refused alike; the number kept is bounded."""
    nonces = Nonces()
    nonce = nonces.new(0)
    nonces.spend(nonce, 1)
    for stale in (nonce, b"foreign", b""):
        with pytest.raises(Refused, match="nonce_unknown"):
            nonces.spend(stale, 1)
    old = nonces.new(0)
    with pytest.raises(Refused, match="nonce_unknown"):
        nonces.spend(old, NONCE_LIFE_MS)
    for _ in range(10_500):
        nonces.new(0)
    assert len(nonces._until) <= 10_000


def test_a_second_decision_stops_a_race(centre: Centre) -> None:
    """If the world changed between deciding and recording, nothing is issued."""
    from tramgac_collector.identity import register  # noqa: PLC0415 - only here

    applicant = Application("k" * 64, b"", b"machine", "his-1", "0.1", "10.0.0.1")
    token = centre.token()
    with centre.engine.begin() as connection:
        permit = register.decide_enrolment(connection, applicant, token, centre.now_ms())
        assert permit is not None
        rival = register.Permit("r" * 36, *permit.place, "server")
        register._store_agent(connection, rival, applicant, centre.now_ms())
        again = register.decide_enrolment(connection, applicant, token, centre.now_ms())
        with pytest.raises(Refused, match="changed_meanwhile"):
            register.require_same(permit, again)
