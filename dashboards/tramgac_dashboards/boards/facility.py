"""One facility: everything that is known of it, with how much of it that is."""

from tramgac_dashboards.choices import JUDGED, ONE_FACILITY
from tramgac_dashboards.codes import INCIDENTS, PORT_FINDINGS
from tramgac_dashboards.model import (
    Board,
    Column,
    Graph,
    Link,
    Look,
    Query,
    Row,
    Step,
    Table,
    Text,
    Timeline,
)  # fmt: skip
from tramgac_dashboards.palette import (
    AGE,
    ANSWERS,
    BACKUP_STATE,
    BAD,
    COUNT,
    COVERAGE,
    NOTE,
    RULE_STATUS,
    SEVERITY_NAMES,
    UP,
    VERDICT,
    WARN,
    WORST,
    YES_IS_BAD,
    any_is,
    falling,
    rising,
)  # fmt: skip
from tramgac_dashboards.pieces import DAY, DAYS_LEFT, DISK_USED, NONE_FOUND, figure

_IN = 'facility=~"$facility"'
_BY = "facility, site, host"
_NOT_NOW = Text(vi="không", en="no")


def _max(metric: str, by: str) -> str:
    return f"max by ({by}) ({metric}{{{_IN}}})"


_STATE = Row(
    Text(vi="Cơ sở này bây giờ", en="This facility now"),
    (
        figure(
            Text(vi="Nặng nhất đang mở", en="Worst that is open"),
            Text(
                vi="Xám: không máy nào gọi về, không biết gì.",
                en="Grey: no host reports, nothing is known.",
            ),
            f"facility:tramgac_open_severity:max{{{_IN}}} or on(facility)"
            f" 5 * {_max('tramgac_facility_info', 'facility')}",
            Look(meanings=VERDICT), "IncidentOpen",
        ),
        figure(
            Text(vi="Độ phủ", en="Coverage"),
            Text(
                vi="Phần máy khai báo đang gọi về.", en="Share of declared hosts that report.",
            ),
            _max("tramgac_facility_coverage_ratio", "facility"), COVERAGE, "TramgacCoverageLow",
        ),
        figure(
            Text(vi="Sự cố đang mở", en="Open incidents"),
            Text(vi="Mỗi nguyên nhân một sự cố.", en="One for each cause."),
            f"sum(tramgac_incident_open{{{_IN}}})"
            f" or 0 * (count(tramgac_agent_up{{{_IN}}} == 1) and on() {JUDGED})",
            Look(unit="short", steps=any_is(BAD), decimals=0), "IncidentOpen",
        ),
        figure(
            Text(vi="Hệ thống không trả lời", en="Systems down"),
            Text(vi="Không máy nào hỏi được.", en="That nobody reaches."),
            f"facility:tramgac_systems_down:count{{{_IN}}}",
            Look(unit="short", steps=any_is(WORST), decimals=0), "ServiceDown",
        ),
        figure(
            Text(vi="Sao lưu chưa đạt", en="Backups not proven"),
            Text(
                vi="Mọi chuỗi không có đủ bằng chứng.", en="All series that lack a proof.",
            ),
            f'count(tramgac_backup_state{{{_IN}, state!="ok"}} == 1)'
            f" or 0 * count(tramgac_backup_state{{{_IN}}})",
            Look(unit="short", steps=any_is(WARN), decimals=0), "BackupLate",
        ),
        figure(
            Text(vi="Hở quy định", en="Gaps"),
            Text(
                vi="Thấy hở và chưa ai chấp nhận.", en="Seen, and accepted by nobody.",
            ),
            f"facility:tramgac_rule_gaps:count{{{_IN}}}",
            Look(unit="short", steps=any_is(WARN), decimals=0), "RegulatoryGap",
        ),
        figure(
            Text(vi="Hạn gần nhất", en="Nearest deadline"),
            Text(
                vi="Số ngày. Số âm: đã quá hạn. Chưa biết: không có hạn nào.",
                en="Days. Below 0: overdue. Not known: there is none.",
            ),
            f"min(rule:tramgac_deadline:days{{{_IN}}})",
            Look(unit="short", decimals=0,
                 steps=DAYS_LEFT),
            "RegulatoryDeadline",
        ),
        figure(
            Text(vi="Chế độ bão còn", en="Storm mode left"),
            Text(
                vi="Tin nhắn nhẹ tạm nghỉ, đo vẫn đo.",
                en="Lesser messages rest, measuring goes on.",
            ),
            f"max(tramgac_storm_until_timestamp_seconds{{{_IN}}}) - time()",
            Look(unit="s", steps=(Step(None, NOTE),), decimals=0, nothing=_NOT_NOW),
        ),
    ),
)  # fmt: skip

