"""The inventory's tree. Unknown keys are refused; references are checked in ``rules``."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

import msgspec

from tramgac_collector.inventory.answers import Answers, PackName, SecurityLevel
from tramgac_collector.inventory.base import (
    Address,
    Id,
    Mbps,
    Named,
    Node,
    Port,
    Reference,
)
from tramgac_collector.inventory.devices import Device
from tramgac_collector.inventory.lan import Clinic, Segment, Uplink
from tramgac_collector.inventory.shared import Link, Portal, Provider, Province
from tramgac_collector.model import Owner


class Host(Named, frozen=True, kw_only=True):
    """A machine.

    Attributes:
        role: ``probe`` is any machine that measures from where the users are.
        address: By which other machines of the facility reach it.
        expect_mbps: What its connection should carry.
        responder: Whether it answers throughput tests of others.
        probed_by: It has no agent of its own; this host's agent reports for it.
    """

    role: Literal["server", "probe"] = "server"
    address: Address = ""
    expect_mbps: Mbps | None = None
    segment: Reference = ""
    responder: bool = False
    responder_port: Port = 8445
    probed_by: Reference = ""


class Site(Named, frozen=True, kw_only=True):
    """One place of a facility, behind one power supply and one line outwards.

    Attributes:
        segments: Without any, the site is one segment.
        uplinks: Lines that segments share inside the site.
        wan_mbps: What the line outwards should carry.
        clinic: When patients are received here; the facility's hours when None.
    """

    hosts: tuple[Host, ...] = ()
    segments: tuple[Segment, ...] = ()
    devices: tuple[Device, ...] = ()
    uplinks: Annotated[tuple[Uplink, ...], msgspec.Meta(max_length=200)] = ()
    wan_mbps: Mbps | None = None
    clinic: Clinic | None = None


class Probe(Node, frozen=True, kw_only=True):
    """One way to see whether a system answers: exactly one of the three places.

    Attributes:
        unit: systemd unit, on the system's own host.
        tcp: ``host:port``.
        url: ``http://`` or ``https://``.
        expect_text: The page must contain it.
    """

    unit: Annotated[str, msgspec.Meta(pattern="^([A-Za-z0-9:_.@-]{1,200})?$")] = ""
    tcp: Annotated[str, msgspec.Meta(pattern="^([][A-Za-z0-9_.:%-]{1,253}:[0-9]{1,5})?$")] = ""
    url: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s]{1,500})?$")] = ""
    expect_text: Annotated[str, msgspec.Meta(max_length=200)] = ""

    @property
    def method(self) -> str:
        """``systemd``, ``tcp`` or ``http``."""
        return "systemd" if self.unit else "tcp" if self.tcp else "http"


class System(Named, frozen=True, kw_only=True):
    """A HIS, LIS, PACS or the like: what people work with.

    Attributes:
        host: The machine it runs on, or
        provider: who runs it elsewhere.
        probed_by: Host whose agent asks it; its own host when empty.
        level: Its security level; None: nobody has said.
        online_service: Whether it serves the public online.
        building_before_2026_07: Whether it was being built before 1 July 2026.
    """

    kind: Literal["his", "lis", "pacs", "emr", "ris", "gateway", "other"]
    host: Reference = ""
    provider: Reference = ""
    probed_by: Reference = ""
    probes: Annotated[tuple[Probe, ...], msgspec.Meta(max_length=8)] = ()
    level: SecurityLevel | None = None
    online_service: bool | None = None
    building_before_2026_07: bool | None = None

    @property
    def prober(self) -> str:
        """Id of the host whose agent reports on it; empty when nobody does."""
        return self.probed_by or self.host


class Domain(Node, frozen=True, kw_only=True):
    """What would take a copy down with it: two copies that share one of these count as one.

    Attributes:
        host: Machine it lies on, by any name; the same word means the same machine.
        array: Disk, RAID set or storage box.
        building: House or fire section.
        credentials: Account that may delete it.
    """

    host: str = ""
    array: str = ""
    building: str = ""
    credentials: str = ""


class Destination(Named, frozen=True, kw_only=True):
    """Where copies of a dataset go; the agent's repository probe of that name reads it.

    Attributes:
        kind: ``offsite`` and ``cloud`` are outside the facility.
        domain: With ``provider``, what other copies must not share with it.
        immutable: Deleting must be refused to the host's own credential.
    """

    kind: Literal["local", "nas", "offsite", "cloud", "removable"] = "local"
    provider: Reference = ""
    domain: Domain = Domain()
    immutable: bool = False


class Match(Node, frozen=True, kw_only=True):
    """Which snapshots of a repository are the dataset's: all that is given must fit."""

    host: str = ""
    paths: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Schedule(Node, frozen=True, kw_only=True):
    """When a backup is due: one of ``cron`` and ``oncalendar``.

    Attributes:
        cron: Five fields.
        oncalendar: As in a systemd timer.
        zone: IANA time zone the times are in.
        grace_minutes: How long after it was due a run may end.
    """

    cron: str = ""
    oncalendar: str = ""
    zone: str = "Asia/Ho_Chi_Minh"
    grace_minutes: Annotated[float, msgspec.Meta(ge=0, le=10080)] = 120.0


