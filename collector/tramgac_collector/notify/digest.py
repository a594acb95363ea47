"""Regulatory gaps, told once a day and paging nobody: what is missing, by clause."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from tramgac_collector.inventory.model import Inventory
from tramgac_collector.notify.message import Message
from tramgac_collector.notify.roster import local
from tramgac_collector.notify.words import LANGUAGES, pick
from tramgac_collector.rules.pack import Pack
from tramgac_collector.rules.status import Status
from tramgac_collector.store.schema import rule_results
from tramgac_collector.web.words import day, sort_key

GAPS = (Status.FAIL, Status.PARTIAL)
NOT_SEEN = (Status.UNKNOWN, Status.STALE)
_MOST_LINES = 100
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
    """One rule that one facility does not meet, by the evidence at hand."""

    facility: str
    rule: str
    status: str
    advisory: bool
    since_ms: int
    clause: str
    text: tuple[str, str]
    product: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where all facilities stand.

    Attributes:
        not_seen: How many rules of each facility cannot be judged for want of evidence.
    """

    gaps: tuple[Gap, ...]
    not_seen: Mapping[str, int]


def rule_words(packs: Sequence[Pack]) -> dict[str, RuleWords]:
    """Clause and text of every rule and deadline, by its id."""
    found: dict[str, RuleWords] = {}
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
    query = (
        select(rule_results)
        .where(table.status.in_([*GAPS]))
        .order_by(table.facility, table.rule)
        .limit(_MOST_GAPS)
    )
    gaps = tuple(_gap(row, words) for row in connection.execute(query))
    blind = connection.execute(select(table.facility).where(table.status.in_([*NOT_SEEN])))
    return Standing(gaps, Counter(row.facility for row in blind))


def _gap(row: Any, words: Mapping[str, RuleWords]) -> Gap:  # noqa: ANN401 - a row of any query
    said = words.get(row.rule, RuleWords("", (row.rule, row.rule)))
    return Gap(
        row.facility, row.rule, row.status, row.advisory, row.since_ms,
        said.clause, said.text, said.product,
    )  # fmt: skip


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
    "advisory": ("tham khảo, chưa đối chiếu văn bản gốc", "advisory, text not yet compared"),
    "product": ("mặc định của sản phẩm, không phải luật", "product default, not law"),
    "partial": ("một phần", "in part"),
}
_SINCE = ("từ {}", "since {}")
_BLIND = ("{} yêu cầu chưa đủ bằng chứng", "{} requirements without enough evidence")
_MORE = ("và {} tồn tại nữa", "and {} gaps more")
_COUNT = ("{} tồn tại ở {} cơ sở", "{} gaps in {} facilities")


def digest_message(standing: Standing, inventory: Inventory, now_ms: int) -> Message:
    """The daily list, Vietnamese first, then English."""
    gaps = standing.gaps
    facilities = len({one.facility for one in gaps})
    parts = ["\n".join(_lines(standing, inventory, now_ms, language)) for language in LANGUAGES]
    count = [pick(_COUNT, one).format(len(gaps), facilities) for one in LANGUAGES]
    subject = f"[Trạm Gác] {day(now_ms)}: {count[0]} / {count[1]}"
    return Message(subject, "\n\n".join(parts), f"Trạm Gác {day(now_ms)}: {count[0]}")


def _lines(standing: Standing, inventory: Inventory, now_ms: int, language: str) -> Iterator[str]:
    yield f"{pick(_TITLE, language)}, {day(now_ms)}"
    if not standing.gaps:
        yield pick(_NONE, language)
    named = {}
    for facility in {one.facility for one in standing.gaps} | {*standing.not_seen}:
        found = inventory.facility(facility)
        named[facility] = facility if found is None else found.title(language)
    room = _MOST_LINES
    for facility in sorted(named, key=lambda one: sort_key(named[one])):
        own = [one for one in standing.gaps if one.facility == facility]
        blind = standing.not_seen.get(facility, 0)
        yield f"\n{named[facility]}" + (
            f" ({pick(_BLIND, language).format(blind)})" if blind else ""
        )
        yield from (_line(one, language) for one in own[: max(0, room)])
        room -= len(own)
    if room < 0:
        yield pick(_MORE, language).format(-room)


def _line(gap: Gap, language: str) -> str:
    marks = [
        pick(_MARKS[mark], language)
        for mark, holds in (
            ("partial", gap.status == Status.PARTIAL),
            ("advisory", gap.advisory),
            ("product", gap.product),
        )
        if holds
    ]
    since = pick(_SINCE, language).format(day(gap.since_ms))
    said = "; ".join([part for part in (gap.clause, since, *marks) if part])
    return f"- {pick(gap.text, language)} [{said}]"
