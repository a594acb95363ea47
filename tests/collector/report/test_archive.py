"""A report that was given out stays what it was; a later one says what reads differently now."""

import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from helpers.evidence import NOW, SERIES, arrival
from helpers.reporting import BEGIN, DAY, FIRST, INVENTORY, LAST, ReportStore
from helpers.scenario import Fleet
from helpers.told import HOUR, Told
from sqlalchemy import update

from tramgac_collector.report import archive
from tramgac_collector.report.page import report_page
from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import reports
from tramgac_proto.v1 import fleet_pb2

_BEFORE = LAST - timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> ReportStore:
    """One hospital with two backups a week apart."""
    store = ReportStore(tmp_path)
    store.cover(BEGIN - DAY, 1.0)
    Told(SERIES, store.facts).declared(60).run(24.0 * 9).run(1).look().heard()
    store.turn()
    return store


def late_run(store: ReportStore, hours: float) -> None:
    """A complete run of so long before ``NOW`` that waited on its host until now."""
    told = Told(SERIES, store.facts)
    ended = NOW - round(hours * HOUR)
    run = fleet_pb2.BackupRun(
        series=SERIES, run_id="late", outcome="complete", counts_known=True, files=9, bytes=9,
        snapshot_id="ab" * 32, started_unix_ms=ended - 60_000, ended_unix_ms=ended,
    )  # fmt: skip
    told.heard()
    store.facts.observe(arrival(at_ms=ended, backup_run=run, received_ms=store.now_ms))
    store.turn()


def test_the_same_report_is_printed_again_to_the_byte(store: ReportStore) -> None:
    """Whatever came meanwhile, in both languages; figures made twice are the same."""
    made, given = store.give_out(FIRST, _BEFORE)
    first = {language: report_page(made, given, language) for language in ("vi", "en")}
    store.turn(60)
    late_run(store, 24 * 5)
    with reading(store.engine) as connection:
        again = archive.read(connection, given.number)
        found = archive.find(connection, given.number)

    assert found == given
    assert {name: report_page(again, found, name) for name in first} == first
    assert first["vi"] != first["en"]


def test_late_evidence_is_told_as_a_correction(store: ReportStore) -> None:
    """A second report of the same days has a new number and says old, new and why."""
    _, first = store.give_out(FIRST, _BEFORE)
    store.turn(60)
    late_run(store, 24 * 5)
    made, second = store.give_out(FIRST, _BEFORE)
    told = {(one.what, one.field): one for one in made.amendments}

    assert (second.number, made.previous) == (first.number + 1, first.number)
    passed = told["backup", "longest"]
    assert (passed.subject, passed.why) == (SERIES, "late_evidence")
    assert int(passed.old.split()[1]) > int(passed.new.split()[1])
    assert told["backup", "passed"].old != told["backup", "passed"].new


def test_what_came_later_is_left_out_of_an_earlier_moment(store: ReportStore) -> None:
    """The same days as known before and after a late run: only the second knows it."""
    before = store.now_ms
    store.turn(60)
    late_run(store, 24 * 5)
    then = store.figures(FIRST, _BEFORE, known_ms=before).places[0].datasets[0]
    now = store.figures(FIRST, _BEFORE).places[0].datasets[0]

    assert then.longest_ms > now.longest_ms
    assert (then.passed, now.passed) == (2, 3)


def test_the_next_period_corrects_the_last(store: ReportStore) -> None:
    """It need not be of the same days; where nothing is new, nothing is told."""
    store.give_out(FIRST, _BEFORE)
    store.turn(60)
    assert store.figures(_BEFORE, LAST).amendments == ()
    late_run(store, 24 * 5)
    made = store.figures(_BEFORE, LAST)

    assert {one.subject for one in made.amendments if one.what == "backup"} == {SERIES}


def test_a_cause_found_later_is_a_correction(store: ReportStore) -> None:
    """The report during the cut said not known; the next says which it was, and why it differs."""
    fleet = Fleet(INVENTORY)
    fleet.at("10m").link_down("bvdk/main").at("40m")
    store.tell(fleet)
    seen = len(fleet.events)
    store.now_ms = fleet.now_ms
    store.give_out()
    fleet.link_up("bvdk/main").at("80m")
    del fleet.events[:seen]
    store.tell(fleet)
    store.now_ms = fleet.now_ms
    made = store.figures()
    (cause,) = (one for one in made.amendments if one.field == "cause")

    assert (cause.old, cause.new, cause.why) == ("power_link_or_server", "link", "relabelled")


def test_a_report_somebody_changed_is_not_shown(store: ReportStore) -> None:
    """The digest was noted when it was given out, in the row and in the audit trail."""
    _, given = store.give_out(FIRST, _BEFORE)
    for altered in (zlib.compress(b'{"scope": ""}'), b"rubbish", zlib.compress(b"")[:3]):
        with store.engine.begin() as connection:
            connection.execute(update(reports).values(figures=altered))
        with reading(store.engine) as connection, pytest.raises(archive.BadReport, match="digest"):
            archive.read(connection, given.number)
    with store.engine.connect() as connection:
        row = connection.exec_driver_sql(
            "SELECT detail FROM audit WHERE action = 'report_given_out'"
        ).one()
    assert given.sha256 in row.detail


def test_nobody_unpacks_a_bomb(store: ReportStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What grows beyond bounds is refused before it is held in memory."""
    _, given = store.give_out(FIRST, _BEFORE)
    monkeypatch.setattr(archive, "MAX_BYTES", 1_000)
    with reading(store.engine) as connection, pytest.raises(archive.BadReport):
        archive.read(connection, given.number)
