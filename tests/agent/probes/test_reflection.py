"""One direction at a time made bad on a real cable, and clocks set while they are used."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers.lan import Neighbour, neighbour
from helpers.onecheck import observe, values
from helpers.wrongclock import WrongClock

from tramgac_agent.checks.latency import LatencyCheck, LatencySettings
from tramgac_proto.configfile import convert

REFLECTOR = """
import sys
from tramgac_agent.reflector import Reflector
one = Reflector(sys.argv[1] + ":8445", [sys.argv[2]])
one.start()
assert one.wait_open(10)
print("open", flush=True)
sys.stdin.read()
"""
# So many packets at a time to an address, and a pause.
BURSTS = """
import socket, sys, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    for _ in range(int(sys.argv[2])):
        try:
            sock.sendto(bytes(int(sys.argv[4])), (sys.argv[1], 9))
        except OSError:
            pass
    time.sleep(float(sys.argv[3]))
"""
QUICK = {"probes": 40, "spacing_seconds": 0.02, "timeout_seconds": 0.2}


@contextmanager
def running(*words: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def reflecting(wire: Neighbour, **environment: str) -> Iterator[None]:
    """A reflector on the second machine."""
    words = (*inside(wire), sys.executable, "-c", REFLECTOR, wire.far, wire.near)
    more = {"env": {"PATH": "/usr/sbin:/usr/bin", **environment}} if environment else {}
    with running(*words, **more) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield


def inside(wire: Neighbour) -> tuple[str, ...]:
    return ("ip", "netns", "exec", wire.namespace)


@contextmanager
def shaped(wire: Neighbour, way: str, *limits: str) -> Iterator[None]:
    """A bottleneck in one direction: what we send leaves at our end, the answers at the other."""
    space, interface = ((), wire.interface) if way == "send" else (inside(wire), wire.far_interface)
    at = ("dev", interface, "root")
    subprocess.run([*space, "tc", "qdisc", "replace", *at, "tbf", *limits], check=True)
    try:
        yield
    finally:
        subprocess.run([*space, "tc", "qdisc", "del", *at], check=True)


@pytest.fixture(scope="module")
def wire() -> Iterator[Neighbour]:
    with neighbour() as there:
        yield there


@pytest.fixture(scope="module")
def mirrored(wire: Neighbour) -> Iterator[Neighbour]:
    """The second machine with its reflector."""
    with reflecting(wire):
        yield wire


def measured(wire: Neighbour, folder: Path, **more: Any) -> dict[tuple[str, str], float]:
    """Values by name and direction, of the only target."""
    target = {"name": "hub", "address": wire.far, "reflector_port": 8445, **more}
    check = LatencyCheck(convert({**QUICK, "targets": [target]}, LatencySettings, "test"))
    (seen,) = observe(check, folder)
    assert not seen.failure
    return {
        (one.name.removeprefix("tramgac_path_"), one.labels.get("direction", "")): one.value
        for one in seen.samples
    }


@contextmanager
def traffic(
    wire: Neighbour, way: str, packets: int, pause: float, *, size: int = 1000
) -> Iterator[None]:
    """Other people's, in one direction."""
    side, to = ((), wire.far) if way == "send" else (inside(wire), wire.near)
    with running(*side, sys.executable, "-c", BURSTS, to, str(packets), str(pause), str(size)):
        yield


OTHER = {"send": "receive", "receive": "send"}


def test_an_idle_cable_loses_nothing_and_nothing_waits(mirrored: Neighbour, tmp_path: Path) -> None:
    """The round trip is without the reflector's part, and no direction is to blame."""
    found = measured(mirrored, tmp_path, method="udp")
    assert found["loss_ratio", ""] == 0
    assert found["loss_direction_ratio", "send"] == found["loss_direction_ratio", "receive"] == 0
    assert found["rtt_min_seconds", ""] < 0.02
    assert found["reflector_dwell_seconds", ""] > 0


@pytest.mark.parametrize("way", ["send", "receive"])
def test_loss_in_one_direction_is_put_there(way: str, mirrored: Neighbour, tmp_path: Path) -> None:
    """Dropped on the way there or on the way back: told apart, and none on the other way."""
    with (
        shaped(mirrored, way, "rate", "100kbit", "burst", "500", "limit", "500"),
        traffic(mirrored, way, 6, 0.02, size=64),
    ):
        found = measured(mirrored, tmp_path, method="udp")
    lost = found["loss_direction_ratio", way]
    assert lost > 0.02
    assert found["loss_direction_ratio", OTHER[way]] == 0
    assert found["loss_ratio", ""] == pytest.approx(lost, abs=0.1)


@pytest.mark.parametrize("way", ["send", "receive"])
def test_a_queue_in_one_direction_is_put_there(
    way: str, mirrored: Neighbour, tmp_path: Path
) -> None:
    """Other traffic fills one way again and again: probes wait there, and not on the other."""
    with (
        shaped(mirrored, way, "rate", "2mbit", "burst", "3000", "latency", "300ms"),
        traffic(mirrored, way, 20, 0.15),
    ):
        found = measured(mirrored, tmp_path)
    assert found["queue_seconds", way] > 0.008
    assert found["queue_seconds", OTHER[way]] < found["queue_seconds", way] / 4


@pytest.mark.parametrize("offset", [3600, -3600])
def test_a_clock_that_is_set_during_a_run_changes_nothing(offset: int, tmp_path: Path) -> None:
    """The reflector's clock of the day jumps by an hour; the figures are those of an idle cable."""
    clock = WrongClock(tmp_path)
    with neighbour() as wire, reflecting(wire, **clock.environment):
        stepping = "import sys, time; time.sleep(0.4); open(sys.argv[1], 'w').write(sys.argv[2])"
        words = (sys.executable, "-c", stepping, str(tmp_path / "faketime"), f"{offset:+d}\n")
        with running(*words) as process:
            found = measured(wire, tmp_path, method="udp")
            assert process.wait(10) == 0
    assert found["loss_ratio", ""] == 0
    assert found["rtt_max_seconds", ""] < 0.2
    assert found["reflector_dwell_seconds", ""] < 0.05
    assert max(found["queue_seconds", way] for way in OTHER) < 0.02


def test_without_an_answer_of_the_reflector_icmp_decides(tmp_path: Path) -> None:
    """A reflector that is not there makes no dead path; a dead path keeps the reflector's name."""
    with neighbour() as wire:
        target = {"name": "hub", "address": wire.far, "reflector_port": 8445}
        gone = {"name": "gone", "address": wire.silent, "reflector_port": 8445}
        tree = {**QUICK, "probes": 5, "timeout_seconds": 0.1, "targets": [target, gone]}
        seen = observe(LatencyCheck(convert(tree, LatencySettings, "test")), tmp_path)
    assert values(seen, target="hub", method="icmp")["path_loss_ratio"] == 0
    assert values(seen, target="gone") == {"path_loss_ratio": 1}
    assert values(seen, target="gone", method="udp") == {"path_loss_ratio": 1}
