"""Incidents as known at a moment: what began when, why, and what was told of it first.

The table of incidents has what is known now; what was known before is found by its record.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, or_, select

from tramgac_collector.incidents.codes import CODES, Family
from tramgac_collector.incidents.model import Detail, Event
from tramgac_collector.incidents.tree import Tree
from tramgac_collector.report.model import Outage, Planned, Trouble
from tramgac_collector.report.spans import Span, Window, common, total, without
from tramgac_collector.store.schema import incident_events, incidents, maintenances

# What keeps people from working, or hides whether they can.
_OUTAGES = {Family.SILENCE, Family.SERVICE}
_RELABELS = {Event.RELABELLED.value, Event.WORSE.value}
# Told so long after it began at most; read that far past the window.
_TOLD_LATE_MS = 3_600_000
_CHUNK = 500


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
    rows = _rows(connection, window)
    events = _events(connection, [row.id for row in rows], window)
    troubles: defaultdict[str, list[Trouble]] = defaultdict(list)
    worked: dict[int, Sequence[Span]] = {}
    for row in rows:
        told = events.get(row.id, _Told())
        one = _trouble(row, told, window) if told.opened and row.code in CODES else None
        if one is not None:
            worked[row.id] = spans = _worked(one, tree, works, window)
            one = msgspec.structs.replace(one, planned_ms=total(spans))
            troubles[row.facility].append(one)
    planned: defaultdict[str, list[Planned]] = defaultdict(list)
    for work in works:
        planned[tree.where(work.node)[0]].append(work)
    inside = {row.id: msgspec.json.decode(row.detail, type=Detail).inside for row in rows}
    return Ledger(troubles, planned, inside, worked)


def _rows(connection: Connection, window: Window) -> list[Row[Any]]:
    table = incidents.c
    query = (
        select(incidents)
        .where(table.opened_ms < window.until_ms + _TOLD_LATE_MS, table.parent_id.is_(None))
        .where(or_(table.closed_ms.is_(None), table.closed_ms > window.since_ms))
        .order_by(table.id)
    )
    return list(connection.execute(query))


@dataclass(slots=True)
class _Told:
    """What the record of one incident says, as far as it was known.

    Attributes:
        since_ms: When it began, by the evidence.
        first: Code and cause before the first correction that was known; None: none was.
        later: The same before the first correction that was not known yet.
    """

    opened: bool = False
    since_ms: int | None = None
    closed: bool = False
    first: tuple[str, str] | None = None
    later: tuple[str, str] | None = None


def _events(connection: Connection, numbers: Sequence[int], window: Window) -> dict[int, _Told]:
    table = incident_events.c
    found: defaultdict[int, _Told] = defaultdict(_Told)
    for at in range(0, len(numbers), _CHUNK):
        query = (
            select(table.incident_id, table.at_ms, table.kind, table.detail)
            .where(table.incident_id.in_(numbers[at : at + _CHUNK]))
            .order_by(table.id)
        )
        for row in connection.execute(query):
            _note(found[row.incident_id], row, known=row.at_ms <= window.known_ms)
    return found


def _note(told: _Told, row: Any, *, known: bool) -> None:  # noqa: ANN401 - a row
    info = json.loads(row.detail)
    if row.kind == Event.OPENED.value:
        told.opened = known
        told.since_ms = int(info.get("since_ms") or row.at_ms)
    elif row.kind == Event.CLOSED.value:
        told.closed = known
    elif row.kind in _RELABELS and "from" in info:
        before = _before(info)
        if known and told.first is None:
            told.first = before
        elif not known and told.later is None:
            told.later = before


def _before(info: Mapping[str, str]) -> tuple[str, str]:
    """Code and cause before a correction; empty is what it leaves as it was."""
    if "to" in info:
        return "", info["from"]
    return info["from"].partition(" ")[0], ""


def _trouble(row: Row[Any], told: _Told, window: Window) -> Trouble | None:
    detail = msgspec.json.decode(row.detail, type=Detail)
    since = row.opened_ms if told.since_ms is None else told.since_ms
    until = row.closed_ms if told.closed else None
    inside = window.cut([(since, window.until_ms if until is None else until)])
    moment = until is not None and until <= since and window.since_ms <= since < window.until_ms
    if not inside and not moment:
        return None
    later, first = told.later or ("", ""), told.first or ("", "")
    cause = later[1] or row.cause
    return Trouble(
        number=row.id,
        node=row.node,
        site=row.site,
        code=later[0] or row.code,
        severity=row.severity,
        cause=cause,
        first_cause=first[1] if first[1] != cause else "",
        since_ms=since,
        until_ms=until,
        length_ms=total(inside),
        planned_ms=0,
        unknown=detail.unknown and until is None,
        down=() if told.later else detail.down,
        vendor=row.vendor,
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
    return CODES[one.code].family in _OUTAGES or one.code.startswith("host_")


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
