"""One server: is it up, is it full, is it slow, are its data saved."""

from tramgac_dashboards.choices import ONE_FACILITY, ONE_HOST
from tramgac_dashboards.model import (
    Board,
    Column,
    Graph,
    Link,
    Look,
    Meaning,
    Query,
    Row,
    Stat,
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
    GOOD,
    NEUTRAL,
    UP,
    WARN,
    YES_IS_BAD,
    any_is,
    falling,
    rising,
)  # fmt: skip
from tramgac_dashboards.pieces import DISK_USED

_ON = 'facility=~"$facility", host=~"$host"'
_LINK = (
    Meaning("1", Text(vi="có tín hiệu", en="carrier"), GOOD),
    Meaning("0", Text(vi="mất tín hiệu", en="no carrier"), BAD),
)
_DUPLEX = (
    Meaning("1", Text(vi="song công", en="full"), GOOD),
    Meaning("0", Text(vi="bán song công", en="half"), BAD),
)
_CLEAN = (
    Meaning("1", Text(vi="tắt đúng cách", en="orderly"), GOOD),
    Meaning("0", Text(vi="tắt đột ngột", en="not orderly"), WARN),
)


def _max(metric: str, by: str = "host") -> str:
    return f"max by ({by}) ({metric}{{{_ON}}})"


def _rate(metric: str, by: str, times: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{_ON}}}[$__rate_interval])){times}"


_STATE = Row(
    Text(vi="Máy này bây giờ", en="This host now"),
    (
        Stat(
            Text(vi="Trạng thái", en="State"),
            Text(vi="Tác nhân trên máy có gọi về không.", en="Whether its agent reports."),
            (Query(_max("tramgac_agent_up")),), Look(meanings=UP), width=3, height=4,
            runbook="AgentSilent",
        ),
        Stat(
            Text(vi="Gọi lần cuối", en="Last call"),
            Text(vi="Cách đây bao lâu.", en="How long ago."),
            (Query(f"time() - {_max('tramgac_agent_last_seen_timestamp_seconds')}"),),
            Look(unit="s", steps=rising(60, 110), decimals=0), width=3, height=4,
        ),
        Stat(
            Text(vi="Chạy liên tục", en="Up for"),
            Text(vi="Từ lần khởi động cuối.", en="Since the last boot."),
            (Query(_max("tramgac_host_uptime_seconds")),), AGE, width=3, height=4,
        ),
        Stat(
            Text(vi="Lần tắt cuối", en="Last stop"),
            Text(
                vi="Có được tắt đúng cách không. Đột ngột: mất điện hoặc treo máy.",
                en="Whether it was orderly. If not: power or a crash.",
            ),
            (Query(_max("tramgac_host_last_stop_clean")),), Look(meanings=_CLEAN),
            width=3, height=4, runbook="HostUncleanStop",
        ),
        Stat(
            Text(vi="Đĩa đầy nhất", en="Fullest disk"),
            Text(vi="Phần đã dùng, như df.", en="Used share, as df has it."),
            (Query(_max("tramgac_filesystem_used_ratio")),),
            Look(unit="percentunit", steps=DISK_USED, decimals=0), width=3, height=4,
            runbook="DiskFilling",
        ),
        Stat(
            Text(vi="Đồng hồ lệch", en="Clock off"),
            Text(
                vi="Giờ trung tâm trừ giờ máy.",
                en="The centre's clock minus the host's.",
            ),
            (Query(_max("tramgac_agent_clock_offset_seconds")),),
            Look(unit="s", steps=NEUTRAL), width=3, height=4, runbook="ClockWrong",
        ),
        Stat(
            Text(vi="Bản ghi chờ gửi", en="Records waiting"),
            Text(vi="Trên đĩa của tác nhân.", en="On the agent's disk."),
            (Query(_max("tramgac_agent_outbox_records")),), COUNT, width=3, height=4,
            runbook="TramgacOutboxGrowing",
        ),
        Stat(
            Text(vi="Phép đo hỏng", en="Checks failing"),
            Text(
                vi="Ở đó tác nhân không nhìn thấy gì.", en="The agent is blind there.",
            ),
            (Query(f"sum(tramgac_check_success{{{_ON}}} == bool 0)"),),
            Look(unit="short", steps=any_is(WARN), decimals=0), width=3, height=4,
            runbook="TramgacCheckFailing",
        ),
    ),
)  # fmt: skip

