"""Agents as the centre sees them, and what should exist and does not: these page by themselves."""

from typing import Final

from tramgac_dashboards.alerts.model import Alert, Held
from tramgac_dashboards.alerts.thresholds import CENTRE, COLLECTOR
from tramgac_dashboards.model import Text

_C, _K = CENTRE, COLLECTOR
_SEEN: Final = "tramgac_agent_last_seen_timestamp_seconds"
_HOST: Final = "facility, site, host"
_CERTIFICATE: Final = "tramgac_agent_certificate_expiry_timestamp_seconds"
_OFFSET: Final = "tramgac_agent_clock_offset_seconds"
# A count that is born at 5 has risen by 5, which `increase` cannot see. So that a Prometheus that
# was started just now takes no old counts for news, it must have looked an hour ago.
_BEFORE: Final = 'and on () up{job="tramgac"} offset 1h'
_KEPT: Final = "tramgac_collector_quarantined_total"
_QUARANTINED: Final = f"({_KEPT} unless {_KEPT} offset 1h {_BEFORE}) or increase({_KEPT}[1h])"
_GONE: Final = "tramgac_agent_lost_records"
# An agent that was silent for hours comes back with what it lost long ago.
_LOST: Final = (
    f"({_GONE} unless max_over_time({_GONE}[1d:10m] offset 1h) {_BEFORE}) or delta({_GONE}[1h])"
)

CALLS: Final = (
    Alert(
        "TramgacRecordsQuarantined", "medium",
        f"sum by (code) ({_QUARANTINED}) > 0",
        Text(vi="Có báo cáo không được chấp nhận.", en="Records could not be accepted."),
        Text(
            vi="Lý do {{ $labels.code }}. Dữ liệu còn giữ trong bảng quarantine của kho.",
            en="Reason {{ $labels.code }}. They are kept in the table quarantine of the store.",
        ),
        board="fleet",
    ),
    Alert(
        "TramgacCallsRefused", "medium",
        'sum by (code) (increase(tramgac_collector_refused_total{code!="cloned"}[15m]))'
        f" > {_C['refused_calls']}",
        Text(vi="Nhiều lời gọi của tác nhân bị từ chối.", en="Many calls of agents are refused."),
        Text(
            vi='Lý do {{ $labels.code }}, {{ $value | printf "%.0f" }} lần trong 15 phút.',
            en='Reason {{ $labels.code }}, {{ $value | printf "%.0f" }} times in 15 minutes.',
        ),
        keep=Held("15m", "agents ask again at growing intervals"),
        board="fleet",
    ),
    Alert(
        "TramgacAgentCloned", "medium",
        'increase(tramgac_collector_refused_total{code="cloned"}[1h]) > 0',
        Text(vi="Hai máy dùng chung một danh tính.", en="Two machines call with one identity."),
        Text(
            vi="Thường do nhân bản máy ảo. `tramgac-collector agents list` cho biết máy nào.",
            en="Mostly a copied virtual machine. `tramgac-collector agents list` says which.",
        ),
        keep=Held("1h", "both go on until somebody acts"),
        board="fleet",
    ),
    Alert(
        "TramgacHandshakesFailing", "medium",
        f"increase(tramgac_collector_handshake_failures_total[15m]) > {_C['handshake_failures']}",
        Text(vi="Nhiều kết nối hỏng ở bước TLS.", en="Many connections fail in TLS."),
        Text(
            vi='{{ $value | printf "%.0f" }} lần trong 15 phút: chứng thư sai hoặc hết hạn, hoặc'
            " có kẻ dò cổng.",
            en='{{ $value | printf "%.0f" }} in 15 minutes: wrong or ended certificates, or'
            " somebody scans.",
        ),
        keep=Held("15m", "agents ask again at growing intervals"),
        board="fleet",
    ),
    Alert(
        "TramgacRecordsLost", "medium",
        f"sum by (facility, site, host, reason) ({_LOST}) > 0",
        Text(vi="Có số liệu đo bị mất hẳn.", en="Measurements are gone for good."),
        Text(
            vi="{{ $labels.facility }}/{{ $labels.host }}: lý do {{ $labels.reason }}.",
            en="{{ $labels.facility }}/{{ $labels.host }}: reason {{ $labels.reason }}.",
        ),
        board="fleet",
    ),
    Alert(
        "TramgacLiveRefused", "low",
        "sum by (code) (increase(tramgac_collector_live_refused_total[1h])) > 0",
        Text(vi="Có số liệu đã lưu nhưng không hiện.", en="Values are stored and not shown."),
        Text(
            vi="Lý do {{ $labels.code }}: quá nhiều chuỗi, hoặc hai tác nhân trên một máy.",
            en="Reason {{ $labels.code }}: too many series, or two agents on one host.",
        ),
        board="fleet",
    ),
    Alert(
        "TramgacOutboxGrowing", "low",
        f"tramgac_agent_outbox_records > {_C['outbox_records']}"
        " and on (facility, site, host) delta(tramgac_agent_outbox_records[30m]) >= 0",
        Text(vi="Tác nhân gửi bù không kịp.", en="An agent does not get rid of its backlog."),
        Text(
            vi="{{ $labels.facility }}/{{ $labels.host }} còn {{ $value | humanize }} bản ghi chưa"
            " gửi.",
            en="{{ $labels.facility }}/{{ $labels.host }} holds {{ $value | humanize }} records"
            " unsent.",
        ),
        Held("1h", "a backlog of a day is sent within minutes"),
        board="fleet",
    ),
)  # fmt: skip

