# ruff: noqa: E501 - a table with one line a name
"""The names rules may use. Rules never read metrics; they read these, and the world maps them.

Measured names come from the fact layer (``facts/``), ``doc:`` and ``att:`` names from what
people entered, dotted attributes from the inventory and the facility's own answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Unit = Literal["seconds", "ratio", "count", "bytes_per_second", "bool", "text"]
Kind = Literal["measured", "inferred", "attested", "document", "attribute"]

DOCUMENT, ATTESTATION = "doc:", "att:"


@dataclass(frozen=True, slots=True)
class Term:
    """One name.

    Attributes:
        each: What it is said of.
        means: What it means, and what it does not.
    """

    name: str
    each: str
    unit: Unit
    kind: Kind
    means: str


_TERMS = (
    # Backups, per declared dataset: the best of its destinations unless said otherwise.
    Term("bk.age", "dataset", "seconds", "measured", "age of the newest complete backup that the repository shows"),
    Term("bk.seen", "dataset", "bool", "measured", "a backup of the dataset was ever seen"),
    Term("bk.versions", "dataset", "count", "measured", "snapshots kept, of the destination with most"),
    Term("bk.copies", "dataset", "count", "measured", "fresh copies in failure domains that share nothing; separation is declared"),
    Term("bk.copies.offsite", "dataset", "count", "measured", "of these, outside the facility"),
    Term("bk.copies.onsite", "dataset", "count", "measured", "of these, at the facility"),
    Term("bk.same_place", "dataset", "bool", "measured", "a copy lies on the disk or machine it should protect"),
    Term("bk.check", "dataset", "seconds", "measured", "age of the newest structure check that found nothing"),
    Term("bk.check.data", "dataset", "seconds", "measured", "age of the part of the data that was read longest ago"),
    Term("bk.damaged", "dataset", "bool", "measured", "a check or drill found damage"),
    Term("bk.restore", "dataset", "seconds", "measured", "age of the newest drill that passed, sample or full"),
    Term("bk.restore.full", "dataset", "seconds", "measured", "age of the newest full drill that passed"),
    Term("bk.enc", "dataset", "bool", "inferred", "the product encrypts by design; who keeps the key is attested"),
    Term("bk.immut", "dataset", "bool", "measured", "deleting was refused to the host's own credential"),
    Term("bk.automatic", "dataset", "bool", "measured", "the runs come from a scheduler"),
    # Network.
    Term("net.link.speed", "port", "bytes_per_second", "measured", "negotiated speed"),
    Term("net.link.duplex", "port", "bool", "measured", "full duplex"),
    Term("net.link.errors", "port", "ratio", "measured", "share of frames with an error, over a day"),
    Term("net.path.rtt", "path", "seconds", "measured", "mean round trip"),
    Term("net.path.jitter", "path", "seconds", "measured", "jitter"),
    Term("net.path.rtt.p95", "path", "seconds", "measured", "round trip that 95 of 100 probes stay below, over 15 minutes"),
    Term("net.path.jitter.p95", "path", "seconds", "measured", "the same of jitter"),
    Term("net.path.loss", "path", "ratio", "measured", "share of probes without an answer"),
    Term("net.dev", "device", "bool", "measured", "the device answers"),
    Term("net.red", "facility", "bool", "measured", "standby or stack peer is there"),
    Term("net.wan", "site", "count", "measured", "working uplinks"),
    # Hosts.
    Term("host.up", "host", "bool", "measured", "the host reports"),
    Term("host.disk", "host", "ratio", "measured", "use of the fullest file system"),
    Term("host.disk.full_in", "host", "seconds", "inferred", "time until a file system is full if it goes on as now; unknown while none fills"),
    Term("host.time", "host", "seconds", "measured", "size of the clock's offset"),
    Term("host.time.sources", "host", "count", "measured", "time sources in use"),
    Term("host.os.supported", "host", "bool", "measured", "the operating system is still maintained"),
    Term("host.av", "host", "bool", "measured", "anti-malware service runs"),
    Term("host.fw", "host", "bool", "measured", "host firewall is on"),
    Term("host.crypt", "host", "bool", "measured", "volumes are encrypted"),
    Term("host.log", "host", "seconds", "measured", "age of the oldest kept security log entry"),
    Term("host.age", "host", "seconds", "measured", "how long the host has been known"),
    Term("host.log.forwarded", "host", "bool", "measured", "logs reach a central store"),
    # Services and power.
    Term("svc.up", "system", "bool", "measured", "the system answers a probe without patient data"),
    Term("svc.tls", "system", "seconds", "measured", "time left on its certificate"),
    Term("ups.runtime", "device", "seconds", "measured", "estimated runtime at the present load"),
    Term("ups.test", "device", "seconds", "measured", "age of the last self-test that passed"),
    Term("env.temperature", "device", "count", "measured", "degrees Celsius"),
    Term("env.warmest", "facility", "count", "measured", "degrees Celsius at the warmest sensor of its server rooms"),
    Term("env.humidity.sensors", "facility", "count", "measured", "humidity sensors that report"),
    Term("portal.reach", "facility", "bool", "measured", "a TLS connection to the insurance portal succeeds"),
    Term("send.lag", "facility", "seconds", "measured", "age of the oldest unsent dossier, from the HIS"),
    # Scope.
    Term("inv.seen", "facility", "count", "measured", "devices seen"),
    Term("inv.unknown", "facility", "count", "measured", "devices seen that nobody declared"),
    Term("inv.complete", "facility", "ratio", "measured", "declared devices with name, address, serial number or MAC, end of support and place"),
    Term("mon.cover", "facility", "ratio", "measured", "declared hosts that report"),
    Term("mon.cover.devices", "facility", "ratio", "measured", "declared main network devices whose processor and memory were seen, over 30 days"),
    Term("mon.cover.systems", "facility", "ratio", "measured", "declared systems that were probed, over 30 days; no security monitoring"),
    Term("mon.ack", "facility", "seconds", "measured", "longest wait of a paging alert for a person, over 30 days"),
    Term("bk.cover", "facility", "ratio", "measured", "declared datasets with a backup job; what is declared is attested"),
    # Incidents: a person says that there is one; no outage becomes one by itself.
    Term("incident.open", "facility", "bool", "attested", "a person declared a serious cyber incident; false while nobody did"),
    Term("incident.first_notice_after", "facility", "seconds", "attested", "from its detection to the first notice; to now while there is none"),
    Term("incident.noticed", "facility", "bool", "attested", "the first notice of the open incident went out"),
    Term("incident.report_after", "facility", "seconds", "attested", "from its detection to the report of cause, scope and remedy; to now while there is none"),
    Term("incident.reported", "facility", "bool", "attested", "cause, scope and remedy of the open incident were reported"),
    Term("incident.alerted", "facility", "bool", "attested", "the authority was told at once; not known until the person in charge says"),
    # A breach of personal data has a clock and an addressee of its own.
    Term("breach.open", "facility", "bool", "attested", "a person declared a breach of personal data; false while nobody did"),
    Term("breach.notice_after", "facility", "seconds", "attested", "from its detection to the notice; to now while there is none"),
    Term("breach.noticed", "facility", "bool", "attested", "the notice of the open breach went out"),
    # Attributes.
    Term("facility.kind", "facility", "text", "attribute", "hospital, inpatient_other, outpatient or none"),
    Term("facility.ownership", "facility", "text", "attribute", "public or private"),
    Term("facility.ministry_linked", "facility", "bool", "attribute", "under the ministry or linked to its network"),
    Term("facility.insurance", "facility", "bool", "attribute", "has a health-insurance contract"),
    Term("facility.licensed_year", "facility", "count", "attribute", "year of its licence"),
    Term("facility.level", "facility", "count", "attribute", "highest approved level of its systems"),
    Term("facility.nd331_binds", "facility", "bool", "attribute", "Decree 331 binds it although it is private: what its lawyer says"),
    Term("facility.restore_period", "facility", "seconds", "attribute", "time between trial restores by its own backup policy"),
    Term("facility.web_apps", "facility", "bool", "attribute", "runs web applications of its own"),
    Term("facility.internet_needed", "facility", "bool", "attribute", "its systems need the Internet to work"),
    Term("facility.tt54_level", "facility", "count", "attribute", "level it declares by Circular 54"),
    Term("system.kind", "system", "text", "attribute", "his, lis, pacs, emr, ris, gateway or other"),
    Term("system.level", "system", "count", "attribute", "approved level; declared, never computed"),
    Term("system.level_decided", "system", "bool", "attribute", "there is a decision on its level"),
    Term("system.hosting", "system", "text", "attribute", "own or rented"),
    Term("system.building_before_2026_07", "system", "bool", "attribute", "was being built before 1 July 2026"),
    Term("system.online_service", "system", "bool", "attribute", "serves the public online"),
    Term("dataset.kind", "dataset", "text", "attribute", "database, files, images, config or other"),
    Term("dataset.period", "dataset", "seconds", "attribute", "declared time between backups"),
    Term("dataset.level", "dataset", "count", "attribute", "approved level of that system; the facility's where it is left out"),
    Term("dataset.important", "dataset", "bool", "attribute", "its owner calls it important data"),
    Term("port.role", "port", "text", "attribute", "server, uplink or client"),
    Term("path.kind", "path", "text", "attribute", "lan or wan"),
    Term("device.kind", "device", "text", "attribute", "switch, router, firewall, wifi, printer, ups, nas or other"),
    Term("dataset.of", "dataset", "text", "attribute", "kind of the system it belongs to"),
)  # fmt: skip

VOCABULARY: Mapping[str, Term] = {term.name: term for term in _TERMS}


def is_paper(name: str) -> bool:
    """Whether a person has to enter it."""
    return name.startswith((DOCUMENT, ATTESTATION))


def is_known(name: str) -> bool:
    """Whether a rule may use the name."""
    return name in VOCABULARY or is_paper(name)
