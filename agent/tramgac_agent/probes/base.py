"""What all probes share: a reason code for no answer, and a deadline."""

import errno
import time

_CODES = {
    errno.ECONNREFUSED: "refused",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
    errno.EAFNOSUPPORT: "unreachable",
    # A local firewall that drops on the way out says EPERM.
    errno.EPERM: "not_permitted",
    errno.EACCES: "not_permitted",
}


class ProbeFailed(Exception):  # noqa: N818 - no answer is an outcome, reported like any other
    """A probe got no good answer.

    Args:
        code: Stable, lower_snake_case: ``refused``, ``timeout``, ``dns_failed``, ...
        text: For the log; never leaves the host.
    """

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code


class CannotProbe(ProbeFailed):
    """The probe itself could not be made: nothing is known of what it should have asked."""


def code_of(error: OSError) -> str:
    """Return the stable code of a socket error; ``io_error`` for a rare one."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionResetError):
        return "reset"  # http.client raises it without a number
    return _CODES.get(error.errno or 0, "io_error")


class Deadline:
    """A point on the monotonic clock that a whole probe must not pass."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left; 0 when it has passed."""
        return max(0.0, self._ends - time.monotonic())

    def need(self) -> float:
        """Return the seconds left, for use as a socket timeout.

        Raises:
            ProbeFailed: ``timeout``: none are left.
        """
        left = self.left
        if left <= 0:
            raise ProbeFailed("timeout")
        return left
