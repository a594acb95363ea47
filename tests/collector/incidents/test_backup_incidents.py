"""Backups among incidents: what pierces a cut, and what is one incident of a series."""

import pytest
from helpers.hospitals import hospitals
from helpers.scenario import Fleet, incident

from tramgac_proto.v1 import fleet_pb2

DB = "bv-1/h1/db@nas"
NODE = f"backup:{DB}"


@pytest.fixture
def fleet() -> Fleet:
    """Two hospitals whose databases were backed up just now."""
    return keep_good(Fleet(hospitals(2, hosts=2, datasets=True)), 1, 2)


def keep_good(fleet: Fleet, *numbers: int) -> Fleet:
    for number in numbers:
        fleet.back_up(f"bv-{number}/h1/db@nas")
    return fleet


def test_a_late_backup_is_told_when_its_rpo_passes(fleet: Fleet) -> None:
    """At 26 h, not before, and it is over with one complete run."""
    keep_good(fleet.at("20h"), 2)
    fleet.at("25h50m").expect()
    fleet.at("26h10m").expect(incident("backup_late", NODE, facility="bv-1", cause="rpo_passed"))
    fleet.back_up(DB)
    fleet.at("26h20m").expect().expect_messages("down backup_late", "recovered backup_late")


def test_a_failed_run_is_told_with_its_reason(fleet: Fleet) -> None:
    """T11: a run that ended with an error is no backup, whatever is in the repository."""
    fleet.at("10m").back_up(DB, "failed", "no_space")
    fleet.at("15m").expect(incident("backup_failed", NODE, cause="run_failed"))


def test_a_failed_backup_that_gets_late_stays_one_incident(fleet: Fleet) -> None:
    """One series, one incident: the same trouble grows old, nothing new is told."""
    fleet.at("20h").back_up(DB, "failed")
    keep_good(fleet, 2)
    fleet.at("30h").expect(incident("backup_failed", NODE))
    fleet.expect_messages("down backup_failed")


def test_a_backup_whose_rpo_passes_in_the_dark_is_told(fleet: Fleet) -> None:
    """Evidence ages whether or not anybody sees it: it pierces the cut of its site."""
    keep_good(fleet.at("10h"), 2)
    fleet.link_down("bv-1")
    fleet.at("25h").expect(incident("site_unreachable"))
    fleet.at("26h10m").expect(
        incident("site_unreachable"), incident("backup_late", NODE, cause="rpo_passed")
    )


def test_a_backup_made_in_the_dark_heals_on_return(fleet: Fleet) -> None:
    """The run was made during the cut; its record comes with the backlog and ends the incident."""
    keep_good(fleet.at("10h"), 2)
    fleet.link_down("bv-1")
    fleet.at("20h").back_up(DB)
    fleet.at("27h").expect(incident("site_unreachable"), incident("backup_late"))
    fleet.link_up("bv-1")
    keep_good(fleet, 2)
    fleet.at("28h").expect()


def test_a_cut_centre_ages_no_backup_into_an_alarm() -> None:
    """Behind our own cut nothing is known of any backup: still exactly one alert."""
    fleet = keep_good(Fleet(hospitals(4, datasets=True)), 1, 2, 3, 4)
    fleet.at("10m")
    fleet.link_down("centre")
    fleet.at("30h").expect_messages("down collector_uplink_suspected")


def test_planned_work_does_not_stop_the_clock_of_a_backup(fleet: Fleet) -> None:
    """A window over the night quiets the host, not the RPO."""
    keep_good(fleet.at("20h"), 2)
    fleet.maintenance("bv-1", "12h")
    fleet.at("26h10m").expect(incident("backup_late", NODE))


def test_an_unreadable_repository_is_blind_not_failed(fleet: Fleet) -> None:
    """Nobody can see: neither good nor bad is said."""
    seen = fleet_pb2.RepositoryState(series=DB, state="blind_unreachable")
    fleet.at("10m").tell("bv-1/main/h1", repository=seen)
    fleet.at("15m").expect(incident("backup_blind", NODE, cause="blind_unreachable"))


def test_a_stale_lock_is_blocked(fleet: Fleet) -> None:
    """Backups cannot run; it is told before the first one is missing."""
    seen = fleet_pb2.RepositoryState(series=DB, state="ok", snapshots=3, stale_locks=1)
    fleet.at("10m").tell("bv-1/main/h1", repository=seen)
    fleet.at("15m").expect(incident("backup_blocked", NODE))


def test_a_backup_nobody_declared_is_no_incident(fleet: Fleet) -> None:
    """T12: it is seen and shown; what is not declared has no RPO to pass."""
    fleet.at("10m").back_up("bv-1/h1/other@nas")
    keep_good(fleet.at("20h"), 1, 2)
    fleet.at("40h").expect()


def test_a_dataset_taken_out_of_the_inventory_ends_with_that_reason(fleet: Fleet) -> None:
    """T22: the record says that the series is not declared any more, not that it is well."""
    keep_good(fleet.at("20h"), 2)
    fleet.at("27h").expect(incident("backup_late"))
    fleet.set_inventory(hospitals(2, hosts=2))
    fleet.at("27h10m").expect()
    assert fleet.events[-1][2].info["why"] == "removed_from_inventory"
