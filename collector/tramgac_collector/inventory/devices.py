"""Devices that run no agent: how they are asked by SNMP, what they carry or feed.

Secrets are never here, only the names of the files that hold them on the asking host.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from tramgac_collector.inventory.base import Address, Id, Mbps, Named, Node, Port, Reference

PortName = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Mac = Annotated[str, msgspec.Meta(pattern="^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$")]
Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
DeviceKind = Literal["switch", "router", "firewall", "wifi", "printer", "ups", "nas", "other"]
# What other things need to be reached.
NETWORK_KINDS = frozenset({"switch", "router", "firewall"})

SECRETS = "/etc/tramgac/snmp"
# What the agent asks a kind of device for, unless `family` says otherwise.
_FAMILIES: Mapping[str, str] = {
    "switch": "switch",
    "router": "switch",
    "firewall": "switch",
    "printer": "printer",
    "ups": "ups",
}

Problems = Iterator[tuple[str, str]]


class Snmp(Node, frozen=True, kw_only=True):
    """How a device is asked.

    Attributes:
        family: What it is asked for, where its kind does not tell: ``apc`` for an APC UPS.
        version: ``3`` needs ``user``.
        file: Name of what holds its secrets, in ``SECRETS`` on the asking host.
    """

    family: Literal["", "switch", "ups", "apc", "printer", "host"] = ""
    version: Literal["1", "2c", "3"] = "2c"
    port: Port = 161
    file: Id = "read"
    user: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_.@-]{0,32}$")] = ""
    auth: Literal["", "md5", "sha", "sha256", "sha512"] = ""
    privacy: Literal["", "des", "aes", "aes256"] = ""
    context: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_.@-]{0,32}$")] = ""


class Device(Named, frozen=True, kw_only=True):
    """Something on the LAN that runs no agent.

    Attributes:
        probed_by: Host whose agent may report for it.
        snmp: None: nobody asks it.
        uplinks: Names of its ports that carry other devices.
        expect_mbps: What a port must carry, by name.
        macs: Its hardware addresses: they count as known where a switch sees them.
        stations: Of a switch: how many workstations should be behind its access ports.
        powers: Of a UPS: ids of hosts and devices of its site that it feeds, or the site's own.
    """

    kind: DeviceKind
    address: Address = ""
    segment: Reference = ""
    probed_by: Reference = ""
    snmp: Snmp | None = None
    uplinks: Annotated[tuple[PortName, ...], msgspec.Meta(max_length=16)] = ()
    expect_mbps: Annotated[dict[PortName, Mbps], msgspec.Meta(max_length=512)] = msgspec.field(
        default_factory=dict
    )
    macs: Annotated[tuple[Mac, ...], msgspec.Meta(max_length=16)] = ()
    stations: Count | None = None
    powers: Annotated[tuple[Id, ...], msgspec.Meta(max_length=200)] = ()

    @property
    def family(self) -> str:
        """What the agent asks it for."""
        chosen = "" if self.snmp is None else self.snmp.family
        return chosen or _FAMILIES.get(self.kind, "host")


def device_problems(device: Device, site: str, things: Collection[str]) -> Problems:
    """What is wrong with a device: the key, and what to do.

    Args:
        device: The device.
        site: Id of its site.
        things: Ids of the hosts and devices there.
    """
    for number, one in enumerate(device.powers):
        if one != site and (one not in things or one == device.id):
            yield f"powers[{number}]", f"`{one}` is no host or device of this site, nor the site"
    if device.powers and device.kind != "ups":
        yield "powers", "only a device of kind `ups` feeds others"
    if (device.uplinks or device.expect_mbps) and device.family != "switch":
        yield "uplinks", "only a switch is asked for its ports; set `snmp.family` to switch"
    if device.snmp is not None:
        yield from _snmp_problems(device, device.snmp)


def _snmp_problems(device: Device, snmp: Snmp) -> Problems:
    if not device.address:
        yield "snmp", "it cannot be asked without an `address`"
    if not device.probed_by:
        yield "snmp", "nobody asks it; name a host with an agent in `probed_by`"
    if snmp.version == "3" and not snmp.user:
        yield "snmp.user", "version 3 needs a user"
    if snmp.version != "3" and (snmp.user or snmp.auth or snmp.privacy):
        yield "snmp.version", "user, auth and privacy belong to version 3"
    if snmp.privacy and not snmp.auth:
        yield "snmp.auth", "privacy needs auth"


def snmp_table(device: Device, snmp: Snmp) -> dict[str, str | int | list[str]]:
    """The plain keys of the agent's ``[[checks.snmp.devices]]``; secrets by the file's name."""
    table: dict[str, str | int | list[str]] = {
        "name": device.id,
        "address": device.address,
        "kind": device.family,
        "version": snmp.version,
    }
    secret = f"{SECRETS}/{snmp.file}"
    if snmp.version != "3":
        table["community_file"] = secret
    else:
        table["user"] = snmp.user
        for key in ("auth", "privacy"):
            if chosen := getattr(snmp, key):
                table |= {key: chosen, f"{key}_key_file": f"{secret}-{key}"}
    if snmp.port != 161:  # noqa: PLR2004 - the standard one
        table["port"] = snmp.port
    if snmp.context:
        table["context"] = snmp.context
    if device.uplinks:
        table["uplinks"] = list(device.uplinks)
    return table