_FS = "mountpoint, fstype"
_DISKS = Row(
    Text(vi="Đĩa", en="Disks"),
    (
        Table(
            Text(vi="Các phân vùng", en="File systems"),
            Text(
                vi="Ngày còn lại tính thẳng từ 6 giờ qua: để gợi ý. Trống: không thấy đầy thêm.",
                en="Days left go on from the last 6 hours: a hint. Empty: no growth seen.",
            ),
            (
                Query(_max("tramgac_filesystem_used_ratio", _FS)),
                Query(_max("tramgac_filesystem_avail_bytes", _FS)),
                Query(_max("tramgac_filesystem_size_bytes", _FS)),
                Query(
                    f"max by ({_FS}) (tramgac_filesystem_avail_bytes{{{_ON}}} / (-deriv("
                    f"tramgac_filesystem_avail_bytes{{{_ON}}}[6h]) > 0)) / 86400"
                ),
                Query(
                    f"1 - {_max('tramgac_filesystem_files_free', _FS)}"
                    f" / {_max('tramgac_filesystem_files', _FS)}"
                ),
                Query(_max("tramgac_filesystem_readonly", _FS)),
                Query(_max("tramgac_filesystem_hung", _FS)),
                Query(_max("tramgac_filesystem_errors", _FS)),
            ),
            width=24, height=9, runbook="DiskFilling",
            columns=(
                Column("mountpoint", Text(vi="Nơi gắn", en="Mounted at")),
                Column("fstype", Text(vi="Loại", en="Type"), width=90),
                Column("A", Text(vi="Đã dùng", en="Used"),
                       Look(unit="percentunit", steps=DISK_USED, decimals=1)),
                Column("B", Text(vi="Còn", en="Free"), Look(unit="bytes")),
                Column("C", Text(vi="Cỡ", en="Size"), Look(unit="bytes")),
                Column("D", Text(vi="Còn (ngày, gợi ý)", en="Days left (hint)"),
                       Look(unit="short", steps=falling(0.5, 3), decimals=1,
                            nothing=Text(vi="không thấy tăng", en="no growth seen"))),
                Column("E", Text(vi="Inode đã dùng", en="Inodes used"),
                       Look(unit="percentunit", steps=DISK_USED, decimals=1)),
                Column("F", Text(vi="Chỉ đọc", en="Read-only"), Look(meanings=YES_IS_BAD)),
                Column("G", Text(vi="Treo", en="Hung"), Look(meanings=YES_IS_BAD)),
                Column("H", Text(vi="Lỗi", en="Errors"),
                       Look(unit="short", steps=any_is(BAD), decimals=0)),
            ),
            sort=Text(vi="Đã dùng", en="Used"),
        ),
        Graph(
            Text(vi="Đã dùng theo thời gian", en="Used over time"),
            Text(vi="85 %: sự cố vừa; 92 %: cao.", en="85 %: medium incident; 92 %: high."),
            (Query(_max("tramgac_filesystem_used_ratio", "mountpoint"), "{{mountpoint}}"),),
            Look(unit="percentunit", steps=DISK_USED, least=0, most=1), width=24,
        ),
    ),
)  # fmt: skip

_NETWORK = Row(
    Text(vi="Mạng", en="Network"),
    (
        Table(
            Text(vi="Cổng mạng", en="Network ports"),
            Text(
                vi="Tốc độ trống: trình điều khiển không nói, không phải là 0.",
                en="No speed: the driver does not tell it; that is not 0.",
            ),
            (
                Query(_max("tramgac_network_link_up", "interface")),
                Query(_max("tramgac_network_link_speed_bytes", "interface") + " * 8"),
                Query(_max("tramgac_network_link_full_duplex", "interface")),
                Query(
                    "sum by (interface) (increase("
                    f"tramgac_network_carrier_changes_total{{{_ON}}}[$__range]))"
                ),
                Query(
                    "sum by (interface) (increase("
                    f"tramgac_network_errors_total{{{_ON}}}[$__range]))"
                ),
                Query(
                    f"sum by (interface) (increase(tramgac_network_drops_total{{{_ON}}}[$__range]))"
                ),
                Query(
                    "sum by (interface) (increase("
                    f"tramgac_network_crc_errors_total{{{_ON}}}[$__range]))"
                ),
                Query(
                    "sum by (interface) (increase("
                    f"tramgac_network_collisions_total{{{_ON}}}[$__range]))"
                ),
            ),
            width=24, height=7, runbook="LinkSlow",
            columns=(
                Column("interface", Text(vi="Cổng", en="Port")),
                Column("A", Text(vi="Tín hiệu", en="Carrier"), Look(meanings=_LINK)),
                Column("B", Text(vi="Tốc độ", en="Speed"), Look(unit="bps")),
                Column("C", Text(vi="Chế độ", en="Duplex"), Look(meanings=_DUPLEX)),
                Column("D", Text(vi="Mất tín hiệu", en="Carrier changes"),
                       Look(unit="short", steps=any_is(WARN), decimals=0)),
                Column("E", Text(vi="Khung lỗi", en="Frame errors"),
                       Look(unit="short", steps=any_is(WARN), decimals=0)),
                Column("F", Text(vi="Khung bỏ", en="Drops"), COUNT),
                Column("G", Text(vi="Lỗi CRC", en="CRC errors"),
                       Look(unit="short", steps=any_is(WARN), decimals=0)),
                Column("H", Text(vi="Va chạm", en="Collisions"),
                       Look(unit="short", steps=any_is(WARN), decimals=0)),
            ),
        ),
        Graph(
            Text(vi="Lưu lượng", en="Traffic"),
            Text(vi="Theo cổng và chiều.", en="By port and direction."),
            (
                Query(_rate("tramgac_network_bytes_total", "interface, direction", " * 8"),
                      "{{interface}} {{direction}}"),
            ),
            Look(unit="bps", least=0), width=12,
        ),
        Graph(
            Text(vi="Độ trễ tới các đích", en="Round trips"),
            Text(
                vi="Trung bình mỗi lần đo. Khoảng trống: đích không trả lời.",
                en="Mean of each look. A gap: no answer.",
            ),
            (Query(_max("tramgac_path_rtt_seconds", "target, method"), "{{target}} {{method}}"),),
            Look(unit="s", least=0), width=12, runbook="PathSlow",
        ),
    ),
)  # fmt: skip

