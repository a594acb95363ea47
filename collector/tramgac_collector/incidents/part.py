"""Incidents as a part of the judge's turn: read, step, write."""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, func, select

from tramgac_collector.incidents.codes import HOUR
from tramgac_collector.incidents.desk import Desk, Turn
from tramgac_collector.incidents.model import Change
from tramgac_collector.incidents.store import apply, load_current, load_windows
from tramgac_collector.incidents.symptoms import History
from tramgac_collector.incidents.trend import Steps
from tramgac_collector.judge.health import Incomplete
from tramgac_collector.judge.tick import Tick
from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import agents, certificates, fact_history

# Changes of one transaction, some 20 ms.
_STEP_CHANGES = 40
_HISTORY_ROWS = 5_000


class IncidentPart:
    """Keeps the table of incidents in step with the facts."""

    def __init__(self) -> None:
        self._desk: Desk | None = None
        self._started_ms = self._certificates_ms = 0

    def __call__(self, tick: Tick) -> None:
        """One turn.

        Raises:
            Incomplete: Something could not be judged; the rest was, and was written.
        """
        if self._desk is None or self._started_ms != tick.started_ms:
            # The clock was set: as after a restart, which changes nothing in the table.
            self._desk = Desk(tick.facts, _past(tick.engine))
            self._started_ms, self._certificates_ms = tick.started_ms, 0
        with reading(tick.engine) as connection:
            turn = Turn(
                inventory=tick.inventory,
                changed=tick.changed,
                incidents=load_current(connection, tick.now_ms),
                windows=load_windows(connection, tick.now_ms),
                now_ms=tick.now_ms,
                started_ms=tick.started_ms,
            )
            if tick.now_ms - self._certificates_ms >= HOUR:
                self._certificates_ms = tick.now_ms
                self._desk.board.take_certificates(_certificates(connection))
        _write(tick.engine, self._desk.turn(turn), tick.now_ms)
        if owed := self._desk.owed:
            raise Incomplete(f"{owed} findings could not be judged; they are tried again")


def _past(engine: Engine) -> History:
    """Earlier values of a fact, read when they are needed."""
    table = fact_history.c

    def past(name: str, subject: str, since_ms: int) -> Steps:
        query = (
            select(table.collected_ms, table.value)
            .where(table.name == name, table.subject == subject, table.collected_ms >= since_ms)
            .where(table.value.is_not(None))
            .order_by(table.collected_ms.desc())
            .limit(_HISTORY_ROWS)
        )
        with reading(engine) as connection:
            return [(row[0], row[1]) for row in reversed(connection.execute(query).all())]

    return past


def _certificates(connection: Connection) -> dict[str, int]:
    """End of the newest certificate of each active agent, ms, by ``facility/site/host``."""
    ends = func.max(certificates.c.not_after_ms)
    query = (
        select(agents.c.facility, agents.c.site, agents.c.host, ends)
        .join(certificates, certificates.c.agent_id == agents.c.id)
        .where(agents.c.state == "active")
        .group_by(agents.c.facility, agents.c.site, agents.c.host)
    )
    rows = connection.execute(query)
    return {f"{facility}/{site}/{host}": end for facility, site, host, end in rows}


def _write(engine: Engine, changes: Sequence[Change], now_ms: int) -> None:
    """Write changes in short transactions."""
    for at in range(0, len(changes), _STEP_CHANGES):
        with engine.begin() as connection:
            apply(connection, changes[at : at + _STEP_CHANGES], now_ms)