_HOSTS = Row(
    Text(vi="Máy và hệ thống", en="Hosts and systems"),
    (
        Table(
            Text(vi="Máy", en="Hosts"),
            Text(vi="Theo danh mục. Ô trống: chưa biết.", en="By the inventory. Empty: unknown."),
            (
                Query(f"max by ({_BY}, role, name_{{lang}}) (tramgac_host_info{{{_IN},"
                      ' role=~"server|probe|agentless"})'),
                Query(_max("tramgac_agent_up", _BY)),
                Query(f"time() - {_max('tramgac_agent_last_seen_timestamp_seconds', _BY)}"),
                Query(_max("host:tramgac_filesystem_used_ratio:max", _BY)),
                Query(_max("tramgac_agent_clock_offset_seconds", _BY)),
                Query(f"min by ({_BY}) (tramgac_network_link_speed_bytes{{{_IN}}}) * 8"),
                Query(
                    f"{_max('tramgac_maintenance_until_timestamp_seconds', _BY)} - time()"
                ),
            ),
            width=15, height=10, runbook="AgentSilent",
            columns=(
                Column("site", Text(vi="Địa điểm", en="Site"), width=110),
                Column("host", Text(vi="Máy", en="Host"), link=Link("server", "host")),
                Column("name_{lang}", Text(vi="Tên", en="Name")),
                Column("role", Text(vi="Vai trò", en="Role"), width=80),
                Column("B", Text(vi="Trạng thái", en="State"), Look(meanings=UP), width=110),
                Column("C", Text(vi="Gọi lần cuối", en="Last call"),
                       Look(unit="s", steps=rising(60, 110)), width=110),
                Column("D", Text(vi="Đĩa đầy nhất", en="Fullest disk"),
                       Look(unit="percentunit", steps=DISK_USED, decimals=0), width=110),
                Column("E", Text(vi="Lệch giờ", en="Clock off"), AGE, width=100),
                Column("F", Text(vi="Cổng chậm nhất", en="Slowest port"), Look(unit="bps"),
                       width=120),
                Column("G", Text(vi="Việc theo kế hoạch", en="Planned work"),
                       Look(unit="s", nothing=Text(vi="không có", en="none")), width=120),
            ),
            sort=Text(vi="Gọi lần cuối", en="Last call"),
        ),
        Table(
            Text(vi="Hệ thống", en="Systems"),
            Text(
                vi="HIS, LIS, PACS, bệnh án điện tử. Nhà cung cấp trống: chạy tại chỗ.",
                en="HIS, LIS, PACS, records. No provider: it runs in the house.",
            ),
            (
                Query("max by (facility, system, kind, provider, name_{lang})"
                      f" (tramgac_system_info{{{_IN}}})"),
                Query(_max("system:tramgac_service_up:max", "facility, system")),
                Query(_max("tramgac_service_probe_seconds", "facility, system")),
                Query(
                    "min by (facility, system)"
                    f" (tramgac_service_certificate_expiry_timestamp_seconds{{{_IN}}}) - time()"
                ),
            ),
            width=9, height=10, runbook="ServiceDown",
            columns=(
                Column("name_{lang}", Text(vi="Hệ thống", en="System")),
                Column("provider", Text(vi="Nhà cung cấp", en="Provider"),
                       Look(nothing=Text(vi="tại chỗ", en="in the house")), width=110),
                Column("B", Text(vi="Trạng thái", en="State"), Look(meanings=ANSWERS), width=120),
                Column("C", Text(vi="Trả lời sau", en="Answers in"), Look(unit="s"), width=100),
                Column("D", Text(vi="Chứng thư còn", en="Certificate left"),
                       Look(unit="s", steps=falling(3 * DAY, 14 * DAY)), width=120),
            ),
            sort=Text(vi="Trạng thái", en="State"), descending=False,
        ),
    ),
)  # fmt: skip