_WORK = Row(
    Text(vi="Hệ thống và sao lưu trên máy này", en="Systems and backups of this host"),
    (
        Timeline(
            Text(vi="Hệ thống trả lời", en="Systems answer"),
            Text(vi="Như máy này nhìn thấy.", en="As this host sees them."),
            (Query(_max("tramgac_service_up", "system, method"), "{{system}} {{method}}"),),
            Look(meanings=ANSWERS), width=12, height=8, runbook="ServiceDown",
        ),
        Table(
            Text(vi="Sao lưu", en="Backups"),
            Text(vi="Các chuỗi có dữ liệu ở máy này.", en="Series whose data lie here."),
            (
                Query(f"max by (series, state) (tramgac_backup_state{{{_ON}}} == 1)"),
                Query(_max("series:tramgac_backup_age_rpo:ratio", "series")),
            ),
            Look(nothing=Text(vi="không khai báo", en="none declared")),
            width=12, height=8, runbook="BackupLate",
            columns=(
                Column("series", Text(vi="Chuỗi", en="Series"), link=Link("backups", "series")),
                Column("state", Text(vi="Kết luận", en="Verdict"), Look(meanings=BACKUP_STATE),
                       width=140),
                Column("B", Text(vi="Tuổi / RPO", en="Age / RPO"),
                       Look(unit="percentunit", steps=rising(0.8, 1.0), decimals=0), width=110),
            ),
            sort=Text(vi="Tuổi / RPO", en="Age / RPO"),
        ),
        Timeline(
            Text(vi="Phép đo làm được việc", en="Checks that work"),
            Text(
                vi="Phép đo hỏng là không biết, không phải là tốt.",
                en="A check that fails means not known, never good.",
            ),
            (Query(_max("tramgac_check_success", "check"), "{{check}}"),),
            Look(meanings=(
                Meaning("1", Text(vi="được", en="works"), GOOD),
                Meaning("0", Text(vi="hỏng", en="fails"), BAD),
            )),
            width=12, height=9, runbook="TramgacCheckFailing",
        ),
        Graph(
            Text(vi="Phép đo mất bao lâu", en="Length of checks"),
            Text(vi="Lần chạy gần nhất.", en="Of the last run."),
            (Query(_max("tramgac_check_duration_seconds", "check"), "{{check}}"),),
            Look(unit="s", least=0), width=12, height=9,
        ),
        Graph(
            Text(vi="Tác nhân: bộ nhớ", en="Agent: memory"),
            Text(vi="Ngân sách: 45 MiB.", en="The budget is 45 MiB."),
            (Query(_max("tramgac_agent_resident_memory_bytes"), "{{host}}"),),
            Look(unit="bytes", steps=rising(45 * 2**20, 96 * 2**20), least=0), width=8,
        ),
        Graph(
            Text(vi="Tác nhân: CPU", en="Agent: CPU"),
            Text(vi="Phần của một nhân.", en="Share of one core."),
            (Query(_rate("tramgac_agent_cpu_seconds_total", "host"), "{{host}}"),),
            Look(unit="percentunit", least=0), width=8,
        ),
        Graph(
            Text(vi="Đồng hồ", en="Clock"),
            Text(
                vi="Lệch so với trung tâm, và cú nhảy cuối cùng.",
                en="Off the centre's, and the last step seen.",
            ),
            (
                Query(_max("tramgac_agent_clock_offset_seconds"), Text(vi="lệch", en="offset")),
                Query(_max("tramgac_host_clock_step_seconds"), Text(vi="nhảy", en="step")),
            ),
            Look(unit="s", steps=(Step(None, GOOD),)), width=8, runbook="ClockWrong",
        ),
    ),
)  # fmt: skip

BOARD = Board(
    name="server",
    title=Text(vi="Trạm Gác / Máy chủ", en="Trạm Gác / Server"),
    what=Text(
        vi="Một máy: có chạy không, có đầy không, có chậm không, dữ liệu có được lưu không.",
        en="One host: is it up, is it full, is it slow, are its data saved.",
    ),
    rows=(_STATE, _DISKS, _NETWORK, _WORK),
    variables=(ONE_FACILITY, ONE_HOST),
    span="now-24h",
)
