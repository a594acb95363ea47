"""The plan: as many paths as hosts, none that nobody declared a rate for."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from helpers.lan_site import AGENTS, inventory

from tramgac_collector.inventory.export import agent_toml
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.lan.mesh import Planned, plan, plan_of


def kinds(found: list[Planned]) -> Counter[str]:
    return Counter(one.kind for one in found)


def test_the_plan_grows_with_the_hosts_not_with_their_square() -> None:
    """50 hosts, 6 hubs: 44 to their hub, 5 hubs to the first, one to the collector."""
    assert kinds(list(plan(inventory()))) == {"server_hub": 44, "hub_hub": 5, "site_collector": 1}
    assert len(list(plan(inventory(200)))) - 200 == len(list(plan(inventory()))) - AGENTS == 0


def test_each_host_goes_to_the_hub_of_its_own_segment() -> None:
    """The load stays where the people are."""
    for one in plan(inventory()):
        if one.kind == "server_hub":
            assert one.target == f"h{int(one.host[1:]) % 6}"
            assert len(one.locks) == 1
            assert one.expect_mbps == 1000


def _probe_site(**more: object) -> Inventory:
    sites = [
        {"id": "one", "wan_mbps": 50, "hosts": [
            {"id": "hub", "address": "192.0.2.1", "responder": True, "expect_mbps": 1000}]},
        {"id": "two", "hosts": [{"id": "p1", "role": "probe", "expect_mbps": 100},
                                {"id": "p2", "expect_mbps": 100}], **more},
    ]  # fmt: skip
    return msgspec.convert({"facilities": [{"id": "f", "code": "1", "sites": sites}]}, Inventory)


def test_a_site_without_servers_tests_to_its_sister() -> None:
    """One agent of it, at what the slower line carries."""
    found = [one for one in plan(_probe_site(wan_mbps=20)) if one.site == "two"]

    assert [(one.host, one.target, one.kind, one.expect_mbps) for one in found] == [
        ("p1", "hub", "site_site", 20),
        ("p1", "collector", "site_collector", 20),
    ]


def test_a_line_of_unknown_speed_is_not_tested() -> None:
    """A fast card would load a slow line with what the card carries; the plan says so."""
    found = [one for one in plan(_probe_site()) if one.site == "two"]

    assert {one.why_not for one in found} == {"line_unknown"}
    assert all(one.expect_mbps is None for one in found)


def test_a_segment_without_hub_goes_to_the_sites_first() -> None:
    """Then the uplinks between are part of what is tested."""
    given = inventory()
    (facility,) = given.facilities
    (site,) = facility.sites
    mute = msgspec.structs.replace(site.hosts[3], responder=False)
    site = msgspec.structs.replace(site, hosts=(*site.hosts[:3], mute, *site.hosts[4:]))
    facility = msgspec.structs.replace(facility, sites=(site,))
    placed = Inventory(facilities=(facility,)).place_of("bv", "h9")
    assert placed

    (one,) = plan_of(Inventory(facilities=(facility,)), placed)
    assert (one.target, one.expect_mbps) == ("h0", 100)
    assert "uplink:bv/main/u0" in one.locks


def test_nobody_to_test_with_is_said() -> None:
    """A lonely site is in the plan with its reason."""
    given = {"id": "f", "code": "1", "sites": [{"id": "s", "hosts": [{"id": "h"}]}]}
    found = list(plan(msgspec.convert({"facilities": [given]}, Inventory)))

    assert [one.why_not for one in found] == ["no_hub", "line_unknown"]


@pytest.mark.parametrize(
    ("host", "targets"), [("h7", ["h1"]), ("h1", ["h0"]), ("h0", ["collector"])]
)
def test_agents_are_told_their_part(tmp_path: Path, host: str, targets: list[str]) -> None:
    """The export gives each agent its own paths of the plan and no others."""
    text = agent_toml(inventory(), f"bv/{host}")
    (tmp_path / "part.toml").write_text(text)
    lines = text.split("[[checks.throughput.targets]]")[1:]

    assert [line.split('"')[1] for line in lines] == targets
