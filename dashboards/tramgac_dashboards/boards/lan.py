"""The LAN: how workstations are connected, what each way carries, and whose fault a loss is."""

from tramgac_dashboards.choices import FACILITY, SITE
from tramgac_dashboards.codes import PORT_FINDINGS
from tramgac_dashboards.model import (
    Bars,
    Board,
    Column,
    Graph,
    Link,
    Look,
    Meaning,
    Query,
    Row,
    Table,
    Text,
)  # fmt: skip
from tramgac_dashboards.palette import (
    BAD,
    COUNT,
    GOOD,
    NEUTRAL,
    WARN,
    YES_IS_GOOD,
    any_is,
    falling,
    rising,
)  # fmt: skip
from tramgac_dashboards.pieces import DAY, NONE_FOUND, figure

_IN = 'facility=~"$facility", site=~"$site"'
_BY = "facility, site, host"
# Where a try ended, docs/checks/path.md.
_STAGES = (
    Meaning("0", Text(vi="tới được", en="reached"), GOOD),
    Meaning("1", Text(vi="hỏng ở tên miền", en="name lookup failed"), BAD),
    Meaning("2", Text(vi="không tới được", en="no way there"), BAD),
    Meaning("3", Text(vi="bị từ chối", en="refused"), BAD),
    Meaning("4", Text(vi="không trả lời", en="no answer in time"), BAD),
    Meaning("5", Text(vi="hỏng ở TLS", en="TLS failed"), BAD),
)


def _max(metric: str, by: str = _BY) -> str:
    return f"max by ({by}) ({metric}{{{_IN}}})"


def _sum(metric: str) -> str:
    return f"sum({metric}{{{_IN}}})"


_CENSUS = Row(
    Text(vi="Máy trạm nối vào mạng ra sao", en="How workstations are connected"),
    (
        figure(
            Text(vi="Thiết bị mạng trả lời", en="Devices that answer"),
            Text(
                vi="Phần thiết bị mạng khai báo có trả lời. Mọi số bên cạnh là của phần này.",
                en="Share of declared switches and routers. All beside it speaks of these.",
            ),
            f"count(tramgac_device_up{{{_IN}}} == 1 and on(facility, site, host)"
            ' tramgac_host_info{role=~"switch|router|firewall"})'
            f' / count(tramgac_host_info{{{_IN}, role=~"switch|router|firewall"}})',
            Look(unit="percentunit", steps=falling(0.8, 1.0), decimals=0, least=0, most=1),
            "DeviceSilent",
        ),
        figure(
            Text(vi="Cổng đang nối", en="Ports in use"),
            Text(vi="Cổng máy trạm có tín hiệu.", en="Access ports with a carrier."),
            _sum("tramgac_switch_ports"), COUNT,
        ),
        figure(
            Text(vi="Bán song công", en="Half duplex"),
            Text(vi="Số cổng.", en="Ports."), _sum("tramgac_switch_ports_half_duplex"),
            Look(unit="short", steps=any_is(BAD), decimals=0), "PortHalfDuplex",
        ),
        figure(
            Text(vi="Tụt tốc độ", en="Slowed"),
            Text(vi="Chậm hơn chính nó trước đây.", en="Below the speed they once had."),
            _sum("tramgac_switch_ports_slowed"),
            Look(unit="short", steps=any_is(WARN), decimals=0), "PortSlowed",
        ),
        figure(
            Text(vi="Lỗi khung tăng", en="Errors rising"),
            Text(vi="Số cổng.", en="Ports."), _sum("tramgac_switch_ports_erroring"),
            Look(unit="short", steps=any_is(WARN), decimals=0), "PortErrors",
        ),
        figure(
            Text(vi="Bật mà không có tín hiệu", en="Enabled, no carrier"),
            Text(vi="Cổng trống hoặc máy tắt.", en="Nothing plugged in, or switched off."),
            _sum("tramgac_switch_ports_down"), COUNT,
        ),
        figure(
            Text(vi="Máy trạm thấy được", en="Stations seen"),
            Text(vi="Địa chỉ học sau các cổng máy trạm.", en="Learned behind access ports."),
            _sum("tramgac_switch_stations"), COUNT,
        ),
        figure(
            Text(vi="Trong đó đã biết", en="Of them, known"),
            Text(vi="Đã khai báo hoặc có tác nhân.", en="Declared, or with an agent."),
            f"{_sum('tramgac_switch_stations_known')} / {_sum('tramgac_switch_stations')}",
            Look(unit="percentunit", steps=NEUTRAL, decimals=0, least=0, most=1),
        ),
        Table(
            Text(vi="Cổng có vấn đề", en="Ports with findings"),
            Text(
                vi="Cần làm gì: xem trang hướng dẫn. Trống: không thấy ở thiết bị trả lời.",
                en="What to do: see the page behind the link. Empty: none where devices answer.",
            ),
            (
                Query(f"max by ({_BY}, port, finding) (tramgac_port_finding{{{_IN}}} == 1)"),
            ),
            Look(nothing=NONE_FOUND), width=15, height=9, runbook="PortErrors",
            columns=(
                Column("facility", Text(vi="Cơ sở", en="Facility"), link=Link("facility")),
                Column("site", Text(vi="Địa điểm", en="Site"), width=110),
                Column("host", Text(vi="Thiết bị", en="Device")),
                Column("port", Text(vi="Cổng", en="Port"), width=110),
                Column("finding", Text(vi="Vấn đề", en="Finding"), PORT_FINDINGS),
            ),
        ),
        Bars(
            Text(vi="Cổng theo tốc độ (Mbit/s)", en="Ports by speed (Mbit/s)"),
            Text(
                vi="10 và 100 Mbit/s: khó dùng bệnh án điện tử và phim chụp.",
                en="10 and 100 Mbit/s make electronic records and images slow.",
            ),
            (Query(f"sum by (speed) (tramgac_switch_ports{{{_IN}}})", "{{speed}}"),),
            COUNT, width=9, height=9,
        ),
    ),
)  # fmt: skip

