"""An incident ends after good that was seen; time in which nothing is known is none."""

from helpers.hospitals import hospitals
from helpers.scenario import Fleet

H1 = "bv-1/main/h1"
PATH = {"target": "gateway", "method": "icmp"}


def test_silence_is_no_good_time() -> None:
    """A loss that got better a moment before two hours of silence: its good time begins anew."""
    fleet = Fleet(hospitals(5, hosts=2, systems="own"))

    fleet.seen(H1, "path_loss_ratio", 0, **PATH)
    fleet.at("60m").seen(H1, "path_loss_ratio", 0.2, **PATH)
    fleet.at("85m").seen(H1, "path_loss_ratio", 0, **PATH)
    fleet.at("103m").link_down("bv-1/main")
    fleet.at("223m").link_up("bv-1/main")
    fleet.at("230m")

    assert fleet.last("path_loss").closed_ms is None
    fleet.at("250m")
    assert fleet.last("path_loss").closed_ms is not None
    assert fleet.story("path_loss") == ["opened", "better", "unknown", "better", "closed"]
