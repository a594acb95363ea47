"""What Alertmanager must be told again and again: open incidents, and regulatory gaps."""

from collections.abc import Callable, Iterator

from sqlalchemy import Engine

from tramgac_collector.inventory.model import Inventory
from tramgac_collector.notify import rows
from tramgac_collector.notify.alertmanager import (
    LIVES,
    RESOLVED_MS,
    Alert,
    ends_at,
    gap_alert,
    incident_alert,
    telling_alert,
)
from tramgac_collector.notify.digest import GAPS, Gap, read_standing
from tramgac_collector.notify.message import Topic
from tramgac_collector.notify.packwords import PackWords
from tramgac_collector.notify.pipeline import (
    ALERTMANAGER,
    DOWN,
    RECOVERED,
    Case,
    Incident,
    Telling,
    fed_as,
)
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.store.engine import reading

# There may be thousands of gaps, and nobody is in a hurry.
_GAPS_EVERY = 5


class KeepAlive:
    """Knows what was told last, and when.

    Args:
        engine: The store.
        settings: Where Alertmanager is; without one there is never anything due.
        link: Makes the link of an incident for a recipient at a time.
        runbooks: Below which address the runbooks are; empty: none is named.
    """

    def __init__(
        self,
        engine: Engine,
        settings: NotifySection,
        link: Callable[[int, str, int], str],
        runbooks: str = "",
    ) -> None:
        self._runbooks = runbooks
        self._engine = engine
        self._settings = settings
        self._link = link
        self._resend_ms = int(settings.resend_seconds * 1000)
        self._told_ms = 0
        self._gaps_told_ms = 0
        self._gaps: dict[tuple[str, str, str, bool], Gap] = {}
        self._words = PackWords()

    def due(self, inventory: Inventory, now_ms: int) -> Iterator[list[Alert]]:
        """Lists of alerts to send now."""
        if not self._settings.alertmanager:
            return
        # A clock that was set back must not end what holds.
        if not 0 <= now_ms - self._told_ms < self._resend_ms:
            self._told_ms = now_ms
            # Also without any: so each knows of the other that it is there.
            here = telling_alert(now_ms, now_ms + LIVES * self._resend_ms)
            yield [here, *self._incidents(inventory, now_ms)]
        if not 0 <= now_ms - self._gaps_told_ms < _GAPS_EVERY * self._resend_ms:
            self._gaps_told_ms = now_ms
            if alerts := self._all_gaps(now_ms):
                yield alerts

    def _incidents(self, inventory: Inventory, now_ms: int) -> list[Alert]:
        with reading(self._engine) as connection:
            cases = rows.told_through_alertmanager(connection, now_ms - RESOLVED_MS)
            inside = rows.inside(connection, [case.incident.id for case in cases])
        return [
            self._alert(case, inside.get(case.incident.id, ()), inventory, now_ms) for case in cases
        ]

    def _alert(
        self, case: Case, inside: tuple[Incident, ...], inventory: Inventory, now_ms: int
    ) -> Alert:
        incident = case.incident
        link = self._link(incident.id, ALERTMANAGER.recipient, now_ms)
        over = incident.closed_ms is not None
        topic = Topic(incident, RECOVERED if over else DOWN, inside, "" if over else link)
        now = Telling(ALERTMANAGER.recipient, incident.code, incident.severity)
        told = fed_as(case) or now
        ends = ends_at(topic, now_ms, self._resend_ms)
        url = self._settings.page_url
        return incident_alert(topic, told, inventory, ends, url, runbooks=self._runbooks)

    def _all_gaps(self, now_ms: int) -> list[Alert]:
        with reading(self._engine) as connection:
            standing = read_standing(connection, self._words.read(connection))
        before = self._gaps
        # What its owner has accepted is no news; the daily list goes on naming it.
        self._gaps = {
            (one.facility, one.rule, one.status, one.advisory): one
            for one in (*standing.gaps, *standing.deadlines)
            if not one.overlay and one.status in GAPS
        }
        ends = now_ms + LIVES * _GAPS_EVERY * self._resend_ms
        gone = [one for key, one in before.items() if key not in self._gaps]
        told = [(one, ends) for one in self._gaps.values()] + [(one, now_ms) for one in gone]
        url = self._settings.page_url
        return [gap_alert(one, until, url, runbooks=self._runbooks) for one, until in told]
