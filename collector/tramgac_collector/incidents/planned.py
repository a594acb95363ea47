"""Work that a host plans for itself: taken from its report into the table of planned work.

An agent plans for its own host only, and so much a week: one that is in wrong hands cannot keep
its host quiet for long, and neither a site nor a neighbour at all. It runs in the transaction
that acknowledges the record, and may run twice.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection, case, func, insert, or_, select, update

from tramgac_collector.identity.register import note as audit
from tramgac_collector.incidents.model import Detail
from tramgac_collector.incidents.store import note
from tramgac_collector.store.schema import incidents, maintenances
from tramgac_proto.limits import MAX_MAINTENANCE_AHEAD_MS

if TYPE_CHECKING:
    from tramgac_collector.ingest.arrival import Arrival

_HOUR_MS = 3_600_000
_WEEK_MS = 7 * 24 * _HOUR_MS
# Of one host within seven days, before or after.
WEEKLY_MS = 72 * _HOUR_MS
# Plans of one host entered within seven days; the last of them says that it is the last.
MOST_PLANS = 50
# A step between two clocks, and a minute on the way, are no plan for the past.
_LATE_MS = 300_000
_MOST_NOTED = 20


@dataclass(frozen=True, slots=True)
class HostPlan:
    """One plan, or its end, in centre time (ms).

    Attributes:
        node: The agent's own host, whatever the wire says.
        ended_ms: When it was ended early, if it was.
        told_ms: When it was entered or ended on the host.
    """

    agent_id: str
    node: str
    plan_id: str
    span: tuple[int, int]
    reason: str
    ended_ms: int | None
    told_ms: int
    received_ms: int

    def take(self, connection: Connection) -> None:
        """Enter it, end it, or refuse it; what is known already changes nothing."""
        table = maintenances.c
        mine = (table.agent_id == self.agent_id, table.plan_id == self.plan_id)
        known = connection.execute(select(maintenances).where(*mine)).one_or_none()
        if known is None:
            self._enter(connection)
        elif self.ended_ms is not None and known.revoked_ms is None and not known.refused:
            ended = update(maintenances).where(table.id == known.id)
            connection.execute(ended.values(revoked_ms=self.ended_ms))
            self._audit(connection, "maintenance_ended")

    def _enter(self, connection: Connection) -> None:
        count = self._entered(connection)
        if count >= MOST_PLANS:
            return  # said with the last one that was kept
        refused = "too_many_plans" if count == MOST_PLANS - 1 else self._objection(connection)
        made = connection.execute(
            insert(maintenances).values(
                node=self.node, from_ms=self.span[0], until_ms=self.span[1], reason=self.reason,
                entered_ms=self.received_ms, entered_by=self.agent_id, revoked_ms=self.ended_ms,
                agent_id=self.agent_id, plan_id=self.plan_id, refused=refused,
            )
        )  # fmt: skip
        if refused:
            self._audit(connection, "maintenance_refused", refused)
            return
        self._audit(connection, "maintenance_added")
        if self.received_ms - max(self.span[0], self.told_ms) > _LATE_MS:
            self._say_late(connection, int((made.inserted_primary_key or (0,))[0]))

    def _entered(self, connection: Connection) -> int:
        table = maintenances.c
        mine = (table.agent_id == self.agent_id, table.entered_ms > self.received_ms - _WEEK_MS)
        return connection.scalar(select(func.count(table.id)).where(*mine)) or 0

    def _objection(self, connection: Connection) -> str:
        """Why it is more than a host may plan; empty where it is not."""
        begin, until = self.span
        if begin > self.told_ms + MAX_MAINTENANCE_AHEAD_MS + _LATE_MS:
            return "too_far_ahead"
        table = maintenances.c
        ended = func.coalesce(table.revoked_ms, table.until_ms)
        lasts = case((ended < table.until_ms, ended), else_=table.until_ms) - table.from_ms
        near = (
            table.agent_id == self.agent_id,
            table.refused == "",
            table.until_ms > begin - _WEEK_MS,
            table.from_ms < until + _WEEK_MS,
        )
        query = select(func.sum(case((lasts > 0, lasts), else_=0))).where(*near)
        planned = int(connection.scalar(query) or 0)
        mine = min(until, self.ended_ms or until) - begin
        return "too_much_in_a_week" if planned + max(mine, 0) > WEEKLY_MS else ""

    def _audit(self, connection: Connection, action: str, why: str = "") -> None:
        said = {
            "plan": self.plan_id,
            "from_ms": self.span[0],
            "until_ms": self.span[1],
            "reason": self.reason,
        }
        detail = json.dumps({**said, "refused": why} if why else said, ensure_ascii=False)
        audit(connection, self.received_ms, (self.agent_id, action, self.node), detail)

    def _say_late(self, connection: Connection, number: int) -> None:
        """Write into the record of what was opened meanwhile that work had been planned.

        Nothing is closed or taken back by it: people were told what was known then.
        """
        table, (begin, until) = incidents.c, self.span
        until = min(until, self.ended_ms or until)
        facility = self.node.partition("/")[0]
        query = (
            select(table.id, table.node, table.detail)
            .where(
                table.facility == facility,
                table.opened_ms.between(begin, until),
                or_(table.closed_ms.is_(None), table.closed_ms > begin),
            )
            .order_by(table.id)
        )
        info = {"maintenance": str(number), "from_ms": str(begin), "until_ms": str(until)}
        rows = connection.execute(query).all()
        touched = (row.id for row in rows if self._touches(row.node, row.detail))
        for _, incident in zip(range(_MOST_NOTED), touched, strict=False):
            note(connection, incident, self.received_ms, "planned_learnt_late", info)

    def _touches(self, node: str, detail: str) -> bool:
        if node == self.node or node.startswith(f"{self.node}/"):
            return True
        return self.node in msgspec.json.decode(detail, type=Detail).lost


def plan_of(arrival: "Arrival") -> HostPlan:
    """What an agent told of its own host; its clock is corrected by what we know of it."""
    plan, shift = arrival.observation.maintenance, arrival.offset_ms
    span = (max(0, plan.from_unix_ms + shift), max(1, plan.until_unix_ms + shift))
    ended = arrival.centre_ms(plan.ended_unix_ms) if plan.ended_unix_ms else None
    return HostPlan(
        arrival.reporter.agent_id,
        arrival.reporter.place,
        plan.plan_id,
        span,
        plan.reason[:200],
        ended,
        arrival.event_ms,
        arrival.received_ms,
    )