Days = Annotated[float, msgspec.Meta(ge=0, le=3660)]


class Retention(Node, frozen=True, kw_only=True):
    """How long copies must be kept; a zero asks for nothing.

    Attributes:
        days: The oldest copy must reach so far back.
        months: Of the last 12, so many must have a copy.
        keep_days: Nothing younger may ever disappear.
    """

    days: Days = 0
    months: Annotated[int, msgspec.Meta(ge=0, le=12)] = 0
    keep_days: Days = 7


class Proof(Node, frozen=True, kw_only=True):
    """How old each proof may be, in days, before a good backup is only said to be good.

    A zero asks for none; a full drill counts as a sample, a sample as a canary.

    Attributes:
        check: The repository's structure.
        data: Until all of its data was read once.
        canary: A nonce read back from the newest snapshot.
        sample: Some files restored and compared.
        full: Everything restored and put to use.
        key: The recovery key tried, by hand; no other drill counts as it.
    """

    check: Days = 8
    data: Days = 92
    canary: Days = 0
    sample: Days = 31
    full: Days = 0
    key: Days = 0


class Dataset(Named, frozen=True, kw_only=True):
    """Data that must be backed up.

    Attributes:
        host: The machine it lies on.
        rpo_hours: How old the newest good copy may be.
        rto_hours: How long a full restore may take.
        hung_hours: A run that has not ended by then hangs.
        copies: In how many failure domains a fresh copy must lie.
        of: Id of the system whose data they are.
        important: Whether its owner calls it important data.
    """

    host: Id
    kind: Literal["database", "files", "images", "config", "other"] = "other"
    rpo_hours: Annotated[float, msgspec.Meta(gt=0, le=8784)]
    rto_hours: Annotated[float, msgspec.Meta(gt=0, le=8784)] | None = None
    hung_hours: Annotated[float, msgspec.Meta(gt=0, le=720)] = 12.0
    schedule: Schedule | None = None
    retention: Retention = Retention()
    proof: Proof = Proof()
    copies: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1
    destinations: Annotated[tuple[Destination, ...], msgspec.Meta(min_length=1)]
    match: Match = Match()
    of: Reference = ""
    important: bool | None = None


class Facility(Named, frozen=True, kw_only=True):
    """A hospital or health centre.

    Attributes:
        code: Its health-insurance code; text, since it may begin with 0.
        level: Level of Circular 54/2017/TT-BYT it declares; never computed.
        answers: What decides which rules apply to it.
        packs: Optional rule packs it wants beside the province's.
        clinic: When patients are received; the province's hours when None.
    """

    code: Annotated[str, msgspec.Meta(pattern="^[0-9A-Z]{1,16}$")]
    level: Annotated[int, msgspec.Meta(ge=1, le=7)] | None = None
    answers: Answers = Answers()
    packs: tuple[PackName, ...] = ()
    clinic: Clinic | None = None
    sites: tuple[Site, ...] = ()
    systems: tuple[System, ...] = ()
    datasets: tuple[Dataset, ...] = ()

    def find_host(self, host: str) -> tuple[Site, Host] | None:
        """A host and its site by the host's id, which is unique in the facility."""
        for site in self.sites:
            for one in site.hosts:
                if one.id == host:
                    return site, one
        return None


class BackupSeries(NamedTuple):
    """One dataset on its way to one destination."""

    id: str
    facility: Facility
    dataset: Dataset
    destination: Destination


