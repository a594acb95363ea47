"""A collector's lease key and leases as a test wants them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tramgac_proto.throughput import lease
from tramgac_proto.throughput.session import Result
from tramgac_proto.v1 import fleet_pb2

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
NAME = "benh-vien-a/main/his"


def claims(**changes: object) -> fleet_pb2.LeaseClaims:
    """A floor test of 100 Mbit/s, valid for 20 s from now."""
    now = time.time_ns() // 1_000_000
    fields: dict[str, Any] = {
        "id": os.urandom(lease.ID_BYTES),
        "initiator": "8b4b9b80-0000-4000-8000-000000000001",
        "responder": NAME,
        "direction": "send",
        "proves": "floor",
        "pace_bytes_per_second": 10e6,
        "max_bytes": 4_000_000,
        "max_seconds": 1.0,
        "not_before_unix_ms": now,
        "expires_unix_ms": now + 20_000,
        "address": "127.0.0.1:1",
        "target": "his",
    }
    return fleet_pb2.LeaseClaims(**(fields | changes))


def token(**changes: object) -> bytes:
    """A signed lease."""
    return lease.sign(claims(**changes), KEY)


@contextmanager
def responder(
    folder: Path, listen: str = "127.0.0.1:0", wrap: Sequence[str] = (), name: str = NAME
) -> Iterator[str]:
    """A running responder process; yields its address."""
    key = folder / "lease.pub"
    key.write_bytes(PUBLIC)
    words = [sys.executable, "-m", "tramgac_proto.throughput.responder"]
    words += ["--listen", listen, "--lease-key", str(key), "--name", name]
    process = subprocess.Popen([*wrap, *words], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "listening on" in line, line
        yield line.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=10)


def initiate(permit: bytes, wrap: Sequence[str] = ()) -> Result:
    """Run the initiator's process with ``permit``."""
    words = [*wrap, sys.executable, "-m", "tramgac_proto.throughput.initiator"]
    done = subprocess.run(words, input=permit, capture_output=True, check=True, timeout=30)
    return msgspec.json.decode(done.stdout, type=Result)
