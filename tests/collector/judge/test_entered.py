"""Storms, planned work and accepted gaps on the one page of metrics, until they are over."""

import json
from datetime import date
from pathlib import Path

import pytest
from helpers.evidence import NOW
from helpers.judging import JudgedStore

from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.judge.entered import Entered
from tramgac_collector.live.state import LiveState

HOUR = 3_600_000
INVENTORY = """
providers: [{id: cloud}]
links: [{id: fibre, sites: [bvdk/main, ttyt/hill]}]
facilities:
  - id: bvdk
    code: "1"
    sites:
      - {id: main, hosts: [{id: his-1}], devices: [{id: ups-1, kind: ups}]}
      - {id: east}
    systems: [{id: his, kind: his, host: his-1}]
  - {id: ttyt, code: "2", sites: [{id: hill}]}
"""


class Page:
    """What an ingest process shows of what was entered in a store."""

    def __init__(self, folder: Path) -> None:
        self.centre = JudgedStore(folder, INVENTORY)
        self.live = LiveState(Inventory(), started_ms=NOW)
        self.entered = Entered(self.centre.engine, self.live)
        self.entered.set_inventory(parse_inventory(INVENTORY, "test"))

    def storm(self, *facilities: str, hours: int = 1, ended_ms: int | None = None) -> None:
        """Declare one from now on."""
        said = {"reason": "typhoon", "decided_by": "head", "citation": "1/CV", "entered_by": "t"}
        span = {"from_ms": NOW, "until_ms": NOW + hours * HOUR, "entered_ms": NOW}
        listed = json.dumps(facilities)
        self.centre.add("storms", facilities=listed, ended_ms=ended_ms, **said, **span)

    def work(self, node: str, hours: int = 1, **more: object) -> None:
        """Plan work from now on."""
        span = {"from_ms": NOW, "until_ms": NOW + hours * HOUR, "entered_ms": NOW}
        self.centre.add(
            "maintenances", **{"node": node, "reason": "", "entered_by": "t", **span, **more}
        )

    def accept(self, facility: str, rule: str, hours: int, **more: object) -> None:
        """Accept a gap from now on."""
        said = {"reason": "r", "accepted_by": "d", "compensation": "c", "due_on": date(2027, 3, 1)}
        span = {"from_ms": NOW, "expires_ms": NOW + hours * HOUR, "entered_ms": NOW}
        where = {"facility": facility, "rule": rule, "entered_by": "t"}
        self.centre.add("acceptances", **{**said, **span, **where, **more})

    def shown(self, minutes: int = 0) -> dict[str, float]:
        """The lines some time after now: what ends of whom, to hours from now."""
        self.entered.show(self.entered.look(NOW + minutes * 60_000))
        found = {}
        for line in self.live.render().decode().splitlines():
            name, _, value = line.rpartition(" ")
            if "_until_" in name and not name.startswith("#"):
                kind, _, labels = name.removeprefix("tramgac_").partition(
                    "_until_timestamp_seconds"
                )
                words = [pair.partition("=")[2].strip('"') for pair in labels[1:-1].split(",")]
                found[" ".join([kind, *words])] = round((float(value) * 1000 - NOW) / HOUR, 3)
        return found


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """Two facilities; nothing is entered."""
    return Page(tmp_path)


def test_a_storm_is_shown_for_its_facilities_while_it_holds(page: Page) -> None:
    """Of two the later end counts; one that was ended, or is over, is gone."""
    page.storm("bvdk", hours=2)
    page.storm("bvdk", "ttyt", hours=1)
    page.storm("ttyt", hours=9, ended_ms=NOW - 1)
    assert page.shown() == {"storm bvdk": 2, "storm ttyt": 1}
    assert page.shown(minutes=60) == {"storm bvdk": 2}
    assert page.shown(minutes=120) == {}


def test_planned_work_is_shown_where_it_is(page: Page) -> None:
    """Of a facility, a site, a host, a device, the later end of two; refused work never."""
    page.work("ttyt", hours=1)
    page.work("bvdk/main", hours=2)
    page.work("bvdk/main/his-1", hours=3)
    page.work("bvdk/main/his-1", hours=1)
    page.work("bvdk/main/ups-1", hours=1)
    page.work("bvdk/east", hours=5, refused="too_much_in_a_week")
    page.work("bvdk/east", hours=5, revoked_ms=NOW)
    page.work("bvdk/east", hours=5, from_ms=NOW + HOUR)
    page.work("bvdk/main/gone", hours=5)
    assert page.shown() == {
        "maintenance ttyt": 1,
        "maintenance bvdk main": 2,
        "maintenance bvdk his-1 main": 3,
        "maintenance bvdk ups-1 main": 1,
    }
    assert page.shown(minutes=179) == {
        "maintenance bvdk his-1 main": 3,
        "maintenance bvdk east": 5,
    }


def test_shared_work_is_shown_for_the_places_it_takes(page: Page) -> None:
    """A line takes its sites, the centre every facility; a cloud or a system takes no place."""
    page.work("provider:cloud")
    page.work("system:bvdk/his")
    assert page.shown() == {}
    page.work("link:fibre")
    assert page.shown() == {"maintenance bvdk main": 1, "maintenance ttyt hill": 1}
    page.work("centre", hours=2)
    assert page.shown(minutes=60) == {"maintenance bvdk": 2, "maintenance ttyt": 2}


def test_an_accepted_gap_is_shown_until_it_opens_again(page: Page) -> None:
    """By facility and rule; one that was taken back does not count."""
    page.accept("bvdk", "a.rule", 2)
    page.accept("bvdk", "other.rule", 2, revoked_ms=NOW)
    page.accept("ttyt", "a.rule", 1)
    assert page.shown() == {"gap_accepted bvdk a.rule": 2, "gap_accepted ttyt a.rule": 1}
    assert page.shown(minutes=60) == {"gap_accepted bvdk a.rule": 2}
    assert page.shown(minutes=120) == {}


def test_what_is_no_more_declared_is_gone_at_once(page: Page) -> None:
    """With the inventory, not with the next look; and back with it."""
    page.storm("bvdk", "ttyt")
    page.work("ttyt/hill")
    page.work("bvdk/main/ups-1")
    page.accept("ttyt", "a.rule", 1)
    before = page.shown()
    assert len(before) == 5
    less = INVENTORY.partition("  - {id: ttyt")[0].replace(", ttyt/hill", "")
    page.entered.set_inventory(parse_inventory(less.replace("ups-1", "ups-2"), "test"))
    assert '"ttyt"' not in page.live.render().decode()
    assert "ups-1" not in page.live.render().decode()
    assert page.shown() == {"storm bvdk": 1}
    page.entered.set_inventory(parse_inventory(INVENTORY, "test"))
    assert page.shown() == before
