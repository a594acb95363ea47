"""A facility's rules, pack by pack, worst first: a pure function of results and packs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tramgac_collector.inventory.model import Facility
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.status import ORDER, Status
from tramgac_collector.rules.stored import Line, Seen, Stored, lines
from tramgac_collector.rules.words import FORCE, STATUS, TEXT, say

# What asks nobody for anything is folded away.
_QUIET = {Status.NOT_APPLICABLE, Status.NOT_EVALUATED}
_MOST_SEEN = 6


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule.

    Attributes:
        overlay: ``accepted`` or ``excused``, and until when; the status beneath stays.
        seen: What was looked at, a few of it.
        more: How much else was.
    """

    line: Line
    overlay: tuple[str, int] | None
    seen: Sequence[Seen]
    more: int

    @property
    def coverage(self) -> int:
        """Share of what the rule asks about that is known, in per cent, never rounded up."""
        return int(self.line.stored.coverage * 100)


@dataclass(frozen=True, slots=True)
class PackPart:
    """One pack of rules.

    Attributes:
        counts: ``(status, its word, how many)``, worst first.
        quiet: Rules that do not apply or that nobody has compared with their text.
    """

    title: str
    force: str
    text_status: str
    product: bool
    counts: list[tuple[str, str, int]]
    shown: list[RuleLine]
    quiet: list[RuleLine]


@dataclass(frozen=True, slots=True)
class RulePage:
    """Everything the page shows.

    Attributes:
        deadlines: Open ones, the nearest first.
        judged_ms: When the row that was judged longest ago was; None while none was.
        lost: How many results have no pack that can be used, so that nobody can word them.
    """

    id: str
    name: str
    deadlines: list[Line]
    packs: list[PackPart]
    judged_ms: int | None
    lost: int = 0


def rule_page(
    facility: Facility, results: Sequence[Stored], library: Library, language: str
) -> RulePage:
    """The page of one facility."""
    told = lines(library, results, language)
    rules = [one for one in told if one.stored.due_ms is None]
    due = [
        one
        for one in told
        if one.stored.due_ms is not None
        and one.stored.status not in {*_QUIET, Status.PASS_OBSERVED}
    ]
    packs = [_part(library, pack, rules, language) for pack in range(len(library.packs))]
    return RulePage(
        id=facility.id,
        name=facility.title(language),
        deadlines=sorted(due, key=lambda one: one.stored.due_ms or 0),
        packs=[one for one in packs if one.shown or one.quiet],
        judged_ms=min((one.evaluated_ms for one in results), default=None),
        lost=len(results) - len(told),
    )


def _part(library: Library, number: int, told: Sequence[Line], language: str) -> PackPart:
    head = library.packs[number].pack
    mine = [_rule(one) for one in told if one.pack == head.id]
    counted = Counter(one.line.stored.status for one in mine)
    return PackPart(
        title=getattr(head.title, language),
        force=say(FORCE, head.legal_force, language),
        text_status=say(TEXT, head.text_status, language),
        product=head.legal_force == "product_default",
        counts=[(s.value, say(STATUS, s, language), counted[s]) for s in ORDER if counted[s]],
        shown=[one for one in mine if one.line.stored.status not in _QUIET],
        quiet=[one for one in mine if one.line.stored.status in _QUIET],
    )


def _rule(line: Line) -> RuleLine:
    overlay = line.stored.detail.get("overlay")
    return RuleLine(
        line,
        (overlay["kind"], overlay["until_ms"]) if overlay else None,
        line.seen[:_MOST_SEEN],
        max(0, len(line.seen) - _MOST_SEEN),
    )
