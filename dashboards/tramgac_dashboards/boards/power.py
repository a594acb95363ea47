"""Power and devices: who runs on battery and for how long, which printers stand still."""

from tramgac_dashboards.choices import FACILITY, SITE
from tramgac_dashboards.codes import PRINTERS
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
    BAD,
    COUNT,
    GOOD,
    NEUTRAL,
    NOTE,
    WARN,
    WORST,
    YES_IS_BAD,
    YES_IS_GOOD,
    any_is,
    falling,
    rising,
)  # fmt: skip
from tramgac_dashboards.pieces import DISK_USED

_IN = 'facility=~"$facility", site=~"$site"'
_BY = "facility, site, host"
_MAINS = (
    Meaning("0", Text(vi="điện lưới", en="mains"), GOOD),
    Meaning("1", Text(vi="ắc quy", en="battery"), WORST),
)
_NONE = Text(vi="không có", en="none")


def _max(metric: str, by: str = _BY) -> str:
    return f"max by ({by}) ({metric}{{{_IN}}})"


def _ups(metric: str) -> str:
    """How many, and a zero only while any UPS tells."""
    return f"count({metric}{{{_IN}}} == 1) or 0 * count({metric}{{{_IN}}})"


def _declared(role: str) -> str:
    return f'count(tramgac_host_info{{{_IN}, role="{role}"}})'


def _told(role: str) -> str:
    return (
        f"count(tramgac_device_up{{{_IN}}} == 1 and on(facility, site, host)"
        f' tramgac_host_info{{role="{role}"}}) / {_declared(role)}'
    )


_SHARE = Look(unit="percentunit", steps=falling(0.8, 1.0), decimals=0, least=0, most=1)

_FIGURES = Row(
    Text(vi="Điện và thiết bị bây giờ", en="Power and devices now"),
    (
        Stat(
            Text(vi="UPS khai báo", en="UPS declared"),
            Text(vi="Theo danh mục.", en="By the inventory."),
            (Query(_declared("ups")),), COUNT, width=3, height=4,
        ),
        Stat(
            Text(vi="UPS trả lời", en="UPS that answer"),
            Text(
                vi="Các ô bên cạnh chỉ nói về phần này.",
                en="What stands beside it speaks of these only.",
            ),
            (Query(_told("ups")),), _SHARE, width=3, height=4, runbook="DeviceSilent",
        ),
        Stat(
            Text(vi="Đang chạy ắc quy", en="On battery"), Text(vi="Số UPS.", en="UPS units."),
            (Query(_ups("tramgac_ups_on_battery")),),
            Look(unit="short", steps=any_is(WORST), decimals=0), width=3, height=4,
            runbook="UpsOnBattery",
        ),
        Stat(
            Text(vi="Ắc quy yếu", en="Battery low"), Text(vi="Số UPS.", en="UPS units."),
            (Query(_ups("tramgac_ups_battery_low")),),
            Look(unit="short", steps=any_is(BAD), decimals=0), width=3, height=4,
            runbook="UpsBatteryLow",
        ),
        Stat(
            Text(vi="Cần thay ắc quy", en="Battery to replace"),
            Text(vi="Số UPS tự báo.", en="UPS units that say so."),
            (Query(_ups("tramgac_ups_battery_replace")),),
            Look(unit="short", steps=any_is(WARN), decimals=0), width=3, height=4,
            runbook="UpsBatteryBad",
        ),
        Stat(
            Text(vi="Máy in khai báo", en="Printers declared"),
            Text(vi="Theo danh mục.", en="By the inventory."),
            (Query(_declared("printer")),), COUNT, width=3, height=4,
        ),
        Stat(
            Text(vi="Máy in trả lời", en="Printers that answer"),
            Text(
                vi="Máy in ngủ hoặc tắt không tính là hỏng.",
                en="One asleep or off is not broken.",
            ),
            (Query(_told("printer")),),
            Look(unit="percentunit", steps=NEUTRAL, decimals=0, least=0, most=1),
            width=3, height=4,
        ),
        Stat(
            Text(vi="Máy in báo lỗi", en="Printers with errors"),
            Text(vi="Hết giấy, kẹt, hết mực, mở nắp.", en="No paper, jam, no toner, open door."),
            (Query(
                f"count(max by ({_BY}) (tramgac_printer_error{{{_IN}}}) == 1)"
                f" or 0 * count(tramgac_printer_error{{{_IN}}})"
            ),),
            Look(unit="short", steps=any_is(WARN), decimals=0), width=3, height=4,
            runbook="PrinterStuck",
        ),
    ),
)  # fmt: skip

_PLACE = (
    Column("facility", Text(vi="Cơ sở", en="Facility"), link=Link("facility")),
    Column("site", Text(vi="Địa điểm", en="Site"), width=110),
)

