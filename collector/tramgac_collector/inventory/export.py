"""The inventory in the words of those who need a part of it: agents, restic probes, Ansible."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from tramgac_collector.inventory.devices import snmp_table
from tramgac_collector.inventory.model import (
    BackupSeries,
    Inventory,
    Placed,
    System,
)
from tramgac_collector.lan.mesh import plan_of
from tramgac_collector.lan.paths import latency_targets, path_targets, reflect_to
from tramgac_collector.model import Owner

# The bounds of the agent's own settings.
_MOST_LATENCY, _MOST_PATHS, _MOST_PEERS = 32, 16, 64
_MOST_MBPS = 10_000.0
_AHEAD = 0.85
# The bounds of the probe's own settings.
_MOST_SLICES = 256
_LEAST_DAYS, _MOST_DAYS = 0.1, 366.0
_DRILLS = ("canary", "sample", "full")

Table = Mapping[str, str | float | bool | list[str]]


class NoSuchObjectError(Exception):
    """What was asked for is not in the inventory; the text names it."""


def find_agent(inventory: Inventory, place: str) -> Placed:
    """The host named ``facility/host``.

    Raises:
        NoSuchObjectError: It is not declared, or runs no agent.
    """
    facility, _, host = place.partition("/")
    placed = inventory.place_of(facility, host)
    if placed is None:
        raise NoSuchObjectError(f"no host `{place}`; write FACILITY/HOST as in the inventory")
    if placed.host.probed_by:
        raise NoSuchObjectError(f"`{place}` runs no agent; `{placed.host.probed_by}` probes it")
    return placed


def _value(value: object) -> str:
    # A TOML basic string or array of them is spelled like JSON's, DEL apart.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml(name: str, table: Table) -> str:
    return "\n".join([name, *(f"{key} = {_value(value)}" for key, value in table.items())]) + "\n"


def _fitting(name: str, tables: Sequence[Table], most: int) -> Iterable[str]:
    """As many as an agent takes; what is left out is said."""
    yield from (_toml(name, one) for one in tables[:most])
    if left := [str(one["name"]) for one in tables[most:]]:
        yield f"# An agent takes {most} of these; left out: {', '.join(left)}\n"


def agent_toml(inventory: Inventory, place: str) -> str:
    """What the agent of ``facility/host`` has to measure, for its ``conf.d``.

    Raises:
        NoSuchObjectError: There is no such agent.
    """
    placed = find_agent(inventory, place)
    parts = [
        f"# From the inventory: `inventory export --agent {place}`. Change it there.\n",
        *_responder(inventory, placed),
        *_fitting("[[checks.latency.targets]]", latency_targets(inventory, placed), _MOST_LATENCY),
        *_fitting("[[checks.path.targets]]", path_targets(inventory, placed), _MOST_PATHS),
        *(_toml("[[checks.service.systems]]", one) for one in _systems(placed)),
        *_fitting("[[checks.throughput.targets]]", _throughput(inventory, placed), _MOST_PATHS),
        *_devices(placed),
        *_series_note(placed),
    ]
    return "\n".join(parts)


def _responder(inventory: Inventory, placed: Placed) -> Iterable[str]:
    if placed.host.role == "probe":
        yield _toml("[agent]", {"role": "probe"})
    if placed.host.responder:
        listen = f"0.0.0.0:{placed.host.responder_port}"
        peers = reflect_to(inventory, placed)
        more = {"reflect_to": peers[:_MOST_PEERS]} if peers else {}
        yield _toml("[responder]", {"enabled": True, "listen": listen, **more})
        if left := peers[_MOST_PEERS:]:
            yield f"# It answers {_MOST_PEERS} hosts; left out: {', '.join(left)}\n"


def _systems(placed: Placed) -> Iterable[Table]:
    for system in placed.facility.systems:
        if system.prober == placed.host.id:
            yield from _probes(system)


def _probes(system: System) -> Iterable[Table]:
    for probe in system.probes:
        table: dict[str, str | float | bool | list[str]] = {
            "system": system.id,
            "kind": probe.method,
        }
        if probe.unit:
            table["unit"] = probe.unit if "." in probe.unit else f"{probe.unit}.service"
        if probe.tcp:
            table["address"] = probe.tcp
        if probe.url:
            table["url"] = probe.url
        if probe.expect_text:
            table["expect_text"] = probe.expect_text
        if system.probed_by:
            table["subject"] = system.id
        yield table


def _throughput(inventory: Inventory, placed: Placed) -> list[Table]:
    """This host's paths of the mesh, where it is declared what they should carry."""
    return [
        {"name": one.target, "expect_mbps": min(one.expect_mbps, _MOST_MBPS)}
        for one in plan_of(inventory, placed)
        if one.expect_mbps is not None
    ]


