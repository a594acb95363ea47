"""Speed tests on shaped, long and lossy lines between two namespaces; iperf3 in the same run."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from helpers.leases import initiate, responder, token
from helpers.netns import FAR_ADDRESS, PAYLOAD_SHARE, Cable, cable
from helpers.relay import relay

from bench.common import Figure, at_most, cpu_of_children, fact
from tramgac_agent.throughput.verdict import judge
from tramgac_proto.throughput.plane import CAPACITY_SHARE, FLOOR_SECONDS, FLOOR_SHARE
from tramgac_proto.throughput.session import Result

_PORT = 18445
_BYTES_PER_MEGABIT = 125_000
_MAX_SECONDS, _MAX_SHIFT_MS, _MAX_OFF = 1, 1, 2
_CAPACITY_OFF = {10: 2, 100: 2, 1000: 5}
_CAPACITY_SECONDS = 0.6
_QUIET_SECONDS = 1.0
_LONG_SECONDS, _LOSS = 0.040, 0.01
_LONG_MBPS = 20
_IPERF_SECONDS = 3
# On a machine with few processors a test may lack one; it says so, and is made again.
_TRIES = 8

Work = Callable[[], tuple[float, float]]


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else float("nan")


def _ping_shift(joined: Cable, work: Work) -> tuple[float, float, float]:
    """Median round trip in quiet and while ``work`` moves data, ms, and the worst then.

    ``work`` returns the monotonic times between which it moved data.
    """
    with joined.pinging() as answers:
        time.sleep(_QUIET_SECONDS)
        before = time.monotonic()
        began, ended = work()
    trips = answers()
    quiet = [rtt for at, rtt in trips if at < before]
    busy = [rtt for at, rtt in trips if began <= at <= ended]
    return _median(quiet) * 1000, _median(busy) * 1000, max(busy, default=float("nan")) * 1000


class _Line:
    """Tests on one shaped cable.

    Args:
        joined: The cable, shaped.
        address: Of the responder at its far end.
        megabits: What it was shaped to.
    """

    def __init__(self, joined: Cable, address: str, megabits: int) -> None:
        self._joined = joined
        self._address = address
        self._line = megabits * _BYTES_PER_MEGABIT
        self._megabits = megabits
        self._area = f"LAN {megabits} Mbit/s"

    def floor(self) -> list[Figure]:
        """The paced test: at its pace, small, short, and not felt."""
        pace = self._line * FLOOR_SHARE
        result, spent, (quiet, busy, worst), tries = self._best("floor", pace, FLOOR_SECONDS)
        measured = result.measured
        if measured is None:
            return [_failed(self._area, "floor test", result)]
        said = " ".join(judge(result, pace))
        off = abs(measured.rate / pace - 1) * 100
        told = said.startswith(("not_held", "aborted"))
        where = f"{measured.rate * 8 / 1e6:.1f} of {pace * 8 / 1e6:.0f} Mbit/s"
        return [
            at_most(self._area, "floor test, bytes", measured.bytes / 1e6, "MB",
                    4 * self._megabits / 100),
            at_most(self._area, "floor test, seconds", measured.seconds, "s", _MAX_SECONDS),
            at_most(self._area, "floor test, ping shift", busy - quiet, "ms", _MAX_SHIFT_MS,
                    note=f"median {quiet:.2f} to {busy:.2f}, worst {worst:.1f}"),
            fact(self._area, "floor test, off its pace, told", off, "%", note=f"{where}, {said}")
            if told
            else at_most(self._area, "floor test, off its pace", off, "%", _MAX_OFF,
                         note=f"{where}, {said}, try {tries}"),
            fact(self._area, "floor test, CPU of the child", spent, "s", note="with its start"),
        ]  # fmt: skip

    def capacity(self) -> list[Figure]:
        """The test that fills the line."""
        pace = self._line * CAPACITY_SHARE
        result, _, (quiet, busy, worst), tries = self._best("capacity", pace, _CAPACITY_SECONDS)
        measured = result.measured
        if measured is None:
            return [_failed(self._area, "capacity test", result)]
        said = " ".join(judge(result, pace, "capacity"))
        off = abs(measured.rate / (self._line * PAYLOAD_SHARE) - 1) * 100
        where = f"{measured.rate * 8 / 1e6:.1f} Mbit/s, {said}, try {tries}"
        what = "capacity test, off the shaper"
        if said.startswith("measured"):
            rate = at_most(self._area, what, off, "%", _CAPACITY_OFF[self._megabits], note=where)
        else:
            rate = fact(self._area, f"{what}, told", off, "%", note=where)
        return [
            rate,
            fact(self._area, "capacity test, ping shift", busy - quiet, "ms",
                 note=f"worst {worst:.1f}, {measured.seconds:.2f} s"),
        ]  # fmt: skip

    def _best(
        self, proves: str, pace: float, seconds: float
    ) -> tuple[Result, float, tuple[float, float, float], int]:
        """The first test that proved something, its CPU and pings; the last one otherwise."""
        found: list[tuple[Result, float]] = []

        def work() -> tuple[float, float]:
            permit = token(
                address=self._address, proves=proves, pace_bytes_per_second=pace,
                max_bytes=int(pace * seconds), max_seconds=1.0 if proves == "floor" else 3.0,
            )  # fmt: skip
            with cpu_of_children() as spent:
                result = initiate(permit, self._joined.prefix(self._joined.near))
            ended = time.monotonic()
            found.append((result, spent[0]))
            return ended - (result.measured.seconds if result.measured else 0.0), ended

        while True:
            pings = _ping_shift(self._joined, work)
            proved = judge(found[-1][0], pace, proves)[0] in {"held", "measured"}
            if proved or len(found) >= _TRIES:
                return *found[-1], pings, len(found)

    def iperf(self) -> list[Figure]:
        """The peer, unpaced, as it is used by default."""
        rates: list[float] = []
        shift = _ping_shift(self._joined, lambda: _iperf(self._joined, FAR_ADDRESS, rates))
        carried = self._line * PAYLOAD_SHARE
        off = abs(rates[0] / carried - 1) * 100
        return [
            fact(self._area, "iperf3, off the shaper", off, "%",
                 note=f"peer, {_IPERF_SECONDS} s unpaced: {rates[0] * 8 / 1e6:.1f} Mbit/s"),
            fact(self._area, "iperf3, ping shift", shift[1] - shift[0], "ms",
                 note=f"peer, {_IPERF_SECONDS * carried / 1e6:.0f} MB; worst {shift[2]:.1f}"),
        ]  # fmt: skip


def _iperf(joined: Cable, address: str, rates: list[float]) -> tuple[float, float]:
    """One run of the peer; adds what its receiver got, bytes per second."""
    server = joined.command(joined.far, ["iperf3", "--server", "--one-off"])
    client = ["iperf3", "--client", address, "--time", str(_IPERF_SECONDS), "--json"]
    with subprocess.Popen(server, stdout=subprocess.DEVNULL) as process:
        try:
            time.sleep(0.5)  # it says nothing when it listens
            began = time.monotonic()
            done = subprocess.run(
                joined.command(joined.near, client), check=True, capture_output=True, timeout=30
            )
            ended = time.monotonic()
        finally:
            process.terminate()
    rates.append(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 8)
    return began, ended


def _failed(area: str, what: str, result: Result) -> Figure:
    return Figure(area, what, float("nan"), "", "a result", met=False, note=result.code)


def _long(joined: Cable, folder: Path, loss: float) -> list[Figure]:
    """Floor and capacity over a line of 40 ms, perhaps a lossy one."""
    area = f"LAN 40 ms, {loss:.0%} loss"
    near = joined.prefix(joined.near)
    with (
        relay(joined, _LONG_SECONDS, loss) as far,
        responder(folder, f"{far}:{_PORT}", joined.prefix(joined.far)) as address,
    ):
        figures = []
        for proves, share, seconds in (("floor", FLOOR_SHARE, FLOOR_SECONDS), ("capacity", 1, 1)):
            pace = _LONG_MBPS * _BYTES_PER_MEGABIT * share
            result = initiate(
                token(address=address, proves=proves, pace_bytes_per_second=pace,
                      max_bytes=int(pace * seconds), max_seconds=3.0), near,
            )  # fmt: skip
            verdict, reason = judge(result, pace, proves)
            off = abs(result.measured.rate / pace - 1) * 100 if result.measured else float("nan")
            right = verdict == "lower_bound" if proves == "capacity" else off <= _MAX_OFF
            said = verdict in {"not_held", "lower_bound", "aborted"}
            figures.append(
                Figure(area, f"{proves} test, off its pace", off, "%", "2 %, or told why",
                       met=right or (proves == "floor" and said), note=f"{verdict} {reason}")
            )  # fmt: skip
        rates: list[float] = []
        _iperf(joined, far, rates)
        figures.append(
            fact(area, "iperf3", rates[0] * 8 / 1e6, "Mbit/s",
                 note=f"peer, unpaced, no shaper; ours asked for {_LONG_MBPS}")
        )  # fmt: skip
        return figures


def measure(
    folder: Path,
    megabits: tuple[int, ...] = (10, 100, 1000),
    losses: tuple[float, ...] = (0.0, _LOSS),
) -> list[Figure]:
    """Floor, capacity and iperf3 on lines of so many megabits; then long ones that lose so much."""
    figures: list[Figure] = []
    with cable() as joined:
        for one in megabits:
            joined.shape(one, burst="64kb" if one >= 1000 else "16kb")  # noqa: PLR2004 - gigabit
            far = joined.prefix(joined.far)
            with responder(folder, f"{FAR_ADDRESS}:{_PORT}", far) as address:
                line = _Line(joined, address, one)
                figures += [*line.floor(), *line.capacity(), *line.iperf()]
        for loss in losses:
            figures += _long(joined, folder, loss)
    return figures
