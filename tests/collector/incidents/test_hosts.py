"""Findings on hosts, links and paths: thresholds, hysteresis, and what is nobody's alarm."""

import pytest
from helpers.hospitals import hospitals
from helpers.scenario import Fleet, incident

H1 = "bv-1/main/h1"


@pytest.fixture
def fleet() -> Fleet:
    """Two hospitals with two hosts each."""
    return Fleet(hospitals(2, hosts=2))


def used(fleet: Fleet, share: float) -> Fleet:
    return fleet.seen(H1, "filesystem_used_ratio", share, mountpoint="/srv", fstype="ext4")


def test_a_disk_is_told_by_level_with_hysteresis(fleet: Fleet) -> None:
    """85 % is told, 84 % afterwards is not yet good, 92 % is worse, 80 % is."""
    used(fleet.at("10m"), 0.86)
    fleet.at("20m").expect(incident("disk_filling", f"{H1}//srv", severity="medium"))
    used(fleet, 0.84)
    fleet.at("40m").expect(incident("disk_filling"))
    used(fleet, 0.93)
    fleet.at("60m").expect(incident("disk_filling", severity="high", cause="level_critical"))
    used(fleet, 0.80)
    fleet.at("80m").expect().expect_messages("down disk_filling", "recovered disk_filling")


def test_a_disk_that_grows_is_told_days_before(fleet: Fleet) -> None:
    """Robustly: a nightly clean-up does not hide a week's growth."""
    share = 0.55
    for hour in range(0, 72, 3):
        used(fleet.at(f"{hour}h"), share)
        share += 0.014 if hour % 24 != 3 else -0.01
    fleet.at("74h").expect(incident("disk_filling", cause="trend"))


def test_a_disk_that_is_full_to_the_same_level_for_days_is_quiet(fleet: Fleet) -> None:
    """70 % that does not grow is nobody's alarm."""
    for hour in range(0, 72, 6):
        used(fleet.at(f"{hour}h"), 0.70 + 0.01 * (hour % 12 == 0))
    fleet.at("74h").expect_messages()


def test_a_disk_turned_readonly_is_told_and_a_cd_is_not(fleet: Fleet) -> None:
    """What was never seen writable is meant to be so."""
    name, labels = "filesystem_readonly", {"fstype": "ext4"}
    fleet.seen(H1, name, 1, mountpoint="/cdrom", **labels)
    fleet.seen(H1, name, 0, mountpoint="/srv", **labels)
    fleet.at("30m").expect()
    fleet.seen(H1, name, 1, mountpoint="/srv", **labels)
    fleet.at("40m").expect(incident("disk_readonly", f"{H1}//srv"))


def test_a_hung_disk_is_told(fleet: Fleet) -> None:
    """A file system that does not answer."""
    fleet.at("10m").seen(H1, "filesystem_hung", 1, mountpoint="/mnt", fstype="nfs")
    fleet.at("20m").expect(incident("disk_hung", f"{H1}//mnt"))


def test_old_disk_errors_are_no_news_and_new_ones_are(fleet: Fleet) -> None:
    """The file system counts for ever: only more than a day ago is told, and for a day."""
    name = "filesystem_errors"
    fleet.seen(H1, name, 5, mountpoint="/srv", fstype="ext4")
    fleet.at("30m").expect()
    fleet.seen(H1, name, 6, mountpoint="/srv", fstype="ext4")
    fleet.at("40m").expect(incident("disk_errors"))
    fleet.at("30h").expect()


def test_a_reboot_without_an_orderly_stop_is_told_once(fleet: Fleet) -> None:
    """A host that falls and is back within minutes is told though nobody missed it."""
    fleet.at("10m").power_off(H1)
    fleet.at("12m").power_on(H1)
    fleet.at("19m").expect(incident("host_unclean_stop", H1))
    fleet.at("60m").expect()


def test_an_orderly_reboot_is_small_news(fleet: Fleet) -> None:
    """After updates a host restarts; it is written down, and wakes nobody."""
    fleet.at("10m").power_off(H1, clean=True)
    fleet.at("12m").power_on(H1)
    fleet.at("19m").expect(incident("host_rebooted", H1, severity="low"))


def test_a_reboot_that_was_told_as_silence_is_not_told_again(fleet: Fleet) -> None:
    """One cause, one alert: the silence already says what became of the host."""
    fleet.at("10m").power_off(H1)
    fleet.at("20m").power_on(H1)
    fleet.at("60m").expect_messages("down agent_silent", "recovered agent_silent")


