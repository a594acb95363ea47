"""Regulatory gaps, told once a day and paging nobody: what is missing, by clause."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, not_, or_, select

from tramgac_collector.inventory.model import Inventory
from tramgac_collector.notify.message import Message
from tramgac_collector.notify.roster import local
from tramgac_collector.notify.words import LANGUAGES, pick
from tramgac_collector.rules.overlays import REMIND_MS
from tramgac_collector.rules.pack import Pack
from tramgac_collector.rules.papers import Paper
from tramgac_collector.rules.status import Status
from tramgac_collector.rules.stored import missing_papers
from tramgac_collector.store.schema import rule_results
from tramgac_collector.web.words import day, sort_key

GAPS = (Status.FAIL, Status.PARTIAL)
NOT_SEEN = (Status.UNKNOWN, Status.STALE)
# Reasons of a deadline that people must hear of.
_NEAR = ("due_soon", "passed")
_MOST_LINES = 100
_MOST_PAPERS = 4
_DAY_MS = 86_400_000
_MOST_GAPS = 20_000


class RuleWords(NamedTuple):
    """What a rule says.

    Attributes:
        text: Vietnamese, English.
        product: It is our own default and no law.
    """

    clause: str
    text: tuple[str, str]
    product: bool = False


class Gap(NamedTuple):
    """One rule that one facility does not meet, or one deadline that comes.

    Attributes:
        overlay: ``accepted`` or ``excused``; empty where nobody said anything.
        accepted_ms: Until when its owner accepts it.
        tailored: It was judged by numbers of the facility's own.
        due_ms: Of a deadline, the end of its last day.
        missing: Papers that would show it; Vietnamese, English.
    """

    facility: str
    rule: str
    status: str
    advisory: bool
    since_ms: int
    words: RuleWords
    overlay: str = ""
    accepted_ms: int | None = None
    tailored: bool = False
    due_ms: int | None = None
    missing: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where all facilities stand.

    Attributes:
        deadlines: That are near, or past and not shown to be done.
        not_seen: How many rules of each facility cannot be judged for want of evidence.
    """

    gaps: tuple[Gap, ...]
    deadlines: tuple[Gap, ...]
    not_seen: Mapping[str, int]


def rule_words(
    packs: Sequence[Pack], papers: Mapping[str, Paper] | None = None
) -> dict[str, RuleWords]:
    """Clause and text of every rule and deadline, and the title of every paper, by its id."""
    found = {
        paper.id: RuleWords("", (paper.title.vi, paper.title.en))
        for paper in (papers or {}).values()
    }
    for pack in packs:
        for rule in pack.rules:
            ours = pack.legal_force(rule) == "product_default"
            found[rule.id] = RuleWords(str(rule.cite), (rule.text.vi, rule.text.en), ours)
        for one in pack.deadlines:
            found[one.id] = RuleWords(str(one.cite), (one.text.vi, one.text.en))
    return found


def read_standing(connection: Connection, words: Mapping[str, RuleWords]) -> Standing:
    """Read what the judge found; a rule that is not in ``words`` is named by its id."""
    table = rule_results.c
    near = table.reason.in_(_NEAR)
    query = (
        select(rule_results)
        .where(or_(table.status.in_([*GAPS]), near))
        .order_by(table.facility, table.rule)
        .limit(_MOST_GAPS)
    )
    found = [
        (_gap(row, detail, words), row.reason in _NEAR)
        for row in connection.execute(query)
        # What is not in force yet is no gap.
        if not (detail := json.loads(row.detail)).get("preview")
    ]
    blind = connection.scalars(
        select(table.facility).where(table.status.in_([*NOT_SEEN]), not_(near))
    )
    return Standing(
        tuple(gap for gap, deadline in found if not deadline),
        tuple(gap for gap, deadline in found if deadline),
        Counter(blind),
    )


def _gap(row: Any, detail: dict[str, Any], words: Mapping[str, RuleWords]) -> Gap:  # noqa: ANN401 - a row of any query
    overlay = detail.get("overlay", {})
    accepted = overlay.get("kind") == "accepted"
    return Gap(
        facility=row.facility,
        rule=row.rule,
        status=row.status,
        advisory=row.advisory,
        since_ms=row.since_ms,
        words=words.get(row.rule, RuleWords("", (row.rule, row.rule))),
        overlay=overlay.get("kind", ""),
        accepted_ms=overlay.get("until_ms") if accepted else None,
        tailored=bool(detail.get("tailored")),
        due_ms=detail.get("due_ms"),
        missing=tuple(words[name].text for name in missing_papers(detail) if name in words),
    )


def today(clock: str, now_ms: int) -> str | None:
    """The day whose digest is due; None before that time of day."""
    at = local(now_ms)
    return str(at.date()) if f"{at:%H:%M}" >= clock else None


