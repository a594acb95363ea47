"""Devices of the inventory are what the agent's own check takes; mistakes are named."""

import re
from pathlib import Path

import msgspec
import pytest

from tramgac_agent.checks.snmp import SnmpSettings
from tramgac_agent.config import load_config
from tramgac_collector.inventory import export
from tramgac_collector.inventory.load import InventoryError, parse_inventory

SITE = """
facilities:
- id: bv
  code: "1"
  sites:
  - id: main
    hosts: [{id: h1}, {id: h2}]
    devices:
"""
DEVICES = f"""{SITE}
    - id: sw-1
      kind: switch
      address: 10.1.0.2
      probed_by: h1
      snmp: {{}}
      uplinks: [Te1/1/1]
      expect_mbps: {{Gi1/0/1: 1000, "bad \\"name\\"": 100}}
      macs: ["00:11:22:33:44:55"]
      stations: 40
    - id: ups-1
      kind: ups
      address: 10.1.0.9
      probed_by: h1
      snmp: {{family: apc, version: "3", user: monitor, auth: sha256, privacy: aes, file: room}}
      powers: [main, h2, sw-1]
    - {{id: ap-1, kind: wifi, address: 10.1.0.7, probed_by: h2, snmp: {{port: 1161}}}}
    - {{id: nas-1, kind: nas, address: 10.1.0.8, probed_by: h1}}
"""


def settings(folder: Path, place: str) -> SnmpSettings:
    """The check's settings an agent has with the exported part in its conf.d."""
    inventory = parse_inventory(DEVICES, "test")
    (folder / "agent.toml").write_text('[collector]\naddress = "centre.example:8443"\n')
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "inventory.toml").write_text(export.agent_toml(inventory, place))
    found = load_config(folder / "agent.toml").checks["snmp"]
    assert isinstance(found, SnmpSettings)
    return found


def test_an_agent_is_told_its_devices(tmp_path: Path) -> None:
    """Family, ports and what is expected; secrets only as the names of files."""
    all_ = settings(tmp_path, "bv/h1")
    switch, ups = all_.devices

    assert (switch.name, switch.kind, switch.version) == ("sw-1", "switch", "2c")
    assert switch.community_file == "/etc/tramgac/snmp/read"
    assert switch.uplinks == ("Te1/1/1",)
    assert switch.expect_mbps == {"Gi1/0/1": 1000, 'bad "name"': 100}
    assert all_.known_macs == ("00:11:22:33:44:55",)
    assert (ups.kind, ups.user, ups.auth, ups.privacy) == ("apc", "monitor", "sha256", "aes")
    assert ups.auth_key_file == "/etc/tramgac/snmp/room-auth"
    assert ups.privacy_key_file == "/etc/tramgac/snmp/room-privacy"
    assert not ups.community_file


def test_each_agent_is_told_its_own(tmp_path: Path) -> None:
    """What another host asks, and what nobody asks, is not there."""
    all_ = settings(tmp_path, "bv/h2")
    (point,) = all_.devices

    assert all_.known_macs == ()
    assert (point.name, point.kind, point.port) == ("ap-1", "host", 1161)


@pytest.mark.parametrize(
    ("device", "place"),
    [
        ("{id: s, kind: switch, probed_by: h1, snmp: {}}", "snmp"),
        ("{id: s, kind: switch, address: 10.0.0.1, snmp: {}}", "snmp"),
        ("{id: s, kind: switch, address: 10.0.0.1, probed_by: h1, snmp: {version: '3'}}", "user"),
        ("{id: s, kind: switch, address: 10.0.0.1, probed_by: h1, snmp: {user: me}}", "version"),
        ("{id: s, kind: switch, powers: [h1]}", "powers"),
        ("{id: u, kind: ups, powers: [h9]}", r"powers\[0\]"),
        ("{id: u, kind: ups, powers: [u]}", r"powers\[0\]"),
        ("{id: p, kind: printer, uplinks: [Te1]}", "uplinks"),
        ("{id: s, kind: switch, snmp: {community: public}}", "community"),
        ("{id: s, kind: switch, snmp: {file: ../../shadow}}", "file"),
    ],
)
def test_a_mistake_is_named_with_its_place(device: str, place: str) -> None:
    """What nobody could ask, what feeds nothing, and secrets in the file are refused."""
    with pytest.raises(InventoryError, match=rf"devices\[(0|\.\.\.)\].*{place}|{place}"):
        parse_inventory(f"{SITE}    - {device}\n", "test")


def test_no_secret_can_be_written_into_the_inventory() -> None:
    """The keys for SNMP hold names of files and users, nothing that opens a device."""
    page = (Path(__file__).parents[3] / "docs/inventory.md").read_text()
    example = parse_inventory(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0], "example")
    (snmp, *_) = [
        one.snmp
        for facility in example.facilities
        for site in facility.sites
        for one in site.devices
        if one.snmp is not None
    ]

    assert set(msgspec.structs.asdict(snmp)) == {
        *("family", "version", "port", "file", "user", "auth", "privacy", "context")
    }