AGENTS: Final = (
    Alert(
        "TramgacAgentCertificatesEnding", "medium",
        f"count by (facility) ({_CERTIFICATE} - time() < {_C['renew_late_days']} * 86400"
        " and on (facility, site, host) tramgac_agent_up == 1)",
        Text(
            vi="Tác nhân đang gọi mà không gia hạn chứng thư.",
            en="Agents that call do not renew.",
        ),
        Text(
            vi="{{ $labels.facility }}: {{ $value }} tác nhân. Xem bộ phận cấp chứng thư của trung"
            " tâm.",
            en="{{ $labels.facility }}: {{ $value }} agents. Look at the centre's enrolment"
            " service.",
        ),
        Held("6h", "an agent that was dark for months renews within the hour of its return"),
        board="fleet",
    ),
    Alert(
        "TramgacCentreClockWrong", "medium",
        f"abs(quantile(0.5, {_OFFSET})) > {_K['clock_seconds']} and on () count({_OFFSET}) > 3",
        Text(vi="Đồng hồ của trung tâm có lẽ sai.", en="The centre's own clock is probably wrong."),
        Text(
            vi="Đa số tác nhân lệch {{ $value | humanize }} giây so với trung tâm. Xem NTP của máy"
            " này.",
            en="Most agents differ by {{ $value | humanize }} s from the centre. Look at its NTP.",
        ),
        Held("5m", "a clock that is being set jumps once"),
        board="fleet",
    ),
    Alert(
        "TramgacVersionsMany", "low",
        f"count(version:tramgac_agents:count) > {_C['versions']}",
        Text(vi="Tác nhân có quá nhiều phiên bản.", en="Agents of too many versions."),
        Text(
            vi="{{ $value }} phiên bản cùng chạy: có máy chậm ít nhất ba phiên bản. Nâng cấp dần.",
            en="{{ $value }} versions run: some are at least three behind. Upgrade by and by.",
        ),
        Held("24h", "an upgrade of a province takes a day"),
        board="fleet",
    ),
    Alert(
        "TramgacAgentHeavy", "low",
        f"tramgac_agent_resident_memory_bytes > {_C['agent_memory_bytes']}",
        Text(vi="Tác nhân dùng quá nhiều bộ nhớ.", en="An agent uses too much memory."),
        Text(
            vi="{{ $labels.facility }}/{{ $labels.host }}: {{ $value | humanize1024 }}B. Khởi động"
            " lại tác nhân.",
            en="{{ $labels.facility }}/{{ $labels.host }}: {{ $value | humanize1024 }}B. Restart"
            " the agent.",
        ),
        Held("1h", "a large answer takes memory for a moment"),
        Held("5m", "the figure goes up and down"),
        board="fleet",
    ),
    Alert(
        "TramgacCheckFailing", "low",
        "count by (facility, check) (max_over_time(tramgac_check_success[1h]) == 0)",
        Text(vi="Một phép đo hỏng nhiều giờ.", en="A check has failed for hours."),
        Text(
            vi="{{ $labels.facility }}: phép đo {{ $labels.check }} hỏng trên {{ $value }} máy."
            " Chỗ đó"
            " không biết gì.",
            en="{{ $labels.facility }}: check {{ $labels.check }} fails on {{ $value }} hosts."
            " Nothing"
            " is known there.",
        ),
        Held(str(_C["check_failing_for"]), "a long backup keeps a repository shut"),
        board="fleet",
    ),
)  # fmt: skip

