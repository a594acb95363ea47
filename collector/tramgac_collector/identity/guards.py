"""Bounds in memory: how often a peer may ask, and nonces that work once."""

import secrets
from collections import OrderedDict

from tramgac_collector.identity.codes import Code, Refused

NONCE_BYTES = 32
NONCE_LIFE_MS = 120_000
MAX_NONCES = 10_000
MAX_PEERS = 10_000
# One hospital behind one address may enrol all its hosts in a row; a loop may not.
BURST = 120
PER_SECOND = 2.0


class RateLimit:
    """A token bucket per peer address; the longest unseen address is forgotten first."""

    def __init__(self, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, peer: str, now_ms: int) -> None:
        """Count one request.

        Raises:
            Refused: ``rate_limited``.
        """
        left, before = self._buckets.pop(peer, (self._burst, now_ms))
        left = min(self._burst, left + max(0, now_ms - before) / 1000 * self._per_second)
        # Who asks too soon keeps what has been saved up, or many behind one address would
        # take it from each other for ever.
        self._buckets[peer] = (left - 1.0 if left >= 1.0 else left, now_ms)
        if len(self._buckets) > MAX_PEERS:
            self._buckets.popitem(last=False)
        if left < 1.0:
            raise Refused(Code.RATE_LIMITED, retry_seconds=60)


class Nonces:
    """Random challenges: each works once, for two minutes."""

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, int] = OrderedDict()

    def new(self, now_ms: int) -> bytes:
        """Make one; the oldest is dropped when too many are out."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        self._until[nonce] = now_ms + NONCE_LIFE_MS
        if len(self._until) > MAX_NONCES:
            self._until.popitem(last=False)
        return nonce

    def spend(self, nonce: bytes, now_ms: int) -> None:
        """Accept a nonce for the first and last time.

        Raises:
            Refused: ``nonce_unknown``: not ours, used, or too old.
        """
        if self._until.pop(nonce, 0) <= now_ms:
            raise Refused(Code.NONCE_UNKNOWN, retry_seconds=1)