_PORTS = f"{_BY}, port"
_UPLINKS = Row(
    Text(vi="Đường trục", en="Uplinks"),
    (
        Graph(
            Text(vi="Mức dùng của cổng trục", en="Use of uplink ports"),
            Text(
                vi="Phần tốc độ cổng đang dùng. Quá 80 % lâu: nghẽn.",
                en="Share of the port's speed. Over 80 % for long: it is full.",
            ),
            (
                Query(
                    f"max by (facility, host, port, direction)"
                    f" (tramgac_port_utilization_ratio{{{_IN}}})",
                    "{{facility}}/{{host}} {{port}} {{direction}}",
                ),
            ),
            Look(unit="percentunit", steps=rising(0.7, 0.85), least=0, most=1), width=14,
            height=9, runbook="PortOverloaded",
        ),
        Table(
            Text(vi="Cổng được đo riêng", en="Ports measured one by one"),
            Text(vi="Cổng trục và cổng có vấn đề.", en="Uplinks, and ports with findings."),
            (
                Query(_max("tramgac_port_up", _PORTS)),
                Query(_max("tramgac_port_speed_bytes", _PORTS) + " * 8"),
                Query(_max("tramgac_port_full_duplex", _PORTS)),
                Query(_max("tramgac_port_error_ratio", _PORTS)),
                Query(_max("tramgac_port_discard_ratio", _PORTS)),
            ),
            width=10, height=9, runbook="PortErrors",
            columns=(
                Column("host", Text(vi="Thiết bị", en="Device")),
                Column("port", Text(vi="Cổng", en="Port"), width=90),
                Column("A", Text(vi="Nối", en="Up"), Look(meanings=YES_IS_GOOD), width=60),
                Column("B", Text(vi="Tốc độ", en="Speed"), Look(unit="bps"), width=90),
                Column("C", Text(vi="Song công", en="Full duplex"), Look(meanings=YES_IS_GOOD),
                       width=90),
                Column("D", Text(vi="Lỗi", en="Errors"),
                       Look(unit="percentunit", steps=rising(0.0001, 0.01), decimals=3), width=80),
                Column("E", Text(vi="Bỏ", en="Discards"),
                       Look(unit="percentunit", steps=rising(0.0001, 0.01), decimals=3), width=80),
            ),
            sort=Text(vi="Lỗi", en="Errors"),
        ),
    ),
)  # fmt: skip

