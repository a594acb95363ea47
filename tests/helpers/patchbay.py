"""A switch of network interfaces: a namespace with many ports, and snmpd to tell of them."""

import itertools
import os
import subprocess
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
        laid = [f"link add a{n} type veth peer name b{n}" for n in range(pairs)]
        up = [f"link set {side}{n} up" for n in range(pairs) for side in "ab"]
        batch([*laid, *up], "-n", name)
        yield name


def overrides(answers: Mapping[Oid, Value]) -> str:
    """Lines of snmpd's configuration that make it answer so."""
    return "".join(f"override -rw {_dotted(one)} {_typed(v)}\n" for one, v in answers.items())


def _dotted(oid: Oid) -> str:
    return "." + ".".join(map(str, oid))


def _typed(value: Value) -> str:
    if isinstance(value, bytes):
        return f'octet_str "{value.decode()}"'
    return f"object_id {_dotted(value)}" if isinstance(value, tuple) else f"integer {value}"