def test_a_slower_link_is_told_and_an_unused_port_is_not(fleet: Fleet) -> None:
    """T16: a gigabit that became 100 Mbit/s; a port that was never up is not down."""
    fleet.seen(H1, "network_link_speed_bytes", 125e6, interface="eno1")
    fleet.seen(H1, "network_link_up", 1, interface="eno1")
    fleet.seen(H1, "network_link_up", 0, interface="eno2")
    fleet.at("10m").expect()
    fleet.seen(H1, "network_link_speed_bytes", 12.5e6, interface="eno1")
    fleet.at("20m").expect(incident("link_slow", f"{H1}/eno1"))
    fleet.seen(H1, "network_link_speed_bytes", 125e6, interface="eno1")
    fleet.seen(H1, "network_link_up", 0, interface="eno1")
    fleet.at("40m").expect(incident("link_down", f"{H1}/eno1"))


def test_half_duplex_is_told(fleet: Fleet) -> None:
    """A mismatch that ruins a LAN quietly."""
    fleet.at("10m").seen(H1, "network_link_full_duplex", 0, interface="eno1")
    fleet.at("20m").expect(incident("link_half_duplex"))


def test_loss_counts_in_three_of_five_looks(fleet: Fleet) -> None:
    """One bad look is weather; three of five are not."""
    path = {"target": "gateway", "method": "icmp"}
    fleet.seen(H1, "path_loss_ratio", 0, **path)
    fleet.at("1h").seen(H1, "path_loss_ratio", 0.2, **path)
    fleet.at("1h6m").expect().seen(H1, "path_loss_ratio", 0, **path)
    fleet.at("2h").expect_messages().seen(H1, "path_loss_ratio", 0.2, **path)
    fleet.at("2h25m").expect(incident("path_loss", f"{H1}/gateway:icmp"))
    fleet.seen(H1, "path_loss_ratio", 0, **path)
    fleet.at("4h").expect()


def test_latency_is_judged_by_the_path_s_own_week(fleet: Fleet) -> None:
    """A far place is not slow; one that became four times slower is."""
    path = {"target": "centre", "method": "icmp"}
    fleet.seen(H1, "path_rtt_seconds", 0.12, **path)
    fleet.seen("bv-2/main/h1", "path_rtt_seconds", 0.02, **path)
    fleet.at("26h").expect()
    fleet.seen("bv-2/main/h1", "path_rtt_seconds", 0.09, **path)
    fleet.at("26h40m").expect(incident("path_slow", "bv-2/main/h1/centre:icmp"))


def test_a_wrong_clock_is_told(fleet: Fleet) -> None:
    """Two minutes off, until it is right within ten seconds."""
    fleet.at("10m").clock(H1, 120)
    fleet.at("15m").expect(incident("clock_wrong", H1))
    fleet.clock(H1, 20)
    fleet.at("25m").expect(incident("clock_wrong"))
    fleet.clock(H1, 1)
    fleet.at("30m").expect()


def test_a_certificate_is_told_two_weeks_before_its_end() -> None:
    """Of a system as of an agent; the last days are worse."""
    fleet = Fleet(hospitals(2, hosts=2, systems="own"))
    ends = fleet.now_ms / 1000 + 16 * 86_400
    fleet.at("10m").seen(H1, "service_certificate_expiry_timestamp_seconds", ends, system="his")
    fleet.at("60m").expect()
    fleet.at("60h").expect(incident("certificate_expiring", "system:bv-1/his", severity="medium"))
    fleet.at("61h").certificate("bv-2/main/h1", days=2)
    fleet.at("62h").expect(
        incident("certificate_expiring", "system:bv-1/his"),
        incident("certificate_expiring", "bv-2/main/h1", severity="high"),
    )


def test_planned_work_is_not_told_and_measuring_goes_on(fleet: Fleet) -> None:
    """Nothing of the site while the window lasts; what is still wrong afterwards at once."""
    fleet.at("10m").maintenance("bv-1/main", "2h").link_down("bv-1")
    used(fleet, 0.95)
    fleet.at("2h").expect_messages()
    fleet.at("2h20m").expect(incident("site_unreachable", "bv-1/main"))


def test_work_on_one_host_hides_no_other(fleet: Fleet) -> None:
    """A host under maintenance is no witness: its neighbour's cut is told as ever."""
    fleet.at("10m").maintenance(H1, "4h").power_off(H1)
    fleet.at("60m").expect_messages().link_down("bv-1")
    fleet.at("64m").expect(incident("site_unreachable", "bv-1/main"))


def test_an_incident_of_what_was_removed_is_closed_and_says_why(fleet: Fleet) -> None:
    """T22: a narrowed inventory ends nothing quietly; the record says it was removed."""
    fleet.at("10m").power_off("bv-1/main/h2")
    fleet.at("20m").expect(incident("agent_silent"))
    fleet.set_inventory(hospitals(2, hosts=1))
    fleet.at("30m").expect()
    closed = fleet.events[-1][2]
    assert closed.info["why"] == "removed_from_inventory"
