"""Incidents as known at a moment: what began when, why, and what was told of it first.

The table of incidents has what is known now; what was known before is found by its record.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, select

from tramgac_collector.incidents.codes import CODES, Family
from tramgac_collector.incidents.ledger import Asked, read_records
from tramgac_collector.incidents.outages import OUTAGE_CODES, Known, Record, known_of
from tramgac_collector.incidents.tree import Tree
from tramgac_collector.report.model import Outage, Planned, Trouble
from tramgac_collector.report.spans import Span, Window, common, total, without
from tramgac_collector.store.schema import maintenances

# Told so long after it began at most; read that far past the window.
_TOLD_LATE_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Ledger:
    """Incidents and planned work of a window, by facility; empty for what belongs to none.

    Attributes:
        inside: Nodes that an incident took with it, by its number.
        worked: What of it lay in planned work, by its number.
    """

    troubles: Mapping[str, Sequence[Trouble]]
    planned: Mapping[str, Sequence[Planned]]
    inside: Mapping[int, Sequence[str]]
    worked: Mapping[int, Sequence[Span]]


def read_ledger(connection: Connection, tree: Tree, window: Window) -> Ledger:
    """Everything of a window; what is part of something larger is left to that."""
    works = _works(connection, window)
    troubles: defaultdict[str, list[Trouble]] = defaultdict(list)
    worked: dict[int, Sequence[Span]] = {}
    inside: dict[int, Sequence[str]] = {}
    opened_by_ms = min(window.known_ms, window.until_ms + _TOLD_LATE_MS)
    for record in read_records(connection, Asked(window.since_ms, opened_by_ms, CODES)):
        known = known_of(record, window.known_ms)
        one = None if known is None or known.parent else _trouble(record, known, window)
        if one is not None:
            worked[one.number] = spans = _worked(one, tree, works, window)
            inside[one.number] = record.inside
            one = msgspec.structs.replace(one, planned_ms=total(spans))
            troubles[record.facility].append(one)
    planned: defaultdict[str, list[Planned]] = defaultdict(list)
    for work in works:
        planned[tree.where(work.node)[0]].append(work)
    return Ledger(troubles, planned, inside, worked)


def _trouble(record: Record, known: Known, window: Window) -> Trouble | None:
    since, until = known.since_ms, known.ended_ms
    inside = window.cut([(since, window.until_ms if until is None else until)])
    moment = until is not None and until <= since and window.since_ms <= since < window.until_ms
    if not inside and not moment:
        return None
    return Trouble(
        number=record.number,
        node=record.node,
        site=record.site,
        code=known.code,
        severity=known.severity,
        cause=known.cause,
        first_cause=known.told_cause if known.told_cause != known.cause else "",
        since_ms=since,
        until_ms=until,
        length_ms=total(inside),
        planned_ms=0,
        unknown=known.unknown,
        down=known.down,
        vendor=record.vendor,
    )


def _works(connection: Connection, window: Window) -> list[Planned]:
    """Planned work as known; what was ended early ends there."""
    table = maintenances.c
    query = (
        select(maintenances)
        .where(table.until_ms > window.since_ms, table.from_ms < window.until_ms)
        .where(table.entered_ms <= window.known_ms, table.refused == "")
        .order_by(table.from_ms)
    )
    found = []
    for row in connection.execute(query):
        # What is ended after known-at is cut at the window's end, which is never later.
        end = row.until_ms if row.revoked_ms is None else min(row.until_ms, row.revoked_ms)
        for since, until in window.cut([(row.from_ms, end)]):
            found.append(Planned(node=row.node, since_ms=since, until_ms=until, reason=row.reason))
    return found


def _span(one: Trouble, window: Window) -> list[Span]:
    return window.cut([(one.since_ms, window.until_ms if one.until_ms is None else one.until_ms)])


def _worked(one: Trouble, tree: Tree, works: Iterable[Planned], window: Window) -> list[Span]:
    above = {one.node, *tree.ancestors(one.node)}
    mine = [(work.since_ms, work.until_ms) for work in works if work.node in above]
    return common(_span(one, window), mine)


def is_outage(one: Trouble) -> bool:
    """Whether people could not work, or nobody could see whether they can."""
    return one.code in OUTAGE_CODES or one.code.startswith("host_")


def is_backup(one: Trouble) -> bool:
    """Whether the part about backups tells of it."""
    return CODES[one.code].family is Family.BACKUP


def sums_of(ledger: Ledger, troubles: Iterable[Trouble], window: Window) -> tuple[Outage, ...]:
    """Outages by place, kind and cause, the longest first; what was planned is left out."""
    grouped: defaultdict[tuple[str, str, str], list[Trouble]] = defaultdict(list)
    for one in troubles:
        if one.planned_ms < one.length_ms or not one.length_ms:
            grouped[one.site, one.code, one.cause].append(one)
    found = [_sum(key, some, ledger, window) for key, some in grouped.items()]
    return tuple(sorted(found, key=lambda one: (-one.length_ms, one.site, one.code, one.cause)))


def _sum(
    key: tuple[str, str, str], some: Sequence[Trouble], ledger: Ledger, window: Window
) -> Outage:
    # Several at once share the minutes, and the planned ones of them as well.
    unplanned = [
        span
        for one in some
        for span in without(_span(one, window), ledger.worked.get(one.number, ()))
    ]
    return Outage(
        site=key[0],
        code=key[1],
        cause=key[2],
        count=len(some),
        length_ms=total(unplanned),
        longest_ms=max(one.length_ms - one.planned_ms for one in some),
    )
