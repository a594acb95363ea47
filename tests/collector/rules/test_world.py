"""Facts, inventory and papers as rules see them: nothing known twice, nothing made up."""

import re
from datetime import date
from pathlib import Path

import pytest
from helpers.evidence import NOW, OWNER, SERIES, arrival
from helpers.told import DAY, HOUR, Told, good

from tramgac_collector.facts.ledger import Fact, FactLedger
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.judge.feed import FactsFeed
from tramgac_collector.rules import datasets
from tramgac_collector.rules.clocks import CLOCKS
from tramgac_collector.rules.evaluate import Evidence, Subject, evaluate
from tramgac_collector.rules.given import Given, Papers
from tramgac_collector.rules.library import FOLDER
from tramgac_collector.rules.pack import read_pack
from tramgac_collector.rules.vocabulary import VOCABULARY
from tramgac_collector.rules.world import SOURCES, FactsWorld

INVENTORY = """
facilities:
  - id: bvdk
    code: "1"
    level: 6
    answers: {kind: hospital, restore_days: 30}
    sites:
      - id: main
        hosts: [{id: his-1}, {id: probe, role: probe}]
        devices: [{id: ups, kind: ups}]
    systems:
      - {id: his, kind: his, host: his-1, level: {number: 2, decision: 1/QD, date: 2026-09-01}}
      - {id: lis, kind: lis, host: his-1, level: {number: 3}}
      - {id: ris, kind: ris, host: his-1}
    datasets:
      - id: db
        host: his-1
        of: his
        rpo_hours: 24
        copies: COPIES
        destinations: [{id: nas, kind: nas}OTHER]
"""
FAR = "bvdk/his-1/db@far"


def inventory(copies: int = 1, other: str = "") -> Inventory:
    """One hospital."""
    text = INVENTORY.replace("COPIES", str(copies)).replace("OTHER", other)
    return parse_inventory(text, "test")


def world(facts: FactLedger, declared: Inventory | None = None, hours: float = 0) -> FactsWorld:
    """The world ``hours`` after ``NOW``."""
    now_ms = NOW + round(hours * HOUR)
    feed = FactsFeed.of(facts._current.values())
    feed._recent = facts._recent
    return FactsWorld(feed, declared or inventory(), Papers([], now_ms), now_ms)


def known(one: FactsWorld, name: str, kind: str = "dataset", number: int = 0) -> object:
    """A value while it is fresh; ``expired`` when it was known."""
    found = one.evidence(name, one.subjects("bvdk", kind)[number])
    if found is None:
        return None
    return found.value if found.expires_ms > one.now_ms else "expired"


def test_a_level_is_declared_and_never_computed() -> None:
    """Approved with its decision; a proposed one is none; nobody asked is not known."""
    systems = [one.attributes for one in world(FactLedger()).subjects("bvdk", "system")]

    assert [one["system.level"] for one in systems] == [2.0, None, None]
    assert [one["system.level_decided"] for one in systems] == [True, False, None]
    assert systems[0]["facility.level"] == 2.0
    assert systems[0]["facility.tt54_level"] == 6.0
    assert systems[0]["facility.restore_period"] == 30 * 86_400
    assert systems[0]["facility.insurance"] is None


def test_a_dataset_has_the_level_of_its_system() -> None:
    """And its period by declaration."""
    (dataset,) = world(FactLedger()).subjects("bvdk", "dataset")

    assert dataset.attributes["dataset.of"] == "his"
    assert dataset.attributes["dataset.level"] == 2.0
    assert dataset.attributes["dataset.period"] == 86_400


def test_a_good_backup_is_known_by_what_its_repository_shows() -> None:
    """Ages, checks, drills and damage; what nobody measures is not known."""
    one = world(good().facts)

    assert known(one, "bk.age") == 3_600
    assert known(one, "bk.seen") is True
    assert known(one, "bk.check") == 3 * 86_400
    assert known(one, "bk.restore") == 5 * 86_400
    assert known(one, "bk.restore.full") is None
    assert known(one, "bk.damaged") is False
    assert known(one, "bk.versions") == 30
    assert known(one, "bk.same_place") is False
    assert known(one, "bk.automatic") is None
    assert known(one, "bk.cover", "facility") == 1.0