class Placed(NamedTuple):
    """A host with where it stands."""

    facility: Facility
    site: Site
    host: Host


class Inventory(Node, frozen=True, kw_only=True):
    """The whole file; ``Inventory()`` is an empty one.

    Attributes:
        packs: Optional rule packs every facility is judged by.
        clinic: When patients are received, where a facility does not say otherwise.
    """

    province: Province | None = None
    packs: tuple[PackName, ...] = ()
    clinic: Clinic = Clinic()
    providers: tuple[Provider, ...] = ()
    links: tuple[Link, ...] = ()
    portals: Annotated[tuple[Portal, ...], msgspec.Meta(max_length=12)] = ()
    facilities: tuple[Facility, ...] = ()

    @cached_property
    def link_of(self) -> Mapping[str, Link]:
        """The link of each site that hangs on just one, by ``facility/site``."""
        count = Counter(site for link in self.links for site in link.sites)
        return {site: link for link in self.links for site in link.sites if count[site] == 1}

    def provider(self, provider: str) -> Provider | None:
        """A provider by id."""
        return next((one for one in self.providers if one.id == provider), None)

    @cached_property
    def _portals(self) -> dict[str, Portal]:
        return {portal.id: portal for portal in self.portals}

    def portal(self, portal: str) -> Portal | None:
        """A portal by id."""
        return self._portals.get(portal)

    @cached_property
    def _facilities(self) -> dict[str, Facility]:
        return {facility.id: facility for facility in self.facilities}

    @cached_property
    def _hosts(self) -> dict[tuple[str, str], Placed]:
        return {(p.facility.id, p.host.id): p for p in self.placed_hosts()}

    def placed_hosts(self) -> Iterator[Placed]:
        """Every host, in the file's order."""
        for facility in self.facilities:
            for site in facility.sites:
                for host in site.hosts:
                    yield Placed(facility, site, host)

    def facility(self, facility: str) -> Facility | None:
        """A facility by id."""
        return self._facilities.get(facility)

    def place_of(self, facility: str, host: str) -> Placed | None:
        """A host by its id."""
        return self._hosts.get((facility, host))

    def owner_of_host(self, facility: str, site: str, host: str) -> Owner | None:
        """The declared host as an owner without agent; None if it is not declared there."""
        placed = self.place_of(facility, host)
        if placed is None or placed.site.id != site:
            return None
        return Owner("", facility, site, host, placed.host.role)

    def expected_hosts(self) -> list[Owner]:
        """Every host that should run an agent."""
        return [
            Owner("", placed.facility.id, placed.site.id, placed.host.id, placed.host.role)
            for placed in self.placed_hosts()
            if not placed.host.probed_by
        ]

    def assigned(self, owner: Owner, subject: str) -> Owner | None:
        """Under whose labels ``owner`` may report on ``subject``.

        A system keeps the labels of the host that asks it (the ``system`` label names it);
        a device or a host without agent has labels of its own.

        Returns:
            None when the subject is not assigned to that host.
        """
        facility = self.facility(owner.facility)
        if facility is None or self.owner_of_host(owner.facility, owner.site, owner.host) is None:
            return None
        if any(one.id == subject and one.prober == owner.host for one in facility.systems):
            return owner
        for site in facility.sites:
            things: tuple[Host | Device, ...] = (*site.hosts, *site.devices)
            for one in things:
                if one.id == subject and one.probed_by == owner.host:
                    return Owner(owner.agent_id, facility.id, site.id, subject, owner.role)
        return None

    def series_of(self, owner: Owner) -> Sequence[BackupSeries]:
        """The backup series of the datasets that lie on a host."""
        facility = self.facility(owner.facility)
        return [] if facility is None else list(_series(facility, owner.host))

    def all_series(self) -> Iterator[BackupSeries]:
        """Every declared backup series."""
        for facility in self.facilities:
            yield from _series(facility, "")


def _series(facility: Facility, host: str) -> Iterator[BackupSeries]:
    for dataset in facility.datasets:
        if host in {"", dataset.host}:
            for destination in dataset.destinations:
                series = f"{facility.id}/{dataset.host}/{dataset.id}@{destination.id}"
                yield BackupSeries(series, facility, dataset, destination)
