"""The province: every facility on one screen by the worst that is open, and what presses most."""

from tramgac_dashboards.boards._province_storm import CLOUDS, STORM
from tramgac_dashboards.choices import JUDGED, NAMED, short_names
from tramgac_dashboards.codes import INCIDENTS
from tramgac_dashboards.model import Board, Column, Link, Look, Query, Row, Stat, Table, Text
from tramgac_dashboards.palette import (
    AGE,
    BAD,
    COUNT,
    COVERAGE,
    SEVERITY_NAMES,
    UNKNOWN,
    VERDICT,
    WARN,
    WORST,
    any_is,
)  # fmt: skip
from tramgac_dashboards.pieces import DAYS_LEFT, NONE_FOUND, figure

# Added to a count, it shows a zero only while somebody judges, and somebody reports.
_KNOWN = f" or 0 * (count(tramgac_agent_up == 1) and on() {JUDGED})"


def _number(colour: str) -> Look:
    return Look(unit="short", steps=any_is(colour), decimals=0)


def _open(severity: str) -> str:
    return f'sum(tramgac_incident_open{{severity="{severity}"}}){_KNOWN}'


_FIGURES = Row(
    Text(vi="Cả tỉnh", en="The whole province"),
    (
        figure(
            Text(vi="Cơ sở", en="Facilities"), Text(vi="Theo danh mục.", en="By the inventory."),
            "count(tramgac_facility_info)", COUNT,
        ),
        figure(
            Text(vi="Độ phủ", en="Coverage"),
            Text(
                vi="Phần máy khai báo đang gọi về. Mọi con số khác chỉ nói về phần này.",
                en="Share of declared hosts that report. Every other figure speaks of these only.",
            ),
            "province:tramgac_coverage:ratio", COVERAGE, "TramgacCoverageLow",
        ),
        figure(
            Text(vi="Không biết gì", en="Nothing known"),
            Text(
                vi="Cơ sở không có máy nào gọi về: không phải là ổn.",
                en="Facilities of which no host reports: that is not well.",
            ),
            "province:tramgac_facilities_unknown:count", _number(UNKNOWN), "SiteUnreachable",
        ),
        figure(
            Text(vi="Nghiêm trọng", en="Critical"),
            Text(vi="Sự cố đang mở.", en="Open incidents."),
            _open("critical"), _number(WORST), "IncidentOpen",
        ),
        figure(
            Text(vi="Cao", en="High"), Text(vi="Sự cố đang mở.", en="Open incidents."),
            _open("high"), _number(BAD), "IncidentOpen",
        ),
        figure(
            Text(vi="Sao lưu hỏng, chặn, trễ", en="Backups bad or late"),
            Text(
                vi="Chuỗi sao lưu. Chưa chứng minh được tính riêng ở bảng Sao lưu.",
                en="Series failed, blocked or late. Those not proven: see the board of backups.",
            ),
            'count(tramgac_backup_state{state=~"failed|blocked|late"} == 1)'
            ' or 0 * count(tramgac_backup_state{state!="blind"} == 1)',
            _number(BAD), "BackupLate",
        ),
        figure(
            Text(vi="Hở quy định", en="Gaps"),
            Text(
                vi="Quy định thấy hở và chưa ai chấp nhận, cộng mọi cơ sở.",
                en="Rules with a gap that nobody has accepted, over all facilities.",
            ),
            "sum(facility:tramgac_rule_gaps:count)", _number(WARN), "RegulatoryGap",
        ),
        figure(
            Text(vi="Hạn trong 30 ngày", en="Due within 30 days"),
            Text(
                vi="Việc phải xong mà chưa thấy xong. Tính cả việc đã quá hạn.",
                en="Things to be done and not shown to be; those overdue are among them.",
            ),
            "count(tramgac_deadline_timestamp_seconds < time() + 30 * 86400)"
            " or 0 * count(tramgac_rule_status)",
            _number(WARN), "RegulatoryDeadline",
        ),
    ),
)  # fmt: skip

