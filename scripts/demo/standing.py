"""What is wrong in the province before any storm: old batteries, bad cables, full disks."""

from collections.abc import Mapping

from demo.look import Weather

# By facility and host: its own faults, and those of devices it asks as ``device:fault``.
FAULTS: Mapping[str, frozenset[str]] = {
    place: frozenset(faults)
    for place, faults in {
        "bvdk-tinh/his-01": ("switch-cs1:overloaded",),
        "bvdk-tinh/lis-01": ("clock",),
        "bvdk-tinh/pacs-01": ("disk_hung",),
        "bvdk-tinh/may-do": ("certificate", "inspected"),
        "bvdk-tinh/may-do-cs2": (
            "switch-cs2:errors",
            "printer-cs2:asleep",
            "lan_slow",
            "no_csdl-quoc-gia",
        ),
        "bvdk-cua-bac/lis-01": ("disk_readonly",),
        "bvdk-cua-bac/his-01": (
            "switch-cs1:slowed",
            "ups-cs1:battery_replace",
            "printer-cs1:low_toner",
        ),
        "bvdk-cua-bac/pacs-01": ("disk_full", "fell", "lost"),
        "ttyt-dong-che/may-do": (
            "printer-cs1:jammed",
            "loss",
            "lost",
            "wan_slow",
            "no_bv-trung-uong",
            "switch-cs1:flapping",
        ),
        "bvtn-hoa-gao/his-01": ("half_duplex", "disk_errors", "switch-cs1:half_duplex"),
        "bv-mat/may-do": ("switch-cs1:slowed",),
        "ttyt-nui-voi/may-do": ("ups-cs1:silent",),
    }.items()
}
CLOCK_AHEAD_SECONDS = 45.0


def weather(began: float) -> Weather:
    """Of a day like any other, in a small province: somewhere the mains are gone all the same."""
    return Weather(on_battery={"bvtn-hoa-gao/co-so-1": began - 2_400.0}, down={"bvtn-hoa-gao/emr"})
