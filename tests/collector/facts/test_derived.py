"""What the page shows of backup series: derived from facts, in step with them and the time."""

import time

from helpers.evidence import NOW, OWNER, SERIES, backup_run, repository
from helpers.told import DAY, HOUR, Told, good, inventory
from sqlalchemy import Engine

from tramgac_collector.facts.backups import DECLARED
from tramgac_collector.facts.derived import Derived
from tramgac_collector.facts.ledger import FactLedger
from tramgac_collector.inventory.model import (
    Dataset,
    Destination,
    Facility,
    Host,
    Inventory,
    Site,
)
from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner
from tramgac_proto.v1 import fleet_pb2

INVENTORY = inventory()
DATASET = "bvdk/his-1/db"


def shown(live: LiveState, *words: str) -> set[str]:
    """The backup lines of the page, those with one of ``words`` in their name."""
    return {
        line
        for line in live.render().decode().splitlines()
        if line.startswith("tramgac_backup")
        and (not words or any(word in line.partition("{")[0] for word in words))
    }


def make(asked: Inventory) -> tuple[FactLedger, LiveState, Derived]:
    """Facts, the page, and what is derived between them."""
    facts, live = FactLedger(), LiveState(asked)
    derived = Derived(facts, live, lambda agent_id: OWNER if agent_id == OWNER.agent_id else None)
    derived.set_inventory(asked)
    facts.on_change = derived.note
    return facts, live, derived


def line(name: str, value: str, **labels: str) -> str:
    """A line of the page."""
    pairs = {"facility": "bvdk", "host": "his-1", "site": "main", "series": SERIES, **labels}
    text = ",".join(f'{key}="{pairs[key]}"' for key in sorted(pairs) if pairs[key])
    return f"tramgac_backup_{name}{{{text}}} {value}"


def test_a_declared_series_without_evidence_is_shown() -> None:
    """A backup that never ran is not missing from the page: it is unverified, then late."""
    _, live, derived = make(INVENTORY)
    derived.refresh(NOW)
    assert shown(live) == {
        line("state", "1.0", state="unverified"),
        line("finding", "1.0", reason="not_yet_seen"),
        line("next_due_timestamp_seconds", "1.8000936e+09"),
        line("rpo_seconds", "93600.0"),
        line("copies", "0.0", dataset=DATASET, series=""),
        line("copies_required", "1.0", dataset=DATASET, series=""),
    }
    derived.refresh(NOW + 27 * HOUR)
    assert shown(live, "state", "finding") == {
        line("state", "1.0", state="late"),
        line("finding", "1.0", reason="never_ran"),
    }


def test_what_is_asked_of_a_series_is_shown_while_it_is_declared() -> None:
    """With the labels of its verdict, so that rules can compare; nothing where nothing is asked."""
    facts, live, derived = make(inventory("rto_hours: 4"))
    facts.observe(backup_run())
    derived.refresh(NOW)
    asked = {line("rpo_seconds", "93600.0"), line("rto_seconds", "14400.0")}
    assert shown(live, "rpo", "rto") == asked
    derived.set_inventory(inventory())
    derived.refresh(NOW)
    assert shown(live, "rpo", "rto") == {line("rpo_seconds", "93600.0")}
    derived.set_inventory(Inventory())
    derived.refresh(NOW)
    assert shown(live, "rpo", "rto") == set()


def test_everything_known_of_a_good_series_is_shown() -> None:
    """State, due time, checks by scope, coverage, drills by kind, rate, copies; no finding."""
    facts, live, derived = make(inventory("", "kind: nas, immutable: true"))
    good(facts=facts).drill(4, "full").probe("refused")
    derived.refresh(NOW)
    assert {one.partition(" ")[0] for one in shown(live)} == {
        one.partition(" ")[0]
        for one in (
            line("state", "", state="ok"),
            line("next_due_timestamp_seconds", ""),
            line("last_good_timestamp_seconds", ""),
            line("last_check_timestamp_seconds", "", scope="metadata"),
            line("last_check_timestamp_seconds", "", scope="data"),
            line("data_read_ratio", ""),
            line("last_drill_timestamp_seconds", "", kind="sample"),
            line("last_drill_timestamp_seconds", "", kind="full"),
            line("restore_bytes_per_second", ""),
            line("predicted_restore_seconds", ""),
            line("immutable", ""),
            line("rpo_seconds", ""),
            line("copies", "", dataset=DATASET, series=""),
            line("copies_required", "", dataset=DATASET, series=""),
        )
    }
    derived.refresh(NOW + 30 * DAY)
    assert shown(live, "immutable") == set()  # the proof has expired


