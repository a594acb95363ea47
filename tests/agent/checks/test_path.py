"""Places that matter: real handshakes over loopback and a veth cable."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers.certs import Authority, Issued
from helpers.lan import ip, neighbour
from helpers.onecheck import observe, values

from tramgac_agent.checks import path as path_check
from tramgac_agent.checks.base import Observation
from tramgac_agent.checks.path import PathCheck, PathSettings
from tramgac_agent.probes import reach
from tramgac_agent.probes.base import Deadline
from tramgac_proto.configfile import ConfigError, convert
from tramgac_proto.pathmetrics import PATH_STAGES

QUICK = {"timeout_seconds": 0.5}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_check, "GAP_SECONDS", 0.01)


def check_of(**target: Any) -> PathCheck:
    tree = {"targets": [{"name": "portal", **QUICK, **target}]}
    return PathCheck(convert(tree, PathSettings, "test"))


def stage_of(observations: list[Observation]) -> str:
    found = values(observations, target="portal")
    assert found["path_reachable"] == float(found["path_stage"] == 0)
    return PATH_STAGES[int(found["path_stage"])]


class Portal:
    """Accepts calls; keeps what came after the handshake."""

    def __init__(self, issued: Issued | None = None) -> None:
        self.door = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.door.getsockname()[1]}"
        self.said: list[bytes] = []
        self.names: list[str | None] = []
        self._tls = None
        if issued:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(issued.certificate, issued.key)
            self._tls.sni_callback = lambda _sock, name, _context: self.names.append(name)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self.door.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(5)
                self._meet(sock)

    def _meet(self, sock: socket.socket) -> None:
        try:
            if self._tls is None:
                self.said.append(sock.recv(100))
                return
            with self._tls.wrap_socket(sock, server_side=True) as secured:
                self.said.append(secured.recv(100))
        except OSError:
            pass  # a caller who hangs up without a word

    def close(self) -> None:
        self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()
        self._thread.join(5)


@contextmanager
def portal(issued: Issued | None = None) -> Iterator[Portal]:
    made = Portal(issued)
    try:
        yield made
    finally:
        made.close()


def test_a_place_that_takes_the_call_is_reached_and_nothing_is_said(tmp_path: Path) -> None:
    """A handshake is all there is: the other end reads no byte of ours."""
    with portal() as one:
        seen = observe(check_of(address=one.address), tmp_path)
    assert stage_of(seen) == "ok"
    assert 0 < values(seen)["path_connect_seconds"] < 0.5
    assert "path_resolve_seconds" not in values(seen)
    assert set(one.said) <= {b""}


def test_tls_sends_the_name_and_tells_the_end_of_the_certificate(tmp_path: Path) -> None:
    """The certificate is checked against the authority and its end is kept."""
    authority = Authority(tmp_path)
    issued = authority.issue("portal.example", days=20)
    with portal(issued) as one:
        how = {"kind": "tls", "address": one.address, "ca_file": str(authority.ca_file)}
        seen = observe(check_of(**how, server_name="portal.example"), tmp_path)
        wrong = observe(check_of(**how), tmp_path)
    assert stage_of(seen) == "ok"
    end = values(seen)["path_certificate_expiry_timestamp_seconds"]
    assert end == pytest.approx(issued.ends.timestamp(), abs=1)
    assert values(seen)["path_tls_seconds"] > 0
    assert "portal.example" in one.names
    assert stage_of(wrong) == "tls"
    assert set(one.said) <= {b""}


def test_a_page_in_front_of_the_portal_is_not_the_portal(tmp_path: Path) -> None:
    """A certificate nobody vouches for is a failure at the stage tls, with its end told."""
    issued = Authority(tmp_path).issue()
    with portal(issued) as one:
        seen = observe(check_of(kind="tls", address=one.address), tmp_path)
        any_one = observe(check_of(kind="tls", address=one.address, verify=False), tmp_path)
    assert stage_of(seen) == "tls"
    end = values(seen)["path_certificate_expiry_timestamp_seconds"]
    assert end == pytest.approx(issued.ends.timestamp(), abs=1)
    assert stage_of(any_one) == "ok"


def test_each_stage_of_failure_is_told(tmp_path: Path) -> None:
    """A name that is none, a refusal, silence and a peer that speaks no TLS are told apart."""
    with socket.create_server(("127.0.0.1", 0)) as closing:
        closed = f"127.0.0.1:{closing.getsockname()[1]}"
    assert stage_of(observe(check_of(address="no-such-name.invalid:443"), tmp_path)) == "resolve"
    assert stage_of(observe(check_of(address=closed), tmp_path)) == "refused"
    with portal() as one:
        assert stage_of(observe(check_of(kind="tls", address=one.address), tmp_path)) == "tls"


def test_a_peer_that_hangs_up_at_once_is_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reset between the handshake and the next look ends no other target's run."""
    with socket.socket() as gone:  # never joined, like one that was reset
        monkeypatch.setattr(reach, "connect_any", lambda *_: gone)
        found = reach.reach(reach.Place("127.0.0.1", 9), Deadline(1))
    assert (found.stage, found.reason) == ("connect", "reset")


