"""The collector's own verdicts: for those who let Prometheus do the telling."""

from typing import Final

from tramgac_dashboards.alerts.centre import TRUSTED
from tramgac_dashboards.alerts.model import ONE_REPORT, Alert, Held, Level
from tramgac_dashboards.alerts.thresholds import CENTRE, seconds
from tramgac_dashboards.model import Text

_LEVELS: Final[tuple[Level, ...]] = ("critical", "high", "medium", "low")
INCIDENTS: Final = tuple(
    Alert(
        "IncidentOpen", level,
        "sum by (facility, site, code) (tramgac_incident_open"
        f'{{severity="{level}"}}) > 0\nand on () ({TRUSTED})',
        Text(vi="Bộ thu nhận thấy có sự cố.", en="The collector holds an incident open."),
        Text(
            vi="{{ $labels.facility }}/{{ $labels.site }}: {{ $labels.code }} ({{ $value }}). Chi"
            " tiết:"
            " `tramgac-collector incidents list`.",
            en="{{ $labels.facility }}/{{ $labels.site }}: {{ $labels.code }} ({{ $value }}). More:"
            " `tramgac-collector incidents list`.",
        ),
        keep=Held("2m", "that collector or judge is dead is known by then: no recovery is told"),
        board="facility", told_by="collector", storm=True,
    )
    for level in _LEVELS
)  # fmt: skip

LAW: Final = (
    Alert(
        "RegulatoryGap", "none",
        "(tramgac_rule_status == 1 or tramgac_rule_status == 2)"
        " unless on (facility, rule) tramgac_gap_accepted_until_timestamp_seconds > time()",
        Text(vi="Thấy có chỗ hở so với quy định.", en="A gap against a regulation was observed."),
        Text(
            vi="{{ $labels.facility }}: {{ $labels.rule }}. Xem trang Quy định; không ai bị gọi vì"
            " việc này.",
            en="{{ $labels.facility }}: {{ $labels.rule }}. See the Rules page; nobody is called"
            " for it.",
        ),
        keep=ONE_REPORT, board="regulations", told_by="collector",
    ),
    Alert(
        "RegulatoryDeadline", "none",
        f"rule:tramgac_deadline:days < {seconds(CENTRE['deadline_soon']) / 86_400:.0f}",
        Text(vi="Sắp hoặc đã quá hạn một việc phải làm.", en="Something that must be done is due."),
        Text(
            vi='{{ $labels.facility }}: {{ $labels.rule }}. Số ngày còn lại (âm: quá hạn):'
            ' {{ $value | printf "%.0f" }}.',
            en='{{ $labels.facility }}: {{ $labels.rule }}. Days left (below 0: overdue):'
            ' {{ $value | printf "%.0f" }}.',
        ),
        keep=ONE_REPORT, board="regulations", told_by="collector",
    ),
)  # fmt: skip
