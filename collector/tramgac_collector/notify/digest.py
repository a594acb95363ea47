"""Regulatory gaps, told once a day and paging nobody: what is missing, by clause."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, not_, or_, select

from tramgac_collector.inventory.model import Inventory
from tramgac_collector.notify.message import Message
from tramgac_collector.notify.pipeline import STORM
from tramgac_collector.notify.plain import plain
from tramgac_collector.notify.roster import local
from tramgac_collector.notify.words import LANGUAGES, pick
from tramgac_collector.rules.overlays import REMIND_MS
from tramgac_collector.rules.pack import Pack
from tramgac_collector.rules.papers import Paper
from tramgac_collector.rules.status import Status
from tramgac_collector.rules.stored import missing_papers
from tramgac_collector.store.schema import notifications, rule_results
from tramgac_collector.web.words import day, moment, sort_key

GAPS = (Status.FAIL, Status.PARTIAL)
NOT_SEEN = (Status.UNKNOWN, Status.STALE)
# Reasons of a deadline that people must hear of.
_NEAR = ("due_soon", "passed")
_MOST_LINES = 100
# Of each facility at least, while there is room.
_FEW = 3
_MOST_PAPERS = 4
_DAY_MS = 86_400_000
_MOST_GAPS = 20_000
# Every rule is judged once an hour; when none was for two, nobody is judging.
JUDGED_MS = 2 * 3_600_000


_RESTING = select(func.count(notifications.c.incident_id.distinct())).where(
    notifications.c.state == "waiting", notifications.c.reason == STORM
)


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
        unread: Gaps beyond what is read at once.
        resting: Open incidents that nobody is told of while a storm lasts.
        judged_ms: When a rule was judged last; None for never.
    """

    gaps: tuple[Gap, ...]
    deadlines: tuple[Gap, ...]
    not_seen: Mapping[str, int]
    unread: int = 0
    resting: int = 0
    judged_ms: int | None = None


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
    missed = or_(table.status.in_([*GAPS]), near)
    query = select(rule_results).where(missed).order_by(table.facility, table.rule)
    read = connection.execute(query.limit(_MOST_GAPS)).all()
    all_of_them = select(func.count()).select_from(rule_results).where(missed)
    unread = 0 if len(read) < _MOST_GAPS else (connection.scalar(all_of_them) or 0) - len(read)
    found = [
        (_gap(row, detail, words), row.reason in _NEAR)
        for row in read
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
        unread,
        connection.scalar(_RESTING) or 0,
        connection.scalar(select(func.max(table.evaluated_ms))),
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
_MORE = ("- và {} dòng nữa không nêu ở đây", "- and {} lines more, not shown here")
_STORM = (
    "Chế độ bão: {} sự cố đang mở chưa báo; xem trang sự cố tại trung tâm.",
    "Storm mode: {} open incidents are not told; see the centre's incidents.",
)
_UNREAD = (
    "Còn {} tồn tại chưa được đọc; xem `tramgac-collector rules gaps`.",
    "{} gaps more were not read; see `tramgac-collector rules gaps`.",
)
_COUNT = ("{} tồn tại ở {} cơ sở", "{} gaps in {} facilities")
_OLD = ("chưa đánh giá lại từ {}", "not judged since {}")
_OLD_LIST = (
    "Hệ thống không đánh giá nữa: danh sách dưới đây là của lúc đó. Báo người quản trị trung tâm.",
    "Nothing is judged any more: this list is of that time. Tell whoever runs the centre.",
)


def digest_message(standing: Standing, inventory: Inventory, now_ms: int) -> Message:
    """The daily list, Vietnamese first, then English."""
    facilities = len({one.facility for one in standing.gaps})
    parts = ["\n".join(_lines(standing, inventory, now_ms, language)) for language in LANGUAGES]
    gaps = f"{len(standing.gaps)}+" if standing.unread else len(standing.gaps)
    count = [pick(_COUNT, one).format(gaps, facilities) for one in LANGUAGES]
    if old_ms := _old_since(standing, now_ms):
        count = [pick(_OLD, one).format(moment(old_ms)[:16]) for one in LANGUAGES]
    subject = f"[Trạm Gác] {day(now_ms)}: {count[0]} / {count[1]}"
    return Message(subject, "\n\n".join(parts), f"Trạm Gác {day(now_ms)}: {count[0]}")


def _old_since(standing: Standing, now_ms: int) -> int | None:
    """When rules were judged last, where that is too long ago to say anything of today."""
    judged_ms = standing.judged_ms
    return judged_ms if judged_ms is not None and now_ms - judged_ms > JUDGED_MS else None


def _lines(standing: Standing, inventory: Inventory, now_ms: int, language: str) -> Iterator[str]:
    yield f"{pick(_TITLE, language)}, {day(now_ms)}"
    if old_ms := _old_since(standing, now_ms):
        yield f"{pick(_OLD, language).format(moment(old_ms)[:16])}. {pick(_OLD_LIST, language)}"
    elif not standing.gaps:
        yield pick(_NONE, language)
    own: dict[str, list[Gap]] = {one: [] for one in standing.not_seen}
    for gap in (*standing.deadlines, *standing.gaps):
        own.setdefault(gap.facility, []).append(gap)
    rooms = _rooms({facility: len(gaps) for facility, gaps in own.items()})
    for facility, name in _in_order(own, inventory, language):
        blind, gaps = standing.not_seen.get(facility, 0), own[facility]
        yield f"\n{name}" + (f" ({pick(_BLIND, language).format(blind)})" if blind else "")
        shown = sorted(gaps, key=lambda one: _badness(one, now_ms))[: rooms[facility]]
        yield from (_line(one, now_ms, language) for one in shown)
        if left := len(gaps) - len(shown):
            yield pick(_MORE, language).format(left)
    if standing.resting:
        yield "\n" + pick(_STORM, language).format(standing.resting)
    if standing.unread:
        yield "\n" + pick(_UNREAD, language).format(standing.unread)


def _in_order(
    own: Mapping[str, Sequence[Gap]], inventory: Inventory, language: str
) -> list[tuple[str, str]]:
    """Ids and names; where most is missing first."""
    names = {}
    for facility in own:
        found = inventory.facility(facility)
        names[facility] = facility if found is None else plain(found.title(language))
    return sorted(names.items(), key=lambda one: (-len(own[one[0]]), sort_key(one[1])))


def _rooms(wanted: Mapping[str, int]) -> dict[str, int]:
    """How many lines each facility gets: a few for each, the rest where most is missing."""
    rooms = dict.fromkeys(wanted, 0)
    left = _MOST_LINES
    for most in (_FEW, _MOST_LINES):
        for facility in sorted(wanted, key=lambda one: (-wanted[one], one)):
            more = min(max(0, min(wanted[facility], most) - rooms[facility]), left)
            rooms[facility] += more
            left -= more
    return rooms


def _badness(gap: Gap, now_ms: int) -> tuple[bool, bool, bool, bool, int]:
    """What comes first: what is past, binding, whole and answered by nobody; the oldest."""
    return (
        bool(gap.overlay),
        gap.due_ms is None or gap.due_ms > now_ms,
        gap.advisory or gap.words.product,
        gap.status == Status.PARTIAL,
        gap.since_ms,
    )


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
