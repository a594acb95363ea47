"""Asking for leases: one wait at a time, never longer than it can help, never again too soon."""

import time

from tramgac_agent.checks.base import Context
from tramgac_proto.throughput.lease import LeaseError, read_unverified
from tramgac_proto.v1 import fleet_pb2

# A report goes out every 60 s, and with it the wish.
GRANT_SECONDS = 75.0
_LOOK_SECONDS = 1.0


class NoLease(Exception):  # noqa: N818 - an outcome, reported under its code
    """There is no test now.

    Args:
        code: The collector's reason, or ``no_lease`` when it gave none in time.
        retry_seconds: Asking sooner changes nothing; 0 where that is not known.
    """

    def __init__(self, code: str, retry_seconds: float = 0.0) -> None:
        super().__init__(code)
        self.code = code
        self.retry_seconds = retry_seconds


class Desk:
    """The lease desk for the length of one run.

    Args:
        context: Of the run.
        reserved_seconds: Left at the end of the run for a test.
    """

    def __init__(self, context: Context, reserved_seconds: float) -> None:
        self._context = context
        self._held: dict[tuple[str, str, str], bytes] = {}
        self._mute = False
        self._deadline = time.monotonic() + context.deadline_seconds - reserved_seconds
        # Whatever came after the last run stopped waiting has expired by now.
        context.agent.leases.take_granted()

    @property
    def closed(self) -> bool:
        """Whether nobody gets a lease any more in this run: a vain wait, or no time for a test."""
        return self._mute or time.monotonic() >= self._deadline

    def obtain(self, wish: fleet_pb2.LeaseRequest) -> bytes:
        """Wait for the lease of ``wish``.

        After one vain wait the rest of the run does not wait again: the collector is away.

        Raises:
            NoLease: Refused with a reason, or no answer in time.
        """
        if self._mute:
            raise NoLease("no_lease")
        key = (wish.target, wish.direction, wish.proves)
        leases = self._context.agent.leases
        leases.take_refused(*key)  # an older wish's answer
        try:
            return self._wait(key, wish)
        finally:
            leases.withdraw(*key)

    def _wait(self, key: tuple[str, str, str], wish: fleet_pb2.LeaseRequest) -> bytes:
        leases = self._context.agent.leases
        until = min(time.monotonic() + GRANT_SECONDS, self._deadline)
        ask_from = 0.0
        while key not in self._held and not self._context.stop.is_set():
            now = time.monotonic()
            if now >= until:
                break
            # A wish is spent with the report that carries it; every later report asks again,
            # but not before the time a refusal named.
            if now >= ask_from:
                leases.wish(wish)
            for token in leases.take_granted(min(_LOOK_SECONDS, until - now)):
                self._file(token, wish)
            if refusal := leases.take_refused(*key):
                ask_from = time.monotonic() + refusal.retry_after_ms / 1000
                if ask_from >= until:
                    raise NoLease(_safe(refusal.code), refusal.retry_after_ms / 1000)
        if key not in self._held:
            self._mute = True
            raise NoLease("no_lease")
        return self._held.pop(key)

    def _file(self, token: bytes, wish: fleet_pb2.LeaseRequest) -> None:
        try:
            claims = read_unverified(token)
        except LeaseError as error:
            self._context.log.warning("unusable lease: %s", error)
            return
        # Compared with a margin: what is allowed may have been rounded on the way.
        if claims.pace_bytes_per_second > 1.01 * wish.pace_bytes_per_second:
            self._context.log.warning("a lease for more than was asked is not used")
            return
        self._held[claims.target, claims.direction, claims.proves] = token


def _safe(code: str) -> str:
    """The collector's reason as the end of a failure code."""
    plain = code.isascii() and code.replace("_", "").isalnum() and code == code.lower()
    return code[:40] if plain else "no_lease"
