"""The card a path begins at: its router, and how busy it is."""

import socket
import time

import pytest
from helpers.lan import neighbour

from tramgac_agent.host import card
from tramgac_agent.host.card import NetworkCard, default_route


def test_the_default_route_names_the_card() -> None:
    """The line with destination and mask of zeros, and its router; none without it."""
    routes = (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth1\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    )
    assert default_route(routes) == ("eth0", "192.0.2.1")
    assert default_route(routes, "eth0") == ("eth0", "192.0.2.1")
    assert default_route(routes, "eth1") == ("", "")
    assert default_route(routes.rsplit("eth0", 1)[0]) == ("", "")
    assert default_route("") == ("", "")


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