_TITLE = ("Tồn tại so với quy định", "Regulatory gaps")
_NONE = (
    "Không phát hiện tồn tại trong phạm vi bằng chứng hiện có.",
    "No gap observed in the evidence at hand.",
)
_MARKS = {
    "partial": ("một phần", "in part"),
    "advisory": ("tham khảo, chưa đối chiếu văn bản gốc", "advisory, text not yet compared"),
    "product": ("mặc định của sản phẩm, không phải luật", "product default, not law"),
    "tailored": ("theo ngưỡng riêng của cơ sở", "by the facility's own number"),
    "accepted": ("đã chấp nhận có thời hạn", "accepted for a while"),
    "excused": ("được miễn theo quy định", "excused by law"),
}
_ENDS = (
    "báo chủ quản: hết hạn chấp nhận ngày {}, sau đó lại là tồn tại mở",
    "tell its owner: accepted until {}, then it is open again",
)
_SINCE = ("từ {}", "since {}")
_MISSING = ("còn thiếu: {}", "still missing: {}")
_DUE = ("hạn chót {}, còn {} ngày", "due {}, {} days left")
_PASSED = ("đã quá hạn {}", "was due {}")
_BLIND = ("{} yêu cầu chưa đủ bằng chứng", "{} requirements without enough evidence")
_MORE = ("và {} dòng nữa", "and {} lines more")
_COUNT = ("{} tồn tại ở {} cơ sở", "{} gaps in {} facilities")


def digest_message(standing: Standing, inventory: Inventory, now_ms: int) -> Message:
    """The daily list, Vietnamese first, then English."""
    facilities = len({one.facility for one in standing.gaps})
    parts = ["\n".join(_lines(standing, inventory, now_ms, language)) for language in LANGUAGES]
    count = [pick(_COUNT, one).format(len(standing.gaps), facilities) for one in LANGUAGES]
    subject = f"[Trạm Gác] {day(now_ms)}: {count[0]} / {count[1]}"
    return Message(subject, "\n\n".join(parts), f"Trạm Gác {day(now_ms)}: {count[0]}")


def _lines(standing: Standing, inventory: Inventory, now_ms: int, language: str) -> Iterator[str]:
    yield f"{pick(_TITLE, language)}, {day(now_ms)}"
    if not standing.gaps:
        yield pick(_NONE, language)
    own: dict[str, list[Gap]] = {one: [] for one in standing.not_seen}
    for gap in (*standing.deadlines, *standing.gaps):
        own.setdefault(gap.facility, []).append(gap)
    names = {}
    for facility in own:
        found = inventory.facility(facility)
        names[facility] = facility if found is None else found.title(language)
    room = _MOST_LINES
    for facility in sorted(own, key=lambda one: sort_key(names[one])):
        blind = standing.not_seen.get(facility, 0)
        yield f"\n{names[facility]}" + (
            f" ({pick(_BLIND, language).format(blind)})" if blind else ""
        )
        yield from (_line(one, now_ms, language) for one in own[facility][: max(0, room)])
        room -= len(own[facility])
    if room < 0:
        yield pick(_MORE, language).format(-room)


def _line(gap: Gap, now_ms: int, language: str) -> str:
    marks = {
        "partial": gap.status == Status.PARTIAL,
        "advisory": gap.advisory,
        "product": gap.words.product,
        "tailored": gap.tailored,
        gap.overlay: bool(gap.overlay),
    }
    said = [gap.words.clause, _when(gap, now_ms, language), _still_missing(gap, language)]
    if gap.accepted_ms is not None and gap.accepted_ms - now_ms <= REMIND_MS:
        said.append(pick(_ENDS, language).format(day(gap.accepted_ms - 1)))
    said += [pick(_MARKS[mark], language) for mark, holds in marks.items() if holds]
    return f"- {pick(gap.words.text, language)} [{'; '.join(part for part in said if part)}]"


def _still_missing(gap: Gap, language: str) -> str:
    titles = ", ".join(pick(one, language) for one in gap.missing[:_MOST_PAPERS])
    left = len(gap.missing) - _MOST_PAPERS
    more = f" (+{left})" if left > 0 else ""
    return pick(_MISSING, language).format(titles + more) if titles else ""


def _when(gap: Gap, now_ms: int, language: str) -> str:
    if gap.due_ms is None:
        return pick(_SINCE, language).format(day(gap.since_ms))
    last = day(gap.due_ms - 1)
    left = math.ceil((gap.due_ms - now_ms) / _DAY_MS)
    return (
        pick(_PASSED, language).format(last)
        if left <= 0
        else pick(_DUE, language).format(last, left)
    )