def _devices(placed: Placed) -> Iterable[str]:
    """What it asks by SNMP; the secrets lie in files that only this host has."""
    sites = placed.facility.sites
    devices = [device for site in sites for device in site.devices]
    asked = [
        (one, one.snmp)
        for one in devices
        if one.snmp is not None and one.probed_by == placed.host.id
    ]
    macs = sorted({mac for one in devices for mac in one.macs})
    if macs and any(one.family == "switch" for one, _ in asked):
        # Once for all its switches: repeated for each it would be megabytes.
        yield _toml("[checks.snmp]", {"known_macs": macs})
    for one, snmp in asked:
        yield _toml("[[checks.snmp.devices]]", snmp_table(one, snmp))
        if one.expect_mbps:
            ports = {json.dumps(name): mbps for name, mbps in one.expect_mbps.items()}
            yield _toml("[checks.snmp.devices.expect_mbps]", ports)


def _series_note(placed: Placed) -> Iterable[str]:
    destinations = {
        destination.id: None
        for dataset in placed.facility.datasets
        if dataset.host == placed.host.id
        for destination in dataset.destinations
    }
    for name in destinations:
        yield (
            f"# Backups to `{name}`: `inventory export --agent {placed.facility.id}/"
            f"{placed.host.id} --destination {name}` is for the restic probe's file.\n"
        )


def probe_toml(inventory: Inventory, place: str, destination: str) -> str:
    """The series of one destination, for the restic probe's file, and what proves them.

    Raises:
        NoSuchObjectError: No dataset of that host goes there.
    """
    placed = find_agent(inventory, place)
    owner = Owner("", placed.facility.id, placed.site.id, placed.host.id, placed.host.role)
    series = [one for one in inventory.series_of(owner) if one.destination.id == destination]
    if not series:
        raise NoSuchObjectError(f"no dataset of `{place}` goes to `{destination}`")
    return "\n".join([*_verify(series), *(part for one in series for part in _series(one))])


def _ahead(days: float) -> float:
    """How often to prove what may be so old: a night that fails leaves another."""
    return round(days * _AHEAD, 1)


def _verify(series: Sequence[BackupSeries]) -> Iterable[str]:
    """What the strictest dataset asks of the repository they share."""
    checks = [one.dataset.proof.check for one in series if one.dataset.proof.check]
    reads = [one.dataset.proof.data for one in series if one.dataset.proof.data]
    immutable = any(one.destination.immutable for one in series)
    if not (checks or reads or immutable):
        return
    # The check refuses the key for any other kind of repository.
    note = "# A `rest:` repository can prove that it is immutable: probe_immutability = true\n"
    table: dict[str, str | float | bool | list[str]] = {}
    if checks:
        table["metadata_days"] = min(max(_ahead(min(checks)), _LEAST_DAYS), _MOST_DAYS)
    # One slice a night: as many slices as nights.
    table["slices"] = min(max(1, int(_ahead(min(reads)))), _MOST_SLICES) if reads else 0
    yield _toml("[verify]", table) + (note if immutable else "")


def _series(one: BackupSeries) -> Iterable[str]:
    dataset = one.dataset
    table: dict[str, str | float | bool | list[str]] = {"id": one.id}
    if dataset.match.host:
        table["host"] = dataset.match.host
    if dataset.match.paths:
        table["paths"] = list(dataset.match.paths)
    if dataset.match.tags:
        table["tags"] = list(dataset.match.tags)
    # Half a day more or less is nothing here; a day too long would cry wolf.
    table["keep_days"] = int(dataset.retention.keep_days)
    yield _toml("[[series]]", table)
    proof = dataset.proof
    if proof.canary or proof.sample or proof.full:
        days = {f"{kind}_days": _ahead(getattr(proof, kind)) for kind in _DRILLS}
        yield _toml("[series.drill]", days)


def ansible_yaml(inventory: Inventory) -> str:
    """Every host with an agent, grouped by facility and role, as an Ansible inventory."""
    facilities: dict[str, Any] = {}
    roles: dict[str, Any] = {"servers": {"hosts": {}}, "probes": {"hosts": {}}}
    for placed in inventory.placed_hosts():
        if placed.host.probed_by:
            continue
        name = f"{placed.facility.id}-{placed.host.id}"
        variables: dict[str, Any] = {
            "tramgac_facility": placed.facility.id,
            "tramgac_site": placed.site.id,
            "tramgac_host": placed.host.id,
            "tramgac_role": placed.host.role,
        }
        if placed.host.address:
            variables = {"ansible_host": placed.host.address, **variables}
        # Ansible wants no hyphen in the name of a group.
        group = "facility_" + placed.facility.id.replace("-", "_")
        facilities.setdefault(group, {"hosts": {}})["hosts"][name] = variables
        roles[f"{placed.host.role}s"]["hosts"][name] = {}
    tree = {"all": {"children": {**roles, **facilities}}}
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
