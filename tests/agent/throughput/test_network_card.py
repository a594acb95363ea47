"""The card a path begins at: its router, and how busy it is."""

import socket
import time
from pathlib import Path

import pytest
from helpers.lan import neighbour

from tramgac_agent.host import card
from tramgac_agent.host.card import NetworkCard, default_route

HEAD = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
LAN = "eth1 0002000A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
WIRED = "eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0\n"
BACKUP = "wwan0 00000000 FE01A8C0 0003 0 0 700 00000000 0 0 0\n"


@pytest.mark.parametrize(
    ("routes", "card_name", "found"),
    [
        (LAN + BACKUP + WIRED, "", ("eth0", "192.0.2.1")),
        (LAN + BACKUP + WIRED, "wwan0", ("wwan0", "192.168.1.254")),
        (LAN + WIRED, "eth1", ("", "")),
        (LAN, "", ("", "")),
        # Through a line without a router's address; down, refused, and broken lines.
        ("ppp0 00000000 00000000 0001 0 0 0 00000000 0 0 0\n" + WIRED, "", ("ppp0", "")),
        (WIRED.replace("0003", "0002") + BACKUP, "", ("wwan0", "192.168.1.254")),
        (WIRED.replace("0003", "0203") + BACKUP, "", ("wwan0", "192.168.1.254")),
        (WIRED.replace("100 ", "many ") + "eth9\n" + BACKUP, "", ("wwan0", "192.168.1.254")),
    ],
)
def test_the_default_route_of_lowest_metric_names_card_and_router(
    routes: str, card_name: str, found: tuple[str, str], tmp_path: Path
) -> None:
    """The line with destination and mask of zeros that the kernel uses; none without it."""
    (tmp_path / "route").write_text(HEAD + routes)
    assert default_route(card_name, tmp_path / "route") == found


def test_a_system_that_shows_no_routes_has_none(tmp_path: Path) -> None:
    """Without the file nothing is made up."""
    assert default_route("", tmp_path / "nothing") == ("", "")


def test_a_card_is_as_busy_as_the_slowest_part_of_the_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """1 MB in a moment is nothing for the card, and too much for a line of 10 Mbit/s."""
    monkeypatch.setattr(card, "LOAD_SECONDS", 0.2)
    with neighbour() as there, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        one = NetworkCard(there.interface)
        quiet = one.load(1_250_000)

        def send(_seconds: float) -> None:
            for _ in range(700):
                sock.sendto(bytes(1400), (there.far, 9))

        with monkeypatch.context() as meanwhile:  # others sleep as well
            meanwhile.setattr(time, "sleep", send)
            busy = one.load(1_250_000)

    assert quiet is not None
    assert busy is not None
    assert quiet < 0.3 < busy


def test_a_card_that_counts_nothing_is_not_idle() -> None:
    """No counters: the load is not known, which is not zero."""
    assert NetworkCard("nocard0").load(1e6) is None
