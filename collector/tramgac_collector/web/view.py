"""From the store to rows: a pure function of the picture and the time."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from tramgac_collector.identity.registry import RegisteredAgent
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.web.store import Picture
from tramgac_collector.web.words import sort_key
from tramgac_proto.limits import SILENT_AFTER_SECONDS

# `agents.last_seen_ms` is written so often.
LAST_SEEN_LAG_SECONDS = 60.0
_SILENT_MS = int((SILENT_AFTER_SECONDS + LAST_SEEN_LAG_SECONDS) * 1000)


@dataclass(frozen=True, slots=True)
class HostRow:
    """One declared or enrolled host.

    Attributes:
        state: Key of a word: reporting, silent, never, denied, cloned or undeclared.
        last_seen_ms: 0 for never.
        not_after_ms: End of its certificate; 0 where there is none.
    """

    facility: str
    facility_name: str
    site: str
    host: str
    name: str
    role: str
    state: str
    last_seen_ms: int
    version: str = ""
    not_after_ms: int = 0

    @property
    def reporting(self) -> bool:
        """Whether its evidence arrives; a suspected clone's original still reports."""
        return self.state in {"reporting", "cloned"}


@dataclass(frozen=True, slots=True)
class FacilityRow:
    """One facility.

    Attributes:
        declared: Hosts that should report.
        reporting: How many of them do.
    """

    id: str
    name: str
    code: str
    state: str
    declared: int
    reporting: int
    last_seen_ms: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything both pages show."""

    facilities: list[FacilityRow]
    hosts: list[HostRow]
    declared: int
    reporting: int


def _state(agent: RegisteredAgent, now_ms: int, *, declared: bool) -> str:
    if agent.denied:
        return "denied"
    if agent.last_seen_ms == 0:
        return "never"
    if now_ms - agent.last_seen_ms > _SILENT_MS:
        return "silent"
    if agent.state == "cloned":
        return "cloned"
    return "reporting" if declared else "undeclared"


def _hosts(picture: Picture, now_ms: int, language: str) -> list[HostRow]:
    speakers: dict[tuple[str, str, str], RegisteredAgent] = {}
    for agent in sorted(picture.agents, key=lambda one: (not one.denied, one.last_seen_ms)):
        owner = agent.owner
        speakers[owner.facility, owner.site, owner.host] = agent
    expected = {(o.facility, o.site, o.host): o for o in picture.inventory.expected_hosts()}
    rows = []
    for place in expected.keys() | speakers.keys():
        facility, site, host = place
        name, facility_name = _names(picture.inventory, facility, host, language)
        known = speakers.get(place)
        role = (known.owner if known else expected[place]).role
        state = "never" if known is None else _state(known, now_ms, declared=place in expected)
        rows.append(
            HostRow(
                *(facility, facility_name, site, host, name, role, state),
                last_seen_ms=known.last_seen_ms if known else 0,
                version=known.version if known else "",
                not_after_ms=known.not_after_ms if known else 0,
            )
        )
    return sorted(rows, key=lambda r: (sort_key(r.facility_name), r.site, sort_key(r.name)))


def _names(inventory: Inventory, facility: str, host: str, language: str) -> tuple[str, str]:
    placed = inventory.place_of(facility, host)
    declared = inventory.facility(facility)
    return (
        placed.host.title(language) if placed else host,
        declared.title(language) if declared else facility,
    )


def _facility_state(hosts: list[HostRow]) -> str:
    if not hosts:
        return "empty"
    states = {row.state for row in hosts}
    reporting = sum(row.reporting for row in hosts)
    if reporting == len(hosts):
        return "cloned" if "cloned" in states else "reporting"
    if reporting:
        return "partial"
    return "never" if states == {"never"} else "silent"


def _facilities(inventory: Inventory, hosts: list[HostRow], language: str) -> list[FacilityRow]:
    by_facility: defaultdict[str, list[HostRow]] = defaultdict(list)
    for row in hosts:
        by_facility[row.facility].append(row)
    rows = []
    for facility in inventory.facilities:
        mine = by_facility.pop(facility.id, [])
        declared = [row for row in mine if row.state != "undeclared"]
        rows.append(
            FacilityRow(
                id=facility.id,
                name=facility.title(language),
                code=facility.code,
                state=_facility_state(declared),
                declared=len(declared),
                reporting=sum(row.reporting for row in declared),
                last_seen_ms=max((row.last_seen_ms for row in mine), default=0),
            )
        )
    for name, mine in by_facility.items():
        last = max(row.last_seen_ms for row in mine)
        rows.append(FacilityRow(name, name, "", "undeclared", 0, 0, last))
    return sorted(rows, key=lambda row: sort_key(row.name))


def narrowed(picture: Picture, may_see: Callable[[str], bool]) -> Picture:
    """What of it somebody may see."""
    facilities = tuple(one for one in picture.inventory.facilities if may_see(one.id))
    agents = [one for one in picture.agents if may_see(one.owner.facility)]
    return Picture(msgspec.structs.replace(picture.inventory, facilities=facilities), agents)


def overview(picture: Picture, now_ms: int, language: str) -> Overview:
    """Both pages' rows, sorted by name."""
    hosts = _hosts(picture, now_ms, language)
    facilities = _facilities(picture.inventory, hosts, language)
    return Overview(
        facilities=facilities,
        hosts=hosts,
        declared=sum(row.declared for row in facilities),
        reporting=sum(row.reporting for row in facilities),
    )
