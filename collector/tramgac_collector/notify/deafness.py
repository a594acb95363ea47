"""Whether an Alertmanager takes alerts: after some minutes without one, people are told past it."""

import logging

from tramgac_collector.notify.pipeline import Delivery

log = logging.getLogger(__name__)


class Deafness:
    """Since when none answered.

    Args:
        minutes: So long it may restart without anybody being told of it.
    """

    def __init__(self, minutes: float) -> None:
        self._wait_ms = int(minutes * 60_000)
        self._since_ms: int | None = None
        self._refused: tuple[str, ...] = ()

    def heard(self, delivery: Delivery, now_ms: int) -> None:
        """How a delivery to it ended."""
        if delivery.ok:
            if self._since_ms is not None:
                log.warning("Alertmanager takes alerts again")
            self._since_ms = None
        elif self._since_ms is None:
            log.warning("no Alertmanager takes alerts: %s", delivery.error)
            self._since_ms = now_ms
        else:
            self._since_ms = min(self._since_ms, now_ms)  # the clock may have been set back
        refused = tuple(sorted(of for of, _said in delivery.refused))
        if refused and refused != self._refused:
            of, said = delivery.refused[0]
            log.error("Alertmanager refused %d alerts; of incident %s: %s", len(refused), of, said)
        self._refused = refused or self._refused

    def lasts(self, now_ms: int) -> bool:
        """Whether none has answered for too long."""
        return self._since_ms is not None and now_ms - self._since_ms >= self._wait_ms
