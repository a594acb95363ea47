"""Services asked by HTTP(S): real pages and certificates on loopback, good and bad."""

import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.certs import Authority
from helpers.onecheck import observe, values
from helpers.peers import Talk, answering, dripping, hung, page, peer
from helpers.services import check_of, http, https, reason, states

from tramgac_agent.checks import service
from tramgac_agent.probes import resolve


@pytest.fixture(autouse=True)
def short_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "GAP_SECONDS", 0.01)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


# --- HTTP


@pytest.mark.parametrize(
    ("answer", "asked", "expected"),
    [
        (page(b"Dang nhap HIS"), {"expect_text": "nhap HIS"}, "ok"),
        (page("Đăng nhập".encode()), {"expect_text": "Đăng nhập"}, "ok"),
        (page(b"maintenance"), {"expect_text": "HIS"}, "text_missing"),
        (page(b"x" * 70_000 + b"HIS"), {"expect_text": "HIS"}, "text_missing"),
        (page(b"busy", "503 Service Unavailable"), {}, "status_503"),
        (page(b"who", "401 Unauthorized"), {"expect_status": 401}, "ok"),
        (page(b"ok"), {"expect_status": 204}, "status_200"),
        (page(b"", "302 Found", "Location: /login"), {}, "ok"),
        (b"HTTP/1.0 200 OK\r\n\r\nHIS", {"expect_text": "HIS"}, "ok"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nHI\r\n1\r\nS\r\n0\r\n\r\n",
            {"expect_text": "HIS"},
            "ok",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            {"expect_text": "HIS"},
            "bad_answer",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", {}, "bad_answer"),
        (b"", {}, "reset"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 140_000 + b"\r\n\r\n", {}, "bad_answer"),
        (b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 3000 + b"\r\n") * 60, {}, "answer_too_long"),
    ],
)
def test_pages_are_judged(
    answer: bytes, asked: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    """Status and text decide; what is no HTTP says so."""
    with peer(answering(answer)) as his:
        assert reason(http(his.port, **asked), tmp_path) == expected


def test_redirects_only_when_asked(tmp_path: Path) -> None:
    """A redirect is an answer; it is followed only on request, and not round in circles."""

    def route(asked: bytes) -> bytes:
        if asked.startswith(b"GET /login?next=1 "):
            return page(b"HIS login")
        place = "/loop" if b"/loop" in asked else "/login?next=1"
        return page(b"", "302 Found", f"Location: {place}")

    with peer(answering(route)) as his:
        text: dict[str, Any] = {"expect_text": "HIS login"}
        assert reason(http(his.port, **text), tmp_path / "1") == "text_missing"
        text["follow_redirects"] = True
        assert reason(http(his.port, **text), tmp_path / "2") == "ok"
        assert reason(http(his.port, "/loop", **text), tmp_path / "3") == "redirect_loop"


@pytest.mark.parametrize(
    "talk",
    [
        hung,
        dripping(b""),
        dripping(b"HTTP/1.1 200 OK\r\nX-Slow: "),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"),
    ],
    ids=["silent", "drips-from-the-start", "drips-headers", "drips-body"],
)
def test_a_hung_server_costs_only_itself(talk: Talk, tmp_path: Path) -> None:
    """Each way to keep a client waiting ends at the limit; the neighbour is judged."""
    with peer(talk) as stuck, peer(answering(page(b"HIS"))) as fine:
        slow = http(stuck.port, system="lis", expect_text="HIS", timeout_seconds=0.3)
        began = time.monotonic()
        seen = observe(check_of(slow, http(fine.port)), tmp_path)
        assert time.monotonic() - began < 3
    assert states(seen)["lis"].reason == "timeout"
    assert states(seen)["his"].reason == "ok"


def test_a_silent_name_server_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lookup that never returns is dns_timeout for its system alone."""
    release = threading.Event()
    real = resolve._look_up

    def look_up(host: str, port: int, flags: int) -> Sequence[resolve.Address]:
        if host == "lis.example" and flags != socket.AI_NUMERICHOST:
            release.wait(60)
        return real(host, port, flags)

    monkeypatch.setattr(resolve, "_look_up", look_up)
    try:
        with peer(hung) as his:
            lost = {"system": "lis", "kind": "tcp", "address": "lis.example:104"}
            here = {"kind": "tcp", "address": f"127.0.0.1:{his.port}"}
            seen = observe(check_of({**lost, "timeout_seconds": 0.3}, here), tmp_path)
    finally:
        release.set()
    assert states(seen)["lis"].reason == "dns_timeout"
    assert states(seen)["his"].up


# --- TLS


def test_a_good_certificate_shows_its_end(authority: Authority, tmp_path: Path) -> None:
    """A trusted page is up and says when its certificate ends."""
    issued = authority.issue(days=20)
    with peer(answering(page(b"HIS")), issued) as his:
        seen = observe(check_of(https(his.port, ca_file=str(authority.ca_file))), tmp_path)
    got = values(seen)
    assert got["service_up"] == 1
    assert got["service_certificate_expiry_timestamp_seconds"] == issued.ends.timestamp()
    assert states(seen)["his"].method == "https"


@pytest.mark.parametrize(
    ("certificate", "asked", "expected"),
    [
        ({"days": 0.5}, {}, "tls_expired"),
        ({"starts_in_days": 2}, {}, "tls_not_yet_valid"),
        ({"name": "other.example"}, {}, "tls_wrong_name"),
        ({"name": "10.0.0.1"}, {}, "tls_wrong_name"),
        ({}, {"ca_file": ""}, "tls_untrusted"),
        ({"days": 0.5}, {"verify": False}, "ok_unverified"),
    ],
)
def test_bad_certificates_are_told_apart(
    certificate: dict[str, Any],
    asked: dict[str, Any],
    expected: str,
    authority: Authority,
    tmp_path: Path,
) -> None:
    """Each defect has its code, and the end of the certificate is shown all the same."""
    issued = authority.issue(**certificate)
    with peer(answering(page(b"HIS")), issued) as his:
        system = https(his.port, **{"ca_file": str(authority.ca_file), **asked})
        seen = observe(check_of(system), tmp_path)
    assert states(seen)["his"].reason == expected
    ends = values(seen)["service_certificate_expiry_timestamp_seconds"]
    assert ends == issued.ends.timestamp()


def test_tls_spoken_to_a_plain_server(tmp_path: Path) -> None:
    """A server without TLS behind an https address is tls_failed, whatever it says."""
    with peer(answering(b"HTTP/1.0 400 Bad Request\r\n\r\n")) as his:
        assert reason(https(his.port), tmp_path) in {"tls_failed", "reset", "timeout"}


def test_a_missing_ca_file_is_our_own_failure(tmp_path: Path) -> None:
    """Without the authority's file nothing is known of the system: a failure, not down."""
    with peer(hung) as his:
        (seen,) = observe(check_of(https(his.port, ca_file="/nonexistent.pem")), tmp_path)
    assert (seen.failure, seen.samples) == ("ca_file_unusable", ())
