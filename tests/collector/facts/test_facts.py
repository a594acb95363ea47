"""Evidence becomes facts: both times kept, change told once, late evidence filed as such."""

from typing import Any

import pytest
from helpers.evidence import NOW, OWNER, SERIES, arrival, backup_run, repository
from helpers.told import DAY, good, inventory
from sqlalchemy import Engine, text

from tramgac_collector.facts.ledger import SPACING_MS, FactLedger
from tramgac_collector.facts.mapping import FROM_DETAIL, FROM_METRIC, KINDS
from tramgac_collector.facts.stored import StoredFacts
from tramgac_collector.store.records import FACT
from tramgac_collector.web.words import moment
from tramgac_proto.catalogue import CATALOGUE
from tramgac_proto.v1 import fleet_pb2

DISK = {"mountpoint": "/srv", "fstype": "ext4"}
SUBJECT = "bvdk/main/his-1"
MINUTE = 60_000


def written(facts: FactLedger, now_ms: int) -> tuple[int, int]:
    """Rows of ``facts`` and of history that would be written now."""
    steps = facts.take_writes(now_ms)
    return sum(len(step.facts) for step in steps), sum(len(step.history) for step in steps)


def test_the_table_speaks_of_real_metrics() -> None:
    """Every name is a metric agents send, with its labels; every typed message is mapped."""
    for name, source in FROM_METRIC.items():
        metric = CATALOGUE[name]
        assert metric.owner == "agent"
        assert set(source.labels) <= set(metric.labels)
        assert not source.series or "series" in metric.labels
    details = fleet_pb2.Observation.DESCRIPTOR.oneofs_by_name["detail"].fields
    assert set(FROM_DETAIL) == {field.name for field in details}
    assert all(name == kind.name for name, kind in KINDS.items())


def test_a_measured_value_becomes_a_fact() -> None:
    """Name, subject, value, unit, both times, expiry, origin and quality are all there."""
    facts = FactLedger()
    facts.observe(arrival(("filesystem_used_ratio", DISK, 0.5), received_ms=NOW + 90))
    facts.settle()
    fact = facts.get("host.disk", f"{SUBJECT}//srv")
    assert fact is not None
    assert (fact.value, fact.unit, fact.quality) == (0.5, "ratio", "measured")
    assert (fact.collected_ms, fact.received_ms) == (NOW, NOW + 90)
    assert fact.expires_ms == NOW + 180_000
    assert fact.origin == f"agent:{OWNER.agent_id}/c"
    assert fact.agent_id == OWNER.agent_id


def test_small_changes_refresh_large_ones_are_told() -> None:
    """Within the step a value is current but not news; drifting past it is news once."""
    facts = FactLedger()
    told = []
    facts.on_change = lambda fact: told.append(fact.value)
    for n in range(30):
        value = 0.500 + n * 0.001
        facts.observe(arrival(("filesystem_used_ratio", DISK, value), at_ms=NOW + n * MINUTE))
        facts.settle()
    assert told == [0.5, 0.51, 0.52]


def test_unchanged_facts_are_written_every_five_minutes() -> None:
    """The store follows a change at once and a mere refresh only now and then."""
    facts = FactLedger()
    counts = []
    for n in range(12):
        now = NOW + n * MINUTE
        one = arrival(("network_link_up", {"interface": "eno1"}, 1.0), at_ms=now)
        one.expires_ms = now + 60 * MINUTE
        facts.observe(one)
        facts.settle()
        counts.append(written(facts, now))
    assert counts[0] == (1, 1)
    assert sum(rows for rows, _ in counts) == 1 + 11 * MINUTE // KINDS["net.link.up"].refresh_ms
    assert sum(history for _, history in counts) == 1


