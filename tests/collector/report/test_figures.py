"""What a report counts: outages by cause, dark time, backups, gaps; never a guess."""

from datetime import date
from pathlib import Path

import pytest
from helpers.evidence import NOW, SERIES
from helpers.reporting import BEGIN, DAY, FIRST, INVENTORY, LAST, ReportStore
from helpers.scenario import Fleet
from helpers.told import HOUR, Told, good

from tramgac_collector.report.archive import BadReport, window_of
from tramgac_collector.report.figures import NoSuchPlace, figures
from tramgac_collector.report.model import Place, Trouble
from tramgac_collector.store.engine import reading

MINUTE = 60_000


@pytest.fixture
def store(tmp_path: Path) -> ReportStore:
    """One hospital, all heard from the beginning."""
    store = ReportStore(tmp_path)
    store.cover(BEGIN - DAY, 1.0)
    return store


def place(store: ReportStore, known_ms: int = 0) -> Place:
    """The hospital's figures."""
    return store.figures(known_ms=known_ms).places[0]


def troubles(store: ReportStore, known_ms: int) -> list[Trouble]:
    """Its outages as known at a moment."""
    return list(place(store, known_ms).troubles)


def cut_for_an_hour(store: ReportStore) -> Fleet:
    """The site's line was away for an hour; its server ran on."""
    fleet = Fleet(INVENTORY)
    fleet.at("10m").link_down("bvdk/main").at("70m").link_up("bvdk/main").at("95m")
    store.tell(fleet)
    store.now_ms = fleet.now_ms
    return fleet


def test_an_outage_has_its_minutes_and_the_cause_found_later(store: ReportStore) -> None:
    """By site, code and cause; what was told first stands beside it."""
    cut_for_an_hour(store)
    (one,) = place(store).outages
    (listed,) = place(store).troubles

    assert (one.site, one.code, one.cause, one.count) == ("main", "site_unreachable", "link", 1)
    assert 60 * MINUTE <= one.length_ms <= 64 * MINUTE
    assert one.longest_ms == one.length_ms == listed.length_ms
    assert listed.first_cause == "power_link_or_server"


def test_before_the_evidence_came_the_cause_was_not_known(store: ReportStore) -> None:
    """As known during the cut it is open, without a later cause."""
    fleet = cut_for_an_hour(store)
    (one,) = troubles(store, fleet.now_ms - 60 * MINUTE)

    assert (one.cause, one.first_cause, one.until_ms) == ("power_link_or_server", "", None)
    assert one.length_ms < 30 * MINUTE
    assert troubles(store, fleet.now_ms - 94 * MINUTE) == []


def test_planned_work_is_counted_apart(store: ReportStore) -> None:
    """An outage inside it adds no minute; what was ended early ends there."""
    fleet = cut_for_an_hour(store)
    store.add(
        "maintenances", node="bvdk", from_ms=NOW, until_ms=NOW + DAY, reason="switch",
        entered_ms=NOW, entered_by="test", revoked_ms=fleet.now_ms - MINUTE,
    )  # fmt: skip
    found = place(store)

    assert found.outages == ()
    assert found.troubles[0].planned_ms == found.troubles[0].length_ms > 0
    assert found.planned[0].until_ms == fleet.now_ms - MINUTE


def test_a_dark_day_lowers_coverage_and_is_never_up(store: ReportStore) -> None:
    """Neither a day without calls nor a day on which the centre itself was off counts as heard."""
    store.cover(BEGIN + 2 * DAY, 0.0)
    store.cover(BEGIN + 3 * DAY, 1.0)
    before = place(store).cover
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM at_work")
    store.add("at_work", from_ms=BEGIN, until_ms=BEGIN + 4 * DAY)
    store.add("at_work", from_ms=BEGIN + 5 * DAY, until_ms=NOW + DAY)
    after = place(store)

    length = NOW - BEGIN
    assert (before.full_ms, before.dark_ms) == (length - DAY, DAY)
    assert (after.cover.full_ms, after.cover.dark_ms) == (length - 2 * DAY, 2 * DAY)
    assert after.cover.ratio == pytest.approx((length - 2 * DAY) / length)
    assert after.state == "act"
    assert any(one.kind == "dark" for one in store.figures().decisions)


def test_half_a_facility_is_part_and_none_declared_is_not_known(tmp_path: Path) -> None:
    """A share is a share of hosts; without hosts there is none."""
    more = '  - {id: empty, code: "2"}\n'
    store = ReportStore(tmp_path, INVENTORY + more)
    store.cover(BEGIN, 0.5)
    one, other = (each.cover for each in store.figures().places)

    assert (one.ratio, one.part_ms, one.full_ms) == (0.5, NOW - BEGIN, 0)
    assert (other.ratio, other.dark_ms) == (None, NOW - BEGIN)


