"""Results as the judge stored them, with the words of their packs: for command line and page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from tramgac_collector.rules.library import Library
from tramgac_collector.rules.pack import Deadline, Pack, Rule
from tramgac_collector.rules.status import ORDER, Status, is_gap
from tramgac_collector.rules.vocabulary import VOCABULARY, is_paper
from tramgac_collector.rules.words import FORCE, REASON, STATUS, TAILORED, TEXT, say
from tramgac_collector.store.schema import rule_results
from tramgac_collector.web.words import day


@dataclass(frozen=True, slots=True)
class Stored:
    """One row of the table of results."""

    facility: str
    rule: str
    status: Status
    reason: str
    advisory: bool
    coverage: float
    since_ms: int
    evaluated_ms: int
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_gap(self) -> bool:
        """Whether somebody must act on it; what is only previewed is no gap yet."""
        return is_gap(self.status, self.reason) and not self.detail.get("preview")

    @property
    def due_ms(self) -> int | None:
        """Of a deadline: the end of its last day."""
        return self.detail.get("due_ms")


def read_results(connection: Connection, facility: str = "") -> list[Stored]:
    """Of one facility or of all, the worst first."""
    query = select(rule_results)
    if facility:
        query = query.where(rule_results.c.facility == facility)
    found = [
        Stored(
            row.facility,
            row.rule,
            Status(row.status),
            row.reason,
            row.advisory,
            row.coverage,
            row.since_ms,
            row.evaluated_ms,
            json.loads(row.detail),
        )
        for row in connection.execute(query)
    ]
    return sorted(found, key=lambda one: (ORDER.index(one.status), one.facility, one.rule))


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that was looked at.

    Attributes:
        text: Its value for people.
        expires_ms: From when on it says nothing.
    """

    subject: str
    name: str
    text: str
    collected_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Line:
    """A result in one language.

    Attributes:
        product: It is a default of ours and no law.
        missing: Name and title of papers that would show it, and are not there or have expired.
        unmeasured: Other names that are not known.
        seen: What was looked at, by subject.
        tailored: Numbers of the facility's own that it was judged by, in words.
    """

    stored: Stored
    pack: str
    pack_title: str
    text: str
    next: str
    cite: str
    force: str
    product: bool
    text_status: str
    status: str
    reason: str
    missing: Sequence[tuple[str, str]]
    unmeasured: Sequence[str]
    seen: Sequence[Seen]
    tailored: Sequence[str] = ()


def lines(library: Library, results: Sequence[Stored], language: str) -> list[Line]:
    """Results with the words of their packs; one whose rule is no more is left out."""
    rows: dict[str, tuple[Pack, Rule | Deadline]] = {}
    for pack in library.packs:
        rows.update((rule.id, (pack, rule)) for rule in pack.rules)
        rows.update((one.id, (pack, one)) for one in pack.deadlines)
    return [_line(library, one, rows[one.rule], language) for one in results if one.rule in rows]


def _line(
    library: Library, stored: Stored, found: tuple[Pack, Rule | Deadline], language: str
) -> Line:
    pack, row = found
    force = pack.legal_force(row) if isinstance(row, Rule) else pack.pack.legal_force
    names = _missing(stored.detail)
    papers = missing_papers(stored.detail)
    return Line(
        stored=stored,
        pack=pack.pack.id,
        pack_title=getattr(pack.pack.title, language),
        text=getattr(row.text, language),
        next=getattr(row.next, language),
        cite=str(row.cite),
        force=say(FORCE, force, language),
        product=force == "product_default",
        text_status=say(TEXT, pack.text_status(row), language),
        status=say(STATUS, stored.status, language),
        reason=say(REASON, stored.reason, language),
        missing=[(name, paper_title(library, name, language)) for name in papers],
        unmeasured=[name for name in names if not is_paper(name)],
        seen=list(_seen(stored)),
        tailored=[
            say(TAILORED, "tailored", language).format(
                one["param"], one["value"], day(one["until_ms"] - 1)
            )
            for one in stored.detail.get("tailored", ())
        ],
    )


def paper_title(library: Library, name: str, language: str) -> str:
    """What a paper is called."""
    paper = library.papers.get(name)
    return name if paper is None else str(getattr(paper.title, language))


def missing_papers(detail: Mapping[str, Any]) -> list[str]:
    """Papers that would show it and are not there or have expired, by a result's detail."""
    return [name for name in _missing(detail) if is_paper(name)]


def _missing(detail: Mapping[str, Any]) -> list[str]:
    names: dict[str, None] = {}
    for one in detail.get("findings", ()):
        names.update(dict.fromkeys(one.get("missing", ())))
    return list(names)


def _seen(stored: Stored) -> Sequence[Seen]:
    return [
        Seen(one["subject"], name, value_text(name, value), collected, expires)
        for one in stored.detail.get("findings", ())
        for name, (value, collected, expires) in one.get("used", {}).items()
    ]


_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def value_text(name: str, value: object) -> str:
    """A value as people read it: durations in days, hours or minutes, shares in per cent."""
    if isinstance(value, bool) or not isinstance(value, float | int):
        return str(value).lower() if isinstance(value, bool) else str(value)
    unit = VOCABULARY[name].unit if name in VOCABULARY else "count"
    if unit == "ratio":
        return f"{value * 100:.1f} %"
    if unit != "seconds":
        return f"{value:g}"
    size = abs(value)
    for length, sign in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if size >= 2 * length:
            return f"{value / length:.1f} {sign}"
    return f"{value:.1f} s"


def line_dict(line: Line) -> dict[str, Any]:
    """For ``--json``."""
    stored = line.stored
    return {
        "facility": stored.facility,
        "rule": stored.rule,
        "pack": line.pack,
        "status": stored.status.value,
        "reason": stored.reason,
        "gap": stored.is_gap,
        "advisory": stored.advisory,
        "coverage": stored.coverage,
        "since_ms": stored.since_ms,
        "evaluated_ms": stored.evaluated_ms,
        "due_ms": stored.due_ms,
        "cite": line.cite,
        "force": line.force,
        "text_status": line.text_status,
        "text": line.text,
        "next": line.next,
        "missing": [name for name, _ in line.missing],
        "not_measured": list(line.unmeasured),
        "overlay": stored.detail.get("overlay"),
        "tailored": stored.detail.get("tailored", []),
        "findings": stored.detail.get("findings", []),
    }
