"""What a test loads, from the inventory alone."""

import msgspec
import pytest
from helpers.lan_site import inventory, owner, tree

from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.rules import find_problems
from tramgac_collector.lan.segments import Map, Refused, Route
from tramgac_collector.model import Owner

MEGABIT = 125_000


def route(number: int, target: str) -> Route:
    return Map(inventory(), "centre:8445").route(owner(number), target)


def test_inside_a_segment_only_the_segment_is_loaded() -> None:
    """No uplink is crossed, so none is locked and none lowers the pace."""
    found = route(6, "h0")

    assert found.locks == {"segment:bv/main/s0"}
    assert found.expect == 1000 * MEGABIT


def test_between_segments_both_and_their_uplinks_are_loaded() -> None:
    """The slowest part of the way bounds the pace: 1 G cards behind a 100 M uplink."""
    found = route(6, "h3")

    assert found.locks == {
        "segment:bv/main/s0", "segment:bv/main/s3", "uplink:bv/main/u0", "uplink:bv/main/u1",
    }  # fmt: skip
    assert found.expect == 100 * MEGABIT


def test_segments_on_one_uplink_load_it_too() -> None:
    """Routing between segments is above them."""
    assert "uplink:bv/main/u0" in route(6, "h1").locks


def test_the_collector_is_behind_the_line() -> None:
    """The way to the centre takes the site's line and the collector itself."""
    assert route(4, "collector").locks == {
        "segment:bv/main/s4", "uplink:bv/main/u1", "wan:bv/main", "collector",
    }  # fmt: skip


def _two_sites() -> Inventory:
    hosts = [{"id": "a", "expect_mbps": 1000}]
    far = [{"id": "b", "address": "2001:db8::1", "responder": True}]
    sites = [
        {"id": "one", "wan_mbps": 50, "hosts": hosts},
        {"id": "two", "wan_mbps": 20, "hosts": far},
    ]
    given = {
        "links": [{"id": "ring", "sites": ["f/one", "f/two"]}, {"id": "other", "sites": ["f/two"]}],
        "facilities": [{"id": "f", "code": "1", "sites": sites}],
    }
    return msgspec.convert(given, Inventory)


def test_between_sites_both_lines_and_the_carriers_are_loaded() -> None:
    """A site with two ways out takes both, since nobody knows which is used."""
    found = Map(_two_sites(), "").route(Owner("i", "f", "one", "a"), "b")

    assert found.locks == {
        "segment:f/one", "segment:f/two", "wan:f/one", "wan:f/two", "link:ring", "link:other",
    }  # fmt: skip
    assert (found.expect, found.address) == (20 * MEGABIT, "[2001:db8::1]:8445")
    assert found.sites == {"f/one", "f/two"}


def test_a_host_of_no_segment_may_be_in_any() -> None:
    """What nobody has said is not taken for free."""
    given = inventory()
    (facility,) = given.facilities
    (site,) = facility.sites
    hosts = (msgspec.structs.replace(site.hosts[7], segment=""), *site.hosts[:6])
    site = msgspec.structs.replace(site, hosts=hosts)
    facility = msgspec.structs.replace(facility, sites=(site,))
    found = Map(Inventory(facilities=(facility,)), "").route(owner(7), "h0")

    assert len([one for one in found.locks if one.startswith("segment:")]) == 6
    assert len([one for one in found.locks if one.startswith("uplink:")]) == 2


def test_a_collector_that_answers_no_tests_is_no_target() -> None:
    """Nobody is sent to a closed port."""
    with pytest.raises(Refused, match="no_responder"):
        Map(inventory(), "").route(owner(0), "collector")


def test_an_uplink_names_segments_of_its_site() -> None:
    """A reference that leads nowhere is a mistake in the file, not an uplink nobody uses."""
    given = tree()
    text = msgspec.json.encode(given).replace(b'["s0","s1","s2"]', b'["s0","elsewhere"]')
    (problem,) = find_problems(msgspec.json.decode(text, type=Inventory))

    assert problem.path == "facilities[0].sites[0].uplinks[0].segments[1]"
