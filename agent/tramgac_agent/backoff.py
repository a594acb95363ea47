"""Waiting times between attempts, spread so that a fleet does not return all at once."""

from collections.abc import Callable
from random import SystemRandom

TRUSTED_CAP_SECONDS = 30.0
UNTRUSTED_CAP_SECONDS = 900.0
_BASE_SECONDS = 1.0
_MAX_DOUBLINGS = 16

Uniform = Callable[[float, float], float]
_system = SystemRandom()


class Backoff:
    """Exponential back-off with full jitter, drawn after the cap.

    Drawing before the cap (``min(cap + jitter, cap)``) would let every agent settle on
    exactly the cap, and a province would knock in step.

    Args:
        first_seconds: The first wait is drawn from 0 to this; a link that drops takes many
            agents with it at the same moment.
        uniform: Source of chance; tests pass a seeded one.
    """

    def __init__(self, first_seconds: float, uniform: Uniform = _system.uniform) -> None:
        self._first = first_seconds
        self._uniform = uniform
        self._failures = 0

    def next(self, *, trusted: bool = True) -> float:
        """Seconds to wait after one more failure.

        Args:
            trusted: False when the collector refuses this agent: it must be let alone.
        """
        cap = TRUSTED_CAP_SECONDS if trusted else UNTRUSTED_CAP_SECONDS
        doublings = min(self._failures, _MAX_DOUBLINGS)
        self._failures += 1
        if not doublings:
            return self._uniform(0.0, min(self._first, cap))
        return self._uniform(0.0, min(cap, _BASE_SECONDS * 2.0**doublings))

    def reset(self) -> None:
        """A call succeeded."""
        self._failures = 0
