"""Regulations: which clauses show a gap, what is due, what was accepted, what nobody can judge."""

from tramgac_dashboards.choices import FACILITY, NAMED
from tramgac_dashboards.model import (
    Bars,
    Board,
    Column,
    Link,
    Look,
    Query,
    Row,
    Table,
    Text,
    Timeline,
    Variable,
)  # fmt: skip
from tramgac_dashboards.palette import (
    BAD,
    COUNT,
    NEUTRAL,
    RULE_STATUS,
    UNKNOWN,
    WARN,
    WORST,
    any_is,
    falling,
)  # fmt: skip
from tramgac_dashboards.pieces import DAYS_LEFT, NONE_FOUND, figure

_IN = 'facility=~"$facility"'
_PACK = Variable("pack", Text(vi="Bộ quy định", en="Pack"), "label_values(tramgac_rule_info, pack)")
# The chosen packs' rules of the chosen facilities.
_OF_PACK = ' * on(rule) group_left(pack) (tramgac_rule_info{pack=~"$pack"})'
_STATUS = f'(tramgac_rule_status{{{_IN}}} and on(rule) tramgac_rule_info{{pack=~"$pack"}})'
_TITLED = " * on(rule) group_left(title_{lang}, cite) tramgac_rule_info"
_ACCEPTED = Look(unit="s", nothing=Text(vi="chưa", en="not accepted"))
_NO_DATE = Text(vi="không đặt ngày", en="no date")
_KNOWN = f" or 0 * count({_STATUS})"


def _with(*numbers: int) -> str:
    """Those with one of these statuses."""
    return "(" + " or ".join(f"{_STATUS} == {number}" for number in numbers) + ")"


def _by_facility(*numbers: int) -> Query:
    """How many of each facility's have one of these statuses; 0 where others are judged."""
    counted = f"count by (facility) ({_with(*numbers)}) or 0 * count by (facility) ({_STATUS})"
    return Query(f"max by (facility, name_{{lang}}) (({counted}){NAMED})")


_FIGURES = Row(
    Text(
        vi="Không bao giờ nói “đạt”, chỉ nói “không thấy hở”",
        en="Never “compliant”, only “no gap observed”",
    ),
    (
        figure(
            Text(vi="Lượt xét", en="Judged"),
            Text(
                vi="Quy định nhân với cơ sở, theo các bộ đã chọn.",
                en="Rules times facilities, of the packs chosen.",
            ),
            f"count({_STATUS})", COUNT, "TramgacRulesNotJudged",
        ),
        figure(
            Text(vi="Có kết luận", en="Answered"),
            Text(
                vi="Phần áp dụng mà biết được: không thấy hở, hở, hở một phần.",
                en="Share of what applies that is known: no gap, gap, partial.",
            ),
            f"count({_with(0, 1, 2)}) / count({_STATUS} != 5)",
            Look(unit="percentunit", steps=falling(0.5, 0.9), decimals=0, least=0, most=1),
        ),
        figure(
            Text(vi="Hở", en="Gaps"), Text(vi="Thấy hở.", en="A gap was seen."),
            f"count({_with(1)}){_KNOWN}",
            Look(unit="short", steps=any_is(BAD), decimals=0), "RegulatoryGap",
        ),
        figure(
            Text(vi="Hở một phần", en="Partial"),
            Text(vi="Có phần đủ, có phần không.", en="Part of it is there."),
            f"count({_with(2)}){_KNOWN}",
            Look(unit="short", steps=any_is(WARN), decimals=0), "RegulatoryGap",
        ),
        figure(
            Text(vi="Chưa biết hoặc cũ", en="Unknown or stale"),
            Text(
                vi="Thiếu bằng chứng, hoặc bằng chứng đã hết hạn. Không phải là đạt.",
                en="Evidence is missing or too old. That is no pass.",
            ),
            f"count({_with(3, 4)}){_KNOWN}",
            Look(unit="short", steps=any_is(UNKNOWN), decimals=0),
        ),
        figure(
            Text(vi="Ngoài tầm đo", en="Out of reach"),
            Text(
                vi="Máy không xét được: phải có người xem.",
                en="No machine can judge these: somebody has to look.",
            ),
            f"count({_with(6, 7)}){_KNOWN}",
            Look(unit="short", steps=NEUTRAL, decimals=0),
        ),
        figure(
            Text(vi="Đã chấp nhận", en="Accepted"),
            Text(
                vi="Chủ quản chấp nhận có thời hạn; vẫn là hở.",
                en="Accepted by its owner for a while; a gap all the same.",
            ),
            f"count(tramgac_gap_accepted_until_timestamp_seconds{{{_IN}}} > time()){_KNOWN}",
            Look(unit="short", steps=NEUTRAL, decimals=0),
        ),
        figure(
            Text(vi="Quá hạn", en="Overdue"),
            Text(
                vi="Ngày cuối đã qua mà chưa thấy xong.",
                en="The last day passed, not shown done.",
            ),
            f"count(tramgac_deadline_timestamp_seconds{{{_IN}}} < time()){_KNOWN}",
            Look(unit="short", steps=any_is(WORST), decimals=0), "RegulatoryDeadline",
        ),
    ),
)  # fmt: skip

