"""The same for the second opinion on hospitals."""

from typing import Final

from tramgac_dashboards.alerts.cases import _F, _FACILITY, _H, _HOST, _S, _SITE, Case, _steady
from tramgac_dashboards.alerts.model import Level
from tramgac_proto.lanwords import PORT_WORDS

_UP: Final = "tramgac_agent_up"
_SEEN: Final = "tramgac_agent_last_seen_timestamp_seconds"


def _calls(place: str, up: int, last: int = 1) -> dict[str, str]:
    return {f"{_UP}{{{place}}}": str(up), f"{_SEEN}{{{place}}}": str(last)}


def _sites(dark: int, lit: int, apart: int = 0) -> dict[str, str]:
    found: dict[str, str] = {}
    for number in range(dark + lit):
        place = f'facility="x{number}",site="main",host="s1"'
        found |= _calls(place, int(number >= dark), 1 + apart * number)
    return found


SILENCE: Final = (
    # As many in a storm, which takes them one by one, are no line of the centre's.
    Case("CollectorUplinkSuspected", _sites(2, 4), _sites(2, 4, apart=121)),
    Case("SiteUnreachable", _calls(_H, 0), {f"{_UP}{{{_H}}}": "0"}, _SITE),
    Case(
        "AgentSilent", {**_calls(_H, 0), **_calls(f'{_S},host="s2"', 1)},
        {f"{_UP}{{{_H}}}": "0"}, _HOST,
    ),
)  # fmt: skip


def _service(facility: str, host: str, up: int, method: str = "http") -> dict[str, str]:
    place = f'facility="{facility}",site="main",host="{host}",system="his",method="{method}"'
    return {f"tramgac_service_up{{{place}}}": str(up)}


def _provided(facility: str) -> dict[str, str]:
    labels = f'facility="{facility}",system="his",kind="his",provider="cloud"'
    return {f"tramgac_system_info{{{labels}}}": "1"}


_HIS: Final = {**_FACILITY, "system": "his"}
_ENDS: Final = "certificate_expiry_timestamp_seconds"

SERVICES: Final = (
    Case(
        "ProviderDown",
        {
            **_service("x1", "s1", 0), **_provided("x1"),
            **_service("x2", "s1", 0), **_provided("x2"),
        },
        {
            **_service("x1", "s1", 0), **_provided("x1"),
            **_service("x2", "s1", 1), **_provided("x2"),
        },
        {"provider": "cloud"},
    ),
    Case(
        "ServiceDown",
        {**_service("bv-a", "s1", 0), **_service("bv-a", "s1", 1, "systemd"), **_provided("bv-a")},
        {**_service("bv-a", "s1", 0), **_service("bv-a", "s2", 1)},
        {**_HIS, "provider": "cloud"},
    ),
    Case(
        "ServicePartlyUnreachable", {**_service("bv-a", "s1", 0), **_service("bv-a", "s2", 1)},
        {**_service("bv-a", "s1", 0), **_service("bv-a", "s2", 0)}, _HIS,
    ),
    Case(
        "ServiceFlapping",
        {f'tramgac_service_up{{{_H},system="his"}}': "1 0 1 0 1 1"},
        {f'tramgac_service_up{{{_H},system="his"}}': "1 0 1 0 0 0"}, _HIS, first=120,
    ),
    Case(
        "CertificateExpiring", {f'tramgac_service_{_ENDS}{{{_H},system="his"}}': "1209000"},
        {f'tramgac_service_{_ENDS}{{{_H},system="his"}}': "1213200"}, _HIS, scope="system",
    ),
    Case(
        "CertificateExpiring", {f'tramgac_path_{_ENDS}{{{_H},target="bhyt"}}': "1209000"},
        {f'tramgac_path_{_ENDS}{{{_H},target="bhyt"}}': "1213200"}, {"target": "bhyt"},
        scope="place",
    ),
    Case(
        "CertificateExpiring", {f"tramgac_agent_{_ENDS}{{{_H}}}": "1209000"},
        {f"tramgac_agent_{_ENDS}{{{_H}}}": "1213200"}, _HOST, scope="agent",
    ),
)  # fmt: skip

_DISK: Final = {"mountpoint": "/srv", "fstype": "ext4"}
_UPTIME: Final = f"tramgac_host_uptime_seconds{{{_H}}}"
_CLEAN: Final = f"tramgac_host_last_stop_clean{{{_H}}}"

HOSTS: Final = (
    Case(
        "DiskFilling", *_steady("tramgac_filesystem_used_ratio", "0.92", "0.5", **_DISK),
        level="high",
    ),
    Case(
        "DiskFilling", *_steady("tramgac_filesystem_used_ratio", "0.85", "0.84", **_DISK),
        level="medium",
    ),
    Case(
        "DiskReadonly", *_steady("tramgac_filesystem_readonly", "0 1 1", "1", **_DISK), first=30,
    ),
    Case("DiskHung", *_steady("tramgac_filesystem_hung", "1", "0", **_DISK)),
    Case(
        "DiskErrors", *_steady("tramgac_filesystem_errors", "1+0x350 2", "1", **_DISK),
        first=86_400,
    ),
    Case(
        "ClockWrong", *_steady("tramgac_agent_clock_offset_seconds", "-31", "30"),
    ),
    Case(
        "HostUncleanStop", {_UPTIME: "30", _CLEAN: "0"}, {_UPTIME: "30", _CLEAN: "1"}, _HOST,
    ),
    Case("HostRebooted", {_UPTIME: "30", _CLEAN: "1"}, {_UPTIME: "30", _CLEAN: "0"}, _HOST),
    Case(
        "LinkHalfDuplex",
        *_steady("tramgac_network_link_full_duplex", "0", "1", interface="eth0"),
    ),
)  # fmt: skip

