"""What the page of a facility's LAN shows: a pure function of facts, incidents and inventory.

What is not known is None or absent, and shown as such; what has expired is marked.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tramgac_collector.facts import devices as names
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.inventory.devices import Device
from tramgac_collector.inventory.model import Facility, Inventory, Site
from tramgac_collector.notify.message import parts_of, place_of, since_ms
from tramgac_collector.notify.pipeline import Incident
from tramgac_collector.notify.words import cause_words, likely_words, pick, step_of, words_of
from tramgac_collector.web.words import knows, word

_SPEEDS = ("10", "100", "1000", "2500", "5000", "10000", "other")
_MBPS = 125_000
_CENSUS = {
    "down": names.PORTS_BESIDE["down"].name,
    "half_duplex": names.PORTS_BESIDE["half_duplex"].name,
    "slowed": names.PORTS_BESIDE["slowed"].name,
    "errors": names.PORTS_ERRORS.name,
    "stations": names.STATIONS.name,
    "known": names.STATIONS_KNOWN.name,
}
MOST_ROWS = 300
_MOST_PORTS = 50

Known = Mapping[tuple[str, str], Fact]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, in words."""

    number: int
    severity: str
    what: str
    place: str
    parts: str
    since_ms: int
    cause: str
    step: str


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One declared device.

    Attributes:
        state: Key of a word: answering, not_answering, asleep, not_asked or not_known.
        at_ms: When that was so; 0 where nothing was ever told.
        power: Of a UPS: charge, runtime and load as far as they are known and believed.
    """

    name: str
    kind: str
    state: str
    at_ms: int
    stale: bool
    power: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Census:
    """The access ports of one segment, added up over its switches.

    Attributes:
        told: How many of its ``switches`` have told of their ports.
        speeds: Ports that are up, by speed in Mbit/s; without those nobody has.
        counts: Down, half duplex, ...; None where no switch told it.
        declared: Workstations that should be there; None: nobody said.
        at_ms: The oldest of what was added up.
    """

    segment: str
    switches: int
    told: int
    speeds: Sequence[tuple[str, int]]
    counts: Mapping[str, int | None]
    declared: int | None
    at_ms: int
    stale: bool


@dataclass(frozen=True, slots=True)
class PathRow:
    """What one host measured to one target.

    Attributes:
        how: Direction, kind of test or method, as people call them.
        verdict: Likewise; empty where it is a plain figure.
    """

    host: str
    target: str
    how: str
    figure: str
    verdict: str
    at_ms: int
    stale: bool


@dataclass(frozen=True, slots=True)
class LanPage:
    """Everything the page shows."""

    name: str
    findings: list[Finding]
    devices: list[DeviceRow]
    census: list[Census]
    tests: list[PathRow]
    paths: list[PathRow]


@dataclass(frozen=True, slots=True)
class Scope:
    """One facility at one moment, in one language."""

    facility: Facility
    inventory: Inventory
    now_ms: int
    language: str


def lan_page(scope: Scope, facts: Iterable[Fact], incidents: Iterable[Incident]) -> LanPage:
    """The page of one facility.

    Args:
        scope: Whose page.
        facts: Current facts of the facility, expired ones among them.
        incidents: Its open incidents on devices, links and paths.
    """
    known = {(one.name, one.subject): one for one in facts}
    devices = [
        _device(scope, site, one, known) for site in scope.facility.sites for one in site.devices
    ]
    census = [one for site in scope.facility.sites for one in _census(scope, site, known)]
    return LanPage(
        name=scope.facility.title(scope.language),
        findings=[_finding(one, scope, known) for one in incidents],
        # A page shows so many rows: what is wrong is among them.
        devices=sorted(devices, key=lambda one: one.state != "not_answering"),
        census=census,
        tests=_paths(scope, known, "net.path.test"),
        paths=[
            *_paths(scope, known, "net.path.rtt"),
            *_paths(scope, known, "net.path.loss"),
            *_paths(scope, known, "net.path.reach"),
        ],
    )


def _bad_ports(one: Incident, known: Known) -> str:
    """Ports that are bad by what is known now: an incident also names those that were."""
    fact, node = f"net.{one.code.replace('_', '.', 1)}", f"{one.node}/"
    bad = sorted(
        subject.removeprefix(node)
        for (name, subject), told in known.items()
        if name == fact and subject.startswith(node) and told.value
    )
    more = f", +{len(bad) - _MOST_PORTS}" if len(bad) > _MOST_PORTS else ""
    return ", ".join(bad[:_MOST_PORTS]) + more


def _finding(one: Incident, scope: Scope, known: Known) -> Finding:
    language = scope.language
    return Finding(
        number=one.id,
        severity=one.severity,
        what=pick(words_of(one.code).text, language),
        place=place_of(one.node, scope.inventory, language),
        parts=_bad_ports(one, known) or parts_of(one, language),
        since_ms=since_ms(one),
        cause=cause_words(one.cause, language) or likely_words(one.code, language),
        step=step_of(one.code, one.cause, language),
    )


def _device(scope: Scope, site: Site, device: Device, known: Known) -> DeviceRow:
    node = f"{scope.facility.id}/{site.id}/{device.id}"
    up, asleep = (known.get((kind.name, node)) for kind in (names.ANSWERS, names.PRINTER_ASLEEP))
    told = max((one for one in (up, asleep) if one), key=lambda one: one.collected_ms, default=None)
    state = "not_asked" if device.snmp is None else "not_known"
    if told is not None and told is asleep and told.value:
        state = "asleep"
    elif up is not None:
        state = "answering" if up.value else "not_answering"
    return DeviceRow(
        name=device.title(scope.language),
        kind=device.kind,
        state=state,
        at_ms=0 if told is None else told.collected_ms,
        stale=told is not None and told.expires_ms <= scope.now_ms,
        power=_power(node, known, scope.now_ms) if device.kind == "ups" else (),
    )


def _value(known: Known, name: str, node: str, now_ms: int) -> float | None:
    fact = known.get((name, node))
    return fact.value if fact is not None and fact.expires_ms > now_ms else None


def _power(node: str, known: Known, now_ms: int) -> list[tuple[str, str]]:
    charge, load, seconds, trusted, on_battery = (
        _value(known, name, node, now_ms)
        for name in ("ups.charge", "ups.load", names.RUNTIME.name, names.RUNTIME_TRUSTED.name,
                     names.ON_BATTERY.name)
    )  # fmt: skip
    found = [] if on_battery is None else [("on_battery" if on_battery else "on_mains", "")]
    if charge is not None:
        found.append(("charge", f"{charge:.0%}"))
    if load is not None:
        found.append(("load", f"{load:.0%}"))
    if seconds is not None:
        found.append(("runtime" if trusted else "runtime_doubtful", f"{seconds / 60:.0f} min"))
    return found


def _census(scope: Scope, site: Site, known: Known) -> list[Census]:
    """Switches by the segment they are declared on; the rest under the site's name."""
    groups: dict[str, list[Device]] = {}
    for one in site.devices:
        if one.family == "switch" and one.snmp is not None:
            groups.setdefault(one.segment, []).append(one)
    titles = {one.id: one.title(scope.language) for one in site.segments}
    return [
        _count(scope, titles.get(segment, site.title(scope.language)), (site, some), known)
        for segment, some in groups.items()
    ]


