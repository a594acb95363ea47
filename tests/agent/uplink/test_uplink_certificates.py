"""Certificates that change, run out or are missing while the uplink works."""

from pathlib import Path

import pytest
from helpers.backup import until
from helpers.certs import Authority
from helpers.faux_collector import FauxFiles
from helpers.uplinking import Bench

from tramgac_agent.uplink import renewal, thread
from tramgac_proto.v1 import fleet_pb2


def test_a_new_certificate_is_used_without_a_restart(bench: Bench) -> None:
    """The next call goes out on a connection of its own, under the new name."""
    bench.start()
    until(lambda: bench.collector.peers)
    bench.files.issue("agent-2")
    until(lambda: bench.collector.peers[-1] == b"agent-2")
    count = len(bench.collector.peers)
    until(lambda: len(bench.collector.peers) > count + 2)
    assert set(bench.collector.peers[count:]) == {b"agent-2"}


def test_a_bad_new_certificate_does_not_cut_the_agent_off(bench: Bench, tmp_path: Path) -> None:
    """Until the first good call on the new one, the old one goes on."""
    bench.start()
    until(lambda: bench.collector.peers)
    other = tmp_path / "other"
    other.mkdir()
    stranger = FauxFiles(other, Authority(other))
    stranger.issue("stranger")
    if stranger.identity is None or bench.files.identity is None:
        raise RuntimeError("no identity")
    stranger.identity.ca_pem = bench.files.identity.ca_pem
    bench.files.identity = stranger.identity
    bench.files.certificate_path.write_bytes(b"new")
    count = len(bench.collector.peers)
    bench.add(3)
    until(bench.delivered)
    assert set(bench.collector.peers[count:]) == {b"agent-1"}


def test_without_identity_it_waits_for_enrolment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No call is made before there is a certificate; then it starts by itself."""
    monkeypatch.setattr(thread, "_NO_IDENTITY_SECONDS", 0.05)
    bench.files.certificate_path.unlink()
    uplink = bench.start()
    until(lambda: uplink.status.reason == "no_identity")
    bench.files.issue()
    until(lambda: uplink.status.state == "ok")


@pytest.mark.parametrize(("verdict", "asked"), [("renew_soon", False), ("ok", True)])
def test_renewal_is_left_to_a_child(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, verdict: str, *, asked: bool
) -> None:
    """Its own judgement or the collector's wish starts one child an hour."""
    tried: list[str] = []
    monkeypatch.setattr(renewal, "_MODULE", {"renew_soon": "this"})
    monkeypatch.setattr(renewal.log, "info", lambda text, *rest: tried.append(text % rest))
    bench.files.issue(verdict=verdict)

    def ask(response: fleet_pb2.ReportResponse) -> None:
        response.renew_certificate = asked

    bench.collector.change = ask
    uplink = bench.start()
    until(lambda: "certificate: child ended with 0" in tried)
    assert len([one for one in tried if "starting" in one]) == 1
    assert uplink.status.state == "ok"


def test_an_expired_certificate_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """GRPC only says that the socket was closed; the agent knows better and asks to rejoin."""
    tried: list[str] = []
    monkeypatch.setattr(renewal, "_MODULE", {"expired": "this"})
    monkeypatch.setattr(renewal.log, "info", lambda text, *rest: tried.append(text % rest))
    bench.files.issue(verdict="expired")
    bench.collector.stop()
    uplink = bench.start()
    until(lambda: uplink.status.reason == "certificate_expired")
    until(lambda: tried)