def test_news_is_shown_at_the_next_turn_and_ages() -> None:
    """last_good appears with the run and stays; the state follows every new fact, and time."""
    facts, live, derived = make(INVENTORY)
    derived.refresh(NOW)
    facts.observe(backup_run("failed", ended=NOW - 1))
    derived.settle(NOW)
    assert line("finding", "1.0", reason="run_failed") in shown(live)
    facts.observe(backup_run())
    derived.settle(NOW)
    good_line = line("last_good_timestamp_seconds", "1.8e+09")
    assert good_line in shown(live)
    assert shown(live, "state") == {line("state", "1.0", state="unverified")}
    assert line("finding", "1.0", reason="run_failed") not in shown(live)
    derived.renew()
    derived.settle(NOW + 27 * HOUR)
    assert shown(live, "state") == {line("state", "1.0", state="late")}
    assert good_line in shown(live)


def test_last_good_is_absent_until_there_is_one() -> None:
    """A partial run and a full repository do not make a last good backup."""
    facts, live, derived = make(INVENTORY)
    facts.observe(repository("ok"))
    facts.observe(backup_run("partial"))
    derived.settle(NOW)
    assert shown(live, "state", "last_good") == {line("state", "1.0", state="partial")}


def test_an_agent_that_comes_back_is_shown_again() -> None:
    """Denied and allowed within a minute: the page has what it had, its neighbours' lines too."""
    facts, live, derived = make(INVENTORY)
    facts.observe(backup_run())
    Told("bvdk/his-1/other@usb", facts).run(1)
    derived.refresh(NOW)
    before = shown(live)
    live.seen(OWNER, NOW, fleet_pb2.AgentStatus(), 0, 0)
    live.forget(OWNER.agent_id)
    derived.forget(OWNER.agent_id)
    assert shown(live) == set()
    derived.refresh(NOW)
    assert shown(live) == before


def test_a_series_nobody_declared_is_shown_as_that() -> None:
    """It has no RPO to be late by, and never passes as good."""
    facts, live, derived = make(Inventory())
    Told("bvdk/his-1/other@usb", facts).run(1)
    derived.settle(NOW)
    found = shown(live, "finding")
    assert line("finding", "1.0", reason="undeclared", series="bvdk/his-1/other@usb") in found


def test_a_series_that_is_gone_leaves_the_page() -> None:
    """Neither declared nor evidenced by a registered agent: no line."""
    facts, live, derived = make(INVENTORY)
    derived.refresh(NOW)
    derived.set_inventory(Inventory())
    derived.refresh(NOW)
    assert shown(live) == set()
    assert facts.get("bk.run", SERIES) is None


def test_since_when_a_series_is_declared_survives_a_restart(engine: Engine) -> None:
    """The first sight of a series counts, not the start of the collector."""
    facts, _, derived = make(INVENTORY)
    derived.refresh(NOW)
    with engine.begin() as connection:
        for step in facts.take_writes(NOW):
            step.store(connection)
    again, live, derived = make(INVENTORY)
    with engine.connect() as connection:
        again.load(connection)
    derived.refresh(NOW + 27 * HOUR)
    since = again.get(DECLARED.name, SERIES)
    assert since is not None
    assert (since.value, since.origin) == (NOW / 1000, "collector")
    assert line("finding", "1.0", reason="never_ran") in shown(live)


def test_coverage_and_copies_are_facts() -> None:
    """Share of declared hosts heard of within the silence limit; copies of each dataset."""
    facts, _, derived = make(INVENTORY)
    derived.refresh(NOW)
    derived.cover(NOW)
    copies = facts.get("bk.copies", DATASET)
    assert copies is not None
    assert (copies.value, copies.text) == (0.0, "0/1")
    cover = facts.get("mon.cover", "bvdk")
    assert cover is not None
    assert cover.value == 0.0
    facts.called(Owner("x", "bvdk", "main", "his-1"), NOW + 60_000, 0)
    facts.settle()
    derived.cover(NOW + 61_000)
    assert cover.value == 1.0
    derived.cover(NOW + 400_000)
    assert cover.value == 0.0


def test_a_province_is_judged_in_a_second() -> None:
    """200 facilities with 10 series each, all with a past; and a turn is far less than that."""
    datasets = tuple(
        Dataset(id=f"d{n}", host="h", rpo_hours=26, destinations=(Destination(id="nas"),))
        for n in range(10)
    )
    sites = (Site(id="s", hosts=(Host(id="h"),)),)
    asked = Inventory(
        facilities=tuple(
            Facility(id=f"f{n}", code=f"C{n}", sites=sites, datasets=datasets) for n in range(200)
        )
    )
    facts, _, derived = make(asked)
    for one in asked.all_series():
        told = Told(one.id, facts)
        for hours in (80, 60, 40, 20, 1):
            told.run(hours)
        told.look()
    derived.refresh(NOW)
    begin = time.process_time()
    derived.refresh(NOW + 60_000)
    whole = time.process_time() - begin
    derived.renew()
    begin = time.process_time()
    derived.settle(NOW + 60_000)
    assert whole < 1.0
    assert time.process_time() - begin < whole