_UPS = Row(
    Text(vi="UPS", en="UPS"),
    (
        Table(
            Text(vi="Từng UPS", en="Every UPS"),
            Text(
                vi="Thời gian còn lại là UPS tự ước tính; cột bên nói có tin được không.",
                en="What is left is the unit's own estimate; the next column says if to trust it.",
            ),
            (
                Query(_max("tramgac_ups_on_battery")),
                Query(_max("tramgac_ups_battery_charge_ratio")),
                Query(_max("tramgac_ups_runtime_seconds")),
                Query(_max("tramgac_ups_runtime_trusted")),
                Query(_max("tramgac_ups_load_ratio")),
                Query(_max("tramgac_ups_input_volts")),
                Query(_max("tramgac_ups_temperature_celsius")),
                Query(_max("tramgac_ups_battery_replace")),
                Query(_max("tramgac_ups_self_test_passed")),
                Query(
                    f"sum by ({_BY})"
                    f" (increase(tramgac_ups_input_losses_total{{{_IN}}}[$__range]))"
                ),
            ),
            width=24, height=10, runbook="UpsOnBattery",
            columns=(
                *_PLACE,
                Column("host", "UPS"),
                Column("A", Text(vi="Nguồn", en="Fed by"), Look(meanings=_MAINS)),
                Column("B", Text(vi="Sạc", en="Charge"),
                       Look(unit="percentunit", steps=falling(0.5, 0.9), decimals=0)),
                Column("C", Text(vi="Còn chạy được", en="Time left"),
                       Look(unit="s", steps=falling(600, 1800))),
                Column("D", Text(vi="Tin được", en="To be trusted"),
                       Look(meanings=YES_IS_GOOD)),
                Column("E", Text(vi="Tải", en="Load"),
                       Look(unit="percentunit", steps=rising(0.8, 0.95), decimals=0)),
                Column("F", Text(vi="Điện áp vào", en="Input"),
                       Look(unit="volt", decimals=0)),
                Column("G", Text(vi="Nhiệt độ", en="Temperature"),
                       Look(unit="celsius", steps=rising(35, 45), decimals=0)),
                Column("H", Text(vi="Thay ắc quy", en="Replace battery"),
                       Look(meanings=YES_IS_BAD)),
                Column("I", Text(vi="Tự kiểm tra đạt", en="Self-test passed"),
                       Look(meanings=YES_IS_GOOD)),
                Column("J", Text(vi="Lần mất điện", en="Mains losses"),
                       Look(unit="short", steps=(Step(None, GOOD), Step(1, NOTE)), decimals=0)),
            ),
            sort=Text(vi="Còn chạy được", en="Time left"), descending=False,
        ),
        Timeline(
            Text(vi="Nguồn điện theo thời gian", en="Fed by, over time"),
            Text(vi="Khoảng trống: UPS không trả lời.", en="A gap: the unit did not answer."),
            (Query(_max("tramgac_ups_on_battery"), "{{facility}}/{{host}}"),),
            Look(meanings=_MAINS), width=24, height=8, runbook="UpsOnBattery",
        ),
        Graph(
            Text(vi="Sạc của ắc quy", en="Charge"), Text(vi="Theo UPS.", en="By unit."),
            (Query(_max("tramgac_ups_battery_charge_ratio"), "{{facility}}/{{host}}"),),
            Look(unit="percentunit", least=0, most=1), width=8,
        ),
        Graph(
            Text(vi="Điện áp lưới", en="Voltage of the mains"),
            Text(
                vi="Dao động lớn: gọi điện lực.",
                en="If it swings: call the electricity company.",
            ),
            (Query(_max("tramgac_ups_input_volts"), "{{facility}}/{{host}}"),),
            Look(unit="volt"), width=8,
        ),
        Graph(
            Text(vi="Nhiệt độ ắc quy", en="Temperature of the battery"),
            Text(
                vi="Ắc quy nóng mau hỏng. Cũng cho biết phòng máy nóng.",
                en="A hot battery dies early. It also tells of a hot server room.",
            ),
            (Query(_max("tramgac_ups_temperature_celsius"), "{{facility}}/{{host}}"),),
            Look(unit="celsius", steps=rising(35, 45)), width=8,
        ),
    ),
)  # fmt: skip

