"""Loopback ports that nobody listens on now."""

import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_udp_port() -> int:
    """The same for UDP."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_ports_from(bases: Sequence[int]) -> int:
    """An offset at which all of ``bases`` are free on loopback now."""
    start = os.getpid() % 1000
    for offset in range(10_000 + 20 * start, 50_000, 200):
        with ExitStack() as probes:
            try:
                for base in bases:
                    probe = probes.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", base + offset))
            except OSError:
                continue
            return offset
    raise AssertionError("no free ports")
