"""Leases: permits for one throughput test, signed by the collector, used once.

The responder decides alone: it needs the collector's public key, its own name and a clock.
The byte layout stands in docs/formats/lease.md.
"""

import json
import math
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from tramgac_proto.v1 import fleet_pb2

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CONTEXT = b"tramgac lease v1\n"
ID_BYTES = 16
PUBLIC_KEY_BYTES = 32
MAX_TOKEN_BYTES = 4096

DIRECTIONS = ("send", "receive")
PROVES = ("floor", "capacity")
# Bounds that hold whatever a lease says, should the collector itself go wrong.
MAX_PACE = 1.25e9
MAX_BYTES = 500_000_000
MAX_SECONDS = 10.0
MAX_LIFETIME_MS = 120_000
# What remains of a clock error once the responder's offset to the collector is taken off.
# Agents know that offset to about a second, from every report. What a test loads stays taken
# for so much longer than its lease lives, so it is small.
CLOCK_TOLERANCE_MS = 5_000

_MAX_REMEMBERED = 1_000


class LeaseError(Exception):
    """The lease gives no right to a test.

    Args:
        code: oversize | malformed | forged | other_responder | out_of_bounds |
            not_yet_valid | expired | replayed | unrecorded
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def sign(claims: fleet_pb2.LeaseClaims, private: "Ed25519PrivateKey") -> bytes:
    """Return a serialized ``LeaseToken``."""
    body = claims.SerializeToString(deterministic=True)
    token = fleet_pb2.LeaseToken(claims=body, signature=private.sign(CONTEXT + body))
    return token.SerializeToString(deterministic=True)


def read_unverified(token: bytes) -> fleet_pb2.LeaseClaims:
    """Return the claims without looking at the signature.

    For the initiator, who gains nothing from a forged lease: the responder refuses it.

    Raises:
        LeaseError: ``oversize`` or ``malformed``.
    """
    return _parse(token)[0]


def _parse(token: bytes) -> tuple[fleet_pb2.LeaseClaims, fleet_pb2.LeaseToken]:
    if len(token) > MAX_TOKEN_BYTES:
        raise LeaseError("oversize")
    try:
        envelope = fleet_pb2.LeaseToken.FromString(token)
        return fleet_pb2.LeaseClaims.FromString(envelope.claims), envelope
    except DecodeError:
        raise LeaseError("malformed") from None


def _check_signature(envelope: fleet_pb2.LeaseToken, public_raw: bytes) -> None:
    # Heavy, and the resident agent must be able to import this module without it.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PublicKey,
    )

    key = Ed25519PublicKey.from_public_bytes(public_raw)
    try:
        key.verify(envelope.signature, CONTEXT + envelope.claims)
    except InvalidSignature:
        raise LeaseError("forged") from None


def _within(value: float, limit: float) -> bool:
    return math.isfinite(value) and 0 < value <= limit


def in_bounds(claims: fleet_pb2.LeaseClaims) -> bool:
    """Whether a test may cost what the lease says, whoever signed it."""
    return (
        len(claims.id) == ID_BYTES
        and claims.direction in DIRECTIONS
        and claims.proves in PROVES
        and _within(claims.pace_bytes_per_second, MAX_PACE)
        and _within(claims.max_bytes, MAX_BYTES)
        and _within(claims.max_seconds, MAX_SECONDS)
        and _within(claims.expires_unix_ms - claims.not_before_unix_ms, MAX_LIFETIME_MS)
    )


def verify(
    token: bytes,
    public_raw: bytes,
    now_ms: int,
    responder_name: str,
    *,
    clock_offset_ms: int = 0,
) -> fleet_pb2.LeaseClaims:
    """Return the claims of a lease that is genuine, for this responder, and valid now.

    Args:
        token: A serialized ``LeaseToken``.
        public_raw: The collector's Ed25519 key, 32 bytes.
        now_ms: The responder's own wall clock.
        responder_name: The name under which the collector knows this responder.
        clock_offset_ms: Add this to ``now_ms`` to get the collector's time; a server whose
            clock is hours wrong still answers tests once it has heard from the collector.

    Raises:
        LeaseError: With the reason. Whether it was used before is ``ReplayMemory``'s to say.
    """
    claims, envelope = _parse(token)
    _check_signature(envelope, public_raw)
    if not in_bounds(claims):
        raise LeaseError("out_of_bounds")
    if claims.responder != responder_name:
        raise LeaseError("other_responder")
    now_ms += clock_offset_ms
    if now_ms < claims.not_before_unix_ms - CLOCK_TOLERANCE_MS:
        raise LeaseError("not_yet_valid")
    if now_ms >= claims.expires_unix_ms + CLOCK_TOLERANCE_MS:
        raise LeaseError("expired")
    return claims


class ReplayMemory:
    """Ids of used leases until they expire; kept in a file, so that a restart forgets none.

    Only genuine leases get in, so a stranger cannot fill it. The newest expiry ever forgotten
    is kept as a floor: whatever expires no later is refused, so a clock that is set back does
    not bring an old lease to life.

    Args:
        path: Where it is kept; None keeps it in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._floor = 0

    def spend(self, claims: fleet_pb2.LeaseClaims, now_ms: int) -> None:
        """Use up a lease.

        Args:
            claims: What ``verify`` returned.
            now_ms: The collector's time, as the responder knows it.

        Raises:
            LeaseError: ``replayed``, ``expired`` (below the floor) or ``unrecorded`` (the use
                could not be written down, so it must not happen).
        """
        with self._lock:
            self._load(now_ms)
            if claims.id.hex() in self._used:
                raise LeaseError("replayed")
            if claims.expires_unix_ms <= self._floor:
                raise LeaseError("expired")
            if len(self._used) >= _MAX_REMEMBERED:
                raise LeaseError("unrecorded")
            self._used[claims.id.hex()] = claims.expires_unix_ms
            self._save()

    def _load(self, now_ms: int) -> None:
        if self._path is not None:
            self._read(self._path, now_ms)
        for key, expires in list(self._used.items()):
            if expires + CLOCK_TOLERANCE_MS < now_ms:
                self._floor = max(self._floor, expires)
                del self._used[key]

    def _read(self, path: Path, now_ms: int) -> None:
        try:
            kept = json.loads(path.read_bytes())
            self._floor = int(kept["floor"])
            self._used = {str(key): int(value) for key, value in kept["used"].items()}
        except FileNotFoundError:
            self._floor, self._used = 0, {}
        except OSError:
            raise LeaseError("unrecorded") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            # What was in it is unknown: refuse all that may have been used already, once.
            self._floor, self._used = now_ms + MAX_LIFETIME_MS, {}
            self._save()

    def _save(self) -> None:
        if self._path is None:
            return
        fresh = self._path.with_suffix(".new")
        try:
            with fresh.open("w", encoding="ascii") as file:
                json.dump({"floor": self._floor, "used": self._used}, file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise LeaseError("unrecorded") from None