_WAY = "facility, host, target, direction"
_FLOOR = 'proves="floor"'
_CAPACITY = 'proves!="floor"'


def _tested(metric: str, kind: str, times: str = "") -> str:
    return f"max by ({_WAY}) ({metric}{{{_IN}, {kind}}}){times}"


_SPEED = Row(
    Text(vi="Phép thử tốc độ", en="Speed tests"),
    (
        Table(
            Text(vi="Đường có giữ được mức sàn không", en="Does each way hold the floor"),
            Text(
                vi="Phép thử ban ngày, rất ngắn. Không giữ được hai lần liền là sự cố.",
                en="Short tests by day. Not held twice running is an incident.",
            ),
            (
                Query(_tested("tramgac_path_throughput_bytes_per_second", _FLOOR, " * 8")),
                Query(_tested("tramgac_path_throughput_pace_bytes_per_second", _FLOOR, " * 8")),
                Query(_tested("tramgac_path_throughput_held", _FLOOR)),
                Query(_tested("tramgac_path_throughput_test_bytes", _FLOOR)),
            ),
            width=14, height=9, runbook="PathNotHeld",
            columns=(
                Column("facility", Text(vi="Cơ sở", en="Facility"), width=150),
                Column("host", Text(vi="Từ máy", en="From")),
                Column("target", Text(vi="Tới", en="To")),
                Column("direction", Text(vi="Chiều", en="Way"), width=80),
                Column("A", Text(vi="Đo được", en="Measured"), Look(unit="bps"), width=100),
                Column("B", Text(vi="Mức sàn", en="Floor"), Look(unit="bps"), width=100),
                Column("C", Text(vi="Giữ được", en="Held"), Look(meanings=YES_IS_GOOD), width=90),
                Column("D", Text(vi="Tốn", en="Cost"), Look(unit="bytes"), width=90),
            ),
            sort=Text(vi="Giữ được", en="Held"), descending=False,
        ),
        Bars(
            Text(vi="Sức chở đo ban đêm", en="Capacity, measured at night"),
            Text(
                vi="Hoặc cận dưới, nếu mạng rơi gói hay máy bận. Trống: chưa đo.",
                en="Or a lower bound, where packets were lost or the host busy. Empty: not yet.",
            ),
            (
                Query(
                    _tested("tramgac_path_throughput_bytes_per_second", _CAPACITY, " * 8"),
                    "{{facility}}/{{host}} → {{target}} {{direction}}",
                ),
            ),
            Look(unit="bps", steps=NEUTRAL, least=0), width=10, height=9,
        ),
    ),
)  # fmt: skip