_NAMES = (
    Column("name_{lang}", Text(vi="Cơ sở", en="Facility")),
    Column("facility", Text(vi="Mã", en="Id"), link=Link("facility"), width=130),
)
_RULE = (
    Column("title_{lang}", Text(vi="Quy định", en="Rule")),
    Column("cite", Text(vi="Điều khoản", en="Clause")),
)
_BY = "facility, name_{lang}, rule, title_{lang}, cite"

_GAPS = Row(
    Text(vi="Hở và hạn", en="Gaps and deadlines"),
    (
        Table(
            Text(vi="Các chỗ hở, theo hạn", en="Gaps, by what is due"),
            Text(
                vi="Cột hạn trống: quy định không đặt ngày. Chấp nhận: còn bao lâu.",
                en="No days: the rule sets no date. Accepted: for how long still.",
            ),
            (
                Query(f"max by ({_BY}) ({_with(1, 2)}{NAMED}{_TITLED})"),
                Query(f"max by ({_BY}) (rule:tramgac_deadline:days{{{_IN}}}{NAMED}{_TITLED})"),
                Query(
                    f"max by ({_BY}) (((tramgac_gap_accepted_until_timestamp_seconds{{{_IN}}}"
                    f" - time()) and on(facility, rule) {_with(1, 2)}){NAMED}{_TITLED})"
                ),
            ),
            Look(nothing=NONE_FOUND), width=24, height=12, runbook="RegulatoryGap",
            columns=(
                *_NAMES, *_RULE,
                Column("A", Text(vi="Kết quả", en="Result"), Look(meanings=RULE_STATUS),
                       width=130),
                Column("B", Text(vi="Còn (ngày)", en="Days left"),
                       Look(unit="short", decimals=0, nothing=_NO_DATE, steps=DAYS_LEFT),
                       width=110),
                Column("C", Text(vi="Chấp nhận còn", en="Accepted for"), _ACCEPTED, width=130),
            ),
            sort=Text(vi="Còn (ngày)", en="Days left"), descending=False,
        ),
    ),
)  # fmt: skip

