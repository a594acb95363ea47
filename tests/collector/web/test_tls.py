"""The pages behind TLS, by a real process."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from helpers.certs import Authority
from helpers.weblogin import PASSWORD, centre, form_key_of


@contextmanager
def pages(folder: Path) -> Iterator[tuple[int, ssl.SSLContext]]:
    """The process on a port, and what a browser trusts."""
    authority = Authority(folder)
    issued = authority.issue("localhost")
    with centre(folder) as room:
        room.account("lan")
    file = folder / "collector.toml"
    file.write_text(
        f'[collector]\nstate_dir = "{folder}"\n[listen]\nweb = "0.0.0.0:0"\n'
        f'[web]\naccounts = true\npublic_url = "https://localhost"\n'
        f'tls_certificate = "{issued.certificate}"\ntls_key = "{issued.key}"\n'
    )
    command = [sys.executable, "-m", "tramgac_collector.web", "--config", str(file)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "on port" in line)
        yield int(line.rsplit(" ", 1)[1]), ssl.create_default_context(cafile=authority.ca_file)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_person_logs_in_by_tls_while_others_stall(tmp_path: Path) -> None:
    """TLS 1.2 or later; who says nothing, nonsense or too much holds up nobody."""
    with pages(tmp_path) as (port, trusted):
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
        silent[0].sendall(b"GET / HTTP/1.1\r\n\r\n")
        silent[1].sendall(b"\x16")
        begun = time.monotonic()
        browser = HTTPSConnection("localhost", port, timeout=20, context=trusted)
        browser.request("GET", "/vi/login")
        answer = browser.getresponse()
        key = form_key_of(answer.read().decode())
        form = urlencode({"form_key": key, "name": "lan", "password": PASSWORD})
        cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
        sent = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        browser.request("POST", "/vi/login", form, sent)
        answer = browser.getresponse()
        answer.read()
        assert answer.status == 303
        cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
        assert cookie.startswith("__Host-tramgac=")
        browser.request("GET", "/vi/", headers={"Cookie": cookie})
        answer = browser.getresponse()
        assert "Uông Bí" in answer.read().decode()
        assert time.monotonic() - begun < 8
        browser.close()
        _refuses_much(port, trusted)
        _refuses_old(port)
        for one in silent:
            one.close()


def _refuses_much(port: int, trusted: ssl.SSLContext) -> None:
    browser = HTTPSConnection("localhost", port, timeout=20, context=trusted)
    browser.request("GET", "/vi/login", headers={"X-Long": "x" * 100_000})
    assert browser.getresponse().status in {400, 413, 431}
    browser.close()


def _refuses_old(port: int) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
    ):
        old.wrap_socket(plain)