def test_the_store_never_shows_as_stale_what_is_confirmed_all_the_time() -> None:
    """A value that is good for three minutes and told every minute is written before it ends."""
    facts = FactLedger()
    ends = NOW
    for n in range(60):
        now = NOW + n * MINUTE
        facts.observe(arrival(("network_link_up", {"interface": "eno1"}, 1.0), at_ms=now))
        facts.settle()
        rows = [row for step in facts.take_writes(now) for row in step.facts]
        assert n == 0 or ends > now
        ends = max([ends, *(row[FACT.index("expires_ms")] for row in rows)])


def test_the_store_knows_within_seconds_who_called() -> None:
    """An agent's last call is stored every 20 s, whatever else waits to be refreshed."""
    facts = FactLedger()
    written_at = []
    for n in range(13):
        now = NOW + n * 5_000
        facts.observe(arrival(("network_link_up", {"interface": "eno1"}, 1.0), at_ms=now))
        facts.called(OWNER, now, 0)
        facts.settle()
        steps = facts.take_writes(now)
        rows = [row for step in steps for row in step.facts if row[0] == "agent.seen"]
        written_at += [(n * 5_000, row[-1] - NOW) for row in rows]
    assert written_at == [(at, at) for at in (0, 20_000, 40_000, 60_000)]


def test_a_flood_is_told_when_it_has_settled() -> None:
    """A value that changes many times within seconds makes one row of history."""
    facts = FactLedger()
    for n in range(100):
        facts.observe(
            arrival(
                ("service_up", {"system": "his", "method": "tcp"}, float(n % 2)),
                at_ms=NOW + n * 100,
            )
        )
        facts.settle()
    assert written(facts, NOW + 10_000) == (1, 1)
    facts.observe(
        arrival(("service_up", {"system": "his", "method": "tcp"}, 1.0), at_ms=NOW + SPACING_MS)
    )
    facts.settle()
    assert written(facts, NOW + SPACING_MS) == (1, 1)


def test_late_evidence_is_history_and_changes_nothing_now() -> None:
    """A backlog after an outage fills the past where it differs; the present stays."""
    facts = FactLedger()
    up = {"system": "his", "method": "tcp"}
    facts.observe(arrival(("service_up", up, 1.0), at_ms=NOW))
    facts.settle()
    written(facts, NOW)
    for n, value in enumerate((1.0, 1.0, 0.0, 0.0, 1.0)):
        at = NOW - 3_600_000 + n * MINUTE
        facts.observe(arrival(("service_up", up, value), at_ms=at, received_ms=NOW + n))
        facts.settle()
    fact = facts.get("svc.up", f"{SUBJECT}/his:tcp")
    assert fact is not None
    assert (fact.value, fact.collected_ms) == (1.0, NOW)
    (writes,) = facts.take_writes(NOW)
    assert [(row[2], row[4], row[8]) for row in writes.history] == [
        (NOW - 3_600_000, 1.0, "late"),
        (NOW - 3_600_000 + 2 * MINUTE, 0.0, "late"),
        (NOW - 3_600_000 + 4 * MINUTE, 1.0, "late"),
    ]


@pytest.mark.parametrize(
    ("age_ms", "exact", "offset_ms", "quality"),
    [
        (0, True, 0, "measured"),
        (7_200_000, True, 0, "late"),
        (0, False, 23 * 3_600_000, "measured"),
        (0, False, -25 * 3_600_000, "unreliable_clock"),
        (0, True, -25 * 3_600_000, "measured"),
    ],
)
def test_quality_says_how_far_to_trust_the_time(
    age_ms: int,
    offset_ms: int,
    quality: str,
    *,
    exact: bool,
) -> None:
    """Late is late; a wall clock more than a day off is unreliable unless boot time tells."""
    facts = FactLedger()
    facts.observe(
        arrival(
            ("network_link_up", {"interface": "eno1"}, 1.0),
            received_ms=NOW + age_ms,
            exact=exact,
            offset_ms=offset_ms,
        )
    )
    facts.settle()
    fact = facts.get("net.link.up", f"{SUBJECT}/eno1")
    assert fact is not None
    assert fact.quality == quality