_WRONG = Row(
    Text(vi="Đang sai gì", en="What is wrong"),
    (
        Table(
            Text(vi="Sự cố", en="Incidents"),
            Text(vi="Trống: không thấy ở phần được phủ.", en="Empty: none in what is covered."),
            (
                Query(_max("tramgac_incident_open", "site, code, severity")),
                Query("time() - "
                      + _max("tramgac_incident_oldest_timestamp_seconds", "site, code, severity")),
            ),
            Look(nothing=NONE_FOUND), width=8, height=9, runbook="IncidentOpen",
            columns=(
                Column("severity", Text(vi="Mức", en="Severity"), Look(meanings=SEVERITY_NAMES),
                       width=110),
                Column("code", Text(vi="Sự cố", en="Incident"), INCIDENTS),
                Column("site", Text(vi="Địa điểm", en="Site"), width=90),
                Column("A", Text(vi="Số", en="Count"), COUNT, width=50),
                Column("B", Text(vi="Từ", en="Since"), AGE, width=100),
            ),
            sort=Text(vi="Từ", en="Since"), descending=False,
        ),
        Table(
            Text(vi="Sao lưu", en="Backups"),
            Text(vi="Mỗi dòng một chuỗi.", en="A line a series."),
            (
                Query(f"max by (series, state) (tramgac_backup_state{{{_IN}}} == 1)"),
                Query(_max("series:tramgac_backup_age_rpo:ratio", "series")),
            ),
            Look(nothing=Text(vi="không khai báo", en="none declared")),
            width=8, height=9, runbook="BackupLate",
            columns=(
                Column("series", Text(vi="Chuỗi", en="Series"), link=Link("backups", "series")),
                Column("state", Text(vi="Kết luận", en="Verdict"), Look(meanings=BACKUP_STATE),
                       width=130),
                Column("B", Text(vi="Tuổi / RPO", en="Age / RPO"),
                       Look(unit="percentunit", steps=rising(0.8, 1.0), decimals=0), width=90),
            ),
            sort=Text(vi="Tuổi / RPO", en="Age / RPO"),
        ),
        Table(
            Text(vi="Quy định chưa đạt", en="Rules not met"),
            Text(
                vi="Hở, hở một phần; chấp nhận tới khi nào nếu có.",
                en="Gaps and partial ones; until when accepted, if so.",
            ),
            (
                Query("max by (rule, title_{lang}) ((tramgac_rule_status"
                      f"{{{_IN}}} == 1 or tramgac_rule_status{{{_IN}}} == 2) * on(rule)"
                      " group_left(title_{lang}) tramgac_rule_info)"),
                Query("max by (rule, title_{lang}) ((tramgac_gap_accepted_until_timestamp_seconds"
                      f"{{{_IN}}} - time() and on(facility, rule) (tramgac_rule_status == 1"
                      " or tramgac_rule_status == 2)) * on(rule) group_left(title_{lang})"
                      " tramgac_rule_info)"),
            ),
            Look(nothing=NONE_FOUND), width=8, height=9, runbook="RegulatoryGap",
            columns=(
                Column("title_{lang}", Text(vi="Quy định", en="Rule")),
                Column("A", Text(vi="Kết quả", en="Result"), Look(meanings=RULE_STATUS),
                       width=120),
                Column("B", Text(vi="Chấp nhận còn", en="Accepted for"),
                       Look(unit="s", nothing=Text(vi="chưa", en="not accepted")), width=110),
            ),
            sort=Text(vi="Kết quả", en="Result"), descending=False,
        ),
        Table(
            Text(vi="Điện", en="Power"),
            Text(vi="UPS của cơ sở.", en="Its UPS units."),
            (
                Query(_max("tramgac_ups_on_battery", "site, host")),
                Query(_max("tramgac_ups_battery_charge_ratio", "site, host")),
                Query(_max("tramgac_ups_runtime_seconds", "site, host")),
            ),
            Look(nothing=Text(vi="không khai báo", en="none declared")),
            width=8, height=7, runbook="UpsOnBattery",
            columns=(
                Column("site", Text(vi="Địa điểm", en="Site")),
                Column("host", "UPS", link=None),
                Column("A", Text(vi="Chạy ắc quy", en="On battery"), Look(meanings=YES_IS_BAD)),
                Column("B", Text(vi="Sạc", en="Charge"),
                       Look(unit="percentunit", steps=falling(0.5, 0.9), decimals=0)),
                Column("C", Text(vi="Còn chạy", en="Time left"),
                       Look(unit="s", steps=falling(600, 1800))),
            ),
        ),
        Table(
            Text(vi="Mạng LAN", en="LAN"),
            Text(vi="Cổng có vấn đề, theo loại.", en="Ports with findings, by kind."),
            (Query(f"count by (site, finding) (tramgac_port_finding{{{_IN}}} == 1)"),),
            Look(nothing=NONE_FOUND), width=8, height=7, runbook="PortErrors",
            columns=(
                Column("site", Text(vi="Địa điểm", en="Site")),
                Column("finding", Text(vi="Vấn đề", en="Finding"), PORT_FINDINGS),
                Column("A", Text(vi="Số cổng", en="Ports"), COUNT),
            ),
        ),
        Table(
            Text(vi="Nơi không tới được", en="Places out of reach"),
            Text(vi="Trống: tới được mọi nơi đã thử.", en="Empty: all that were tried answer."),
            (Query(f"min by (site, host, target) (tramgac_path_reachable{{{_IN}}} == 0)"),),
            Look(nothing=NONE_FOUND), width=8, height=7, runbook="PathDown",
            columns=(
                Column("target", Text(vi="Nơi", en="Place")),
                Column("site", Text(vi="Địa điểm", en="Site")),
                Column("host", Text(vi="Từ máy", en="From")),
            ),
        ),
    ),
)  # fmt: skip

