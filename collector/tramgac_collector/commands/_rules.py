"""What ``rules`` prints, and how it judges by itself."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import Version, in_force_at, newest
from tramgac_collector.judge.feed import FactsFeed
from tramgac_collector.rules.asof import facts_at
from tramgac_collector.rules.detail import Beside, detail_dict
from tramgac_collector.rules.engine import Judged, Rules, day_of, judge_facility
from tramgac_collector.rules.given import Papers, read_given
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.overlays import REMIND_MS, Overlays
from tramgac_collector.rules.pack import Pack, Rule
from tramgac_collector.rules.province import library_of
from tramgac_collector.rules.status import ORDER, Status
from tramgac_collector.rules.stored import Line, Stored
from tramgac_collector.rules.tailoring import Tailored, Tailorings
from tramgac_collector.rules.words import FORCE, TEXT, say
from tramgac_collector.rules.world import FactsWorld, RuleFacts
from tramgac_collector.store.schema import rule_history
from tramgac_collector.web.words import day
from tramgac_proto.commandline import CommandFailed

_DAY_MS = 86_400_000
# An order to judge the present moment takes a moment itself.
_NOW_MS = 1_000


def decided_by(pack: Pack, rule: Rule) -> str:
    """What kind of evidence decides it; locked while nobody has seen its text."""
    return "locked" if pack.text_status(rule) == "memory" else rule.evidence


def list_dict(library: Library, language: str) -> dict[str, Any]:
    """Every rule and deadline with its marks, and how many of each kind there are."""
    rules = [
        {
            "rule": rule.id,
            "pack": pack.pack.id,
            "version": pack.pack.version,
            "optional": pack.pack.optional,
            "decided_by": decided_by(pack, rule),
            "force": pack.legal_force(rule),
            "text_status": pack.text_status(rule),
            "cite": str(rule.cite),
            "text": getattr(rule.text, language),
        }
        for pack in library.packs
        for rule in pack.rules
    ]
    deadlines = [
        {
            "deadline": one.id,
            "pack": pack.pack.id,
            "on": one.on.isoformat() if one.on else one.yearly,
            "text": getattr(one.text, language),
        }
        for pack in library.packs
        for one in pack.deadlines
    ]
    refused = [
        {"file": one.file, "complaint": f"{c.place}: {c.text}"}
        for one in library.refused
        for c in one.complaints
    ]
    counts = Counter(dict.fromkeys(("measured", "attested", "document", "locked"), 0))
    counts.update(str(rule["decided_by"]) for rule in rules)
    return {
        "counts": counts,
        "rules": rules,
        "deadlines": deadlines,
        "refused": refused,
        "own_instead": [one._asdict() for one in library.instead],
    }


def list_table(library: Library, language: str) -> str:
    """The same for people."""
    told: list[str] = []
    for pack in library.packs:
        head = pack.pack
        marks = [say(FORCE, head.legal_force, language), say(TEXT, head.text_status, language)]
        marks += ["optional"] if head.optional else []
        told.append(f"{head.id} {head.version}: {getattr(head.title, language)}")
        told.append(f"  ({'; '.join(marks)})")
        told += [f"  {one.id:<34}{decided_by(pack, one):<14}{one.cite}" for one in pack.rules]
        told += [f"  {one.id:<34}{'deadline':<14}{one.cite}" for one in pack.deadlines]
    found = list_dict(library, language)
    told += [f"{one['file']} is not used: {one['complaint']}" for one in found["refused"]]
    for own in library.instead:
        newer = ", which was read again since" if own.newer else ""
        told.append(f"{own.pack} {own.version} is your own; {own.shipped} is shipped{newer}")
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(found["counts"].items()))
    told.append(f"{len(found['rules'])} rules: {counts}; {len(found['deadlines'])} deadlines")
    return "\n".join(told)


def in_force(connection: Connection, at_ms: int | None = None) -> Inventory:
    """The inventory of a moment; an empty one before the first."""
    version: Version | None = newest(connection)
    if at_ms is not None:
        version = in_force_at(connection, at_ms)
    if version is None:
        return Inventory()
    return parse_inventory(version.document, f"inventory {version.number} in force")


def evaluated(
    connection: Connection, facility: str, at_ms: int, known_ms: int, now_ms: int
) -> list[Stored]:
    """Judge one facility or all, the worst first.

    What was known at the very moment is what the judge showed then; what is known later is
    judged again. Hysteresis has no part in judging again.
    """
    present = now_ms - at_ms < _NOW_MS
    inventory = in_force(connection, None if present else at_ms)
    chosen = [one for one in inventory.facilities if not facility or one.id == facility]
    if facility and not chosen:
        raise CommandFailed(f"no facility `{facility}` in the inventory of that day")
    if not present and known_ms == at_ms:
        return [one for each in chosen for one in _as_shown(connection, each.id, at_ms)]
    library, given = library_of(connection), read_given(connection, facility)
    rules, papers = Rules(library, inventory), Papers(given, at_ms, known_ms)
    tailored = Tailorings.read(connection).at(library, at_ms, known_ms)
    beside = _Beside(Overlays.read(connection), tailored, at_ms, known_ms)
    found: list[Stored] = []
    whole = FactsFeed()
    if present:
        whole.look(connection, at_ms)
    for each in chosen:
        facts: RuleFacts = whole if present else facts_at(connection, each.id, at_ms, known_ms)
        world = FactsWorld(facts, inventory, papers, at_ms, tailored=tailored)
        judged = judge_facility(rules, each, world, day_of(at_ms)).values()
        found += [_stored(one, beside) for one in judged]
    return sorted(found, key=lambda one: (ORDER.index(one.status), one.facility, one.rule))


class _Beside(NamedTuple):
    """What lay beside results at a moment, by what was known at a later one."""

    overlays: Overlays
    tailored: Tailored
    at_ms: int
    known_ms: int

    def of(self, judged: Judged) -> Beside:
        """Of one result."""
        row, facility = judged.row.row, judged.result.facility
        overlay = self.overlays.of(facility, row, self.at_ms, self.known_ms)
        return Beside(overlay, self.tailored.of(facility, row.id))


def _stored(judged: Judged, beside: _Beside) -> Stored:
    result, at_ms = judged.result, beside.at_ms
    return Stored(
        result.facility,
        result.rule,
        result.status,
        result.reason,
        result.advisory,
        result.coverage,
        at_ms,
        at_ms,
        detail_dict(judged, result.status, beside.of(judged)),
    )


def _as_shown(connection: Connection, facility: str, at_ms: int) -> list[Stored]:
    """What was shown at a moment, by the record of changes."""
    table = rule_history.c
    query = (
        select(rule_history)
        .where(table.facility == facility, table.at_ms <= at_ms)
        .order_by(table.at_ms, table.id)
    )
    newest_of = {row.rule: row for row in connection.execute(query)}
    found = [
        Stored(facility, row.rule, Status(row.status), row.reason, False, 1.0, row.at_ms, row.at_ms)  # noqa: FBT003 - not recorded then
        for row in newest_of.values()
    ]
    return sorted(found, key=lambda one: (ORDER.index(one.status), one.rule))


def table(told: Sequence[Line], *, with_next: bool) -> str:
    """One line a result; with what to do and which papers are missing."""
    rows: list[str] = []
    for one in told:
        stored = one.stored
        marks = [one.force, *([one.text_status] if stored.advisory else [])]
        overlay = stored.detail.get("overlay")
        if overlay:
            soon = overlay["until_ms"] - wall_ms() <= REMIND_MS
            ends = ", tell its owner that it ends soon" if soon else ""
            marks.append(f"{overlay['kind']} until {day(overlay['until_ms'])}{ends}")
        rows.append(f"{stored.facility}  {stored.rule}  {one.status} ({one.reason})")
        rows += [f"    {told}" for told in one.tailored]
        if with_next:
            rows.append(f"    {one.text}")
            rows.append(f"    [{one.cite}; {'; '.join(marks)}]")
            rows += [f"    - {title} ({name})" for name, title in one.missing]
            rows.append(f"    => {one.next}")
    counts = Counter(one.status for one in told)
    rows.append("; ".join(f"{number} {status}" for status, number in counts.items()) or "-")
    return "\n".join(rows)


def days_left(stored: Stored, now_ms: int) -> int:
    """Whole days until the last day is over; negative once it is."""
    return ((stored.due_ms or 0) - now_ms) // _DAY_MS


def deadline_table(told: Sequence[Line], now_ms: int) -> str:
    """One line a deadline, the nearest first, with the papers that are missing."""
    rows = []
    for one in told:
        due = one.stored.due_ms or 0
        last, left = day(due - 1), days_left(one.stored, now_ms)
        head = f"{last}  {left:>5} d  {one.stored.facility}  {one.stored.rule}"
        rows.append(f"{head}  {one.reason}")
        rows.append(f"    {one.text} [{one.cite}]")
        rows += [f"    - {title} ({name})" for name, title in one.missing]
    return "\n".join(rows) or "-"
