"""An old report reads as it did: what the record says later changes nothing of it."""

from pathlib import Path

from helpers.evidence import NOW
from helpers.hospitals import hospitals
from helpers.reporting import DAY, ReportStore
from helpers.scenario import Fleet

from tramgac_collector.report.model import Figures

MINUTE = 60_000
_LINES = hospitals(10, hosts=2, lines_to="1 2 3 4")


def told(folder: Path, fleet: Fleet) -> ReportStore:
    """A store with what happened to a fleet whose first site went a little before its line."""
    store = ReportStore(folder, _LINES)
    store.tell(fleet)
    store.now_ms = fleet.now_ms
    return store


def codes(figures: Figures) -> tuple[list[str], list[str]]:
    """Outages of the first hospital, and those that are nobody's own."""
    first = next(one for one in figures.places if one.id == "bv-1")
    return [one.code for one in first.troubles], [one.code for one in figures.shared]


def moment_of(fleet: Fleet, event: str, *told_with: str) -> int:
    """When the record of the first site got such an entry, ms."""
    return next(
        at_ms
        for at_ms, _, change in fleet.events
        if (change.event, change.incident.node) == (event, "bv-1/main")
        and set(told_with) <= set(change.info)
    )


def line_after_its_site() -> Fleet:
    """One site goes dark, then the line it hangs on; the line is back, the site is not."""
    fleet = Fleet(_LINES)
    fleet.at("10m").link_down("bv-1").at("11m50s").link_down("bv-2", "bv-3").at("20m")
    return fleet.link_up("bv-2", "bv-3").at("60m")


def test_what_becomes_part_of_a_line_later_stays_in_the_report_before(tmp_path: Path) -> None:
    """Before it was taken in, the site's own outage was all there was, and it is still told."""
    fleet = line_after_its_site()
    store, adopted = told(tmp_path, fleet), moment_of(fleet, "child_added", "parent")

    assert codes(store.figures(known_ms=adopted - 1))[0] == ["site_unreachable"]
    assert codes(store.figures(known_ms=adopted)) == ([], ["region_link_down"])


def test_what_is_released_later_is_not_in_the_report_before(tmp_path: Path) -> None:
    """While it was part of the line, its minutes were the line's; now it stands by itself."""
    fleet = line_after_its_site()
    store, released = told(tmp_path, fleet), moment_of(fleet, "released")

    assert codes(store.figures(known_ms=released - 1))[0] == []
    assert codes(store.figures())[0] == ["site_unreachable"]


def test_work_ended_after_the_report_is_as_long_in_it_as_it_was_planned(tmp_path: Path) -> None:
    """Who ended it early had not done so yet, as far as that report knows."""
    store, hour = ReportStore(tmp_path), 60 * MINUTE
    store.add(
        "maintenances", node="bvdk", from_ms=NOW - 4 * hour, until_ms=NOW - hour, reason="switch",
        entered_ms=NOW - DAY, entered_by="test", revoked_ms=NOW - 2 * hour,
    )  # fmt: skip
    then, now = (
        store.figures(known_ms=known_ms).places[0].planned[0].until_ms
        for known_ms in (NOW - 2 * hour - 1, NOW)
    )

    # A report ends at the moment it is known at.
    assert then == NOW - 2 * hour - 1
    assert now == NOW - 2 * hour
