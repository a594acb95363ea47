"""Incidents as their record told at some moment: since when, until when, and by what cause.

Pure, and the one reader of that record: the ledger and the reports both ask here. What was learnt
after ``known_at_ms`` is left out, so a report that was given out can be made again as it was, and
made anew as it would read now.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tramgac_collector.incidents.codes import CODES, MINUTE, Family

# What took something away from people; a full disk or a late backup did not.
OUTAGE_CODES = frozenset(
    code.name for code in CODES.values() if code.family in {Family.SILENCE, Family.SERVICE}
)
# Nothing is left that could be bad: such an end says its cause, not that it is well.
GONE = frozenset({"removed_from_inventory", "not_reported"})
_RELABELLING = frozenset({"relabelled", "worse"})
_SEEN_AGAIN = frozenset({"back", "better", "closed"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an incident's record.

    Attributes:
        at_ms: When the collector wrote it, which may be long after what it tells of.
    """

    at_ms: int
    kind: str
    info: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Record:
    """An incident as it is now, with its whole record, the oldest entry first.

    Attributes:
        inside: Nodes that it took with it.
        vendor: Who was to mend it, as far as somebody said.
    """

    number: int
    node: str
    code: str
    facility: str
    site: str
    opened_ms: int
    closed_ms: int | None
    cause: str
    severity: str
    inside: tuple[str, ...]
    entries: Sequence[Entry]
    vendor: str = ""


@dataclass(frozen=True, slots=True)
class Relabelled:
    """A cause that later evidence replaced."""

    at_ms: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Outage:
    """One incident as it was known.

    Attributes:
        cause: As known then; ``told_cause`` is what people were told first.
        from_ms: Beginning inside the span that was asked for, by the last good evidence.
        to_ms: End inside that span.
        ongoing: It had not ended, as far as was known.
        unknown_ms: Of it: nobody could see whether it still held.
        parent: Number of the incident it was part of; its minutes are in that one's.
        inside: What of the facility it took with it, where it was the province's own.
        down: What was found to have been down meanwhile.
        relabelled: Each change of the cause, and when it was learnt.
    """

    number: int
    node: str
    code: str
    cause: str
    told_cause: str
    from_ms: int
    to_ms: int
    ongoing: bool
    unknown_ms: int = 0
    parent: int | None = None
    inside: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    relabelled: tuple[Relabelled, ...] = ()

    @property
    def minutes(self) -> float:
        """How long it was inside the span."""
        return (self.to_ms - self.from_ms) / MINUTE


@dataclass(slots=True)
class Known:
    """What the record of one incident had told by some moment.

    Attributes:
        cause: As known then; ``told_cause`` is what people were told first.
        since_ms: When it began, by the evidence.
        parent: Number of the incident it was part of then.
        ended_ms: When it ended; None: nobody knew of an end.
        down: What was found to have been down meanwhile.
        blind: Spans in which nobody could see whether it still held, one that goes on left out.
    """

    code: str
    severity: str
    cause: str
    told_cause: str
    since_ms: int
    parent: int | None = None
    ended_ms: int | None = None
    down: tuple[str, ...] = ()
    relabelled: list[Relabelled] = field(default_factory=list)
    blind: list[tuple[int, int]] = field(default_factory=list)
    _blind_ms: int | None = None

    @property
    def unknown(self) -> bool:
        """Whether nobody could see then if it still held."""
        return self._blind_ms is not None

    def take(self, record: Record, entry: Entry) -> None:
        """Follow one entry."""
        info = entry.info
        if entry.kind in _RELABELLING:
            self._relabel(entry, info.get("to", info.get("cause", self.cause)))
        if entry.kind in {"relabelled", "closed"} and "down" in info:
            self.down = tuple(info["down"].split())
        if "parent" in info:
            self.parent = int(info["parent"])
        elif entry.kind == "released":
            self.parent = None
        if entry.kind == "closed":
            self.ended_ms = record.closed_ms
            if info.get("why") in GONE:
                self._relabel(entry, info["why"])
        if entry.kind == "unknown" and self._blind_ms is None:
            self._blind_ms = entry.at_ms
        elif entry.kind in _SEEN_AGAIN:
            self.see(entry.at_ms)

    def see(self, at_ms: int) -> None:
        """Somebody sees it again."""
        if self._blind_ms is not None:
            self.blind.append((self._blind_ms, at_ms))
            self._blind_ms = None

    def _relabel(self, entry: Entry, after: str) -> None:
        if after != self.cause:
            self.relabelled.append(Relabelled(entry.at_ms, self.cause, after))
            self.cause = after


def known_of(record: Record, known_at_ms: int) -> Known | None:
    """What was known of an incident at a moment, ms; None where nothing was."""
    known = [entry for entry in record.entries if entry.at_ms <= known_at_ms]
    opened = next((entry for entry in known if entry.kind == "opened"), None)
    if opened is None:
        return None
    code, severity = _rank_at(record, known_at_ms)
    told = opened.info.get("cause", _first_cause(record))
    since = int(opened.info.get("since_ms") or record.opened_ms)
    state = Known(code, severity, told, told, since)
    for entry in known:
        state.take(record, entry)
    return state


def _rank_at(record: Record, known_at_ms: int) -> tuple[str, str]:
    """Code and severity: a change says what both were before it, the row what they are now."""
    for entry in record.entries:
        code, _, severity = entry.info.get("from", "").partition(" ")
        if entry.at_ms > known_at_ms and entry.kind in _RELABELLING and severity:
            return code, severity
    return record.code, record.severity


def _first_cause(record: Record) -> str:
    """Of an incident whose first entry does not say it."""
    changes = (entry.info for entry in record.entries if "to" in entry.info)
    return next((info.get("from", "") for info in changes if "from" in info), record.cause)


def outage_of(record: Record, span: tuple[int, int], known_at_ms: int) -> Outage | None:
    """One incident inside a span, ms; None where nothing of it was known, or it was outside."""
    state = known_of(record, known_at_ms)
    if state is None or record.code not in OUTAGE_CODES:
        return None
    last_ms = min(span[1], known_at_ms) if state.ended_ms is None else state.ended_ms
    state.see(last_ms)
    from_ms, to_ms = max(state.since_ms, span[0]), min(last_ms, span[1])
    if to_ms <= from_ms:
        return None
    return Outage(
        number=record.number,
        node=record.node,
        code=state.code,
        cause=state.cause,
        told_cause=state.told_cause,
        from_ms=from_ms,
        to_ms=to_ms,
        ongoing=state.ended_ms is None,
        unknown_ms=sum(max(0, min(b, to_ms) - max(a, from_ms)) for a, b in state.blind),
        parent=state.parent,
        inside=record.inside,
        down=state.down,
        relabelled=tuple(state.relabelled),
    )


def minutes_by_cause(found: Iterable[Outage]) -> dict[tuple[str, str], float]:
    """Minutes of outage by node and cause, each minute of a node and cause once.

    What was part of another incident is left out: its minutes are in that one's.
    """
    spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for one in found:
        if one.parent is None:
            spans.setdefault((one.node, one.cause), []).append((one.from_ms, one.to_ms))
    return {key: _covered(inside) / MINUTE for key, inside in spans.items()}


def _covered(spans: Sequence[tuple[int, int]]) -> int:
    """Length of what is in at least one of them, ms."""
    total, until = 0, 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, until))
        until = max(until, end)
    return total
