"""Every operational finding, once: how bad it is, how long it is held, when it is over."""

from dataclasses import dataclass
from enum import StrEnum

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# A cut is seen within 110 s of the last call; its parent must be known before a child is told.
HELD_MS = 150 * SECOND
# After a return: until the backlog is in, nothing inside is told.
MUTED_MS = 5 * MINUTE
# What came back while it was getting better stays open this long.
FLAPPING_MS = 10 * MINUTE
# What came back for the third time within so little after its end stays open this long.
OFTEN_MS = 30 * MINUTE
OFTEN = 2


class Severity(StrEnum):
    """How soon somebody must act; who is woken by it is the roster's affair."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Family(StrEnum):
    """What kind of evidence a finding rests on."""

    SILENCE = "silence"
    """Nobody calls: nothing is known of what lies behind."""
    SERVICE = "service"
    HOST = "host"
    PATH = "path"
    DEVICE = "device"
    """What runs no agent; known only by whoever asks it."""
    BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class Code:
    """One finding.

    Attributes:
        slot: Findings of one node that share it are one incident, which changes its code.
        hold_ms: How long it must hold before there is an incident.
        leave_ms: How long it must be good before the incident is over.
    """

    name: str
    family: Family
    severity: Severity
    hold_ms: int = HELD_MS
    leave_ms: int = MINUTE
    slot: str = ""


_CODES = (
    # Silence: `since` is the last good call, so that all is told within 180 s of a cut.
    Code("collector_uplink_suspected", Family.SILENCE, Severity.CRITICAL, 0, MUTED_MS),
    Code("region_link_down", Family.SILENCE, Severity.CRITICAL, HELD_MS, MUTED_MS),
    Code("site_unreachable", Family.SILENCE, Severity.HIGH, HELD_MS, MUTED_MS),
    # From the moment it was silent: a server that restarts is nobody's alarm.
    Code("agent_silent", Family.SILENCE, Severity.HIGH, 110 * SECOND + HELD_MS, 2 * MINUTE),
    Code("provider_down", Family.SERVICE, Severity.CRITICAL, MINUTE, MUTED_MS),
    # Held for three looks of 60 s, each of three tries.
    Code("service_down", Family.SERVICE, Severity.CRITICAL, slot="service"),
    Code("service_partly_unreachable", Family.SERVICE, Severity.MEDIUM, slot="service"),
    Code("service_flapping", Family.SERVICE, Severity.MEDIUM, 0, FLAPPING_MS),
    Code("host_unclean_stop", Family.HOST, Severity.MEDIUM, MUTED_MS, 0, slot="boot"),
    Code("host_rebooted", Family.HOST, Severity.LOW, MUTED_MS, 0, slot="boot"),
    Code("disk_filling", Family.HOST, Severity.MEDIUM),
    Code("disk_readonly", Family.HOST, Severity.HIGH),
    Code("disk_hung", Family.HOST, Severity.HIGH),
    Code("disk_errors", Family.HOST, Severity.MEDIUM, leave_ms=HOUR),
    Code("clock_wrong", Family.HOST, Severity.LOW),
    Code("certificate_expiring", Family.HOST, Severity.MEDIUM, 0),
    Code("link_down", Family.PATH, Severity.MEDIUM),
    Code("link_slow", Family.PATH, Severity.MEDIUM),
    Code("link_half_duplex", Family.PATH, Severity.MEDIUM),
    Code("path_loss", Family.PATH, Severity.MEDIUM, 0, 15 * MINUTE),
    # Of one node: loss that turns out to be one direction's changes its code.
    Code("path_one_way", Family.PATH, Severity.MEDIUM, 0, 15 * MINUTE, slot="path_loss"),
    Code("path_down", Family.PATH, Severity.HIGH, leave_ms=2 * MINUTE),
    Code("path_slow", Family.PATH, Severity.LOW, 0, 15 * MINUTE),
    # Tests come twice a day: the second that failed is told, the first that holds ends it.
    Code("path_not_held", Family.PATH, Severity.MEDIUM, 0, 0),
    # Ports of one switch with one trouble are one incident, at the switch. The agent has waited.
    Code("port_half_duplex", Family.DEVICE, Severity.LOW, leave_ms=5 * MINUTE),
    Code("port_slowed", Family.DEVICE, Severity.LOW, leave_ms=5 * MINUTE),
    Code("port_errors", Family.DEVICE, Severity.MEDIUM, leave_ms=5 * MINUTE),
    Code("port_late_collisions", Family.DEVICE, Severity.MEDIUM, leave_ms=5 * MINUTE),
    Code("port_duplex_mismatch", Family.DEVICE, Severity.MEDIUM, leave_ms=5 * MINUTE),
    Code("port_discards", Family.DEVICE, Severity.LOW, leave_ms=5 * MINUTE),
    Code("port_overloaded", Family.DEVICE, Severity.MEDIUM, leave_ms=5 * MINUTE),
    Code("port_flapping", Family.DEVICE, Severity.LOW, leave_ms=5 * MINUTE),
    # So long that every device of the site was asked once more: a switch takes others with it.
    Code("device_silent", Family.DEVICE, Severity.MEDIUM, 6 * MINUTE, MINUTE),
    Code("ups_on_battery", Family.DEVICE, Severity.HIGH, slot="ups", leave_ms=2 * MINUTE),
    Code("ups_battery_low", Family.DEVICE, Severity.CRITICAL, 0, 2 * MINUTE, slot="ups"),
    Code("ups_battery_bad", Family.DEVICE, Severity.MEDIUM),
    Code("printer_stuck", Family.DEVICE, Severity.LOW, 30 * MINUTE),
    Code("backup_failed", Family.BACKUP, Severity.HIGH, slot="backup"),
    Code("backup_blocked", Family.BACKUP, Severity.HIGH, slot="backup"),
    Code("backup_late", Family.BACKUP, Severity.HIGH, 0, slot="backup"),
    Code("backup_blind", Family.BACKUP, Severity.MEDIUM, slot="backup"),
    Code("backup_suspicious", Family.BACKUP, Severity.MEDIUM, slot="backup"),
    Code("backup_partial", Family.BACKUP, Severity.MEDIUM, slot="backup"),
)
CODES = {code.name: code for code in _CODES}


def slot_of(code: str) -> str:
    """What an incident of that code takes at its node."""
    return CODES[code].slot or code
