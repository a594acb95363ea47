"""Who asks what: as many paths as hosts, and configurations that the agent takes."""

import time
from pathlib import Path
from typing import Any

import pytest

from tramgac_agent.checks.latency import LatencySettings
from tramgac_agent.checks.path import PathSettings
from tramgac_agent.config import Config, load_config
from tramgac_collector.inventory import export
from tramgac_collector.inventory.load import InventoryError, parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.lan.paths import latency_targets, path_targets, reflect_to

TEXT = """
providers: [{id: vss}]
portals:
- {id: bhyt, address: "bhyt.example:443", ca_file: /etc/ssl/bhyt.pem, provider: vss}
- {id: central, address: "central.example:104", tls: false, sites: [bv/main]}
facilities:
- id: bv
  code: "1"
  sites:
  - id: main
    segments: [{id: kham}, {id: xa}]
    devices: [{id: core, kind: switch, address: 10.0.0.254}]
    hosts:
    - {id: his-01, address: 10.0.0.1, segment: kham, responder: true, expect_mbps: 1000}
    - {id: pc-kham, role: probe, address: 10.0.0.2, segment: kham}
    - {id: hub-xa, role: probe, address: 10.0.1.1, segment: xa, responder: true, expect_mbps: 100}
    - {id: pc-xa, role: probe, address: 10.0.1.2, segment: xa}
    - {id: lis-01, address: lis.example, segment: kham, probed_by: his-01}
  - id: ward
    hosts: [{id: may-1, role: probe}, {id: may-2, role: probe}]
  systems:
  - {id: his, kind: his, host: his-01, probes: [{url: "https://his.example/login"}]}
  - {id: lis, kind: lis, host: lis-01, probed_by: his-01, probes: [{tcp: "lis.example:104"}]}
"""


def inventory() -> Inventory:
    return parse_inventory(TEXT, "test")


def config_of(folder: Path, host: str) -> Config:
    folder.mkdir()
    part = export.agent_toml(inventory(), f"bv/{host}")
    (folder / "agent.toml").write_text('[collector]\naddress = "c.example:8443"\n' + part)
    return load_config(folder / "agent.toml")


def placed(host: str) -> Any:
    found = inventory().place_of("bv", host)
    assert found is not None
    return found


def names(tables: list[Any]) -> list[str]:
    return [str(table["name"]) for table in tables]


def test_each_host_measures_its_hub_and_where_systems_run() -> None:
    """Not every host with every other; the reflector is used where one is."""
    plan = {
        host: names(latency_targets(inventory(), placed(host)))
        for host in ("his-01", "pc-kham", "hub-xa", "pc-xa")
    }
    assert plan == {
        "his-01": ["lis-01", "core"],
        "pc-kham": ["his-01", "lis-01", "core"],
        "hub-xa": ["his-01", "lis-01", "core"],
        "pc-xa": ["hub-xa", "his-01", "lis-01", "core"],
    }
    hub = latency_targets(inventory(), placed("pc-xa"))[0]
    assert hub == {"name": "hub-xa", "address": "10.0.1.1", "reflector_port": 8445}


def test_the_number_of_paths_grows_with_the_hosts() -> None:
    """Sixty hosts more are sixty times the same few paths, not thousands."""
    more = "".join(f"    - {{id: p{n}, address: 10.0.2.{n}, segment: xa}}\n" for n in range(1, 61))
    text = TEXT.replace("  - id: ward", f"{more}  - id: ward")
    large = parse_inventory(text, "test")
    paths = 0
    for one in large.placed_hosts():
        paths += len(latency_targets(large, one)) if not one.host.probed_by else 0
    assert paths <= 5 * 70


def test_a_reflector_answers_those_who_ask_it_and_nobody_else() -> None:
    """By address; a host without one, or with a name only, cannot be told from a stranger."""
    assert reflect_to(inventory(), placed("hub-xa")) == ["10.0.1.2"]
    assert reflect_to(inventory(), placed("his-01")) == ["10.0.0.2", "10.0.1.1", "10.0.1.2"]


def test_peers_that_do_not_fit_are_named() -> None:
    """Sixty-four are answered, the others stand in a comment; a thousand hosts take no minute."""
    more = "".join(
        f"    - {{id: p{n}, address: 10.0.{2 + n // 250}.{n % 250}, segment: xa}}\n"
        for n in range(1000)
    )
    large = parse_inventory(TEXT.replace("  - id: ward", f"{more}  - id: ward"), "test")
    before = time.process_time()
    part = export.agent_toml(large, "bv/hub-xa")
    assert time.process_time() - before < 10
    (line,) = (one for one in part.splitlines() if one.startswith("# It answers 64 hosts;"))
    assert line.endswith("10.0.5.249")
    assert len(line.partition("left out: ")[2].split(", ")) == 1001 - 64


def test_portals_are_tried_once_a_site_and_systems_by_each_segment_s_hub() -> None:
    """Who runs or asks a system anyway does not try it again."""
    plan = {
        host: names(path_targets(inventory(), placed(host)))
        for host in ("his-01", "pc-kham", "hub-xa", "pc-xa", "may-1", "may-2")
    }
    assert plan == {
        "his-01": ["gateway", "bhyt", "central"],
        "pc-kham": [],
        "hub-xa": ["gateway", "his", "lis"],
        "pc-xa": [],
        "may-1": ["gateway", "bhyt"],
        "may-2": [],
    }


def test_the_agents_take_what_is_exported(tmp_path: Path) -> None:
    """Addresses, kinds and the reflector's peers arrive as the checks want them."""
    first, second = config_of(tmp_path / "a", "his-01"), config_of(tmp_path / "b", "hub-xa")
    path, latency = first.checks["path"], second.checks["latency"]
    systems = second.checks["path"]
    assert isinstance(path, PathSettings)
    assert isinstance(systems, PathSettings)
    assert isinstance(latency, LatencySettings)
    assert [(one.kind, one.address, one.ca_file) for one in path.targets] == [
        ("gateway", "", ""),
        ("tls", "bhyt.example:443", "/etc/ssl/bhyt.pem"),
        ("tcp", "central.example:104", ""),
    ]
    assert [one.address for one in systems.targets[1:]] == ["his.example:443", "lis.example:104"]
    assert [one.reflector_port for one in latency.targets] == [8445, 0, 0]
    assert first.responder.reflect_to == ("10.0.0.2", "10.0.1.1", "10.0.1.2")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("id: central,", "id: lis,", "system's id"),
        ("sites: [bv/main]", "sites: [bv/nowhere]", "no site"),
        ("provider: vss", "provider: other", "no provider"),
        ('example:104", tls', 'example:99999", tls', "1 to 65535"),
    ],
)
def test_portals_that_cannot_work_are_refused(old: str, new: str, says: str) -> None:
    """A system's id, a site or provider that is none, a port that is none."""
    with pytest.raises(InventoryError, match=says):
        parse_inventory(TEXT.replace(old, new), "test")
