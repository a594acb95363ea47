"""A second opinion on what the collector tells: heard only while it does not tell.

Names, levels and words are those of the collector's incidents: one cause, one name, one runbook.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tramgac_collector.incidents.codes import CODES
from tramgac_collector.notify.alertmanager import alert_name
from tramgac_collector.notify.words import WORDS
from tramgac_dashboards.alerts.model import ONE_REPORT, Alert, Held, Level
from tramgac_dashboards.alerts.thresholds import CENTRE, COLLECTOR, seconds
from tramgac_dashboards.model import Text
from tramgac_proto.lanwords import PORT_WORDS

_K = COLLECTOR
_HOST: Final = ("facility", "site", "host")
_LEVELS: Final[dict[str, Level]] = {
    "critical": "critical", "high": "high", "medium": "medium", "low": "low",
}  # fmt: skip
_KINDS: Final = 'tramgac_host_info{role=~"switch|router|firewall"}'
_PRINTERS: Final = 'tramgac_host_info{role="printer"}'
_USED: Final = "tramgac_filesystem_used_ratio"
_LOOKS: Final = Held(str(_K["held"]), "three looks; a parent must be known before its children")


def _of(
    code: str, expr: str, *, hold: Held = _LOOKS, keep: Held = ONE_REPORT,
    places: tuple[str, ...] = _HOST, parts: str = "", level: Level | None = None,
    board: str = "server",
) -> Alert:  # fmt: skip
    """The alert that is named and worded like the incident of a code.

    Args:
        code: Of the incident.
        expr: PromQL.
        hold: How long it must hold.
        keep: How long it stays after it has gone.
        places: Labels of place that the result has.
        parts: A further label to name, such as ``mountpoint``.
        level: Where it is not the code's own.
        board: That shows it.
    """
    words = WORDS[code]
    named = [f"{{{{ $labels.{one} }}}}" for one in (*places, parts) if one]
    where = "/".join(named) + ": " if named else ""
    return Alert(
        alert_name(code), level or _LEVELS[CODES[code].severity], expr,
        Text(vi=words.text[0], en=words.text[1]),
        Text(vi=where + words.step[0], en=where + words.step[1]),
        hold, keep, board, "collector", bool(places) and places[0] == "facility",
        places if places and places[0] == "facility" else (),
    )  # fmt: skip


_SILENT: Final = "site:tramgac_hosts_silent"
_DARK: Final = (
    f"{_SILENT}:ratio == 1 or {_SILENT}:ratio >= {_K['site_silent_ratio']}"
    f" and {_SILENT}:count >= {_K['site_silent_least']}"
)
# Sites that a storm takes one by one are not the centre's own line: it takes them in one moment.
_LAST: Final = f"(site:tramgac_last_call:timestamp and on (facility, site) {_SILENT}:ratio == 1)"
_APART: Final = seconds(_K["silent_together"]) // 2
_SITE_HELD: Final = Held(str(_K["site_held"]), "110 s have gone: told 150 s after the last call")

SILENCE: Final = (
    _of(
        "collector_uplink_suspected",
        f"count(abs({_LAST} - on () group_left () quantile(0.5, {_LAST})) <= {_APART})"
        f" / count({_SILENT}:ratio) > {_K['centre_silent_ratio']}"
        f" and count({_SILENT}:ratio) >= {_K['centre_sites_least']}",
        hold=_SITE_HELD, places=(), board="province",
    ),
    _of(
        "site_unreachable", _DARK,
        hold=_SITE_HELD, places=_HOST[:2], board="facility",
    ),
    _of(
        "agent_silent",
        "tramgac_agent_up == 0 and on (facility, site, host)"
        " tramgac_agent_last_seen_timestamp_seconds",
        hold=Held(str(_K["agent_held"]), "a server that restarts is nobody's alarm"),
    ),
)  # fmt: skip

# The provider's name where it is known: so that its own failure can stand above its systems'.
_PROVIDED: Final = (
    "(system:tramgac_service_up:max == 0) + on (facility, system) group_left (provider)"
    ' (0 * tramgac_system_info{provider!=""})'
)


def _ending(scope: str, ends: str, places: tuple[str, ...], parts: str) -> Alert:
    """A certificate that nobody has renewed in time."""
    alert = _of(
        "certificate_expiring", f"{ends} - time() < {seconds(_K['certificate_soon'])}",
        hold=Held("", "a date does not move"), places=places, parts=parts, board="fleet",
    )  # fmt: skip
    return replace(alert, scope=scope)


SERVICES: Final = (
    _of(
        "provider_down",
        f"count by (provider) (count by (provider, facility) ({_PROVIDED}))"
        f" >= {_K['provider_facilities_least']}",
        hold=Held(str(_K["provider_held"]), "told before the systems behind it"),
        places=("provider",), board="province",
    ),
    _of(
        "service_down",
        f"{_PROVIDED}\nor on (facility, system) (system:tramgac_service_up:max == 0)",
        places=("facility",), parts="system", board="facility",
    ),
    _of(
        "service_partly_unreachable",
        "system:tramgac_service_up:min == 0 and system:tramgac_service_up:max == 1",
        places=("facility",), parts="system", board="facility",
    ),
    _of(
        "service_flapping",
        "max by (facility, system)"
        f" (changes(tramgac_service_up[{_K['service_flaps_within']}])) >= {_K['service_flaps']}",
        hold=Held("", "it looks back half an hour"),
        keep=Held("10m", "as the collector: quiet for ten minutes"),
        places=("facility",), parts="system", board="facility",
    ),
    _ending(
        "system", "min by (facility, system)"
        " (tramgac_service_certificate_expiry_timestamp_seconds)",
        ("facility",), "system",
    ),
    _ending(
        "place", "min by (target) (tramgac_path_certificate_expiry_timestamp_seconds)", (), "target"
    ),
    _ending("agent", "tramgac_agent_certificate_expiry_timestamp_seconds", _HOST, ""),
)  # fmt: skip

_TREND: Final = (
    "filesystem:tramgac_avail_soon:bytes < 0 and on (facility, site, host, mountpoint)"
    f" ({_K['disk_watched_ratio']} <= {_USED} < {_K['disk_used_high_ratio']})"
)

HOSTS: Final = (
    _of(
        "disk_filling", f"{_USED} >= {_K['disk_used_high_ratio']}",
        keep=Held("5m", "the collector waits until it is two percent lower"),
        parts="mountpoint", level="high",
    ),
    _of(
        "disk_filling",
        f"({_USED} >= {_K['disk_used_ratio']} < {_K['disk_used_high_ratio']})\n"
        f"or on (facility, site, host, mountpoint) ({_TREND})",
        keep=Held("5m", "the collector waits until it is two percent lower"),
        parts="mountpoint",
    ),
    _of(
        "disk_readonly",
        "tramgac_filesystem_readonly == 1"
        " and on (facility, site, host, mountpoint) filesystem:tramgac_seen_writable:bool == 1",
        parts="mountpoint",
    ),
    _of("disk_hung", "tramgac_filesystem_hung == 1", parts="mountpoint"),
    _of(
        "disk_errors",
        "tramgac_filesystem_errors > tramgac_filesystem_errors offset 1d",
        keep=Held("1h", "as the collector"), parts="mountpoint",
    ),
    _of(
        "clock_wrong",
        f"abs(tramgac_agent_clock_offset_seconds) > {_K['clock_seconds']}", board="fleet",
    ),
    _of(
        "host_unclean_stop",
        f"tramgac_host_uptime_seconds < {_K['fresh_boot_seconds']}"
        " and on (facility, site, host) tramgac_host_last_stop_clean == 0",
        hold=Held("", "a start is news for ten minutes only"),
    ),
    _of(
        "host_rebooted",
        f"tramgac_host_uptime_seconds < {_K['fresh_boot_seconds']}"
        " unless on (facility, site, host) tramgac_host_last_stop_clean == 0",
        hold=Held("", "a start is news for ten minutes only"),
    ),
    _of(
        "link_half_duplex", "tramgac_network_link_full_duplex == 0", parts="interface",
    ),
)  # fmt: skip

_OUT: Final = 'max by (facility, site, target) (tramgac_path_reachable{target!="gateway"}) == 0'
_FAR: Final = (
    'max by (target) (tramgac_path_reachable{target!="gateway"}) == 0 and count by (target)'
    " (count by (facility, site, target) (tramgac_path_reachable)) > 1"
)

_PATH_HELD: Final = Held(str(_K["path_down_held"]), "two looks of 60 s and more")

PATHS: Final = (
    _of(
        "path_loss",
        f"avg_over_time((tramgac_path_loss_ratio > bool {_K['path_loss_ratio']})"
        f"[{_K['path_looks']}:{_K['path_look_every']}]) >= {_K['path_bad_looks_ratio']}",
        hold=Held("", "three of five looks"),
        keep=Held("15m", "as the collector"), parts="target", board="lan",
    ),
    replace(
        _of("path_down", _FAR, hold=_PATH_HELD, places=(), parts="target", board="lan"),
        scope="everybody",
    ),
    replace(
        _of(
            "path_down", f"{_OUT} unless on (target) ({_FAR})", hold=_PATH_HELD,
            places=_HOST[:2], parts="target", board="lan",
        ),
        scope="site",
    ),
    _of(
        "path_not_held", "tramgac_path_throughput_held == 0",
        hold=Held(str(CENTRE["not_held_for"]), "tests come twice a day: this is the second"),
        parts="target", board="lan",
    ),
)  # fmt: skip


def _ports() -> Iterator[Alert]:
    """One for each trouble of ports: those of one switch are one alert."""
    for finding in PORT_WORDS:
        yield _of(
            f"port_{finding}",
            f'count by (facility, site, host) (tramgac_port_finding{{finding="{finding}"}} == 1)',
            keep=Held("5m", "as the collector"), board="lan",
        )  # fmt: skip


_SILENT_DEVICE: Final = f"tramgac_device_up == 0 unless on (facility, site, host) {_PRINTERS}"
_ASKED: Final = Held(str(_K["device_held"]), "so long that every device was asked once more")

DEVICES: Final = (
    *_ports(),
    _of(
        "device_silent", f"tramgac_device_up == 0 and on (facility, site, host) {_KINDS}",
        hold=_ASKED, level="high", board="lan",
    ),
    _of(
        "device_silent", f"{_SILENT_DEVICE} unless on (facility, site, host) {_KINDS}",
        hold=_ASKED, board="power",
    ),
    _of(
        "ups_on_battery",
        "tramgac_ups_on_battery == 1 unless on (facility, site, host) tramgac_ups_battery_low == 1",
        keep=Held("2m", "as the collector"), board="power",
    ),
    _of(
        "ups_battery_low",
        "tramgac_ups_battery_low == 1 unless on (facility, site, host) tramgac_ups_on_battery == 0",
        hold=Held("", "minutes are left"), keep=Held("2m", "as the collector"), board="power",
    ),
    _of(
        "ups_battery_low",
        "tramgac_ups_battery_low == 1 and on (facility, site, host) tramgac_ups_on_battery == 0",
        keep=Held("2m", "as the collector"), level="medium", board="power",
    ),
    _of(
        "ups_battery_bad",
        "tramgac_ups_battery_replace == 1\n"
        "or on (facility, site, host) tramgac_ups_self_test_passed == 0", board="power",
    ),
    _of(
        "printer_stuck",
        "max by (facility, site, host) (tramgac_printer_error) == 1",
        hold=Held(str(_K["printer_held"]), "somebody at the ward refills it"), board="power",
    ),
)  # fmt: skip

_STATES: Final = ("failed", "blocked", "blind", "suspicious", "partial")
_SERIES: Final = "facility, site, host, series"
_AGED: Final = "series:tramgac_backup_age_rpo:ratio > 1"

BACKUPS: Final = (
    *(
        _of(
            f"backup_{state}",
            f'tramgac_backup_state{{state="{state}"}} == 1'
            + (f" unless on ({_SERIES}) {_AGED}" if state == "blind" else ""),
            parts="series", board="backups",
        )
        for state in _STATES
    ),
    # By Prometheus's own clock as well: it passes while nothing judges. Work that is planned stops
    # no backup from ageing.
    Alert(
        alert_name("backup_late"), "high",
        f'tramgac_backup_state{{state="late"}} == 1\nor on ({_SERIES}) {_AGED}',
        Text(vi=WORDS["backup_late"].text[0], en=WORDS["backup_late"].text[1]),
        Text(
            vi="{{ $labels.series }}: " + WORDS["backup_late"].step[0],
            en="{{ $labels.series }}: " + WORDS["backup_late"].step[1],
        ),
        Held("60s", "the collector judges every 5 s and shall be first"), ONE_REPORT,
        "backups", "collector", storm=True,
    ),
)  # fmt: skip