_HISTORY = Row(
    Text(vi="24 giờ qua", en="The last 24 hours"),
    (
        Timeline(
            Text(vi="Máy gọi về", en="Hosts that report"),
            Text(vi="Khoảng trống: trung tâm không chạy.", en="A gap: the centre did not run."),
            (Query(_max("tramgac_agent_up", "site, host"), "{{site}}/{{host}}"),),
            Look(meanings=UP), width=12, height=9, runbook="AgentSilent",
        ),
        Timeline(
            Text(vi="Hệ thống trả lời", en="Systems answer"),
            Text(
                vi="Khoảng trống: không ai hỏi được.", en="A gap: nobody could ask.",
            ),
            (Query(_max("system:tramgac_service_up:max", "system"), "{{system}}"),),
            Look(meanings=ANSWERS), width=12, height=9, runbook="ServiceDown",
        ),
        Graph(
            Text(vi="Độ phủ", en="Coverage"),
            Text(vi="Phần máy khai báo gọi về.", en="Share of declared hosts that report."),
            (Query(_max("tramgac_facility_coverage_ratio", "facility"), "{{facility}}"),),
            Look(unit="percentunit", steps=falling(0.8, 0.95), least=0, most=1), width=24,
            height=6,
        ),
    ),
)  # fmt: skip

BOARD = Board(
    name="facility",
    title=Text(vi="Trạm Gác / Cơ sở", en="Trạm Gác / Facility"),
    what=Text(
        vi="Mọi điều đang biết về một cơ sở, và biết được bao nhiêu phần.",
        en="Everything that is known of a facility, and how much of it that is.",
    ),
    rows=(_STATE, _HOSTS, _WRONG, _HISTORY),
    variables=(ONE_FACILITY,),
    span="now-24h",
)
