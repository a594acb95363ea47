"""A switch of network interfaces: a namespace with many ports, and snmpd to tell of them."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from tramgac_agent.snmp.values import Oid, Value

_numbers = itertools.count()


def batch(lines: Iterable[str], *before: str) -> None:
    """Let ``ip`` do many things at once."""
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(
        ["ip", *before, "-batch", "-"], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"ip -batch: {done.stderr.strip()}")


@contextmanager
def namespace() -> Iterator[str]:
    """An empty namespace whose whole 127.0.0.0/8 answers; yields its name."""
    name = f"tgp{os.getpid()}x{next(_numbers)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        batch(["link set lo up"], "-n", name)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@contextmanager
def patchbay(pairs: int) -> Iterator[str]:
    """``2 * pairs`` ports ``a0``, ``b0``, ``a1`` ..., each ``a`` on a cable to its ``b``."""
    with namespace() as name:
        lay(name, range(pairs))
        yield name


def lay(space: str, numbers: Iterable[int]) -> None:
    """Lay the cables of these numbers in a namespace; nothing but a test's frames is on them."""
    words = ["ip", "netns", "exec", space, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1"]
    subprocess.run(words, check=True)
    ports = [f"{side}{number}" for number in numbers for side in "ab"]
    laid = [
        f"link add {a} type veth peer name {b}" for a, b in zip(*[iter(ports)] * 2, strict=True)
    ]
    batch([*laid, *(f"link set {one} up" for one in ports)], "-n", space)


def send(space: str, port: str, frames: int, size: int = 1000) -> None:
    """So many frames of so many bytes out of a port, to nobody."""
    words = ["ip", "netns", "exec", space, sys.executable, "-c", _SENDER, port, str(frames)]
    subprocess.run([*words, str(size)], check=True)


@contextmanager
def flood(space: str, port: str) -> Iterator[None]:
    """As much as goes out of a port, for as long as the context lasts."""
    words = ["ip", "netns", "exec", space, sys.executable, "-c", _SENDER, port, "0", "1514"]
    with subprocess.Popen(words) as process:
        try:
            yield
        finally:
            process.terminate()


# Without an end where the number is 0; what the queue does not take is dropped.
_SENDER = """
import contextlib, itertools, socket, sys, time
port, frames, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
frame = bytes.fromhex("020000000001020000000002" "88b5").ljust(size, b"x")
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
    sock.bind((port, 0))
    for number in range(frames) if frames else itertools.count():
        with contextlib.suppress(OSError):
            sock.send(frame)
        if not frames and number % 8 == 0:
            time.sleep(0.002)
"""


def overrides(answers: Mapping[Oid, Value]) -> str:
    """Lines of snmpd's configuration that make it answer so."""
    return "".join(f"override -rw {_dotted(one)} {_typed(v)}\n" for one, v in answers.items())


def _dotted(oid: Oid) -> str:
    return "." + ".".join(map(str, oid))


def _typed(value: Value) -> str:
    if isinstance(value, bytes):
        return f'octet_str "{value.decode()}"'
    return f"object_id {_dotted(value)}" if isinstance(value, tuple) else f"integer {value}"
