"""The dead man's switch: a second place is asked every minute while people can be told.

Its silence is the alarm, so it falls silent too when nobody can be told, when a part of the judge
fails for a minute, and when ingest writes no facts any more.
"""

import logging
import urllib.request
from collections.abc import Callable, Sequence

from tramgac_collector.notify.pipeline import Case, Delivery
from tramgac_collector.notify.settings import NotifySection

# An incident that for so long could not be told to anybody.
_STUCK_MS = 30 * 60_000
_SECONDS = 10.0

log = logging.getLogger(__name__)


def stuck(cases: Sequence[Case], now_ms: int) -> bool:
    """Whether an open incident could not be told to anybody, though it was tried for long."""
    return any(
        case.incident.closed_ms is None
        and case.incident.told_ms is None
        and any(
            one.state in {"waiting", "failed"} and one.attempts and now_ms - one.made_ms > _STUCK_MS
            for one in case.notifications
        )
        for case in cases
    )


class Heartbeat:
    """Keeps when it was last due.

    Args:
        settings: Where to; empty for nowhere.
    """

    def __init__(self, settings: NotifySection) -> None:
        self._settings = settings
        self._beat_ms = 0
        self._fed = True
        self._heard = True
        self._failing: tuple[str, ...] = ()

    def watch(self, failing: Sequence[str]) -> None:
        """Note what of the judge does not work; it is silent while there is any."""
        if bool(failing) != bool(self._failing):
            log.warning("heartbeat: %s", f"held back by {', '.join(failing)}" if failing else "on")
        self._failing = tuple(failing)

    def due(self, cases: Sequence[Case], now_ms: int) -> Callable[[], Delivery] | None:
        """What to do now, if anything."""
        url = self._settings.heartbeat_url
        # A clock that was set back must not keep it silent.
        if not url or 0 <= now_ms - self._beat_ms < self._settings.heartbeat_seconds * 1000:
            return None
        self._beat_ms = now_ms
        if self._failing or stuck(cases, now_ms) or (self._settings.alertmanager and not self._fed):
            return None
        return lambda: ask(url)

    def delivered(self, delivery: Delivery) -> None:
        """How the last delivery ended: of Alertmanager, whether it hears us."""
        self._fed = delivery.ok

    def heard(self, delivery: Delivery) -> None:
        """How the last beat ended; told once when it changes."""
        if delivery.ok != self._heard:
            log.warning("heartbeat: %s", delivery.error or "heard again")
        self._heard = delivery.ok


def ask(url: str) -> Delivery:
    """One beat."""
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - http(s) only, by configuration
            answer.read(100)
    except (OSError, ValueError) as error:
        return Delivery(ok=False, error=str(error)[:100])
    return Delivery(ok=True)