def test_a_run_that_ended_well_is_no_backup_until_the_repository_shows_it() -> None:
    """T11: exit 0 says nothing; a later look without the snapshot takes the age away."""
    told = Told().declared(30).run(2)
    assert known(world(told.facts), "bk.age") is None
    told.look(1, newest_id="ff" * 32, newest_unix_ms=NOW - 5 * DAY)
    assert known(world(told.facts), "bk.age") is None


def test_silence_makes_evidence_expire() -> None:
    """Nothing of a repository counts past the look that showed it."""
    later = world(good().facts, hours=3)

    assert known(later, "bk.age") == "expired"
    assert known(later, "bk.versions") == "expired"
    assert known(later, "bk.copies") == "expired"
    assert known(later, "bk.cover", "facility") == "expired"
    assert known(later, "bk.check") == 3 * 86_400 + 3 * 3_600


def test_copies_are_not_counted_while_one_destination_is_blind() -> None:
    """Unless there are as many as the facility itself asks for."""
    facts = good(SERIES).facts
    Told(FAR, facts).declared(30).run(1).look(0.1, "blind_unreachable")
    far = ", {id: far, kind: offsite}"

    assert known(world(facts, inventory(2, far)), "bk.copies") == "expired"
    assert known(world(facts, inventory(1, far)), "bk.copies") == 1.0
    assert known(world(facts, inventory(1, far)), "bk.copies.offsite") == 0.0


def test_damage_anywhere_is_damage() -> None:
    """One destination with damaged data refutes, whatever the other shows."""
    facts = good(SERIES).facts
    good(FAR, facts).check(0.5, "data", passed=False, failure="damaged")
    one = world(facts, inventory(1, ", {id: far, kind: offsite}"))

    assert known(one, "bk.damaged") is True


def test_the_only_copy_beside_the_data_is_in_the_same_place() -> None:
    """A second one elsewhere makes it good; one that was never looked at does not."""
    facts = Told().declared(30).run(1).look(0.1, medium="same_machine").facts
    assert known(world(facts), "bk.same_place") is True
    far = inventory(1, ", {id: far, kind: offsite}")
    assert known(world(facts, far), "bk.same_place") is None
    Told(FAR, facts).run(1).look(0.1)
    assert known(world(facts, far), "bk.same_place") is False


def test_the_fullest_disk_and_the_worst_answer_count() -> None:
    """A host by its fullest file system, a system by every way it is asked."""
    facts = FactLedger()
    for mount, used in (("/", 0.5), ("/srv", 0.9)):
        labels = {"mountpoint": mount, "fstype": "ext4"}
        facts.observe(arrival(("filesystem_used_ratio", labels, used)))
        facts.settle()
    for method, up in (("tcp", 1.0), ("http", 0.0)):
        facts.observe(arrival(("service_up", {"system": "his", "method": method}, up)))
        facts.settle()
    facts.called(OWNER, NOW, -1_500)
    facts.settle()
    one = world(facts)

    assert known(one, "host.disk", "host") == 0.9
    assert known(one, "host.up", "host") is True
    assert known(one, "host.time", "host") == 1.5
    assert known(one, "host.disk", "host", 1) is None
    assert known(one, "svc.up", "system") is False
    assert known(one, "svc.up", "system", 1) is None


def test_a_disk_that_is_seen_no_more_leaves_the_host_stale() -> None:
    """What is left can show a full disk, never that none is; a month later it is gone."""
    facts = FactLedger()

    def seen(mount: str, used: float, at_ms: int) -> None:
        labels = {"mountpoint": mount, "fstype": "ext4"}
        facts.observe(arrival(("filesystem_used_ratio", labels, used), at_ms=at_ms))
        facts.settle()

    pack = read_pack(FOLDER / "product.defaults.yml")
    (rule,) = (one for one in pack.rules if one.id == "product.host.disk")

    def said(used: float, hours: float) -> str:
        seen("/", used, NOW + round(hours * HOUR))
        one = evaluate(pack, rule, "bvdk", world(facts, hours=hours), date(2026, 11, 22))
        return one.findings[0].status.value

    seen("/srv", 0.4, NOW)
    assert said(0.5, 0) == "pass_observed"
    assert said(0.5, 24) == "stale"
    assert said(0.95, 25) == "fail"
    assert said(0.5, 24 * 33) == "pass_observed"


