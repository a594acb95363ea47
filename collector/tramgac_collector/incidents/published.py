"""Open incidents on the one page of metrics: read by the ingest process, which owns it."""

from sqlalchemy import Engine, func, select

from tramgac_collector.live.kept import Kept, Key, Lines, place
from tramgac_collector.live.state import LiveState
from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import incidents

_OPEN = "tramgac_incident_open"
_OLDEST = "tramgac_incident_oldest_timestamp_seconds"


class OpenIncidents:
    """Keeps the series of incidents in step with the table.

    Args:
        engine: For reading.
        live: Where they are shown.
    """

    def __init__(self, engine: Engine, live: LiveState) -> None:
        self._engine = engine
        self._kept = Kept(live)

    def look(self) -> Lines:
        """Those that are part of no other, counted, and since when; may run in any thread."""
        table = incidents.c
        sort = (table.facility, table.site, table.code, table.severity)
        query = (
            select(*sort, func.count(table.id), func.min(table.opened_ms))
            .where(table.closed_ms.is_(None), table.parent_id.is_(None))
            .group_by(*sort)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        lines: dict[Key, float] = {}
        for facility, site, code, severity, count, opened_ms in rows:
            where = (place(facility, site), (("code", code), ("severity", severity)))
            lines[_OPEN, *where] = float(count)
            lines[_OLDEST, *where] = opened_ms / 1000
        return lines

    def show(self, lines: Lines) -> None:
        """Show them; what is over is taken off."""
        self._kept.show(lines)
