"""The province's rows for bad weather: storm mode, power, dark sites, backlogs, and the clouds."""

from tramgac_dashboards.choices import NAMED
from tramgac_dashboards.model import Column, Graph, Link, Look, Query, Row, Step, Table, Text
from tramgac_dashboards.palette import AGE, ANSWERS, BAD, COUNT, PLAIN, WARN, falling

_NONE = Text(vi="không có", en="none")
_NAME = Column("name_{lang}", Text(vi="Cơ sở", en="Facility"), link=None)
_ID = Column("facility", Text(vi="Mã", en="Id"), link=Link("facility"), width=130)

STORM = Row(
    Text(vi="Khi có bão", en="In a storm"),
    (
        Table(
            Text(vi="Đang ở chế độ bão", en="In storm mode"),
            Text(
                vi="Trung tâm đã khai báo: tin nhắn nhẹ tạm nghỉ, đo vẫn đo. Trống: không có.",
                en="Declared by the centre: lesser messages rest, measuring goes on.",
            ),
            (
                Query(
                    "max by (facility, name_{lang}) ((tramgac_storm_until_timestamp_seconds"
                    " - time())" + NAMED + ")"
                ),
            ),
            Look(nothing=_NONE), width=6, height=9,
            columns=(_NAME, _ID, Column("A", Text(vi="Còn", en="Left"), AGE, width=100)),
            sort=Text(vi="Còn", en="Left"), descending=False,
        ),
        Table(
            Text(vi="Đang chạy ắc quy", en="On battery"),
            Text(
                vi="UPS đang nuôi tải bằng ắc quy. Thời gian còn lại do UPS ước tính.",
                en="A UPS feeds its load from the battery. What is left is its own estimate.",
            ),
            (
                Query(
                    "max by (facility, name_{lang}, host) (tramgac_ups_on_battery_seconds"
                    " and on(facility, host) tramgac_ups_on_battery == 1)" + NAMED
                ),
                Query(
                    "min by (facility, name_{lang}, host) (tramgac_ups_runtime_seconds"
                    " and on(facility, host) tramgac_ups_on_battery == 1)" + NAMED
                ),
            ),
            Look(nothing=_NONE), width=9, height=9, runbook="UpsOnBattery",
            columns=(
                _NAME, _ID, Column("host", "UPS", width=120),
                Column("A", Text(vi="Đã", en="For"), AGE, width=90),
                Column("B", Text(vi="Còn", en="Left"),
                       Look(unit="s", steps=falling(600, 1800)), width=100),
            ),
            sort=Text(vi="Còn", en="Left"), descending=False,
        ),
        Table(
            Text(vi="Địa điểm mất liên lạc", en="Dark sites"),
            Text(
                vi="Địa điểm có máy đã từng gọi mà nay im lặng, và bao nhiêu phần im lặng.",
                en="Sites with hosts that once called and are silent, and what share is.",
            ),
            (
                Query("max by (facility, name_{lang}, site) ((site:tramgac_hosts_silent:ratio > 0)"
                      + NAMED + ")"),
                Query("max by (facility, name_{lang}, site) ((site:tramgac_hosts_silent:count > 0)"
                      + NAMED + ")"),
            ),
            Look(nothing=_NONE), width=9, height=9, runbook="SiteUnreachable",
            columns=(
                _NAME, _ID, Column("site", Text(vi="Địa điểm", en="Site"), width=120),
                Column("A", Text(vi="Phần im lặng", en="Silent share"),
                       Look(unit="percentunit", steps=(Step(None, WARN), Step(0.6, BAD)),
                            decimals=0), width=110),
                Column("B", Text(vi="Máy", en="Hosts"), COUNT, width=70),
            ),
            sort=Text(vi="Phần im lặng", en="Silent share"),
        ),
        Graph(
            Text(vi="Tồn đọng đang gửi về", en="Backlog on its way"),
            Text(
                vi="Mười cơ sở tồn đọng nhiều nhất. Sau bão phải giảm dần về 0.",
                en="The ten facilities with most. After the storm it must fall to 0.",
            ),
            (
                Query(
                    "topk(10, sum by (facility, name_{lang}) (tramgac_agent_outbox_records"
                    + NAMED + "))", "{{name_{lang}}}",
                ),
            ),
            Look(unit="short", least=0, steps=(Step(None, PLAIN),)), width=12, height=8,
        ),
        Graph(
            Text(vi="Máy đang gọi về", en="Hosts that report"),
            Text(
                vi="Theo cơ sở, phần trăm máy khai báo. Chỉ những cơ sở chưa đủ 100 %.",
                en="By facility, of the declared hosts. Only those below 100 %.",
            ),
            (
                Query("max by (facility, name_{lang}) (bottomk(10,"
                      " tramgac_facility_coverage_ratio)" + NAMED + ")", "{{name_{lang}}}"),
            ),
            Look(unit="percentunit", least=0, most=1), width=12, height=8,
        ),
    ),
)  # fmt: skip

CLOUDS = Row(
    Text(vi="Hệ thống thuê ngoài", en="Systems that vendors run"),
    (
        Table(
            Text(vi="Hệ thống ở nhà cung cấp", en="Systems at providers"),
            Text(
                vi="Nhìn từ mạng của bệnh viện. Ô trống: chưa ai hỏi được.",
                en="Seen from the hospitals' networks. Empty: nobody could ask.",
            ),
            (
                Query(
                    "max by (facility, name_{lang}, system, kind, provider)"
                    ' (tramgac_system_info{provider!=""})'
                ),
                Query(
                    "max by (facility, name_{lang}, system, kind, provider)"
                    " (system:tramgac_service_up:max * on(facility, system)"
                    ' group_left(name_{lang}, kind, provider) tramgac_system_info{provider!=""})'
                ),
            ),
            width=24, height=9, runbook="ProviderDown",
            columns=(
                Column("provider", Text(vi="Nhà cung cấp", en="Provider")),
                Column("name_{lang}", Text(vi="Hệ thống", en="System")),
                Column("kind", Text(vi="Loại", en="Kind"), width=120),
                Column("facility", Text(vi="Cơ sở", en="Facility"), link=Link("facility")),
                Column("B", Text(vi="Trạng thái", en="State"), Look(meanings=ANSWERS)),
            ),
            sort=Text(vi="Trạng thái", en="State"), descending=False,
        ),
    ),
)  # fmt: skip
