"""Strangers, refused agents, clones and nonsense: refused with a reason, and harm nobody else.

One centre for all of them, with an honest agent ``h1`` that must not feel a thing. What the
ingest process makes of each kind of nonsense is tested beside it; here it comes over the wire.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from helpers.certs import Authority as Stranger
from helpers.fleet import BOOT_ID, boottime_ms, make_csr, now_ms
from helpers.ingesting import define, observation, record
from helpers.stack import FACILITY, SITE, Stack, poll

from tramgac_agent.identity.fingerprint import machine_fingerprint
from tramgac_collector.identity.ca import Authority
from tramgac_collector.identity.signer import Grant
from tramgac_proto.v1 import fleet_pb2

METHOD = "/tramgac_proto.v1.FleetService/Report"
PLACE = f"{FACILITY}/{SITE}/h2"


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory, enrolled: Path) -> Iterator[Stack]:
    """A collector and the honest agent; ``h2`` is enrolled and misused."""
    stack = Stack(tmp_path_factory.mktemp("hostile"), hosts=("h1", "h2", "h3"))
    try:
        stack.take_over(enrolled)
        stack.start_collector()
        stack.start_agent("h1")
        stack.wait_ticks(3)
        yield stack
    finally:
        stack.close()


@pytest.fixture(autouse=True)
def unharmed(centre: Stack) -> Iterator[None]:
    """Whatever the test does, the honest agent's ticks go on, each stored once, none refused."""
    before = len(centre.handed_ticks())
    yield
    centre.check_ticks(max(before, len(centre.handed_ticks())) + 2)
    assert centre.gaps() == {}
    assert centre.uplink()["refusals"] == {}
    assert centre.uplink()["state"] == "ok"


def counter(stack: Stack, name: str, code: str = "") -> float:
    """One of the collector's own counters; 0 before its first event."""
    labels = f'{{code="{code}"}}' if code else ""
    return stack.metrics().get(f"tramgac_collector_{name}{labels}", 0.0)


def counted(stack: Stack, name: str, code: str, before: float, more: int = 1) -> None:
    """Wait until a counter has grown."""
    poll(lambda: counter(stack, name, code), lambda v: v >= before + more, 10, f"{name} {code}")


