"""States of a backup series: a pure function of facts and the time, and what is shown of it."""

import pytest
from helpers.evidence import NOW, OWNER, SERIES, backup_run, repository

from tramgac_collector.facts.backup_state import BackupState, judge
from tramgac_collector.facts.derived import Derived
from tramgac_collector.facts.ledger import FactLedger
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner
from tramgac_proto.v1 import fleet_pb2

HOUR = 3_600_000
INVENTORY = parse_inventory(
    """
facilities:
  - id: bvdk
    code: "1"
    sites: [{id: main, hosts: [{id: his-1}]}]
    datasets:
      - {id: db, host: his-1, rpo_hours: 26, destinations: [{id: nas}]}
""",
    "test",
)


@pytest.mark.parametrize(
    ("evidence", "age_hours", "rpo", "state"),
    [
        ([], 0, 26, "not_evidenced"),
        ([("run", "complete")], 25, 26, "ok"),
        ([("run", "complete")], 27, 26, "not_evidenced"),
        ([("run", "complete")], 1000, None, "learning"),
        ([("run", "failed")], 1, 26, "failed"),
        ([("run", "interrupted")], 1, None, "failed"),
        ([("run", "partial")], 1, 26, "partial"),
        ([("repo", "blind_auth")], 0, 26, "blind"),
        ([("repo", "ok")], 0, 26, "not_evidenced"),
        ([("run", "complete"), ("repo", "blind_timeout")], 0, 26, "ok"),
        # A blind look that is itself too old says nothing.
        ([("repo", "blind_auth")], 5, 26, "not_evidenced"),
    ],
)
def test_state(
    evidence: list[tuple[str, str]], age_hours: int, rpo: float | None, state: str
) -> None:
    """Only a complete run within the RPO is ok; the rest says why not, or that nobody knows."""
    facts = FactLedger()
    for kind, what in evidence:
        facts.observe(backup_run(what) if kind == "run" else repository(what))
    good, last, repo = (
        facts.get(name, SERIES) for name in ("bk.last_good", "bk.run", "bk.repository")
    )
    assert judge(good, last, repo, NOW + age_hours * HOUR, rpo) is BackupState(state)


def shown(live: LiveState) -> set[str]:
    """The backup lines of the page."""
    return {
        line for line in live.render().decode().splitlines() if line.startswith("tramgac_backup")
    }


def make(inventory: Inventory) -> tuple[FactLedger, LiveState, Derived]:
    """Facts, the page, and what is derived between them."""
    facts, live = FactLedger(), LiveState(inventory)
    derived = Derived(facts, live, lambda agent_id: OWNER if agent_id == OWNER.agent_id else None)
    derived.set_inventory(inventory)
    facts.on_change = derived.note
    return facts, live, derived


def line(name: str, value: str, **labels: str) -> str:
    """A line of the page."""
    pairs = {"facility": "bvdk", "host": "his-1", "site": "main", "series": SERIES, **labels}
    text = ",".join(f'{key}="{pairs[key]}"' for key in sorted(pairs))
    return f"tramgac_backup_{name}{{{text}}} {value}"


def test_a_declared_series_without_evidence_is_shown() -> None:
    """A backup that never ran is not missing from the page: it is not evidenced."""
    _, live, derived = make(INVENTORY)
    derived.refresh(NOW)
    assert shown(live) == {line("state", "1.0", state="not_evidenced")}


def test_a_complete_run_is_shown_at_once_and_ages() -> None:
    """last_good appears with the run and stays; the state leaves ok when the RPO is over."""
    facts, live, derived = make(INVENTORY)
    derived.refresh(NOW)
    facts.observe(backup_run())
    good = line("last_good_timestamp_seconds", "1.8e+09")
    assert shown(live) == {line("state", "1.0", state="ok"), good}
    derived.refresh(NOW + 27 * HOUR)
    assert shown(live) == {line("state", "1.0", state="not_evidenced"), good}


def test_last_good_is_absent_until_there_is_one() -> None:
    """A partial run and a full repository do not make a last good backup."""
    facts, live, _ = make(INVENTORY)
    facts.observe(repository("ok"))
    facts.observe(backup_run("partial"))
    assert shown(live) == {line("state", "1.0", state="partial")}


def test_an_agent_that_comes_back_is_shown_again() -> None:
    """Denied and allowed within a minute: the page has what it had."""
    facts, live, derived = make(Inventory())
    facts.observe(backup_run())
    before = shown(live)
    assert len(before) == 2
    live.seen(OWNER, NOW, fleet_pb2.AgentStatus(), 0, 0)
    live.forget(OWNER.agent_id)
    derived.forget(OWNER.agent_id)
    assert shown(live) == set()
    derived.refresh(NOW)
    assert shown(live) == before


def test_a_series_that_is_gone_leaves_the_page() -> None:
    """Neither declared nor evidenced by a registered agent: no line."""
    facts, live, derived = make(INVENTORY)
    derived.refresh(NOW)
    derived.set_inventory(Inventory())
    derived.refresh(NOW)
    assert shown(live) == set()
    assert facts.get("bk.run", SERIES) is None


def test_coverage_is_a_fact() -> None:
    """Share of declared hosts heard of within the silence limit, per facility."""
    facts, _, derived = make(INVENTORY)
    derived.cover(NOW)
    cover = facts.get("mon.cover", "bvdk")
    assert cover is not None
    assert cover.value == 0.0
    facts.called(Owner("x", "bvdk", "main", "his-1"), NOW + 60_000, 0)
    facts.settle()
    derived.cover(NOW + 61_000)
    assert cover.value == 1.0
    derived.cover(NOW + 400_000)
    assert cover.value == 0.0
