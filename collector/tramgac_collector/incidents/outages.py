"""Outages as their record told at some moment: since when, until when, and by what cause.

Pure. What was learnt after ``known_at_ms`` is left out, so a report that was given out can be
made again as it was, and made anew as it would read now.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tramgac_collector.incidents.codes import CODES, MINUTE, Family

# What took something away from people; a full disk or a late backup did not.
OUTAGE_CODES = frozenset(
    code.name
    for code in CODES.values()
    if code.family is Family.SILENCE or code.name == "provider_down" or code.slot == "service"
)
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
    """An incident with its whole record, the oldest entry first.

    Attributes:
        inside: Nodes that it took with it.
    """

    number: int
    node: str
    code: str
    facility: str
    site: str
    opened_ms: int
    closed_ms: int | None
    cause: str
    parent: int | None
    inside: tuple[str, ...]
    entries: Sequence[Entry]


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
class _Known:
    """What the record had told so far."""

    cause: str
    parent: int | None = None
    ended_ms: int | None = None
    down: tuple[str, ...] = ()
    relabelled: list[Relabelled] = field(default_factory=list)
    blind: list[tuple[int, int]] = field(default_factory=list)
    _blind_ms: int | None = None

    def take(self, record: Record, entry: Entry) -> None:
        """Follow one entry."""
        info = entry.info
        if entry.kind in _RELABELLING:
            self._relabel(entry)
        if entry.kind in {"relabelled", "closed"} and "down" in info:
            self.down = tuple(info["down"].split())
        if "parent" in info:
            self.parent = int(info["parent"])
        elif entry.kind == "released":
            self.parent = None
        if entry.kind == "closed":
            self.ended_ms = record.closed_ms
        if entry.kind == "unknown" and self._blind_ms is None:
            self._blind_ms = entry.at_ms
        elif entry.kind in _SEEN_AGAIN:
            self.see(entry.at_ms)

    def see(self, at_ms: int) -> None:
        """Somebody sees it again."""
        if self._blind_ms is not None:
            self.blind.append((self._blind_ms, at_ms))
            self._blind_ms = None

    def _relabel(self, entry: Entry) -> None:
        after = entry.info.get("to", entry.info.get("cause", self.cause))
        if after != self.cause:
            self.relabelled.append(Relabelled(entry.at_ms, self.cause, after))
            self.cause = after


def outage_of(record: Record, span: tuple[int, int], known_at_ms: int) -> Outage | None:
    """One incident inside a span, ms; None where nothing of it was known, or it was outside."""
    known = [entry for entry in record.entries if entry.at_ms <= known_at_ms]
    opened = next((entry for entry in known if entry.kind == "opened"), None)
    if opened is None or record.code not in OUTAGE_CODES:
        return None
    told = opened.info.get("cause", "")
    state = _Known(told)
    for entry in known:
        state.take(record, entry)
    last_ms = min(span[1], known_at_ms) if state.ended_ms is None else state.ended_ms
    state.see(last_ms)
    since = int(opened.info.get("since_ms", record.opened_ms))
    from_ms, to_ms = max(since, span[0]), min(last_ms, span[1])
    if to_ms <= from_ms:
        return None
    return Outage(
        number=record.number,
        node=record.node,
        code=record.code,
        cause=state.cause,
        told_cause=told,
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