class Peer:
    """Speaks to the reporting port with any certificate it is given."""

    def __init__(self, stack: Stack, key: bytes, certificate: bytes) -> None:
        ca = (stack.root / "h2/identity/ca.crt").read_bytes()
        self._channel = grpc.secure_channel(
            f"127.0.0.1:{stack.ports['grpc']}",
            grpc.ssl_channel_credentials(ca, key, certificate),
            options=[("grpc.use_local_subchannel_pool", 1)],
        )
        self.epoch = uuid4().hex
        self._instance = os.urandom(16)

    @classmethod
    def h2(cls, stack: Stack) -> "Peer":
        """With the enrolled but idle host's own identity."""
        folder = stack.root / "h2/identity"
        return cls(stack, (folder / "key.pem").read_bytes(), (folder / "agent.crt").read_bytes())

    def raw(self, message: bytes) -> fleet_pb2.ReportResponse:
        """Send bytes."""
        call: grpc.UnaryUnaryMultiCallable[bytes, fleet_pb2.ReportResponse]
        call = self._channel.unary_unary(
            METHOD,
            request_serializer=None,
            response_deserializer=fleet_pb2.ReportResponse.FromString,
        )
        return call(message, timeout=20)

    def send(
        self,
        *records: fleet_pb2.Record,
        series: tuple[fleet_pb2.Series, ...] = (),
        fingerprint: bytes = b"",
    ) -> fleet_pb2.ReportResponse:
        """Send a report."""
        status = fleet_pb2.AgentStatus(
            boot_id=BOOT_ID,
            sent_unix_ms=now_ms(),
            sent_boottime_ms=boottime_ms(),
            fingerprint=fingerprint or machine_fingerprint(),
            last_seq=max([one.seq for one in records], default=0),
            instance=self._instance,
        )
        request = fleet_pb2.ReportRequest(
            epoch=self.epoch, oldest_kept_seq=1, records=records, series=series, status=status
        )
        return self.raw(request.SerializeToString())

    def refused(self, send: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
        """Status and details of a call that must fail."""
        with pytest.raises(grpc.RpcError) as caught:
            send()
        return caught.value.code(), str(caught.value.details())

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


@pytest.fixture
def peer(centre: Stack) -> Iterator[Peer]:
    """The host ``h2`` gone mad."""
    one = Peer.h2(centre)
    yield one
    one.close()


def test_certificates_of_strangers_do_not_get_through(centre: Stack, tmp_path: Path) -> None:
    """Signed by another CA, or out of date: the handshake fails, and that is counted."""
    stranger = Stranger(tmp_path).issue("h2")
    key, expired = outdated(centre)
    for pair in ((stranger.key.read_bytes(), stranger.certificate.read_bytes()), (key, expired)):
        before = counter(centre, "handshake_failures_total")
        one = Peer(centre, *pair)
        assert one.refused(one.send)[0] is grpc.StatusCode.UNAVAILABLE
        one.close()
        counted(centre, "handshake_failures_total", "", before)
    assert "CERTIFICATE_VERIFY_FAILED" in centre.log("ingest")


def outdated(stack: Stack) -> tuple[bytes, bytes]:
    """The key of ``h2``, and a certificate for it by the right CA that ended ten days ago."""
    folder = stack.root / "h2/identity"
    meta = json.loads((folder / "identity.json").read_text())
    pem = (folder / "key.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    place = (FACILITY, SITE, "h2")
    long_ago = now_ms() - int(timedelta(days=375).total_seconds() * 1000)
    grant = Grant.at(meta["agent_id"], place, long_ago)
    csr = x509.load_der_x509_csr(make_csr(key, "h2"))  # type: ignore[arg-type]
    signed = Authority.open(stack.root / "collector").signer.sign_csr(csr, grant)
    return pem, signed.public_bytes(serialization.Encoding.PEM)


def test_an_agent_that_trusts_another_ca_says_so(centre: Stack, tmp_path: Path) -> None:
    """The agent does not speak to a server its anchors do not vouch for; the host can act."""
    anchors = centre.root / "h2/identity/ca.crt"
    right = anchors.read_bytes()
    anchors.write_bytes(Stranger(tmp_path).ca_file.read_bytes())
    centre.start_agent("h2")
    try:
        status = centre.wait_uplink("h2", state="failing", reason="ca_wrong")
        assert status["backlog_records"] > 0
        assert centre.stored_ticks("h2") == []
    finally:
        anchors.write_bytes(right)
        centre.stop("h2")


def test_an_agent_whose_certificate_ran_out_comes_back_by_itself(centre: Stack) -> None:
    """Dark for ten days too long: it says expired, asks at the quarantine door, and reports."""
    folder = centre.root / "h2/identity"
    _, expired = outdated(centre)
    meta = json.loads((folder / "identity.json").read_text())
    meta["not_after_ms"] = now_ms() - int(timedelta(days=10).total_seconds() * 1000)
    (folder / "identity.json").write_text(json.dumps(meta))
    (folder / "agent.crt").write_bytes(expired)
    centre.start_agent("h2")
    try:
        centre.wait_uplink("h2", reason="certificate_expired", certificate="expired")
        centre.wait_uplink("h2", state="ok", certificate="ok")
        centre.check_ticks(len(centre.handed_ticks("h2")) + 2, "h2")
    finally:
        centre.stop("h2")
    assert json.loads((folder / "identity.json").read_text())["agent_id"] == meta["agent_id"]


def test_a_denied_agent_is_told_so_at_its_next_call(centre: Stack) -> None:
    """While it works: refused within seconds, off the page, counted; nothing of it is lost."""
    centre.start_agent("h2")
    try:
        centre.wait_uplink("h2", state="ok")
        poll(lambda: centre.value("tramgac_tick_last", "h2"), bool, 20, "h2 is on the page")
        before = counter(centre, "refused_total", "denied")
        centre.collector_command("agents", "deny", PLACE, "--reason", "lost")
        centre.wait_uplink("h2", 15, state="refused", reason="denied")
        counted(centre, "refused_total", "denied", before)
        poll(lambda: centre.value("tramgac_tick_last", "h2"), lambda v: v is None, 10, "off")
        assert centre.metrics()['tramgac_collector_agents{state="denied"}'] == 1
        centre.collector_command("agents", "allow", PLACE)
        # Refused agents knock ever more rarely; a restart does it now.
        centre.stop("h2")
        centre.start_agent("h2")
        centre.wait_uplink("h2", state="ok")
        centre.check_ticks(len(centre.handed_ticks("h2")) + 2, "h2")
        assert centre.gaps("h2") == {}
    finally:
        centre.stop("h2")


def test_a_token_works_once(centre: Stack) -> None:
    """The second host with the same token is refused by name, and that is counted."""
    token = centre.root / "shared.token"
    token.write_text(centre.token())
    said = {}
    for host in ("n1", "n2"):
        config = str(centre.write_agent(host))
        said[host] = centre.command(
            "tramgac_agent", "enroll", "--config", config, "--host", host,
            "--token-file", str(token), check=False,
        )  # fmt: skip
    assert "token_used" in said["n2"]
    assert "token create" in said["n2"], "and what to do about it"
    assert not (centre.root / "n2/identity/agent.crt").exists()
    counted(centre, "refused_total", "token_used", 0)


def test_a_second_machine_with_the_same_identity_is_refused(centre: Stack, peer: Peer) -> None:
    """The first goes on, the copy is refused, the centre raises the alarm until it is cured."""
    centre.start_agent("h2")
    try:
        centre.wait_uplink("h2", state="ok")
        before = counter(centre, "refused_total", "cloned")
        code, details = peer.refused(lambda: peer.send(fingerprint=b"another machine's" * 2))
        assert (code, details) == (grpc.StatusCode.PERMISSION_DENIED, "cloned")
        counted(centre, "refused_total", "cloned", before)
        poll(lambda: states(centre)["h2"], lambda state: state == "cloned", 10, "agents list")
        cloned = 'tramgac_collector_agents{state="cloned"}'
        poll(lambda: centre.metrics()[cloned], lambda v: v == 1, 10, cloned)
        centre.check_ticks(len(centre.handed_ticks("h2")) + 3, "h2")
        assert centre.uplink("h2")["state"] == "ok"
        centre.collector_command("agents", "allow", PLACE)
        assert states(centre)["h2"] == "active"
    finally:
        centre.stop("h2")


def states(stack: Stack) -> dict[str, str]:
    """State of each agent by host, as ``agents list`` has it."""
    rows = json.loads(stack.collector_command("agents", "list", "--json"))
    return {row["host"]: row["state"] for row in rows}


def test_what_is_not_its_own_or_not_known_is_quarantined(centre: Stack, peer: Peer) -> None:
    """Other hospitals' labels and subjects, unknown names: each has its code, the rest is kept."""
    series = (
        define(1, "tramgac_tick_last"),
        define(2, "tramgac_no_such_thing"),
        define(3, "tramgac_tick_last", facility="bv-other"),
        define(4, "tramgac_backup_snapshots", series="bv-other/h9/db@nas"),
        define(5, "tramgac_agent_up"),
    )
    sent = (
        record(1, observation("tick", series=[1], values=[7])),
        record(2, observation("tick", series=[2], values=[7])),
        record(3, observation("tick", series=[3], values=[7])),
        record(4, observation("restic", series=[4], values=[7])),
        record(5, observation("tick", series=[5], values=[0])),
        record(6, observation("tick", series=[1], values=[7], subject="h1")),
        record(7, observation("tick", series=[1], values=[float("nan")])),
    )
    codes = {
        2: "unknown_metric", 3: "bad_labels", 4: "foreign_series", 5: "not_an_agent_metric",
        6: "foreign_subject", 7: "not_finite",
    }  # fmt: skip
    before = {code: counter(centre, "quarantined_total", code) for code in codes.values()}
    answer = peer.send(*sent, series=series)
    assert {one.seq: one.code for one in answer.refusals} == codes
    assert answer.contiguous_seq == len(sent)
    for code in codes.values():
        counted(centre, "quarantined_total", code, before[code])
    kept = centre.query("SELECT seq, code FROM quarantine WHERE epoch = ?", peer.epoch)
    assert dict(kept) == codes
    page = centre.get("/metrics")
    assert "bv-other" not in page
    assert "no_such_thing" not in page


def test_garbage_and_giants_are_refused_whole(centre: Stack, peer: Peer) -> None:
    """Bytes that are no report, noise, and more bytes than a batch can have."""
    before = counter(centre, "refused_total", "not_a_report")
    assert peer.refused(lambda: peer.raw(b"\xff" * 100)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "not_a_report",
    )
    counted(centre, "refused_total", "not_a_report", before)
    codes = {peer.refused(lambda: peer.raw(os.urandom(50_000)))[0] for _ in range(20)}
    assert codes == {grpc.StatusCode.INVALID_ARGUMENT}
    giant = peer.refused(lambda: peer.raw(bytes(8 * 1024 * 1024)))
    assert giant[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_ten_thousand_labels_stay_bounded(centre: Stack, peer: Peer) -> None:
    """Series beyond the bound are refused by name; the page and the others do not notice."""
    size = len(centre.get("/metrics"))
    codes: set[str] = set()
    for start in range(0, 10_000, 1_000):
        numbers = range(start, start + 1_000)
        series = tuple(
            define(n + 1, "tramgac_check_success", check=f"check{n}-{'x' * 100}") for n in numbers
        )
        sent = [
            record(
                1 + start // 100 + place,
                observation(
                    f"c{start}_{place}",
                    series=[n + 1 for n in numbers[place * 100 : place * 100 + 100]],
                    values=[1.0] * 100,
                ),
            )
            for place in range(10)
        ]
        answer = peer.send(*sent, series=series)
        codes |= {one.code for one in answer.refusals}
    assert codes == {"too_many_series"}
    assert answer.contiguous_seq == 100
    counted(centre, "quarantined_total", "too_many_series", 0, 80)
    began = time.monotonic()
    page = centre.get("/metrics")
    assert time.monotonic() - began < 2
    assert page.count("xxxx") <= 2_000 * 25
    assert len(page) - size < 2_000 * 300