_GRID = Row(
    Text(vi="Từng cơ sở, nặng nhất trước", en="Every facility, the worst first"),
    (
        Stat(
            Text(vi="Cơ sở theo sự cố nặng nhất", en="Facilities by their worst incident"),
            Text(
                vi="Xám: không biết gì, hoặc biết quá ít (dưới 80 % máy gọi về). Xanh: không thấy"
                " sự cố.",
                en="Grey: nothing known, or too little (under 80 % of hosts report). Green: none"
                " found.",
            ),
            (
                Query(
                    "sort_desc("
                    + short_names(
                        "(facility:tramgac_open_severity:max or on(facility)"
                        " 5 * max by (facility) (tramgac_facility_info))" + NAMED
                    )
                    + ")",
                    "{{name_{lang}}}",
                ),
            ),
            Look(meanings=VERDICT), width=24, height=15, link=Link("facility"), names=True,
            runbook="IncidentOpen",
        ),
    ),
)  # fmt: skip

_BY = "facility, name_{lang}, site, code, severity"


def _incidents(metric: str) -> str:
    """Those of facilities with their names, and those of a provider or the centre without."""
    return (
        f"(max by ({_BY}) ({metric}{NAMED})"
        f' or max by (facility, site, code, severity) ({metric}{{facility=""}}))'
    )


_PRESSING = Row(
    Text(vi="Đang mở, và sắp đến hạn", en="Open, and due soon"),
    (
        Table(
            Text(vi="Sự cố đang mở", en="Open incidents"),
            Text(
                vi="Mỗi nguyên nhân một dòng. Trống: không thấy sự cố trong phần được phủ.",
                en="One line a cause. Empty: nothing was found in what is covered.",
            ),
            (
                Query(_incidents("tramgac_incident_open")),
                Query(f"time() - {_incidents('tramgac_incident_oldest_timestamp_seconds')}"),
            ),
            Look(nothing=NONE_FOUND), width=14, height=11, runbook="IncidentOpen",
            columns=(
                Column("severity", Text(vi="Mức", en="Severity"), Look(meanings=SEVERITY_NAMES),
                       width=110),
                Column("name_{lang}", Text(vi="Cơ sở", en="Facility")),
                Column("site", Text(vi="Địa điểm", en="Site"), width=110),
                Column("code", Text(vi="Sự cố", en="Incident"), INCIDENTS, width=220),
                Column("A", Text(vi="Số", en="Count"), COUNT, width=60),
                Column("B", Text(vi="Từ", en="Since"), AGE, width=110),
            ),
            sort=Text(vi="Từ", en="Since"), descending=False,
        ),
        Table(
            Text(vi="Hạn gần nhất", en="Nearest deadlines"),
            Text(
                vi="Việc phải xong mà chưa thấy xong. Số âm: đã quá hạn.",
                en="Things to be done and not shown to be. Below 0: overdue.",
            ),
            (
                Query(
                    "min by (facility, name_{lang}, rule, title_{lang}) (bottomk(30,"
                    f" rule:tramgac_deadline:days){NAMED}"
                    " * on(rule) group_left(title_{lang}) tramgac_rule_info)"
                ),
            ),
            Look(nothing=NONE_FOUND), width=10, height=11, runbook="RegulatoryDeadline",
            columns=(
                Column("name_{lang}", Text(vi="Cơ sở", en="Facility")),
                Column("title_{lang}", Text(vi="Việc", en="What")),
                Column("A", Text(vi="Còn (ngày)", en="Days left"),
                       Look(unit="short", steps=DAYS_LEFT, decimals=0), width=100),
            ),
            sort=Text(vi="Còn (ngày)", en="Days left"), descending=False,
        ),
    ),
)  # fmt: skip

BOARD = Board(
    name="province",
    title=Text(vi="Trạm Gác / Toàn tỉnh", en="Trạm Gác / Province"),
    what=Text(
        vi="Mọi cơ sở trên một màn hình: nơi nào hỏng, nơi nào không biết gì, việc gì sắp đến hạn.",
        en="Every facility on one screen: what is bad, where nothing is known, what is due soon.",
    ),
    rows=(_FIGURES, _GRID, _PRESSING, STORM, CLOUDS),
)