@pytest.mark.parametrize(
    ("outcome", "more", "good"),
    [
        ("complete", {}, True),
        ("complete", {"counts_known": True, "files": 3}, True),
        ("complete", {"counts_known": True, "files": 0}, False),
        ("complete", {"counts_known": False, "files": 0}, True),
        ("partial", {}, False),
        ("failed", {}, False),
        ("interrupted", {}, False),
        ("blocked", {}, False),
        ("running", {}, False),
    ],
)
def test_only_a_complete_run_is_a_good_backup(
    outcome: str, more: dict[str, Any], *, good: bool
) -> None:
    """`bk.last_good` comes from a complete run that saved something, and from nothing else."""
    facts = FactLedger()
    facts.observe(backup_run(outcome, **more))
    facts.observe(repository("ok"))
    assert (facts.get("bk.last_good", SERIES) is not None) == good
    run = facts.get("bk.run", SERIES)
    assert run is not None
    assert run.text == outcome


def test_the_start_of_a_run_says_nothing() -> None:
    """A run that has not ended is no evidence."""
    facts = FactLedger()
    run = fleet_pb2.BackupRun(series=SERIES, outcome="running", started_unix_ms=NOW)
    facts.observe(arrival(backup_run=run))
    assert facts.get("bk.run", SERIES) is None


def test_a_runs_end_is_corrected_by_the_agents_offset() -> None:
    """A host three hours ahead does not have backups from the future."""
    facts = FactLedger()
    run = backup_run(ended=NOW + 3 * 3_600_000)
    run.offset_ms, run.received_ms = -3 * 3_600_000, NOW + 500
    facts.observe(run)
    good = facts.get("bk.last_good", SERIES)
    assert good is not None
    assert (good.value, good.collected_ms) == (NOW / 1000, NOW)


def test_an_older_run_does_not_replace_a_newer_one() -> None:
    """Runs that arrive in the wrong order leave the newest as the last good one."""
    facts = FactLedger()
    facts.observe(backup_run(ended=NOW))
    facts.observe(backup_run(ended=NOW - 86_400_000))
    good = facts.get("bk.last_good", SERIES)
    assert good is not None
    assert good.value == NOW / 1000


def test_facts_survive_a_restart(engine: Engine) -> None:
    """What was written is read back, on both databases, and is not told again."""
    facts = FactLedger()
    facts.observe(backup_run())
    facts.observe(arrival(("filesystem_used_ratio", DISK, 0.5)))
    facts.settle()
    with engine.begin() as connection:
        for step in facts.take_writes(NOW):
            step.store(connection)
    again = FactLedger()
    told: list[str] = []
    again.on_change = lambda fact: told.append(fact.name)
    with engine.connect() as connection:
        again.load(connection)
        assert connection.scalar(text("SELECT count(*) FROM fact_history")) == 6
    assert again.get("bk.last_good", SERIES) is not None
    again.observe(arrival(("filesystem_used_ratio", DISK, 0.5), at_ms=NOW + MINUTE))
    again.settle()
    assert told == []


def test_rows_the_store_refused_are_tried_again(engine: Engine) -> None:
    """While the store is away facts wait; nothing is dropped from history."""
    facts = FactLedger()
    facts.observe(backup_run())
    (writes,) = facts.take_writes(NOW)
    facts.give_back(writes)
    with engine.begin() as connection:
        for step in facts.take_writes(NOW):
            step.store(connection)
        assert connection.scalar(text("SELECT count(*) FROM facts")) == 5
        assert connection.scalar(text("SELECT count(*) FROM fact_history")) == 5