def _count(scope: Scope, title: str, place: tuple[Site, list[Device]], known: Known) -> Census:
    site, switches = place
    nodes = [f"{scope.facility.id}/{site.id}/{one.id}" for one in switches]
    seen = [fact for node in nodes for fact in _of_last_walk(node, known)]
    speeds: Counter[str] = Counter()
    for fact in seen:
        speeds[fact.subject.rpartition("/")[2]] += round(fact.value or 0)
    told = sum(any(fact.subject.startswith(f"{node}/") for fact in seen) for node in nodes)
    declared = [one.stations for one in switches if one.stations is not None]
    return Census(
        segment=title,
        switches=len(nodes),
        told=told,
        speeds=[
            (_said(speed, scope.language), speeds[speed]) for speed in _SPEEDS if speeds[speed]
        ],
        counts={key: _sum(known, name, nodes) for key, name in _CENSUS.items()},
        declared=sum(declared) if declared else None,
        at_ms=min((fact.collected_ms for fact in seen), default=0),
        stale=any(fact.expires_ms <= scope.now_ms for fact in seen),
    )


def _of_last_walk(node: str, known: Known) -> list[Fact]:
    """Ports of a switch by speed; a speed no port has any more is not told of, never zero."""
    told = [known.get((names.PORTS.name, f"{node}/{speed}")) for speed in _SPEEDS]
    facts = [one for one in told if one is not None]
    newest_ms = max((one.collected_ms for one in facts), default=0)
    return [one for one in facts if one.expires_ms > newest_ms]


def _sum(known: Known, name: str, nodes: Iterable[str]) -> int | None:
    facts = (known.get((name, node)) for node in nodes)
    values = [one.value for one in facts if one is not None and one.value is not None]
    return round(sum(values)) if values else None


def _paths(scope: Scope, known: Known, name: str) -> list[PathRow]:
    """What hosts measured under one name."""
    rows = []
    for (fact_name, subject), fact in known.items():
        if fact_name != name or fact.value is None:
            continue
        _, site_id, host, target = (*subject.split("/", 3), "", "", "")[:4]
        found = scope.facility.find_host(host)
        title = host if found is None else found[1].title(scope.language)
        target, *marks = target.split(":")
        several = len(scope.facility.sites) > 1
        rows.append(
            PathRow(
                host=f"{title} ({site_id})" if several else title,
                target=target,
                how=", ".join(_said(mark, scope.language) for mark in marks),
                figure=_figure(name, fact.value, scope.language),
                verdict=_said(fact.text, scope.language),
                at_ms=fact.collected_ms,
                stale=fact.expires_ms <= scope.now_ms,
            )
        )
    return sorted(rows, key=lambda one: (one.host, one.target, one.how))


def _said(code: str, language: str) -> str:
    """A code in words; one without words as it is."""
    return word(f"lan_{code}", language) if knows(f"lan_{code}") else code


def _figure(name: str, value: float, language: str) -> str:
    if name == "net.path.test":
        return f"{value / _MBPS:.0f} Mbit/s"
    if name == "net.path.rtt":
        return f"{value * 1000:.1f} ms"
    if name == "net.path.loss":
        return f"{word('lan_loss', language)} {value:.0%}"
    return "✓" if value else "✗"
