"""A dark day judged again: known then and known now differ by its late evidence alone."""

from datetime import date
from pathlib import Path

import pytest
from helpers.evidence import NOW, SERIES, arrival
from helpers.told import DAY, HOUR
from helpers.whole import Whole
from sqlalchemy import insert

from tramgac_collector.commands._rules import evaluated, in_force
from tramgac_collector.rules.engine import Rules, terms_of
from tramgac_collector.rules.library import Library
from tramgac_collector.store.engine import bump_generation, reading
from tramgac_collector.store.schema import papers
from tramgac_proto.v1 import fleet_pb2

COPY = "aa" * 32
Results = dict[str, tuple[str, str, float]]


def results(hospital: Whole, at_ms: int, known_ms: int) -> Results:
    """Every rule of a moment, as known at another."""
    centre = hospital.centre
    with reading(centre.engine) as connection:
        found = evaluated(connection, "bvdk", at_ms, known_ms, centre.now_ms)
    return {one.rule: (one.status.value, one.reason, one.coverage) for one in found}


def reading_backups(hospital: Whole) -> set[str]:
    """Rules that ask anything a backup's facts can change."""
    with reading(hospital.centre.engine) as connection:
        inventory = in_force(connection)
    terms = terms_of("bk.repository")
    rules = Rules(Library.read(), inventory).of(inventory.facilities[0])
    return {row.row.id for row in rules if row.names & terms}


def tell_late(hospital: Whole, day_ms: int) -> None:
    """The run and the look of the dark day reach the centre now."""
    now, facts = hospital.centre.now_ms, hospital.centre.facts
    ended = day_ms - HOUR
    run = fleet_pb2.BackupRun(
        series=SERIES, run_id="late", outcome="complete", snapshot_id=COPY, counts_known=True,
        files=1_000, bytes=10**9, started_unix_ms=ended - 60_000, ended_unix_ms=ended,
    )  # fmt: skip
    facts.observe(arrival(at_ms=ended, backup_run=run, received_ms=now))
    look = fleet_pb2.RepositoryState(
        series=SERIES, state="ok", snapshots=31, newest_id=COPY, newest_unix_ms=ended - 60_000
    )
    seen = arrival(at_ms=day_ms - HOUR // 2, repository=look, received_ms=now)
    seen.expires_ms = day_ms + 2 * HOUR
    facts.observe(seen)


@pytest.fixture
def hospital(tmp_path: Path) -> Whole:
    """Good reports, two dark days, and good reports again."""
    one = Whole(tmp_path)
    for _ in range(5):
        one.reports(1)
    for _ in range(16):
        one.is_silent(180)
    return one


def test_only_rules_the_late_evidence_speaks_of_differ(hospital: Whole) -> None:
    """Each other rule is the same to the letter; without late evidence, all of them are."""
    day_ms = NOW + 30 * HOUR
    hospital.reports(1)
    before_ms = hospital.centre.now_ms
    before = results(hospital, day_ms, before_ms)
    hospital.centre.now_ms += DAY
    tell_late(hospital, day_ms)
    hospital.reports(1)
    then = results(hospital, day_ms, before_ms)
    now = results(hospital, day_ms, hospital.centre.now_ms)
    changed = {rule for rule in now if now[rule] != then[rule]}

    assert then == before
    assert now.keys() == then.keys()
    assert changed >= {"product.bk.age", "vn.tcvn.backup.frequency"}
    assert changed <= reading_backups(hospital)
    assert then["product.bk.age"][0] == "stale"
    assert now["product.bk.age"][0] == "pass_observed"


def test_what_was_shown_then_stays_what_was_shown_then(hospital: Whole) -> None:
    """The record of the moment itself is not touched by anything that came later."""
    day_ms = NOW + 30 * HOUR
    shown = results(hospital, day_ms, day_ms)
    tell_late(hospital, day_ms)
    hospital.reports(60)

    assert results(hospital, day_ms, day_ms) == shown
    assert len(shown) > 100


def test_a_paper_entered_later_counts_only_as_known_later(hospital: Whole) -> None:
    """Dated back to before the day: it changes what is known now, and rules it speaks of."""
    day_ms, name = NOW + 30 * HOUR, "doc:backup_policy"
    before_ms = hospital.centre.now_ms
    then = results(hospital, day_ms, before_ms)
    hospital.centre.now_ms += HOUR
    no = {"facility": "bvdk", "name": name, "value": "false", "given_by": "IT"}
    entered = hospital.centre.now_ms
    with hospital.centre.engine.begin() as connection:
        row = {"issued_on": date(2027, 1, 10), "entered_ms": entered, "entered_by": "test", **no}
        connection.execute(insert(papers).values(row))
        bump_generation(connection)
    hospital.is_silent(1)
    now = results(hospital, day_ms, hospital.centre.now_ms)
    asked = {rule.id for pack in Library.read().packs for rule in pack.rules if name in rule.needs}
    changed = {rule for rule in now if now[rule] != then[rule]}

    assert results(hospital, day_ms, before_ms) == then
    assert changed
    assert changed <= asked
    assert {now[rule][0] for rule in changed} == {"fail"}
