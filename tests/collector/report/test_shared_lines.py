"""What a report must neither leave out nor count twice: lines, planned minutes, previews."""

from datetime import date
from pathlib import Path

import pytest
from helpers.evidence import NOW
from helpers.hospitals import hospitals
from helpers.reporting import FIRST, LAST, ReportStore
from helpers.scenario import Fleet

from tramgac_collector.report.archive import window_of
from tramgac_collector.report.figures import figures
from tramgac_collector.report.gaps import History, judgement
from tramgac_collector.report.model import Figures
from tramgac_collector.rules.status import Status
from tramgac_collector.rules.stored import Stored
from tramgac_collector.store.engine import reading

MINUTE = 60_000
_LINES = hospitals(6, hosts=2, lines_to="1 2 3")


def told(folder: Path, fleet: Fleet, inventory: str) -> ReportStore:
    """A store with what happened to a fleet."""
    store = ReportStore(folder, inventory)
    store.tell(fleet)
    store.now_ms = fleet.now_ms
    return store


def report(store: ReportStore, facility: str, days: tuple[date, date] = (FIRST, LAST)) -> Figures:
    """Of one facility, now."""
    window = window_of(*days, store.now_ms, store.now_ms)
    with reading(store.engine) as connection:
        return figures(connection, facility, window, store.now_ms)


@pytest.mark.parametrize(("facility", "took"), [("bv-1", True), ("bv-5", False)])
def test_a_line_stands_in_the_report_of_whom_it_cut_off(
    tmp_path: Path, facility: str, *, took: bool
) -> None:
    """The site has no outage of its own then: without the line its report would show none."""
    fleet = Fleet(_LINES)
    fleet.at("10m").link_down("bv-1", "bv-2").at("70m").link_up("bv-1", "bv-2").at("95m")
    found = report(told(tmp_path, fleet, _LINES), facility)

    assert found.places[0].troubles == ()
    assert [one.code for one in found.shared] == (["region_link_down"] if took else [])


def test_two_outages_at_once_lose_planned_minutes_once(tmp_path: Path) -> None:
    """Two hours of which one was planned are an hour, however many systems were down."""
    store = ReportStore(tmp_path)
    hour = 60 * MINUTE
    for number in (1, 2):
        store.add(
            "incidents", node=f"system:bvdk/his-{number}", code="service_down", facility="bvdk",
            site="main", opened_ms=NOW - 5 * hour, closed_ms=NOW - 3 * hour, severity="critical",
            cause="", changed_ms=NOW, detail="{}",
        )  # fmt: skip
        store.add(
            "incident_events", incident_id=number, at_ms=NOW - 5 * hour, kind="opened",
            actor="collector", detail="{}",
        )  # fmt: skip
        store.add(
            "incident_events", incident_id=number, at_ms=NOW - 3 * hour, kind="closed",
            actor="collector", detail="{}",
        )  # fmt: skip
    store.add(
        "maintenances", node="bvdk", from_ms=NOW - 4 * hour, until_ms=NOW - 3 * hour,
        reason="switch", entered_ms=NOW - 4 * hour, entered_by="test",
    )  # fmt: skip
    (one,) = report(store, "bvdk").places[0].outages

    assert (one.count, one.length_ms, one.longest_ms) == (2, hour, hour)


def test_what_is_not_in_force_yet_is_not_counted(tmp_path: Path) -> None:
    """As many gaps are counted as are listed; a preview is neither."""
    store = ReportStore(tmp_path)
    window = window_of(FIRST, LAST, store.now_ms, store.now_ms)
    said = (Status.FAIL, "refuted", False, 1.0, NOW, NOW)
    results = [
        Stored("bvdk", "vn.now", *said, {"preview": False}),
        Stored("bvdk", "vn.later", *said, {"preview": True}),
    ]
    with reading(store.engine) as connection:
        found = judgement(results, History(connection, "bvdk", window), NOW)

    assert ([one.rule for one in found.gaps], found.counts) == (["vn.now"], {"fail": 1})
