"""What of an earlier report reads differently now, and why."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tramgac_collector.report.model import Amendment, Dataset, Figures, Place, Trouble

_MOST = 500
# Beside it "not known" is told as a dash.
_NONE = ""
# Evidence that is not confirmed any more is not news of that time.
_FADED = {"stale"}


class _Name(NamedTuple):
    """Of one figure."""

    facility: str
    what: str
    subject: str
    field: str


def amend(old: Figures, new: Figures) -> tuple[tuple[Amendment, ...], int]:
    """Figures of ``old`` that differ in ``new``, and how many more there are than are listed.

    Args:
        old: As it was given out.
        new: The same window and scope by what is known now.
    """
    before, after = dict(_flat(old)), dict(_flat(new))
    found = [
        Amendment(**name._asdict(), old=before.get(name, _NONE), new=after.get(name, _NONE), why="")
        for name in sorted(before.keys() | after.keys())
        if before.get(name, _NONE) != after.get(name, _NONE)
    ]
    told = [one for one in found if not (one.what == "rule" and one.new in _FADED)]
    causes = {(one.facility, one.subject) for one in told if one.field == "cause"}
    explained = [
        Amendment(
            facility=one.facility, what=one.what, subject=one.subject, field=one.field,
            old=one.old, new=one.new, why=_why(one, causes, old, new),
        )
        for one in told
    ]  # fmt: skip
    return tuple(explained[:_MOST]), max(0, len(explained) - _MOST)


def _why(one: Amendment, causes: set[tuple[str, str]], old: Figures, new: Figures) -> str:
    if one.what == "incident" and (one.facility, one.subject) in causes:
        return "relabelled"
    if one.what == "rule" and old.packs != new.packs:
        return "packs_changed"
    return "late_evidence" if old.software == new.software else "software_changed"


def _flat(figures: Figures) -> Iterator[tuple[_Name, str]]:
    """Every figure that can be late, by its name; ``at`` a time, ``for`` a length, in ms."""
    for place in figures.places:
        yield from _of_place(place)
    for one in figures.shared:
        yield from _of_trouble("", one)


def _of_place(place: Place) -> Iterator[tuple[_Name, str]]:
    ratio = place.cover.ratio
    # Below a tenth of a per cent it is the same.
    cover = _NONE if ratio is None else f"{int(ratio * 1000) / 10:.1f} %"
    yield _Name(place.id, "cover", "", "ratio"), cover
    for one in (*place.troubles, *place.findings):
        yield from _of_trouble(place.id, one)
    for data in place.datasets:
        for field, value in _of_dataset(data).items():
            yield _Name(place.id, "backup", data.series, field), value
        for drill in data.drills:
            yield _Name(place.id, "drill", f"{data.series}#{drill.number}", "result"), drill.result
    for gap in place.gaps:
        yield _Name(place.id, "rule", gap.rule, "status"), gap.status


def _of_trouble(facility: str, one: Trouble) -> Iterator[tuple[_Name, str]]:
    told = {"code": one.code, "cause": one.cause, "length": f"for {one.length_ms}"}
    for field, value in told.items():
        yield _Name(facility, "incident", f"{one.number} {one.node}", field), value


def _of_dataset(data: Dataset) -> Mapping[str, str]:
    def length(value: int | None) -> str:
        return _NONE if value is None else f"for {value}"

    return {
        "good": _NONE if data.good_ms is None else f"at {data.good_ms}",
        "passed": _NONE if data.passed is None else str(data.passed),
        "longest": length(data.longest_ms if data.passed is not None else None),
    }
