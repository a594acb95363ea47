"""How the judge fares, on the one page of metrics: read by the ingest process, which owns it."""

from collections.abc import Mapping

from sqlalchemy import Engine, select

from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner
from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import judge_health

_NAMES = (
    "tramgac_judge_last_turn_timestamp_seconds",
    "tramgac_judge_turn_seconds",
    "tramgac_judge_failures",
)
_NOBODY = Owner("", "", "", "")

# By part: end of its last good step (seconds), length of the last one, faults.
Shown = Mapping[str, tuple[float, float, float]]


class Vitals:
    """Keeps the series of the judge's health in step with the table.

    Args:
        engine: For reading.
        live: Where they are shown.
    """

    def __init__(self, engine: Engine, live: LiveState) -> None:
        self._engine = engine
        self._live = live
        self._shown: Shown = {}

    def look(self) -> Shown:
        """What the judge wrote last; may run in any thread.

        A judge that died leaves its last words: the age of the time is the alarm.
        """
        table = judge_health.c
        query = select(table.part, table.done_ms, table.seconds, table.failures)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return {row[0]: (row[1] / 1000, row[2], float(row[3])) for row in rows}

    def show(self, found: Shown) -> None:
        """Show it; a part that is no more is taken off."""
        for part in self._shown.keys() | found.keys():
            values = found.get(part, (None, None, None))
            for name, value in zip(_NAMES, values, strict=True):
                self._live.derived(name, _NOBODY, (("part", part),), value)
        self._shown = found
