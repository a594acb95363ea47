"""An inventory that is usable makes configurations that every agent takes."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tramgac_agent.checks.latency import LatencySettings
from tramgac_agent.checks.throughput import ThroughputSettings
from tramgac_agent.config import Config, load_config
from tramgac_collector.inventory import export
from tramgac_collector.inventory.load import InventoryError, parse_inventory

MANY = 40


def facility(hosts: Iterable[str], devices: Iterable[str] = (), systems: str = "") -> str:
    listed = "".join(f"\n    - {one}" for one in hosts)
    others = "".join(f"\n    - {one}" for one in devices)
    return (
        f'facilities:\n- id: f\n  code: "1"\n  systems: [{systems}]\n  sites:\n  - id: s\n'
        f"    hosts:{listed}\n    devices:{others or ' []'}\n"
    )


def config_of(folder: Path, text: str, host: str) -> Config:
    part = export.agent_toml(parse_inventory(text, "test"), f"f/{host}")
    (folder / "agent.toml").write_text('[collector]\naddress = "c.example:8443"\n' + part)
    return load_config(folder / "agent.toml")


HUB = "{id: hub, address: 10.0.0.1, responder: true, expect_mbps: 25000}"
PC = "{id: pc, address: 10.0.0.2, expect_mbps: 40000}"


def test_a_hub_is_measured_beside_any_number_of_switches(tmp_path: Path) -> None:
    """What matters most comes first, and what does not fit is named."""
    switches = [f"{{id: sw-{n}, kind: switch, address: 10.1.0.{n + 1}}}" for n in range(MANY)]
    text = facility([HUB, PC], switches)
    exported = export.agent_toml(parse_inventory(text, "test"), "f/pc")
    latency = config_of(tmp_path, text, "pc").checks["latency"]
    assert isinstance(latency, LatencySettings)
    targets = latency.targets

    assert targets[0].name == "hub"
    assert len(targets) == 32
    left = re.search(r"An agent takes 32 of these; left out: (.*)", exported)
    assert left is not None
    assert left[1].split(", ") == [f"sw-{n}" for n in range(31, MANY)]


def test_a_card_faster_than_any_test_is_tested_as_fast_as_can_be(tmp_path: Path) -> None:
    """A lease ends at 10 Gbit/s."""
    tests = config_of(tmp_path, facility([HUB, PC]), "pc").checks["throughput"]
    assert isinstance(tests, ThroughputSettings)
    (target,) = tests.targets

    assert (target.name, target.expect_mbps) == ("hub", 10_000)


def _device(number: int, more: str) -> str:
    return f"{{id: d-{number}, kind: other, address: 10.1.0.1, probed_by: hub, {more}}}"


REFUSED = {
    "a system with the name of the gateway": (
        facility([HUB], systems="{id: gateway, kind: gateway, host: hub}"),
        "systems[0].id: agents call their site's router `gateway`",
    ),
    "a hub with the name of the centre": (
        facility([HUB.replace("id: hub", "id: collector")]),
        "hosts[0].id: a test to `collector` goes to the centre",
    ),
    "more addresses than an agent knows": (
        facility(
            [HUB],
            [
                _device(n, f"macs: ['00:00:00:00:{n // 256:02x}:{n % 256:02x}']")
                for n in range(1025)
            ],
        ),
        "1025 `macs` are more than the 1024 an agent takes",
    ),
    "more devices than an agent asks": (
        facility([HUB], [_device(n, "snmp: {}") for n in range(513)]),
        "`hub` asks 513 devices, an agent 512",
    ),
    "more probes than an agent tries": (
        facility(
            [HUB],
            systems=", ".join(
                f"{{id: s-{n}, kind: other, host: hub, probes: [{{tcp: 'h:1'}}]}}"
                for n in range(33)
            ),
        ),
        "`hub` asks 33 probes, an agent 32",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_agent_would_take_is_refused_here(case: str) -> None:
    """The mistake is told where it is made, not by an agent that does not start."""
    text, message = REFUSED[case]
    with pytest.raises(InventoryError) as refused:
        parse_inventory(text, "test")

    assert message in str(refused.value)
