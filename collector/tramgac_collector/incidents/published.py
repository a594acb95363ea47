"""Open incidents on the one page of metrics: read by the ingest process, which owns it."""

from collections.abc import Mapping

from sqlalchemy import Engine, func, select

from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner
from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import incidents

_OPEN = "tramgac_incident_open"

# Facility, site, code and severity, to how many there are.
Counts = Mapping[tuple[str, str, str, str], float]


class OpenIncidents:
    """Keeps the series of incidents in step with the table.

    Args:
        engine: For reading.
        live: Where they are shown.
    """

    def __init__(self, engine: Engine, live: LiveState) -> None:
        self._engine = engine
        self._live = live
        self._shown: Counts = {}

    def look(self) -> Counts:
        """Those that are part of no other; may run in any thread."""
        table = incidents.c
        place = (table.facility, table.site, table.code, table.severity)
        query = (
            select(*place, func.count(table.id))
            .where(table.closed_ms.is_(None), table.parent_id.is_(None))
            .group_by(*place)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return {(row[0], row[1], row[2], row[3]): float(row[4]) for row in rows}

    def show(self, counts: Counts) -> None:
        """Show them; what is over is taken off."""
        for key in self._shown.keys() | counts.keys():
            value = counts.get(key)
            if value != self._shown.get(key):
                facility, site, code, severity = key
                labels = (("code", code), ("severity", severity))
                self._live.derived(_OPEN, Owner("", facility, site, ""), labels, value)
        self._shown = counts