def test_a_backup_gap_is_counted_between_two_good_copies(store: ReportStore) -> None:
    """How often the RPO passed, for how long, and that it has not at the end."""
    told = Told(SERIES, store.facts).declared(60)
    for day in (13, 12, 9, 8, 7, 6, 5, 4, 3, 2, 1):
        told.run(24.0 * day)
    told.run(1).look().heard()
    store.turn()
    (data,) = place(store).datasets

    # Two days without a copy, and every day it is late by nothing: the RPO is a whole day.
    assert (data.passed, data.longest_ms, data.open) == (1 + 1, 2 * DAY, False)
    assert data.good_ms == NOW - HOUR
    assert data.state


def test_nothing_known_of_a_dataset_is_not_zero_times(store: ReportStore) -> None:
    """No run, no copy, no declaration: unknown, for the whole window."""
    store.turn()
    (data,) = place(store).datasets

    assert (data.good_ms, data.passed, data.unseen_ms) == (None, None, NOW - BEGIN)
    assert ("no_good_copy", ("bvdk",)) in {
        (one.kind, one.facilities) for one in store.figures().decisions
    }


def test_an_accepted_gap_stays_a_gap_beneath(store: ReportStore) -> None:
    """The true status is told, with what lies over it; it asks for no decision."""
    good(SERIES, store.facts)
    store.turn()
    rule = "vn.anm.level.approved"
    assert ("gap", rule) in {(one.kind, one.code) for one in store.figures().decisions}
    store.add(
        "acceptances", facility="bvdk", rule=rule, reason="r", accepted_by="d",
        compensation="c", due_on=date(2027, 6, 1), from_ms=NOW - DAY, expires_ms=NOW + 90 * DAY,
        entered_ms=NOW - DAY, entered_by="test",
    )  # fmt: skip
    (gap,) = (one for one in place(store).gaps if one.rule == rule)

    assert (gap.status, gap.overlay, gap.overlay_ms) == ("fail", "accepted", NOW + 90 * DAY)
    assert (gap.advisory, gap.coverage) == (False, 1.0)
    assert ("gap", rule) not in {(one.kind, one.code) for one in store.figures().decisions}


def test_lost_evidence_closes_no_gap(store: ReportStore) -> None:
    """From gap to pass is closed; from gap to not known is out of sight."""
    rows = (("a.b", 1, "fail"), ("a.b", 5, "pass_observed"), ("a.c", 1, "partial"),
            ("a.c", 5, "stale"), ("a.d", 5, "fail"))  # fmt: skip
    for rule, day, status in rows:
        store.add(
            "rule_history", facility="bvdk", rule=rule, at_ms=BEGIN + (day - 2) * DAY,
            status=status, raw_status=status, reason="r", pack_version="p 1",
        )  # fmt: skip
    found = place(store)

    assert [one.rule for one in found.closed] == ["a.b"]
    assert [one.rule for one in found.lost] == ["a.c"]
    assert [(one.rule, one.at_ms) for one in found.opened] == [("a.d", BEGIN + 3 * DAY)]


def test_deadlines_say_which_papers_are_missing(store: ReportStore) -> None:
    """Those of the next half year, the nearest first; what is long over and done is not there."""
    store.turn()
    found = place(store).deadlines
    ends = [one.due_ms or 0 for one in found]

    assert ends == sorted(ends)
    assert any(one.missing for one in found)
    assert all(name in store.figures().papers for one in found for name in one.missing)


def test_what_cannot_be_asked_is_refused(store: ReportStore) -> None:
    """The future, days in the wrong order, a facility nobody declared."""
    with pytest.raises(BadReport, match="future"):
        window_of(FIRST, LAST, NOW + 1, NOW)
    with pytest.raises(BadReport, match="later than --to"):
        window_of(LAST, FIRST, NOW, NOW)
    with pytest.raises(NoSuchPlace), reading(store.engine) as connection:
        figures(connection, "nobody", window_of(FIRST, LAST, NOW, NOW), NOW)


def test_a_past_moment_shows_what_was_shown(store: ReportStore) -> None:
    """Where the evidence of that time is gone, nothing is judged anew, and it says so."""
    good(SERIES, store.facts)
    store.turn()
    store.turn(60 * 24 * 40)
    then = store.figures(known_ms=NOW + 60_000)

    assert then.judged == "shown"
    assert then.places[0].counts["fail"] > 0
    assert {one.coverage for one in then.places[0].gaps} == {None}