def test_a_run_keeps_its_start_its_end_and_its_sizes() -> None:
    """What the verdict pairs and compares is at hand: newest last, bounded, told once."""
    facts = FactLedger()
    for number in range(30):
        ended = NOW + number * MINUTE
        sizes: dict[str, Any] = {
            "counts_known": True,
            "files": 5,
            "bytes": 100,
            "run_id": f"r{number}",
        }
        facts.observe(backup_run(ended=ended, **sizes))
        facts.observe(backup_run(ended=ended, **sizes))
    files = facts.recent("bk.run.files", SERIES)
    assert [past.text for past in files] == [f"r{number}" for number in range(10, 30)]
    started = facts.get("bk.last_good.started", SERIES)
    assert started is not None
    assert started.value == (NOW + 29 * MINUTE - 60_000) / 1000


def test_one_snapshot_is_one_value_however_often_it_is_seen() -> None:
    """Twenty looks at the same snapshot do not push out what came before."""
    facts = FactLedger()
    for number in range(40):
        seen = fleet_pb2.RepositoryState(
            series=SERIES, state="ok", snapshots=1, newest_unix_ms=NOW,
            newest_id=f"id-{number // 10}", summary_known=True, bytes=number // 10,
        )  # fmt: skip
        facts.observe(arrival(repository=seen, at_ms=NOW + number * MINUTE))
    assert [past.text for past in facts.recent("bk.size", SERIES)] == [
        "id-0", "id-1", "id-2", "id-3",
    ]  # fmt: skip


def test_the_store_tells_what_the_ledger_tells(engine: Engine) -> None:
    """Command line and page judge by the same facts, of all facilities or of one."""
    told = good()
    told.run(0.5, "partial")
    with engine.begin() as connection:
        for step in told.facts.take_writes(NOW):
            step.store(connection)
    with engine.connect() as connection:
        stored = StoredFacts.load(connection)
        assert StoredFacts.load(connection, "bvdk").series() == stored.series() == {SERIES}
        assert StoredFacts.load(connection, "bv").series() == set()
    for name in KINDS:
        if name.startswith("bk."):
            mine, theirs = told.facts.get(name, SERIES), stored.get(name, SERIES)
            assert (mine and (mine.value, mine.text)) == (theirs and (theirs.value, theirs.text))
            assert told.facts.recent(name, SERIES) == stored.recent(name, SERIES)
    heard = stored.heard(OWNER.agent_id)
    assert heard is not None
    assert heard.collected_ms == NOW


def test_a_clock_that_was_ahead_makes_no_run_fresh() -> None:
    """Old runs that come late say what time since boot says, though the clock is right by now."""
    facts = FactLedger()
    happened, year = NOW - 4 * DAY, 365 * DAY
    run = fleet_pb2.BackupRun(
        series=SERIES, run_id="r", outcome="complete",
        started_unix_ms=happened + year - MINUTE, ended_unix_ms=happened + year,
    )  # fmt: skip
    facts.observe(arrival(backup_run=run, at_ms=happened, received_ms=NOW))
    check = fleet_pb2.IntegrityCheck(
        series=SERIES, scope="data", passed=True, conclusive=True, slices=2, slices_read=2,
        ended_unix_ms=happened + year, oldest_slice_unix_ms=happened + year - DAY,
    )  # fmt: skip
    facts.observe(arrival(integrity=check, at_ms=happened, received_ms=NOW))
    for name in ("bk.last_good", "bk.check.data.good", "bk.check.data.oldest"):
        fact = facts.get(name, SERIES)
        assert fact is not None
        assert fact.value == happened / 1000


@pytest.mark.parametrize("at", [-(2**63), 2**63 - 1])
def test_impossible_times_can_be_written_down(at: int) -> None:
    """A hostile repository spoils neither the list nor what is told of one series."""
    told = good().look(0, newest_unix_ms=at, oldest_unix_ms=at, archived_unix_ms=at)
    told.look(0, oldest_lock_unix_ms=at, newest_unix_ms=at)
    judged = told.judged(inventory())
    for fact in judged.evidence.facts.values():
        if fact.unit == "timestamp_seconds" and fact.value is not None:
            assert moment(round(fact.value * 1000))