def test_our_own_fault_with_one_place_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody expected is said of that place, and logged once; the other one is reached."""

    def odd(place: reach.Place, _deadline: Deadline) -> reach.Reach:
        if place.host == "odd":
            raise ZeroDivisionError
        return reach.Reach()

    monkeypatch.setattr(path_check, "reach", odd)
    places = [{"name": name, "address": f"{name}:1", **QUICK} for name in ("odd", "good")]
    check = PathCheck(convert({"targets": places}, PathSettings, "test"))
    for _ in range(2):
        bad, good = observe(check, tmp_path)
        assert (bad.failure, bad.stream, bad.samples) == ("internal_error", "odd", ())
        assert values([good], target="good")["path_reachable"] == 1
    assert caplog.text.count("failed unexpectedly") == 1


def test_a_blackhole_is_a_timeout(tmp_path: Path) -> None:
    """What swallows packets is told as `timeout`."""
    with neighbour() as wire:
        # A machine that is said to be there, and is not: packets leave, none come back.
        nobody = ("lladdr", "02:00:00:00:00:99", "dev", wire.interface)
        ip("neigh", "replace", wire.silent, *nobody)
        gone = check_of(address=f"{wire.silent}:443", timeout_seconds=0.2)
        assert stage_of(observe(gone, tmp_path)) == "timeout"


def test_one_good_try_of_three_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single lost handshake is nobody's alarm."""
    stages = iter(["timeout", "refused", "ok"])
    monkeypatch.setattr(path_check, "reach", lambda *_: reach.Reach(stage=next(stages)))
    assert stage_of(observe(check_of(address="portal.example:443"), tmp_path)) == "ok"
    assert list(stages) == []


def test_a_gateway_that_never_answered_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a gateway that has answered an echo can be down."""
    check = check_of(kind="gateway", timeout_seconds=0.2)
    with neighbour() as wire:
        monkeypatch.setattr(path_check, "default_route", lambda: ("", wire.silent))
        (seen,) = observe(check, tmp_path)
        assert seen.failure == "gateway_silent"
        monkeypatch.setattr(path_check, "default_route", lambda: ("", wire.far))
        assert stage_of(observe(check, tmp_path)) == "ok"
        monkeypatch.setattr(path_check, "default_route", lambda: ("", wire.silent))
        assert stage_of(observe(check, tmp_path)) == "timeout"


def test_without_a_gateway_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No default route: nobody can be asked, which is neither good nor bad."""
    monkeypatch.setattr(path_check, "default_route", lambda: ("", ""))
    (seen,) = observe(check_of(kind="gateway"), tmp_path)
    assert (seen.failure, seen.samples) == ("no_gateway", ())


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ({}, "need one"),
        ({"kind": "gateway", "address": "192.0.2.1:80"}, "no address"),
        ({"address": "192.0.2.1"}, "host:port"),
        ({"address": "192.0.2.1:80", "verify": False}, "kind tls"),
        ({"address": "192.0.2.1:80", "tries": 5, "timeout_seconds": 20}, "deadline"),
    ],
)
def test_bad_settings_are_refused(target: dict[str, Any], says: str) -> None:
    """What cannot work is refused when the file is read, with the reason."""
    with pytest.raises(ConfigError, match=says):
        check_of(**target)
