"""Rows of backups as a terminal and a script get them."""

from collections.abc import Iterator, Sequence
from typing import Any

from tramgac_collector.backups.copies import Copies, Judged
from tramgac_collector.backups.findings import Finding
from tramgac_collector.backups.reasons import (
    NOTHING_TO_DO,
    finding_text,
    next_step,
    note_text,
    state_text,
)
from tramgac_collector.backups.rows import BackupRow, LastDrill
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.web.words import LANGUAGES, age, moment

_HEAD = (
    (
        *("TRẠNG THÁI", "CHUỖI SAO LƯU", "BẢN TỐT", "HẠN TỚI"),
        *("KIỂM TRA", "ĐÃ ĐỌC", "DIỄN TẬP", "BẢN SAO"),
    ),
    ("STATE", "SERIES", "GOOD", "NEXT DUE", "CHECKED", "READ", "DRILL", "COPIES"),
)
_WIDTHS = (16, 44, 15, 21, 15, 8, 24, 8)
_NONE = "-"
_FACTS = (("Bằng chứng", "hết hạn"), ("Evidence", "expired"))
_TO_DO = ("Cần làm", "To do")


def _line(cells: Sequence[str]) -> str:
    return " ".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()


def drill_text(drill: LastDrill | None, now_ms: int, language: str) -> str:
    """Kind, result and age of the last drill; a dash where there was none."""
    if drill is None:
        return _NONE
    result = "ok" if drill.passed else "!"
    return f"{drill.kind} {result} {_age(drill.ended_ms, now_ms, language)}"


def copies_text(copies: Copies | None) -> str:
    """How many copies there are of how many asked for."""
    return _NONE if copies is None else f"{copies.count}/{copies.required}"


def read_text(share: float | None) -> str:
    """Share of the data that was read, in per cent, never rounded up."""
    return _NONE if share is None else f"{int(share * 100)} %"


def _age(at_ms: int | None, now_ms: int, language: str) -> str:
    return _NONE if at_ms is None else age((now_ms - at_ms) / 1000, language)


def table(rows: Sequence[BackupRow], now_ms: int, language: str) -> str:
    """The list for a terminal: a line for each series, what is wrong with it below."""
    lines = [_line(_HEAD[LANGUAGES.index(language)])]
    for row in rows:
        cells = (
            state_text(row.state, language),
            row.series,
            _age(row.good_ms, now_ms, language),
            moment(row.next_due_ms) if row.next_due_ms else _NONE,
            _age(row.checked_ms, now_ms, language),
            read_text(row.data_read),
            drill_text(row.drill, now_ms, language),
            copies_text(row.copies),
        )
        lines.append(_line(cells))
        if row.findings:
            worst = row.findings[0]
            lines.append(f"  {finding_text(worst, language)} {next_step(worst, language)}")
    return "\n".join(lines)


def row_dict(row: BackupRow, language: str) -> dict[str, Any]:
    """One row for scripts; ``docs/operate.md`` explains the keys."""
    drill, copies = row.drill, row.copies
    return {
        "series": row.series,
        "declared": copies is not None,
        "state": row.state.value,
        "reason": row.reason,
        "findings": [_finding_dict(one, language) for one in row.findings],
        "good_unix_ms": row.good_ms,
        "next_due_unix_ms": row.next_due_ms,
        "checked_unix_ms": row.checked_ms,
        "data_read_ratio": row.data_read,
        "last_drill": drill
        and {"kind": drill.kind, "passed": drill.passed, "ended_unix_ms": drill.ended_ms},
        "notes": list(row.notes),
        "copies": copies
        and {"count": copies.count, "required": copies.required, "offsite": copies.offsite},
    }


def _finding_dict(one: Finding, language: str) -> dict[str, str]:
    return {
        "reason": one.reason,
        "state": one.state.value,
        "detail": one.detail,
        "text": finding_text(one, language),
        "next_step": next_step(one, language),
    }


def explanation(judged: Judged, row: BackupRow, now_ms: int, language: str) -> str:
    """Everything that holds of a series, the evidence with its age, and what to do."""
    place = LANGUAGES.index(language)
    names = " / ".join(row.names[language])
    lines = [f"{row.series}: {state_text(row.state, language)}", names, ""]
    for one in row.findings:
        said = f"{state_text(one.state, language)}: {finding_text(one, language)}"
        lines.append(f"  {said} [{one.reason}]")
    lines += [f"  {note_text(one, language)}" for one in row.notes]
    lines += ["", _TO_DO[place]]
    steps = dict.fromkeys(next_step(one, language) for one in row.findings)
    lines += [f"  {number}. {step}" for number, step in enumerate(steps, 1)]
    if not steps:
        lines.append(f"  {NOTHING_TO_DO[place]}")
    lines += ["", _FACTS[place][0]]
    lines += _evidence(judged, now_ms, language)
    return "\n".join(lines)


def _evidence(judged: Judged, now_ms: int, language: str) -> Iterator[str]:
    over = _FACTS[LANGUAGES.index(language)][1]
    for name, fact in sorted(judged.evidence.facts.items()):
        expired = f"  ({over})" if fact.expires_ms <= now_ms else ""
        when = _age(fact.collected_ms, now_ms, language)
        yield f"  {name:<26}{_value(fact):<24}{when:<16}{fact.text}{expired}".rstrip()


def _value(fact: Fact) -> str:
    if fact.value is None:
        return ""
    if fact.unit == "timestamp_seconds":
        return moment(round(fact.value * 1000))
    return f"{fact.value:.15g}"


def explanation_dict(judged: Judged, row: BackupRow, now_ms: int, language: str) -> dict[str, Any]:
    """The same for scripts."""
    facts = {
        name: {
            "value": fact.value,
            "text": fact.text,
            "unit": fact.unit,
            "collected_unix_ms": fact.collected_ms,
            "expired": fact.expires_ms <= now_ms,
            "quality": fact.quality,
        }
        for name, fact in sorted(judged.evidence.facts.items())
    }
    return {**row_dict(row, language), "evidence": facts}