_MATRIX = Row(
    Text(vi="Theo bộ quy định và cơ sở", en="By pack and facility"),
    (
        Table(
            Text(vi="Bộ quy định", en="Packs"),
            Text(vi="Số lượt xét theo kết quả.", en="Judgements by result."),
            tuple(
                Query(f"count by (pack) ({_with(*numbers)}{_OF_PACK})"
                      f" or 0 * count by (pack) ({_STATUS}{_OF_PACK})")
                for numbers in ((0,), (1,), (2,), (3, 4), (5,), (6, 7))
            ),
            width=12, height=10,
            columns=(
                Column("pack", Text(vi="Bộ", en="Pack")),
                Column("A", Text(vi="Không thấy hở", en="No gap"), COUNT, width=120),
                Column("B", Text(vi="Hở", en="Gap"),
                       Look(unit="short", steps=any_is(BAD), decimals=0), width=80),
                Column("C", Text(vi="Một phần", en="Partial"),
                       Look(unit="short", steps=any_is(WARN), decimals=0), width=90),
                Column("D", Text(vi="Chưa biết, cũ", en="Unknown, stale"), COUNT, width=120),
                Column("E", Text(vi="Không áp dụng", en="Not applicable"), COUNT, width=120),
                Column("F", Text(vi="Ngoài tầm", en="Out of reach"), COUNT, width=110),
            ),
            sort=Text(vi="Hở", en="Gap"),
        ),
        Table(
            Text(vi="Cơ sở", en="Facilities"),
            Text(
                vi="Độ phủ đứng cạnh số chỗ hở: phủ thấp thì số hở chưa nói hết.",
                en="Coverage beside the gaps: where it is low, the gaps do not tell all.",
            ),
            (
                _by_facility(1, 2),
                _by_facility(3, 4),
                Query("max by (facility, name_{lang}) (tramgac_facility_coverage_ratio"
                      f"{{{_IN}}}{NAMED})"),
            ),
            width=12, height=10,
            columns=(
                *_NAMES,
                Column("A", Text(vi="Hở", en="Gaps"),
                       Look(unit="short", steps=any_is(BAD), decimals=0), width=80),
                Column("B", Text(vi="Chưa biết", en="Unknown"), COUNT, width=100),
                Column("C", Text(vi="Độ phủ", en="Coverage"),
                       Look(unit="percentunit", steps=falling(0.8, 0.95), decimals=0), width=100),
            ),
            sort=Text(vi="Hở", en="Gaps"),
        ),
        Timeline(
            Text(vi="Chỗ hở theo thời gian", en="Gaps over time"),
            Text(
                vi="Dòng dừng lại: hết hở, hoặc chưa biết; bảng trên nói cái nào.",
                en="Where a line ends the gap ended or is not known any more; see the table above.",
            ),
            (Query(f"max by (facility, rule) ({_with(1, 2)})", "{{facility}} {{rule}}"),),
            Look(meanings=RULE_STATUS, nothing=NONE_FOUND), width=24, height=12,
            runbook="RegulatoryGap",
        ),
    ),
)  # fmt: skip

_TEXTS = Row(
    Text(vi="Chính các quy định", en="The rules themselves"),
    (
        Bars(
            Text(vi="Văn bản đã được đối chiếu chưa", en="Was the text compared"),
            Text(
                vi="Chỉ quy định có người đối chiếu với nguồn mới có kết luận mạnh.",
                en="Only rules that somebody compared with the source can say much.",
            ),
            (Query('count by (text_status) (tramgac_rule_info{pack=~"$pack"})',
                   "{{text_status}}"),),
            COUNT, width=6, height=10,
        ),
        Table(
            Text(vi="Quy định đang xét", en="Rules in force here"),
            Text(vi="Theo các bộ đã chọn.", en="Of the packs chosen."),
            (Query("max by (rule, pack, force, text_status, title_{lang}, cite)"
                   ' (tramgac_rule_info{pack=~"$pack"})'),),
            width=18, height=10,
            columns=(
                Column("rule", Text(vi="Mã", en="Id")),
                Column("pack", Text(vi="Bộ", en="Pack"), width=150),
                Column("title_{lang}", Text(vi="Quy định", en="Rule")),
                Column("cite", Text(vi="Điều khoản", en="Clause")),
                Column("force", Text(vi="Hiệu lực", en="Force"), width=110),
                Column("text_status", Text(vi="Văn bản", en="Text"), width=110),
            ),
            sort=Text(vi="Mã", en="Id"), descending=False,
        ),
    ),
)  # fmt: skip

BOARD = Board(
    name="regulations",
    title=Text(vi="Trạm Gác / Quy định", en="Trạm Gác / Regulations"),
    what=Text(
        vi="Điều khoản nào thấy hở, việc gì đến hạn, điều gì được chấp nhận, gì chưa xét được.",
        en="Which clauses show a gap, what is due, what was accepted, what nobody can judge.",
    ),
    rows=(_FIGURES, _GAPS, _MATRIX, _TEXTS),
    variables=(_PACK, FACILITY),
    span="now-7d",
    refresh="5m",
)