_PRINTERS = Row(
    Text(vi="Máy in và thiết bị khác", en="Printers and other devices"),
    (
        Table(
            Text(vi="Máy in đang báo lỗi", en="Printers that tell of an error"),
            Text(vi="Trống: không máy in nào báo.", en="Empty: none does."),
            (Query(f"max by ({_BY}, error) (tramgac_printer_error{{{_IN}}} == 1)"),),
            Look(nothing=_NONE), width=8, height=9, runbook="PrinterStuck",
            columns=(*_PLACE, Column("host", Text(vi="Máy in", en="Printer")),
                     Column("error", Text(vi="Lỗi", en="Error"), PRINTERS)),
        ),
        Table(
            Text(vi="Vật tư còn lại", en="Supplies left"),
            Text(
                vi="Ít nhất trước. Trống: máy in không nói.",
                en="The least first. Empty: not told.",
            ),
            (Query(f"min by ({_BY}, supply) (tramgac_printer_supply_ratio{{{_IN}}})"),),
            width=8, height=9,
            columns=(
                Column("facility", Text(vi="Cơ sở", en="Facility")),
                Column("host", Text(vi="Máy in", en="Printer")),
                Column("supply", Text(vi="Vật tư", en="Supply")),
                Column("A", Text(vi="Còn", en="Left"),
                       Look(unit="percentunit", steps=falling(0.05, 0.15), decimals=0), width=80),
            ),
            sort=Text(vi="Còn", en="Left"), descending=False,
        ),
        Table(
            Text(vi="Máy in: số trang và ngủ", en="Printers: pages and sleep"),
            Text(vi="Trang in trong khoảng đang xem.", en="Pages within the span shown."),
            (
                Query(f"sum by ({_BY}) (increase(tramgac_printer_pages_total{{{_IN}}}[$__range]))"),
                Query(_max("tramgac_printer_asleep")),
            ),
            width=8, height=9,
            columns=(
                Column("facility", Text(vi="Cơ sở", en="Facility")),
                Column("host", Text(vi="Máy in", en="Printer")),
                Column("A", Text(vi="Trang", en="Pages"), COUNT, width=80),
                Column("B", Text(vi="Đang ngủ", en="Asleep"), Look(meanings=(
                    Meaning("0", Text(vi="không", en="no"), GOOD),
                    Meaning("1", Text(vi="ngủ hoặc tắt", en="asleep or off"), NOTE),
                )), width=110),
            ),
            sort=Text(vi="Trang", en="Pages"),
        ),
        Table(
            Text(vi="Mọi thiết bị", en="Every device"),
            Text(
                vi="Thiết bị khai báo mà không có dòng: chưa tác nhân nào hỏi nó.",
                en="Declared and not in the list: no agent has asked it yet.",
            ),
            (
                Query(f"max by ({_BY}, role) (tramgac_device_up{{{_IN}}} * on(facility, site, host)"
                      " group_left(role) tramgac_host_info)"),
                Query(f"max by ({_BY}, role) (tramgac_device_uptime_seconds{{{_IN}}}"
                      " * on(facility, site, host) group_left(role) tramgac_host_info)"),
                Query(f"max by ({_BY}, role) (tramgac_device_poll_seconds{{{_IN}}}"
                      " * on(facility, site, host) group_left(role) tramgac_host_info)"),
            ),
            width=12, height=10, runbook="DeviceSilent",
            columns=(
                *_PLACE, Column("host", Text(vi="Thiết bị", en="Device")),
                Column("role", Text(vi="Loại", en="Kind"), width=90),
                Column("A", Text(vi="Trạng thái", en="State"), Look(meanings=ANSWERS), width=130),
                Column("B", Text(vi="Chạy từ", en="Up for"), AGE, width=110),
                Column("C", Text(vi="Hỏi mất", en="Poll takes"), Look(unit="s"), width=100),
            ),
            sort=Text(vi="Trạng thái", en="State"), descending=False,
        ),
        Table(
            Text(vi="Kho chứa của thiết bị", en="Storage of devices"),
            Text(vi="Tủ đĩa, NAS, đầu ghi.", en="Disk arrays, NAS boxes, recorders."),
            (
                Query(_max("tramgac_device_storage_used_ratio", f"{_BY}, storage")),
                Query(_max("tramgac_device_storage_size_bytes", f"{_BY}, storage")),
            ),
            width=12, height=10, runbook="DiskFilling",
            columns=(
                *_PLACE, Column("host", Text(vi="Thiết bị", en="Device")),
                Column("storage", Text(vi="Kho", en="Storage")),
                Column("A", Text(vi="Đã dùng", en="Used"),
                       Look(unit="percentunit", steps=DISK_USED, decimals=0), width=100),
                Column("B", Text(vi="Cỡ", en="Size"), Look(unit="bytes"), width=100),
            ),
            sort=Text(vi="Đã dùng", en="Used"),
        ),
    ),
)  # fmt: skip

BOARD = Board(
    name="power",
    title=Text(vi="Trạm Gác / Điện và thiết bị", en="Trạm Gác / Power and devices"),
    what=Text(
        vi="Nơi nào đang chạy ắc quy và còn bao lâu, máy in nào đứng, thiết bị nào không trả lời.",
        en="Who runs on battery and for how long, which printers stand, what does not answer.",
    ),
    rows=(_FIGURES, _UPS, _PRINTERS),
    variables=(FACILITY, SITE),
    span="now-24h",
)
