"""Power cuts, emptied and damaged repositories, tools that tell little: what is said of them."""

from typing import Any

from helpers.evidence import NOW
from helpers.told import HOUR, Told, good, inventory, runless, sizeless

from tramgac_collector.backups.declared import Declarations
from tramgac_collector.backups.findings import BackupState
from tramgac_collector.backups.judging import judge_dataset

PLAIN = inventory()


def test_damage_that_blinds_is_a_failure() -> None:
    """A product that cannot read its repository because it is damaged says both."""
    told = good().look(0, "blind_tool", problem="damaged")
    verdict = told.judged(PLAIN).verdict
    assert (verdict.state, verdict.reason) == (BackupState.FAILED, "product_problem")
    assert verdict.findings[0].detail == "damaged"
    assert told.look(0).judged(PLAIN).verdict.state is BackupState.OK


def test_a_run_cut_short_is_forgotten_once_another_got_through() -> None:
    """After a power cut: hung until a run that began later saved something, and no other."""
    cut = good().begin(13, "cut")
    assert cut.judged(PLAIN).verdict.state is BackupState.OK  # last night's run came after it
    cut = Told().declared(60).run(30).begin(25, "cut").heard()
    assert cut.judged(PLAIN).verdict.reason == "run_hung"
    for outcome in ("failed", "blocked"):
        reasons = {one.reason for one in cut.run(2, outcome).judged(PLAIN).verdict.findings}
        assert "run_hung" in reasons
    overlapping = cut.begin(26, "before").run(1.5, run_id="before", started_unix_ms=NOW - 26 * HOUR)
    reasons = {one.reason for one in overlapping.judged(PLAIN).verdict.findings}
    assert "run_hung" in reasons
    cut.begin(1.2, "half").run(1, "partial", run_id="half")
    assert cut.judged(PLAIN).verdict.reason == "run_partial"


def test_a_removable_disk_may_lie_in_a_safe() -> None:
    """Unplugged it is blind, not failed, and still a copy until its RPO has passed."""
    asked = inventory("", "kind: removable")
    told = good().look(0, "missing")
    verdict = told.judged(asked).verdict
    assert (verdict.state, verdict.reason) == (BackupState.BLIND, "blind_unreachable")
    assert told.judged(PLAIN).verdict.reason == "repository_missing"
    for hours, copies in ((0, 1), (20, 1), (26, 0)):
        now_ms = NOW + hours * HOUR
        group = Declarations.of(asked).group(told.series)
        assert judge_dataset(told.facts, group, now_ms)[1].count == copies
    assert judge_dataset(good().look(0, "blind_auth").facts, group, NOW)[1].count == 0


def test_proofs_of_another_repository_do_not_count() -> None:
    """Moved to a new one: checks, readings and drills begin anew; moved back, they count again."""
    told = good().look(0.1, repository_id="a" * 64).look(0.05, repository_id="a" * 64)
    assert told.judged(PLAIN).verdict.state is BackupState.OK
    told.look(-1, repository_id="b" * 64).check(-1 / 24, "data").heard(-1)
    found = {one.reason for one in told.judged(PLAIN, 1).verdict.findings}
    assert found == {"check_never", "data_unread", "drill_never"}
    told.look(-1.5, repository_id="a" * 64).check(0.04, passed=False, failure="damaged")
    assert told.judged(PLAIN, 1.5).verdict.reason == "metadata_damaged"
    told.look(-2, repository_id="c" * 64)
    assert told.judged(PLAIN, 2).verdict.reason == "check_never"


def test_an_emptied_repository_holds_no_point_of_recovery() -> None:
    """Every snapshot is gone: neither the last one seen nor archived logs stand in for it."""
    gone: dict[str, Any] = {"snapshots": 0, "newest_unix_ms": 0, "newest_id": ""}
    bare = runless().look(-0.5, **gone, archived_unix_ms=NOW).heard(-0.5).judged(PLAIN, 0.6)
    assert (bare.verdict.state, bare.verdict.point_ms) == (BackupState.LATE, None)
    named = good().look(0, **gone, archived_unix_ms=NOW).judged(PLAIN)
    assert (named.verdict.reason, named.verdict.point_ms) == ("snapshot_not_found", None)
    logged = good().run(0.5, snapshot_id="").look(0, **gone).judged(PLAIN)
    assert logged.verdict.point_ms == NOW - HOUR // 2


def test_where_nobody_tells_sizes_restoring_stands_in() -> None:
    """It is learned from five runs that none tells its size; then drills must show content."""
    asked = inventory("proof: {check: 0, data: 0, sample: 31}")
    told = sizeless()
    assert [one.reason for one in told.judged(asked).verdict.findings] == ["drill_never"]
    verdict = told.drill(5).judged(asked).verdict
    assert (verdict.state, verdict.notes) == (BackupState.OK, ("size_untold",))
    assert told.judged(asked, 24 * 27).verdict.state is not BackupState.OK
    young = Told().declared(60).heard()
    for day in range(3, -1, -1):
        young.run(1 + 24 * day, counts_known=False)
    assert young.drill(5).judged(asked).verdict.reason == "learning"
    assert good().run(0.5, counts_known=False).look(0).judged(asked).verdict.reason == "learning"


def test_a_loss_is_told_for_a_week() -> None:
    """Long enough for a person to see it; then the evidence after it speaks for itself."""
    for days, told in ((6.9, True), (7.1, False)):
        series = good().look(24 * days, vanished=2).look()

        reasons = {one.reason for one in series.judged(inventory()).verdict.findings}

        assert ("vanished" in reasons) is told


def test_a_look_from_before_the_run_cannot_miss_its_snapshot() -> None:
    """The hourly look came first; what the run has saved since cannot be in it."""
    series = good().run(0.05)  # the look was six minutes ago

    assert series.judged(inventory()).verdict.state == "ok"