_BHYT: Final = {**_SITE, "target": "bhyt"}
_REACH: Final = "tramgac_path_reachable"

PATHS: Final = (
    Case(
        "PathLoss",
        *_steady("tramgac_path_loss_ratio", "0.06", "0.05", target="his", method="icmp"),
    ),
    Case(
        "PathDown",
        {f'{_REACH}{{facility="x{n}",site="main",host="s1",target="bhyt"}}': "0" for n in (1, 2)},
        {f'{_REACH}{{facility="x{n}",site="main",host="s1",target="bhyt"}}': "1" for n in (1, 2)},
        {"target": "bhyt"}, scope="everybody",
    ),
    Case(
        "PathDown", {f'{_REACH}{{{_H},target="bhyt"}}': "0"},
        {f'{_REACH}{{{_H},target="bhyt"}}': "0", f'{_REACH}{{{_S},host="s2",target="bhyt"}}': "1"},
        _BHYT, scope="site",
    ),
    Case(
        "PathNotHeld",
        *_steady(
            "tramgac_path_throughput_held", "0", "1",
            target="his", direction="send", proves="floor",
        ),
    ),
)  # fmt: skip


def _port(finding: str) -> Case:
    name = "Port" + "".join(part.capitalize() for part in finding.split("_"))
    series = f'tramgac_port_finding{{{_H},port="7",finding="{finding}"}}'
    return Case(name, {series: "1"}, {series: "0"}, _HOST)


def _device(role: str, level: Level) -> Case:
    other = f'tramgac_host_info{{{_H},role="printer"}}'
    mine = f'tramgac_host_info{{{_H},role="{role}"}}'
    up = f"tramgac_device_up{{{_H}}}"
    return Case("DeviceSilent", {up: "0", mine: "1"}, {up: "0", other: "1"}, _HOST, level=level)


_ON: Final = f"tramgac_ups_on_battery{{{_H}}}"
_LOW: Final = f"tramgac_ups_battery_low{{{_H}}}"

DEVICES: Final = (
    *(_port(finding) for finding in PORT_WORDS),
    _device("switch", "high"),
    _device("ups", "medium"),
    Case("UpsOnBattery", {_ON: "1", _LOW: "0"}, {_ON: "0", _LOW: "0"}, _HOST),
    Case("UpsBatteryLow", {_LOW: "1"}, {_LOW: "0", _ON: "1"}, _HOST, level="critical"),
    Case("UpsBatteryLow", {_LOW: "1", _ON: "0"}, {_LOW: "0", _ON: "0"}, _HOST, level="medium"),
    Case("UpsBatteryBad", *_steady("tramgac_ups_battery_replace", "1", "0")),
    Case(
        "PrinterStuck", {f'tramgac_printer_error{{{_H},error="jammed"}}': "1"},
        {f'tramgac_printer_error{{{_H},error="jammed"}}': "0"}, _HOST,
    ),
)  # fmt: skip


def _backup(state: str) -> Case:
    return Case(
        f"Backup{state.capitalize()}",
        *_steady("tramgac_backup_state", "1", "0", series="db@nas", state=state),
    )


_STATE: Final = "tramgac_incident_open"
_JUDGED: Final = {
    f'tramgac_judge_last_turn_timestamp_seconds{{part="{part}"}}': "0+30"
    for part in ("IncidentPart", "facts")
}
_LEVELS: Final[tuple[Level, ...]] = ("critical", "high", "medium", "low")

VERDICTS: Final = (
    *(_backup(one) for one in ("failed", "blocked", "blind", "suspicious", "partial", "late")),
    *(
        Case(
            "IncidentOpen",
            {f'{_STATE}{{{_S},code="disk_hung",severity="{level}"}}': "2", **_JUDGED},
            _JUDGED, {**_SITE, "code": "disk_hung"}, "2", level=level,
        )
        for level in _LEVELS
    ),
    Case(
        "RegulatoryGap", {f'tramgac_rule_status{{{_F},rule="vn.a"}}': "2"},
        {f'tramgac_rule_status{{{_F},rule="vn.a"}}': "3"}, {**_FACILITY, "rule": "vn.a"},
    ),
    Case(
        "RegulatoryDeadline", {f'tramgac_deadline_timestamp_seconds{{{_F},rule="vn.a"}}': "0"},
        {f'tramgac_deadline_timestamp_seconds{{{_F},rule="vn.a"}}': "99999999"},
        {**_FACILITY, "rule": "vn.a"}, "0",
    ),
)  # fmt: skip
