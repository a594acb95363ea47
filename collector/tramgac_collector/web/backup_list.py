"""What the page of backups shows of all rows: a pure function of rows and what was asked for."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tramgac_collector.backups.copies import Copies
from tramgac_collector.backups.findings import BackupState
from tramgac_collector.backups.reasons import finding_text, next_step, state_text
from tramgac_collector.backups.rows import BackupRow, LastDrill
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.web.words import sort_key, word

ROWS_A_PAGE = 50
_STATES = frozenset(BackupState)
_MOST_DIGITS = 6
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the address asks for; whatever makes no sense asks for nothing."""

    facility: str = ""
    state: str = ""
    number: int = 1

    @classmethod
    def of(cls, args: Mapping[str, str]) -> "Choice":
        """Read the part of the address after the question mark."""
        facility, state, number = (args.get(key, "") for key in ("facility", "state", "page"))
        usable = number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS
        return cls(
            facility=facility if _ID.fullmatch(facility) else "",
            state=state if state in _STATES else "",
            number=max(1, int(number)) if usable else 1,
        )

    @property
    def kept(self) -> dict[str, Any]:
        """What a link to the same list carries."""
        kept: dict[str, Any] = {"facility": self.facility, "state": self.state}
        kept = {key: value for key, value in kept.items() if value}
        return {**kept, "page": self.number} if self.number > 1 else kept


@dataclass(frozen=True, slots=True)
class Line:
    """One series in one language.

    Attributes:
        share: Of the data that was read, in per cent, never rounded up; None: not known.
        more: What else holds.
    """

    series: str
    facility_id: str
    facility: str
    dataset: str
    destination: str
    state: str
    state_word: str
    text: str
    next_step: str
    more: tuple[str, ...]
    good_ms: int | None
    next_due_ms: int | None
    checked_ms: int | None
    share: int | None
    drill: LastDrill | None
    drill_kind: str
    copies: Copies | None


@dataclass(frozen=True, slots=True)
class BackupList:
    """One page of the list.

    Attributes:
        counts: ``(state, its word, how many)`` over all pages, worst first.
        drills: End of the last drill by series, of the rows shown.
        facilities: ``(id, name)`` to choose from.
    """

    lines: list[Line]
    choice: Choice
    counts: list[tuple[str, str, int]]
    total: int
    first: int
    pages: int
    facility_name: str
    facilities: list[tuple[str, str]] = field(default_factory=list)
    drills: dict[str, int] = field(default_factory=dict)


def backup_list(
    rows: Sequence[BackupRow], choice: Choice, inventory: Inventory, language: str
) -> BackupList:
    """The page that was asked for, or the last one there is."""
    counted = Counter(row.state for row in rows)
    chosen = [row for row in rows if not choice.state or row.state == choice.state]
    pages = max(1, -(-len(chosen) // ROWS_A_PAGE))
    number = min(choice.number, pages)
    first = (number - 1) * ROWS_A_PAGE
    shown = chosen[first : first + ROWS_A_PAGE]
    known = inventory.facility(choice.facility)
    facilities = [(one.id, one.title(language)) for one in inventory.facilities if one.datasets]
    return BackupList(
        lines=[_line(row, language) for row in shown],
        choice=Choice(choice.facility, choice.state, number),
        counts=[(s.value, state_text(s, language), counted[s]) for s in BackupState if counted[s]],
        total=len(chosen),
        first=first + 1 if shown else 0,
        pages=pages,
        facility_name=known.title(language) if known else choice.facility,
        facilities=sorted(facilities, key=lambda one: sort_key(one[1])),
        drills={row.series: row.drill.ended_ms for row in shown if row.drill is not None},
    )


def _line(row: BackupRow, language: str) -> Line:
    facility, dataset, destination = row.names[language]
    worst = row.findings[0] if row.findings else None
    kind = "" if row.drill is None else row.drill.kind
    return Line(
        series=row.series,
        facility_id=row.facility,
        facility=facility,
        dataset=dataset,
        destination=destination,
        state=row.state.value,
        state_word=state_text(row.state, language),
        text=finding_text(worst, language) if worst else "",
        next_step=next_step(worst, language) if worst else word("all_good", language),
        more=tuple(finding_text(one, language) for one in row.findings[1:]),
        good_ms=row.good_ms,
        next_due_ms=row.next_due_ms,
        checked_ms=row.checked_ms,
        share=None if row.data_read is None else int(row.data_read * 100),
        drill=row.drill,
        drill_kind=word(kind, language) if kind in {"canary", "sample", "full"} else kind,
        copies=row.copies,
    )
