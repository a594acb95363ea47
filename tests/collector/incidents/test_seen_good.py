"""An incident ends after good that was seen; time in which nothing is known is none."""

from helpers.hospitals import hospitals
from helpers.scenario import Fleet


def test_silence_is_no_good_time() -> None:
    """A HIS that flapped, good for a moment, two hours of silence: it goes on after them."""
    fleet = Fleet(hospitals(5, hosts=2, systems="own"))

    for minute in range(10, 40, 4):
        fleet.at(f"{minute}m").down("bv-1/his")
        fleet.at(f"{minute + 2}m").up("bv-1/his")
    fleet.at("45m").link_down("bv-1/main")
    fleet.at("165m").link_up("bv-1/main")
    fleet.at("175m")

    assert fleet.last("service_flapping").closed_ms is None
    fleet.at("5h").expect()
    assert fleet.last("service_flapping").closed_ms is not None
