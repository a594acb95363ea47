"""What one facility has, as the inventory's tree: what it owns, rents and must keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo.names import Name

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sketch:
    """A facility in a few words.

    Attributes:
        number: Of the facility in the province; makes codes and addresses.
        ownership: ``public`` or ``private``.
        servers: Ids of the machines in its own server room; none where all is rented.
        cloud: The provider of what it rents.
        sites: One or two.
        coastal: Whether the storm comes to it first.
    """

    name: Name
    number: int
    ownership: str
    servers: tuple[str, ...]
    cloud: str
    sites: int = 1
    coastal: bool = False

    @property
    def probe(self) -> str:
        """Id of the machine that measures from where the users are."""
        return "may-do"

    @property
    def asks(self) -> str:
        """Id of the host that asks devices: a server where there is one."""
        return self.servers[0] if self.servers else self.probe


_TITLES: Mapping[str, tuple[str, str]] = {
    "his-01": ("Máy chủ HIS", "HIS server"),
    "lis-01": ("Máy chủ LIS", "LIS server"),
    "pacs-01": ("Máy chủ PACS", "PACS server"),
    "may-do": ("Máy đo tại khoa khám", "Probe at outpatients"),
    "may-do-cs2": ("Máy đo cơ sở 2", "Probe at site 2"),
}


def _title(name: str) -> Tree:
    vi, en = _TITLES[name]
    return {"vi": vi, "en": en}


def _hosts(one: Sketch) -> list[Tree]:
    net = f"10.{one.number}.0"
    hosts: list[Tree] = [
        {
            "id": host, "name": _title(host), "address": f"{net}.{11 + at}", "expect_mbps": 1000,
            "segment": "may-chu", "responder": at == 0,
        }
        for at, host in enumerate(one.servers)
    ]  # fmt: skip
    hosts.append(
        {
            "id": one.probe, "name": _title(one.probe), "role": "probe", "address": f"{net}.100",
            "expect_mbps": 1000 if len(one.servers) > 1 else 100, "segment": "khoa-kham",
        }
    )  # fmt: skip
    return hosts


def _device(kind: str, at: str, address: str, asks: str, **more: object) -> Tree:
    words = {
        "switch": ("Switch lõi", "Core switch"),
        "firewall": ("Tường lửa", "Firewall"),
        "printer": ("Máy in quầy thu", "Cash desk printer"),
        "ups": ("UPS phòng máy", "Server room UPS"),
        "nas": ("Tủ lưu trữ", "Storage box"),
    }[kind]
    named = {"id": f"{kind}-{at}", "kind": kind, "name": {"vi": words[0], "en": words[1]}}
    return {**named, "address": address, "probed_by": asks, "snmp": {}, **more}


def _devices(one: Sketch, site: int) -> list[Tree]:
    net, asks = f"10.{one.number}.{16 * (site - 1)}", one.asks if site == 1 else "may-do-cs2"
    switch = {"uplinks": ["Te1/0/1"], "stations": 24 + one.number % 17}
    devices = [
        _device("switch", f"cs{site}", f"{net}.2", asks, **switch),
        _device("ups", f"cs{site}", f"{net}.5", asks, powers=[f"co-so-{site}"]),
        _device("printer", f"cs{site}", f"{net}.8", asks),
    ]
    if one.servers and site == 1:
        devices.append(_device("nas", "cs1", f"{net}.9", asks))
        devices.append(_device("firewall", "cs1", f"{net}.1", asks, uplinks=["wan1"]))
    return devices


def _sites(one: Sketch) -> list[Tree]:
    segments = [
        {"id": "may-chu", "name": "Phòng máy chủ"},
        {"id": "khoa-kham", "name": "Khoa Khám bệnh"},
    ]
    sites: list[Tree] = [
        {
            "id": "co-so-1", "name": {"vi": "Cơ sở 1", "en": "Main site"}, "wan_mbps": 200,
            "segments": segments, "hosts": _hosts(one), "devices": _devices(one, 1),
        }
    ]  # fmt: skip
    if one.sites > 1:
        probe = "may-do-cs2"
        host = {"id": probe, "name": _title(probe), "role": "probe", "expect_mbps": 100}
        sites.append(
            {
                "id": "co-so-2", "name": {"vi": "Cơ sở 2", "en": "Second site"}, "wan_mbps": 50,
                "hosts": [host], "devices": _devices(one, 2),
            }
        )  # fmt: skip
    return sites


_SYSTEMS: Mapping[str, tuple[str, str]] = {
    "his": ("Hệ thống thông tin bệnh viện", "Hospital information system"),
    "lis": ("Hệ thống xét nghiệm", "Laboratory system"),
    "pacs": ("Hệ thống lưu trữ hình ảnh", "Image archive"),
    "emr": ("Bệnh án điện tử", "Electronic medical records"),
}


def _systems(one: Sketch) -> list[Tree]:
    systems = []
    for at, (kind, (vi, en)) in enumerate(_SYSTEMS.items()):
        host = f"{kind}-01"
        own = host in one.servers
        if not own and kind in {"lis", "pacs"}:
            continue
        where: Tree = {"host": host} if own else {"provider": one.cloud, "probed_by": one.probe}
        name = f"{kind}.{one.name.id}.example"
        probes: list[Tree] = [{"url": f"https://{name}/"}]
        if own:
            probes = [{"unit": f"{kind}-app"}, {"tcp": f"10.{one.number}.0.{11 + at}:443"}]
        level = {"number": 2 + one.number % 2, "decision": f"{one.number}/QĐ", "date": "2026-03-02"}
        systems.append(
            {
                "id": kind, "kind": kind, "name": {"vi": vi, "en": en}, **where, "probes": probes,
                "level": level if one.number % 3 else {}, "online_service": kind == "emr",
            }
        )  # fmt: skip
    return systems


def _rhythm(kind: str) -> Tree:
    """Databases each night; images are many, and two nights are allowed."""
    if kind == "pacs":
        return {"rpo_hours": 50}
    return {"rpo_hours": 26, "schedule": {"cron": "30 22 * * *", "grace_minutes": 120}}


def _dataset(host: str, kind: str, to: Sequence[Tree]) -> Tree:
    vi, en = {
        "his": ("Cơ sở dữ liệu HIS", "HIS database"),
        "pacs": ("Ảnh chụp chiếu", "Images"),
        "lis": ("Cơ sở dữ liệu LIS", "LIS database"),
    }[kind]
    return {
        "id": f"du-lieu-{kind}",
        "name": {"vi": vi, "en": en},
        "host": host,
        "of": kind,
        "kind": "images" if kind == "pacs" else "database",
        **_rhythm(kind),
        "rto_hours": 24 if kind == "pacs" else 4,
        "hung_hours": 6,
        "retention": {"days": 30, "months": 0, "keep_days": 7},
        "proof": {"check": 8, "data": 92, "canary": 2, "sample": 31, "full": 92},
        "copies": 2,
        "important": kind == "his",
        "destinations": list(to),
        "match": {"host": host, "tags": [kind]},
    }


def _datasets(one: Sketch) -> list[Tree]:
    to: list[Tree] = [
        {"id": "nas", "kind": "nas", "domain": {"array": "nas-cs1", "building": "nha-a"}},
        {
            "id": "ngoai-vien", "kind": "offsite", "provider": one.cloud, "immutable": True,
            "domain": {"credentials": "chi-ghi"},
        },
    ]  # fmt: skip
    return [_dataset(host, host.partition("-")[0], to) for host in one.servers]


def facility(one: Sketch) -> Tree:
    """The facility's part of the inventory."""
    kind = "hospital" if one.name.id.startswith("bv") else "inpatient_other"
    answers: Tree = {
        "kind": kind, "ownership": one.ownership, "insurance": True, "licensed_year": 2012,
        "ministry_linked": False, "web_apps": bool(one.servers), "internet_needed": True,
    }  # fmt: skip
    return {
        "id": one.name.id,
        "name": one.name.both,
        "code": f"99{one.number:03d}",
        "level": 2 + one.number % 5,
        "answers": answers,
        "sites": _sites(one),
        "systems": _systems(one),
        "datasets": _datasets(one),
    }
