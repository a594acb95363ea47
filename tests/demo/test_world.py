"""The simulated province declares what it should and tells everything the catalogue knows."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from demo import inventory
from demo.agent import Agent, looks
from demo.backups import STORIES, backup_events
from demo.look import Sample, Self
from demo.names import CLOUDS
from demo.province import selves
from demo.sizes import PROVINCE, SMALL, Size
from demo.standing import FAULTS, weather
from helpers.fleet import SimulatedIdentity

from tramgac_collector.ingest.validate import check_detail, check_request, check_series
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_proto.catalogue import CATALOGUE

NOW = time.time()
MEASURED = {name for name, metric in CATALOGUE.items() if metric.owner == "agent"}
NOBODY = SimulatedIdentity("nobody", "host", b"", b"", "1", "", 0, 0)


def people(size: Size) -> list[Self]:
    return list(selves(parse_inventory(inventory.text(size), "demo"), weather(NOW), NOW))


def told(size: Size, after: float = 0.0) -> Iterator[tuple[Self, Sample]]:
    for me in people(size):
        for one in looks(me, NOW, NOW + after):
            for sample in one.samples:
                yield me, sample


def of_size(size: Size) -> Inventory:
    return parse_inventory(inventory.text(size), "demo")


def test_small_province_tells_every_measured_metric() -> None:
    """Nothing of the catalogue that agents measure is left out, and nothing else is told."""
    assert {f"tramgac_{name}" for _, (name, _, _) in told(SMALL)} == MEASURED


def test_two_facilities_differ_in_every_metric() -> None:
    """Of each metric, what one facility tells is not what another one tells."""
    shown: defaultdict[str, defaultdict[str, set[object]]] = defaultdict(lambda: defaultdict(set))
    for me, (name, labels, value) in told(SMALL):
        shown[name][me.facility.id].add((*labels.items(), value))

    alike = {name for name, by in shown.items() if len({frozenset(one) for one in by.values()}) < 2}
    assert not alike


def test_labels_are_those_of_the_catalogue() -> None:
    """Each series has exactly the labels its metric may have."""
    for _, (name, labels, _) in told(PROVINCE):
        assert set(labels) == set(CATALOGUE[f"tramgac_{name}"].labels)


def test_no_series_is_told_twice_in_one_look_around() -> None:
    """A host has each series once, or the collector would refuse the second."""
    for me in people(SMALL):
        seen = Counter(
            (one.subject, name, *sorted(labels.items()))
            for one in looks(me, NOW, NOW)
            for name, labels, _ in one.samples
        )
        assert not [key for key, times in seen.items() if times > 1]


@pytest.mark.parametrize("seconds", [1.0, 60.0, 3_600.0])
def test_counters_never_fall(seconds: float) -> None:
    """What is counted is at least as much a while later."""
    before = {
        (me.place, name, *labels.items()): value
        for me, (name, labels, value) in told(SMALL)
        if CATALOGUE[f"tramgac_{name}"].type == "counter"
    }
    for me, (name, labels, value) in told(SMALL, seconds):
        key = (me.place, name, *labels.items())
        assert value >= before.get(key, value), key


def test_collector_takes_all_that_is_told() -> None:
    """Frame, series and typed messages of every agent pass the collector's own checks."""
    for me in people(SMALL):
        agent = Agent(me, NOBODY, SMALL)
        agent.look()
        request = agent.request()
        check_request(request)
        assert not [code for one in request.series if (code := check_series(one)[1])]
        for record in request.records:
            kind = record.observation.WhichOneof("detail") or ""
            place = f"{me.facility.id}/{me.host.id}"
            assert not check_detail(record.observation, kind, place)


def test_province_is_as_large_as_the_field() -> None:
    """54 bedded facilities, 25 own servers and more, two-site units, two clouds, three lines."""
    whole = of_size(PROVINCE)
    kinds = Counter((one.answers.ownership, one.id.startswith("ttyt-")) for one in whole.facilities)
    rented = [
        one for one in whole.facilities
        if all(host.role == "probe" for site in one.sites for host in site.hosts)
    ]  # fmt: skip

    assert kinds == {("public", False): 15, ("public", True): 16, ("private", False): 23}
    assert sum(one.role == "server" for one in whole.expected_hosts()) >= 25
    assert sum(len(one.sites) == 2 for one in whole.facilities) >= 3
    assert {one.systems[0].provider for one in rented} == set(CLOUDS)
    assert len(rented) / 54 == pytest.approx(12 / 17, abs=0.02)
    assert len(whole.links) == 3
    assert {one.id for one in whole.portals} == {"bhyt", "csdl-quoc-gia", "bv-trung-uong"}


def test_small_province_has_one_of_everything() -> None:
    """Three facilities and more: one with two sites, one without a server of its own."""
    few = of_size(SMALL)

    assert len(few.facilities) >= 3
    assert any(len(one.sites) == 2 for one in few.facilities)
    assert any(not one.datasets for one in few.facilities)
    assert {one.kind for place in few.facilities for site in place.sites for one in site.devices}
    assert all(len(one.destinations) == 2 for place in few.facilities for one in place.datasets)


@pytest.mark.parametrize("size", [SMALL, PROVINCE], ids=["small", "province"])
def test_what_is_wrong_is_wrong_with_something_declared(size: Size) -> None:
    """Every fault and story of a facility that is there names a host or series that is there."""
    there = of_size(size)
    facilities = {one.id for one in there.facilities}
    hosts = {f"{me.facility.id}/{me.host.id}" for me in people(size)}
    series = {one.id for one in there.all_series()}

    assert {one for one in FAULTS if one.partition("/")[0] in facilities} <= hosts
    assert {one for one in STORIES if one.partition("/")[0] in facilities} <= series


def test_backups_have_good_and_bad_ones() -> None:
    """Runs, checks, drills and tries to delete are told, some of them bad."""
    kinds: Counter[str] = Counter()
    for me in people(SMALL):
        for one in backup_events(me, NOW):
            kinds.update(list(one.detail))
            if "backup_run" in one.detail:
                kinds[one.detail["backup_run"].outcome] += 1
            if "immutability" in one.detail:
                kinds[one.detail["immutability"].result] += 1

    wanted = {"integrity", "drill", "complete", "failed", "partial", "refused", "allowed"}
    assert wanted <= set(kinds)