DECLARED: Final = (
    Alert(
        "TramgacCoverageLow", "medium",
        f"tramgac_facility_coverage_ratio < {_C['coverage_ratio']}",
        Text(vi="Cơ sở có quá ít máy báo cáo.", en="Too few hosts of a facility report."),
        Text(
            vi="{{ $labels.facility }}: chỉ {{ $value | humanizePercentage }} máy đã khai báo báo"
            " cáo, đã"
            " một ngày. Số liệu của cơ sở này nói lên rất ít.",
            en="{{ $labels.facility }}: for a day only {{ $value | humanizePercentage }} of its"
            " declared"
            " hosts report. Its figures say little.",
        ),
        Held(str(_C["coverage_for"]), "an outage that was forgotten"),
        board="facility", storm=True, planned=("facility",),
    ),
    Alert(
        "TramgacHostNeverReported", "medium",
        'count by (facility) (tramgac_host_info{role=~"server|probe"}'
        f" unless on ({_HOST}) {_SEEN})",
        Text(vi="Máy đã khai báo mà chưa từng báo cáo.", en="Declared hosts have never called."),
        Text(
            vi="{{ $labels.facility }}: {{ $value }} máy. Cài tác nhân, hoặc bỏ khỏi danh mục.",
            en="{{ $labels.facility }}: {{ $value }} hosts. Install the agent, or take them off"
            " the inventory.",
        ),
        Held(str(_C["never_reported_for"]), "between declaring a host and installing its agent"),
        board="fleet", storm=True,
    ),
    Alert(
        "TramgacDeviceNotAsked", "low",
        'count by (facility) (tramgac_host_info{role!~"server|probe|agentless"}'
        f" unless on ({_HOST}) max_over_time(tramgac_device_up[1d])"
        " and on (facility, site) max by (facility, site) (tramgac_agent_up) == 1)",
        Text(vi="Thiết bị đã khai báo mà không ai đo.", en="No agent asks some declared devices."),
        Text(
            vi="{{ $labels.facility }}: {{ $value }} thiết bị. Xem mục SNMP của tác nhân ở đó.",
            en="{{ $labels.facility }}: {{ $value }} devices. Look at the SNMP settings of an"
            " agent there.",
        ),
        Held(str(_C["never_reported_for"]), "between declaring a device and setting its agent up"),
        board="fleet", storm=True,
    ),
    Alert(
        "TramgacSeriesNotJudged", "medium",
        "count by (facility) (tramgac_backup_rpo_seconds unless on (facility, site, host, series)"
        " tramgac_backup_state)",
        Text(vi="Chuỗi sao lưu không được xét.", en="Declared backups have no verdict."),
        Text(
            vi="{{ $labels.facility }}: {{ $value }} chuỗi không có kết luận nào. Không biết có"
            " sao lưu không.",
            en="{{ $labels.facility }}: {{ $value }} series without any verdict. Nobody knows of a"
            " backup.",
        ),
        Held("30m", "a restart of the judge takes minutes to judge all again"),
        board="backups",
    ),
    Alert(
        "TramgacRulesNotJudged", "medium",
        "count by (facility) (tramgac_facility_info) unless on (facility) tramgac_rule_status",
        Text(vi="Quy định của cơ sở không được xét.", en="No rule is judged for a facility."),
        Text(
            vi="{{ $labels.facility }}: không quy định nào được xét trong hai giờ. Không có chỗ hở"
            " trên"
            " bảng không có nghĩa là không hở.",
            en="{{ $labels.facility }}: no rule was judged for two hours. No gap on the board does"
            " not"
            " mean that there is none.",
        ),
        Held("30m", "two hours have gone by expiry; a new inventory takes minutes"),
        board="regulations",
    ),
)  # fmt: skip
