"""The agent's door for other hosts' tests: real connections, real child processes."""

import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.leases import NAME, PUBLIC, initiate, token

from tramgac_agent.responder import MAX_STARTS_PER_MINUTE, ResponderDoor
from tramgac_proto.throughput import session
from tramgac_proto.throughput.session import MAGIC


@dataclass(frozen=True)
class Identity:
    facility: str
    site: str
    host: str


class Files:
    """An identity folder; enrolled once the key lies in it."""

    def __init__(self, folder: Path) -> None:
        self.lease_key_path = folder / "lease.pub"

    def load(self) -> Identity | None:
        if not self.lease_key_path.exists():
            return None
        facility, site, host = NAME.split("/")
        return Identity(facility, site, host)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(tmp_path)
    files.lease_key_path.write_bytes(PUBLIC)
    return files


@pytest.fixture
def door(files: Files) -> Iterator[ResponderDoor]:
    door = ResponderDoor("127.0.0.1:0", files)
    door.start()
    assert door.wait_open(5)
    yield door
    door.stop()


def address_of(door: ResponderDoor) -> str:
    return f"{door.address[0]}:{door.address[1]}"


def poll_code(door: ResponderDoor, wanted: str, seconds: float = 10) -> None:
    """Try genuine tests until the door answers ``wanted``."""
    deadline = time.monotonic() + seconds
    seen = ""
    while seen != wanted:
        assert time.monotonic() < deadline, f"still {seen}, counted {door.counts}"
        seen = initiate(token(address=address_of(door), max_bytes=1000)).code


@pytest.mark.parametrize("direction", ["send", "receive"])
def test_a_genuine_test_runs_in_a_child(door: ResponderDoor, direction: str) -> None:
    """The door hands the connection on, and all of the test arrives."""
    result = initiate(token(address=address_of(door), direction=direction))

    assert result.measured
    assert result.measured.end == "complete"
    assert result.measured.bytes == 4_000_000
    assert door.counts["started"] == 1


def test_a_second_connection_is_told_busy(door: ResponderDoor) -> None:
    """Whoever holds the one place, the next is refused at once and the first one goes on."""
    silent = socket.create_connection(door.address, 5)
    with closing(silent):
        poll_code(door, "busy")

    poll_code(door, "ok")


def test_a_silent_stranger_loses_the_place(door: ResponderDoor) -> None:
    """A connection that says nothing is given up within seconds."""
    with closing(socket.create_connection(door.address, 5)) as silent:
        silent.settimeout(session.HELLO_SECONDS + 5)
        start = time.monotonic()
        assert session.read_reply(silent, session.HELLO_SECONDS + 5).code == "timeout"
        assert time.monotonic() - start < session.HELLO_SECONDS + 4


def test_strangers_cannot_make_the_host_work(door: ResponderDoor) -> None:
    """Six processes a minute, whatever knocks; the rest is hung up on and counted."""
    deadline = time.monotonic() + 20
    while not door.counts["too_many"]:
        assert time.monotonic() < deadline, door.counts
        with closing(socket.create_connection(door.address, 5)) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            sock.settimeout(5)
            while sock.recv(4096):
                pass

    assert door.counts["started"] == MAX_STARTS_PER_MINUTE


def test_a_lease_is_good_for_one_child_only(door: ResponderDoor) -> None:
    """Children remember used leases for one another."""
    permit = token(address=address_of(door), max_bytes=1000)
    assert initiate(permit).code == "ok"
    code = "busy"
    deadline = time.monotonic() + 10
    while code == "busy":
        assert time.monotonic() < deadline
        code = initiate(permit).code

    assert code == "replayed"


def test_a_host_that_is_not_enrolled_says_so(tmp_path: Path) -> None:
    """No identity, no test; with the identity in place it needs no restart."""
    files = Files(tmp_path)
    door = ResponderDoor("127.0.0.1:0", files)
    door.start()
    assert door.wait_open(5)
    try:
        assert initiate(token(address=address_of(door))).code == "not_enrolled"
        files.lease_key_path.write_bytes(PUBLIC)
        assert initiate(token(address=address_of(door), max_bytes=1000)).code == "ok"
    finally:
        door.stop()


def test_the_childs_clock_is_put_right(files: Files) -> None:
    """The offset the uplink knows reaches the child: off by hours, genuine leases expire."""
    door = ResponderDoor("127.0.0.1:0", files, lambda: 3 * 3_600_000)
    door.start()
    assert door.wait_open(5)
    try:
        assert initiate(token(address=address_of(door))).code == "expired"
    finally:
        door.stop()


def test_an_address_that_is_taken_harms_nothing_else(files: Files) -> None:
    """The door waits for its address; stopping it does not hang."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        door = ResponderDoor(f"127.0.0.1:{other.getsockname()[1]}", files)
        door.start()
        assert not door.wait_open(0.2)
        door.stop()


def test_stopping_ends_the_child(files: Files) -> None:
    """No process is left behind."""
    door = ResponderDoor("127.0.0.1:0", files)
    door.start()
    assert door.wait_open(5)
    with closing(socket.create_connection(door.address, 5)) as sock:
        permit = token(pace_bytes_per_second=1e5, max_bytes=1_000_000, max_seconds=10.0)
        sock.sendall(MAGIC + struct.pack("!H", len(permit)) + permit)
        assert session.read_reply(sock, 10).code == "ok"
        door.stop()
        child = door._child

    assert child
    assert child.returncode is not None


def test_the_resident_agent_loads_no_cryptography() -> None:
    """Importing the door and the check leaves the heavy modules out."""
    script = (
        "import sys, tramgac_agent.responder, tramgac_agent.checks.throughput\n"
        "print(sorted({'cryptography', 'grpc', 'statistics'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert done.stdout.decode().strip() == "[]"