def test_a_probe_of_a_host_that_is_declared_no_more_is_not_waited_for() -> None:
    """Its last answer is over; one of a host that stays is missed."""
    facts = FactLedger()
    facts.observe(arrival(("service_up", {"system": "his", "method": "tcp"}, 1.0)))
    facts.settle()
    declared = inventory()
    later = world(facts, declared, 24)
    moved = parse_inventory(
        INVENTORY.replace("{id: his-1}, ", "{id: his-2}, ")
        .replace("host: his-1", "host: his-2")
        .replace("COPIES", "1")
        .replace("OTHER", ""),
        "test",
    )

    assert known(later, "svc.up", "system") == "expired"
    assert known(world(facts, moved, 24), "svc.up", "system") is None


def test_ports_and_paths_are_those_that_were_seen() -> None:
    """Nobody declares them; what the inventory tells of them is known."""
    facts = FactLedger()
    facts.observe(arrival(("network_link_speed_bytes", {"interface": "eno1"}, 125e6)))
    facts.settle()
    facts.observe(arrival(("path_rtt_seconds", {"target": "ups", "method": "icmp"}, 0.01)))
    facts.settle()
    one = world(facts)
    (port,), (path,) = one.subjects("bvdk", "port"), one.subjects("bvdk", "path")

    assert port.attributes["port.role"] == "server"
    assert path.attributes["path.kind"] == "lan"
    assert known(one, "net.link.speed", "port") == 125e6
    assert known(one, "net.path.rtt", "path") == 0.01


@pytest.mark.parametrize(
    ("name", "kind", "value"), [("bk.age", "host", None), ("mon.cover", "host", None)]
)
def test_a_name_says_nothing_of_other_things(name: str, kind: str, value: object) -> None:
    """A host has no backup age."""
    assert known(world(good().facts), name, kind) is value


def test_a_paper_of_the_thing_itself_comes_before_the_facility_s() -> None:
    """And the newest of one name counts."""

    def paper(number: int, subject: str, value: str, day: int) -> Given:
        issued = date(2026, 1, day)
        return Given(number, "bvdk", subject, "att:x", value, issued, None, "IT", "", "", 0, "t",
                     None, "")  # fmt: skip

    given = [
        paper(1, "", "true", 1),
        paper(2, "system/his", "true", 2),
        paper(3, "system/his", "false", 3),
    ]
    one = FactsWorld(FactsFeed(), inventory(), Papers(given, NOW), NOW)
    his, lis, _ = one.subjects("bvdk", "system")

    def said(subject: Subject) -> object:
        found = one.evidence("att:x", subject)
        assert isinstance(found, Evidence)
        return found.value

    assert (said(his), said(lis)) == (False, True)


def of_the_ups(**values: float) -> FactsWorld:
    """What the UPS said a moment ago, by fact; ``_`` stands for the dot."""
    said = (
        Fact(name.replace("_", "."), "bvdk/main/ups", "", value, "", NOW, NOW, NOW + HOUR)
        for name, value in values.items()
    )
    return FactsWorld(FactsFeed.of(said), inventory(), Papers([], NOW), NOW)


def test_a_device_answers_or_does_not() -> None:
    """What nobody asked is not known."""
    assert known(of_the_ups(net_dev=1), "net.dev", "device") is True
    assert known(of_the_ups(net_dev=0), "net.dev", "device") is False
    assert known(of_the_ups(), "net.dev", "device") is None


def test_a_runtime_counts_only_where_it_can_be_believed() -> None:
    """An estimate without, or with a bad, word on it says nothing."""
    assert known(of_the_ups(ups_runtime=900, ups_runtime_trusted=1), "ups.runtime", "device") == 900
    assert (
        known(of_the_ups(ups_runtime=900, ups_runtime_trusted=0), "ups.runtime", "device") is None
    )
    assert known(of_the_ups(ups_runtime=900), "ups.runtime", "device") is None


def test_what_nobody_measures_is_listed() -> None:
    """The page names exactly the terms that are made of nothing; the inventory knows the others."""
    page = (Path(__file__).parents[3] / "docs/rules.md").read_text()
    listed = page.partition("stay unknown: ")[2].partition(".\n")[0]
    made = {*SOURCES, *datasets.TERMS, *CLOCKS, "bk.cover"}
    asked = {term.name for term in VOCABULARY.values() if term.kind != "attribute"}
    assert re.findall("`([^`]+)`", listed)
    assert set(re.findall("`([^`]+)`", listed)) == asked - made
