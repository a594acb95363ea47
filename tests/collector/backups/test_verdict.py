"""The verdict: each fault of an otherwise good series is told as what it is, and ages."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from helpers.evidence import NOW, SERIES
from helpers.told import (
    BYTES,
    DAY,
    FILES,
    HOUR,
    Told,
    good,
    inventory,
    runless,
    sizeless,
    snapshot,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_collector.backups.declared import Declarations
from tramgac_collector.backups.findings import STATE_OF, BackupState, rank
from tramgac_collector.backups.judging import judge_all
from tramgac_collector.backups.verdict import Verdict
from tramgac_collector.facts.ledger import FactLedger
from tramgac_collector.inventory.model import Inventory

PLAIN = inventory()
NIGHTLY = inventory('schedule: {cron: "0 14 * * *"}')


@dataclass(frozen=True)
class Case:
    """What happens to a good series.

    Attributes:
        hours: Judged so long after ``NOW``.
    """

    happens: Callable[[Told], object]
    asked: Inventory = field(default_factory=lambda: PLAIN)
    hours: float = 0.0
    begun: Callable[[], Told] = good
    state: str = ""


def _late_look(told: Told) -> None:
    told.look(-30).heard(-30)


def _young(runs: int) -> Told:
    told = Told().declared(60)
    for day in range(runs - 1, -1, -1):
        told.run(1 + 24 * day)
    told.look().heard()
    return told if runs > 5 else told.check(3).check(1, "data").drill(5)


CASES: dict[str, Case] = {
    "run_failed": Case(lambda told: told.run(0.5, "failed", reason="no_space")),
    "run_interrupted": Case(lambda told: told.run(0.5, "interrupted")),
    "run_hung": Case(lambda told: told.begin(1.4), inventory("hung_hours: 1.2")),
    "metadata_damaged": Case(lambda told: told.check(0.1, passed=False, failure="damaged")),
    "data_damaged": Case(
        lambda told: told.check(0.1, "data", passed=False, slices_bad=1, failure="damaged")
    ),
    "snapshot_damaged": Case(lambda told: told.look(0, damaged=1)),
    "drill_failed": Case(lambda told: told.drill(0.1, passed=False, failure="damaged")),
    "key_wrong": Case(
        lambda told: told.drill(0.1, "key", passed=False, failure="wrong_key"),
        inventory("proof: {key: 366}"),
    ),
    "repository_missing": Case(lambda told: told.look(0, "missing")),
    "product_problem": Case(lambda told: told.look(0, problem="page_checksum")),
    "run_blocked": Case(lambda told: told.run(0.5, "blocked", reason="locked")),
    "stale_lock": Case(lambda told: told.look(0, stale_locks=1, lock_host="his-1", lock_pid=7)),
    "overdue": Case(_late_look, NIGHTLY, 30),
    "rpo_passed": Case(_late_look, hours=30),
    "never_ran": Case(lambda told: told.heard(), begun=lambda: Told().declared(2)),
    "blind_auth": Case(lambda told: told.look(0, "blind_auth")),
    "blind_unreachable": Case(lambda told: told.look(0, "blind_unreachable")),
    "blind_timeout": Case(lambda told: told.look(0, "blind_timeout")),
    "blind_tool": Case(lambda told: told.look(0, "blind_tool")),
    "silent": Case(lambda told: told.heard(-5), hours=5),
    "future_dated": Case(lambda told: told.look(0, future_dated=True)),
    "vanished": Case(lambda told: told.look(0, vanished=3)),
    "size_drop": Case(lambda told: told.run(0.5, bytes=BYTES // 4).look(0)),
    "files_drop": Case(lambda told: told.run(0.5, files=FILES // 4).look(0)),
    "zero_files": Case(lambda told: told.look(0, files=0)),
    "change_shock": Case(
        lambda told: told.run(0.5, files_changed=900, files_unmodified=100).look(0)
    ),
    "size_jump": Case(lambda told: told.run(0.5, bytes_added=BYTES // 2).look(0)),
    "snapshot_not_found": Case(
        lambda told: told.look(0, newest_id=snapshot(25), newest_unix_ms=NOW - 25 * HOUR)
    ),
    "immutability_refuted": Case(
        lambda told: told.probe("allowed"), inventory("", "kind: nas, immutable: true")
    ),
    "run_partial": Case(lambda told: told.run(0.5, "partial", reason="unreadable_files")),
    "missing_source": Case(lambda told: told.run(0.5, "partial", reason="missing_source")),
    "empty_source": Case(lambda told: told.run(0.5, "partial", reason="empty")),
    "not_yet_seen": Case(
        lambda told: told.look(0, snapshots=0, newest_unix_ms=0), begun=lambda: Told().declared(0.1)
    ),
    "learning": Case(lambda told: told, begun=lambda: _young(4)),
    "no_run_evidence": Case(lambda told: told, begun=runless),
    "size_untold": Case(
        lambda told: told, inventory("proof: {check: 0, data: 0, sample: 0}"), begun=sizeless
    ),
    "check_old": Case(lambda told: told, inventory("proof: {check: 2}")),
    "check_never": Case(lambda told: told, begun=lambda: _young(9).check(1, "data").drill(5)),
    "data_unread": Case(lambda told: told, begun=lambda: _young(9).check(3).drill(5)),
    "data_old": Case(lambda told: told, inventory("proof: {data: 20}")),
    "drill_old": Case(lambda told: told, inventory("proof: {sample: 4}")),
    "drill_never": Case(lambda told: told, inventory("proof: {full: 92}")),
    "key_untried": Case(lambda told: told.drill(31, "key"), inventory("proof: {key: 30}")),
    "undeclared": Case(lambda told: told, Inventory()),
    "retention_short": Case(
        lambda told: told.look(0, oldest_unix_ms=NOW - 20 * DAY), inventory("retention: {days: 30}")
    ),
    "copies_missing": Case(
        lambda told: told, inventory("copies: 2", more=", {id: cloud, kind: cloud}")
    ),
    "same_place": Case(lambda told: told.look(0, medium="same_machine")),
    "rto_exceeded": Case(lambda told: told.drill(1, "full"), inventory("rto_hours: 0.001")),
    "immutability_unproven": Case(lambda told: told, inventory("", "kind: nas, immutable: true")),
}


def judge(case: Case) -> Verdict:
    """Let it happen, and judge."""
    told = case.begun()
    case.happens(told)
    return told.judged(case.asked, case.hours).verdict


@pytest.mark.parametrize("asked", [PLAIN, NIGHTLY])
def test_a_good_series_is_ok(asked: Inventory) -> None:
    """Complete runs, a fresh look and every proof: nothing is found."""
    verdict = good().judged(asked).verdict
    assert (verdict.state, verdict.findings) == (BackupState.OK, ())
    assert verdict.point_ms == NOW - HOUR


@pytest.mark.parametrize("reason", STATE_OF)
def test_each_fault_is_told_as_what_it_is(reason: str) -> None:
    """Every reason has a case; it is what the verdict says first, in its own state."""
    verdict = judge(CASES[reason])
    assert verdict.reason == reason
    assert verdict.state is STATE_OF[reason]
    assert verdict.state is not BackupState.OK


def test_only_what_is_wrong_is_told() -> None:
    """A fault brings no other finding with it, save where one implies another."""
    implied = {
        "overdue": {"rpo_passed"},
        "not_yet_seen": {"no_run_evidence"},
        "silent": set(),
        "undeclared": set(),
        "never_ran": set(),
    }
    for reason, case in CASES.items():
        found = {one.reason for one in judge(case).findings} - {reason}
        assert found <= implied.get(reason, set()), reason


@pytest.mark.parametrize(
    ("happens", "state"),
    [
        (lambda told: told.run(0.5, "failed").look(0, stale_locks=1), "failed"),
        (lambda told: told.look(0, stale_locks=1, vanished=1), "blocked"),
        (lambda told: told.look(0, "blind_auth").run(0.5, "partial"), "blind"),
        (lambda told: told.look(0, vanished=1).run(0.5, "partial"), "suspicious"),
        (lambda told: told.run(0.5, "partial").look(0, medium="same_device"), "partial"),
    ],
)
def test_the_worst_comes_first(happens: Callable[[Told], Told], state: str) -> None:
    """Of several findings the worst names the state, and all are told in order."""
    verdict = happens(good()).judged(PLAIN).verdict
    ranks = [rank(one.state) for one in verdict.findings]
    assert verdict.state.value == state
    assert len(ranks) > 1
    assert ranks == sorted(ranks)


def test_a_complete_run_clears_what_a_run_did() -> None:
    """Failed, partial and blocked runs are forgotten once a complete one has ended."""
    for outcome in ("failed", "partial", "blocked", "interrupted"):
        told = good().run(0.5, outcome).run(0.2).look(0, newest_id=snapshot(0.2))
        assert told.judged(PLAIN).verdict.state is BackupState.OK


def test_the_same_facts_turn_worse_with_time() -> None:
    """Good now, silent when the look expires, blind with the RPO told when that has passed."""
    told = good()
    states = [told.judged(PLAIN, hours).verdict for hours in (0, 2, 3, 26, 24 * 40)]
    assert [one.state.value for one in states] == ["ok", "ok", "blind", "blind", "blind"]
    assert [one.reason for one in states[2:4]] == ["silent", "silent"]
    assert ("rpo_passed", BackupState.BLIND) in [one[:2] for one in states[3].findings]
    assert {"check_old", "drill_old"} <= {one.reason for one in states[4].findings}


def test_proofs_age_though_runs_go_on() -> None:
    """A series that is backed up every day is unverified when its proofs are too old."""
    told = good()
    for day in range(1, 40):
        hours = -24 * day
        told.run(1 + hours, snapshot_id="").look(hours, newest_unix_ms=NOW - hours * HOUR - HOUR)
    verdict = told.heard(-24 * 39).judged(PLAIN, 24 * 39).verdict
    assert verdict.state is BackupState.UNVERIFIED
    assert {one.reason for one in verdict.findings} == {"check_old", "drill_old"}


def test_a_silent_agent_is_blind_never_late() -> None:
    """Whether a backup ran nobody knows; the passed RPO is told beside it, as blind."""
    told = Told().declared(60).run(1).heard()
    verdict = told.judged(PLAIN, 30).verdict
    assert (verdict.state, verdict.reason) == (BackupState.BLIND, "silent")
    assert BackupState.LATE not in {one.state for one in verdict.findings}
    assert told.heard(-30).judged(PLAIN, 30).verdict.state is BackupState.LATE


def test_a_repository_that_cannot_be_read_is_no_proof_of_lateness() -> None:
    """Where nobody tells of runs, a blind repository is blind, however old the last snapshot."""
    verdict = runless().look(-40, "blind_auth").heard(-40).judged(PLAIN, 40).verdict
    assert verdict.state is BackupState.BLIND
    assert {one.reason for one in verdict.findings} >= {"blind_auth", "rpo_passed"}


def test_a_partial_snapshot_is_remembered() -> None:
    """Its run is known to have left something out; in the repository it looks like any other."""
    told = good().run(0.5, "partial", snapshot_id="0badcafe")
    told.run(0.4, snapshot_id="").look(0, newest_id="0badcafe" * 8)
    verdict = told.judged(PLAIN).verdict
    assert (verdict.state, verdict.reason) == (BackupState.PARTIAL, "run_partial")


def test_an_empty_run_is_not_told_twice() -> None:
    """The empty snapshot of an empty run is explained by the run."""
    told = good().run(0.5, "partial", reason="empty", files=0, bytes=0)
    told.look(0, files=0, bytes=0, newest_id=snapshot(0.5))
    assert [one.reason for one in told.judged(PLAIN).verdict.findings] == ["empty_source"]


def test_a_run_may_take_long_but_not_for_ever() -> None:
    """Open starts hang after ``hung_hours``; an end with their id, however late, closes them."""
    open_run = good().begin(1.4)
    assert open_run.judged(PLAIN).verdict.state is BackupState.OK
    assert open_run.judged(inventory("hung_hours: 1.3")).verdict.reason == "run_hung"
    ended = good().begin(1.4, "paired").run(0.2, run_id="paired").look(0)
    assert ended.judged(inventory("hung_hours: 0.5")).verdict.state is BackupState.OK


def test_archived_logs_move_the_point_of_recovery() -> None:
    """With a base backup and a readable repository the RPO is judged by the newest log."""
    told = good().look(-30, archived_unix_ms=NOW + 29 * HOUR).heard(-30)
    verdict = told.judged(PLAIN, 30).verdict
    assert verdict.point_ms == NOW + 29 * HOUR
    assert verdict.state is BackupState.OK
    bare = Told().declared(60).look(-30, snapshots=0, newest_unix_ms=0, archived_unix_ms=NOW)
    assert bare.heard(-30).judged(PLAIN, 30).verdict.point_ms is None


def test_wider_drills_count_for_narrower_ones() -> None:
    """A full restore proves what a sample would; a later failure takes it back."""
    asked = inventory("proof: {canary: 2, sample: 31, full: 92}")
    told = good().drill(1, "full")
    assert told.judged(asked).verdict.state is BackupState.OK
    told.drill(0.5, "canary", passed=False, failure="nonce_wrong")
    verdict = told.judged(asked).verdict
    assert (verdict.reason, verdict.findings[0].detail) == ("drill_failed", "nonce_wrong")
    assert told.drill(0.2, "sample").judged(asked).verdict.reason == ""


def test_a_key_that_opens_is_no_restore_and_no_restore_is_a_key() -> None:
    """Each is asked for by itself; a key never refreshes a drill, nor a full drill a key."""
    key, restore = inventory("proof: {key: 92}"), inventory("proof: {canary: 2, sample: 4}")
    keyed = good().drill(0.1, "key")
    assert keyed.judged(key).verdict.state is BackupState.OK
    assert keyed.judged(key).evidence.facts["bk.restore"].text == "sample"
    assert {one[::2] for one in keyed.judged(restore).verdict.findings} == {
        ("drill_old", "canary"),
        ("drill_old", "sample"),
    }
    assert good().drill(0.1, "full").judged(key).verdict.reason == "key_untried"
    failed = good().drill(2, passed=False, failure="damaged").drill(1, "key")
    assert failed.judged(PLAIN).verdict.reason == "drill_failed"


def test_a_wrong_key_stays_until_one_opens() -> None:
    """It is told though no key was asked for; no restore clears it, a key that opens does."""
    told = good().drill(0.5, "key", passed=False, failure="wrong_key").drill(0.2, "full")
    verdict = told.judged(PLAIN).verdict
    assert (verdict.state, verdict.reason) == (BackupState.FAILED, "key_wrong")
    told.drill(0.15, "key", passed=False, conclusive=False, failure="blind_unreachable")
    assert told.judged(PLAIN).verdict.reason == "key_wrong"
    assert told.drill(0.1, "key").judged(PLAIN).verdict.state is BackupState.OK


def test_damage_met_by_a_key_is_no_wrong_key() -> None:
    """It is a failed drill, which a restore that passes clears; the key stays to be tried."""
    asked = inventory("proof: {key: 92}")
    told = good().drill(0.5, "key", passed=False, failure="damaged")
    verdict = told.judged(asked).verdict
    assert (verdict.reason, verdict.findings[0].detail) == ("drill_failed", "damaged")
    assert told.drill(0.1).judged(asked).verdict.reason == "key_untried"


def test_what_came_to_no_end_changes_nothing() -> None:
    """A check or drill that was cut short neither proves nor refutes."""
    told = good().check(0.1, passed=False, conclusive=False, failure="deadline")
    told.drill(0.1, passed=False, conclusive=False, failure="no_space")
    assert told.judged(PLAIN).verdict.state is BackupState.OK


def test_retention_is_asked_of_series_old_enough() -> None:
    """A series declared ten days ago cannot have copies of last month."""
    asked = inventory("retention: {days: 30, months: 6}")
    told = Told().declared(10)
    for day in range(8, -1, -1):
        told.run(1 + 24 * day)
    told.look(oldest_unix_ms=NOW - 9 * DAY, months_plus_one=2)
    told.check(3).check(1, "data").drill(5).heard()
    assert told.judged(asked).verdict.state is BackupState.OK


def test_a_passed_deletion_probe_is_proof() -> None:
    """Refused deletion makes an immutable destination ok, until the probe is too old."""
    asked = inventory("", "kind: nas, immutable: true")
    told = good().probe("refused")
    assert told.judged(asked).verdict.state is BackupState.OK
    findings = told.judged(asked, 8 * 24).verdict.findings
    assert "immutability_unproven" in {one.reason for one in findings}


def test_everything_can_be_judged_together() -> None:
    """Declared and undeclared series, with the copies of each dataset."""
    facts = FactLedger()
    good(facts=facts)
    other = Told("bvdk/his-1/other@usb", facts).run(1)
    judgement = judge_all(facts, Declarations.of(PLAIN), NOW, [SERIES, other.series])
    assert {name: one.verdict.state.value for name, one in judgement.series.items()} == {
        SERIES: "ok",
        other.series: "unverified",
    }
    assert judgement.copies["bvdk/his-1/db"].count == 1


# What different channels may say at the same time.
_RUNS = ("run_failed", "run_interrupted", "run_blocked", "run_partial", "missing_source")
_PROOFS = ("metadata_damaged", "data_damaged", "drill_failed")
_LOOKS = (
    *("snapshot_damaged", "stale_lock", "future_dated", "vanished", "product_problem"),
    *("blind_auth", "blind_timeout", "repository_missing", "same_place"),
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["run_hung", *_RUNS]),
    st.sampled_from(_LOOKS),
    st.sets(st.sampled_from(_PROOFS)),
)
def test_more_bad_evidence_never_improves_a_state(run: str, look: str, proofs: set[str]) -> None:
    """Each fault added leaves the series as bad as it was, or worse."""
    told, before = good(), rank(BackupState.OK)
    asked = CASES["run_hung"].asked
    for reason in (run, look, *sorted(proofs)):
        CASES[reason].happens(told)
        now = rank(told.judged(asked).verdict.state)
        assert now <= min(before, rank(STATE_OF[reason]))
        before = now


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(["runs", "look", "check", "data", "drill"])))
def test_ok_needs_every_proof(told_of: set[str]) -> None:
    """Leave out any of them, and the series is not ok."""
    told = Told().declared(60).heard()
    if "runs" in told_of:
        for day in range(8, -1, -1):
            told.run(1 + 24 * day)
    if "look" in told_of:
        told.look()
    if "check" in told_of:
        told.check(3)
    if "data" in told_of:
        told.check(1, "data")
    if "drill" in told_of:
        told.drill(5)
    all_of_it = {"runs", "check", "data", "drill"} <= told_of
    assert (told.judged(PLAIN).verdict.state is BackupState.OK) == all_of_it
