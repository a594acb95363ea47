"""A past day judged again: by what was known then, and by what is known now."""

from pathlib import Path

import pytest
from helpers.evidence import NOW, SERIES, arrival
from helpers.judging import JudgedStore
from helpers.told import DAY, HOUR, Told, good

from tramgac_collector.commands._rules import evaluated
from tramgac_collector.facts.kinds import Claim
from tramgac_collector.facts.mapping import COVERAGE
from tramgac_collector.ingest.arrival import Arrival
from tramgac_collector.rules.status import Status
from tramgac_collector.store.engine import reading
from tramgac_proto.v1 import fleet_pb2

INVENTORY = """
facilities:
  - id: bvdk
    code: "1"
    answers: {kind: hospital, ownership: public}
    sites: [{id: main, hosts: [{id: his-1}]}]
    systems: [{id: his, kind: his, host: his-1, level: {}}]
    datasets:
      - {id: db, host: his-1, of: his, rpo_hours: 24, destinations: [{id: nas, kind: nas}]}
"""
RULE = "product.bk.age"


class Past:
    """A centre whose inventory was there from the beginning."""

    def __init__(self, folder: Path) -> None:
        self.centre = JudgedStore(folder, INVENTORY)
        with self.centre.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE inventories SET imported_ms = 1")

    def cover(self, share: float) -> None:
        """All hosts report, or fewer."""
        now = self.centre.now_ms
        self.centre.facts.measured_here(Claim(COVERAGE, "bvdk", share, "", now, 600_000), now)

    def status(self, at_ms: int, known_ms: int) -> Status:
        """Of the backup's age."""
        with reading(self.centre.engine) as connection:
            now = self.centre.now_ms
            found = evaluated(connection, "bvdk", at_ms, known_ms, now)
        return next(one.status for one in found if one.rule == RULE)


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """One hospital."""
    return Past(tmp_path)


def test_then_is_what_was_shown_then(past: Past) -> None:
    """The record of changes, whatever is known since."""
    good(SERIES, past.centre.facts)
    past.cover(1.0)
    past.centre.turn()
    past.centre.turn(3 * 60)
    shown = NOW + HOUR

    assert past.status(shown, shown) is Status.PASS_OBSERVED
    late = NOW + 3 * HOUR
    past.centre.turn(1)
    assert past.status(late, late) is Status.STALE


def test_late_evidence_changes_a_past_day_and_only_as_known_later(past: Past) -> None:
    """A run and a look that reached the centre two days late close the gap of their day."""
    told = good(SERIES, past.centre.facts)
    past.cover(1.0)
    past.centre.turn()
    day = past.centre.now_ms = NOW + 30 * HOUR
    past.centre.turn()
    past.centre.now_ms = day + 2 * DAY
    told.look(-30 - 48)
    past.centre.facts.observe(arrived_late(told, hours=29, received_ms=past.centre.now_ms))
    look = fleet_pb2.RepositoryState(
        series=SERIES, state="ok", snapshots=31, newest_id="aa" * 32, newest_unix_ms=day - HOUR
    )
    seen = arrival(at_ms=day - HOUR // 2, repository=look, received_ms=past.centre.now_ms)
    seen.expires_ms = day + 2 * HOUR
    past.centre.facts.observe(seen)
    past.centre.turn()

    assert past.status(day, day) is Status.STALE
    assert past.status(day, past.centre.now_ms - 1) is Status.STALE
    assert past.status(day, past.centre.now_ms) is Status.PASS_OBSERVED


def arrived_late(told: Told, hours: float, received_ms: int) -> Arrival:
    """A complete run that waited on its host."""
    ended = NOW + round(hours * HOUR)
    run = fleet_pb2.BackupRun(
        series=told.series, run_id="late", outcome="complete", counts_known=True, files=1_000,
        bytes=10**9, started_unix_ms=ended - 60_000, ended_unix_ms=ended,
        snapshot_id="aa" * 32,
    )  # fmt: skip
    return arrival(at_ms=ended, backup_run=run, received_ms=received_ms)


def test_nothing_is_known_of_a_time_in_which_hosts_were_silent(past: Past) -> None:
    """What had expired then stays expired, though it was seen again later."""
    told = good(SERIES, past.centre.facts)
    past.cover(1.0)
    past.centre.turn()
    past.centre.now_ms = NOW + 4 * HOUR
    past.cover(0.0)
    past.centre.turn()
    past.centre.now_ms = NOW + 12 * HOUR
    told.look(-12)
    past.cover(1.0)
    past.centre.turn()

    assert past.status(NOW + 6 * HOUR, past.centre.now_ms) is Status.STALE
    assert past.status(NOW + 3 * HOUR, past.centre.now_ms) is Status.PASS_OBSERVED