_TO = "{{facility}}/{{host}} → {{target}}"
_TARGET = "facility, host, target"
_QUALITY = Row(
    Text(vi="Chất lượng đường", en="Quality of ways"),
    (
        Graph(
            Text(vi="Độ trễ", en="Round trip"),
            Text(vi="Trung bình mỗi lần đo.", en="Mean of each look."),
            (Query(_max("tramgac_path_rtt_seconds", f"{_TARGET}, method"), _TO + " {{method}}"),),
            Look(unit="s", steps=rising(0.05, 0.2), least=0), width=8, runbook="PathSlow",
        ),
        Graph(
            Text(vi="Dao động trễ", en="Jitter"),
            Text(vi="Chênh lệch giữa các lần liền nhau.", en="Difference of successive trips."),
            (Query(_max("tramgac_path_jitter_seconds", _TARGET), _TO),),
            Look(unit="s", least=0), width=8,
        ),
        Graph(
            Text(vi="Mất gói", en="Loss"),
            Text(vi="Quá 5 % trong 3 của 5 lần: sự cố.", en="Over 5 % in 3 of 5 looks: incident."),
            (Query(_max("tramgac_path_loss_ratio", _TARGET), _TO),),
            Look(unit="percentunit", steps=rising(0.01, 0.05), least=0, most=1), width=8,
            runbook="PathLoss",
        ),
        Graph(
            Text(vi="Mất gói theo chiều", en="Loss by direction"),
            Text(
                vi="Chỉ nơi có máy phản xạ: mất lúc đi hay lúc về.",
                en="Only where a reflector answers: lost on the way there, or back.",
            ),
            (
                Query(_max("tramgac_path_loss_direction_ratio", _WAY), _TO + " {{direction}}"),
            ),
            Look(unit="percentunit", steps=rising(0.01, 0.05), least=0, most=1), width=8,
            runbook="PathOneWay",
        ),
        Graph(
            Text(vi="Chờ trong hàng theo chiều", en="Waiting by direction"),
            Text(
                vi="Trễ thêm so với lần ngắn nhất: hàng đợi trên đường.",
                en="Delay above the shortest: packets wait in a queue on the way.",
            ),
            (Query(_max("tramgac_path_queue_seconds", _WAY), _TO + " {{direction}}"),),
            Look(unit="s", steps=rising(0.005, 0.05), least=0), width=8, runbook="PathSlow",
        ),
        Graph(
            Text(vi="CPU của thiết bị mạng", en="CPU of devices"),
            Text(vi="Trung bình các bộ xử lý.", en="Mean of its processors."),
            (Query(_max("tramgac_device_cpu_ratio", "facility, host"), "{{facility}}/{{host}}"),),
            Look(unit="percentunit", steps=rising(0.7, 0.9), least=0, most=1), width=8,
        ),
        Table(
            Text(vi="Các nơi phải tới được", en="Places that must be reached"),
            Text(
                vi="Cổng giám định bảo hiểm, trục quốc gia, bệnh viện tuyến trên, cửa ra mạng.",
                en="Insurance gateway, national database, central hospital, the own gateway.",
            ),
            (
                Query(_max("tramgac_path_stage", f"{_BY}, target")),
                Query(_max("tramgac_path_reachable", f"{_BY}, target")),
                Query(_max("tramgac_path_connect_seconds", f"{_BY}, target")),
                Query(_max("tramgac_path_tls_seconds", f"{_BY}, target")),
                Query(
                    "(" + _max("tramgac_path_certificate_expiry_timestamp_seconds",
                               f"{_BY}, target") + " - time())"
                ),
            ),
            width=24, height=10, runbook="PathDown",
            columns=(
                Column("target", Text(vi="Nơi", en="Place")),
                Column("facility", Text(vi="Cơ sở", en="Facility"), link=Link("facility")),
                Column("site", Text(vi="Địa điểm", en="Site"), width=110),
                Column("host", Text(vi="Từ máy", en="From")),
                Column("A", Text(vi="Kết quả", en="Result"), Look(meanings=_STAGES)),
                Column("B", Text(vi="Tới được", en="Reachable"), Look(meanings=YES_IS_GOOD),
                       width=100),
                Column("C", Text(vi="Nối mất", en="Connect"), Look(unit="s"), width=100),
                Column("D", Text(vi="TLS mất", en="TLS"), Look(unit="s"), width=100),
                Column("E", Text(vi="Chứng thư còn", en="Certificate left"),
                       Look(unit="s", steps=falling(3 * DAY, 14 * DAY)), width=150),
            ),
            sort=Text(vi="Tới được", en="Reachable"), descending=False,
        ),
    ),
)  # fmt: skip

BOARD = Board(
    name="lan",
    title=Text(vi="Trạm Gác / Mạng LAN", en="Trạm Gác / LAN"),
    what=Text(
        vi="Máy trạm nối ra sao, mỗi đường chở được bao nhiêu, và mất gói ở phía nào.",
        en="How workstations are connected, what each way carries, and where packets are lost.",
    ),
    rows=(_CENSUS, _UPLINKS, _SPEED, _QUALITY),
    variables=(FACILITY, SITE),
    span="now-24h",
)
