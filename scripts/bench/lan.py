"""The floor test on a cable of 100 Mbit/s between two namespaces; iperf3 beside it, unpaced."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from helpers.leases import initiate, responder, token
from helpers.netns import FAR_ADDRESS, PAYLOAD_SHARE, Cable, cable

from bench.common import Figure, at_most, cpu_of_children, fact

_AREA = "LAN 100 Mbit/s"
_MBPS = 100
_PORT = 18445
_PACE = 10e6
_MAX_MB, _MAX_SECONDS, _MAX_SHIFT_MS, _MAX_OFF = 4, 1, 1, 2
_QUIET_SECONDS = 1.0


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else float("nan")


def _ping_shift(
    joined: Cable, work: Callable[[], tuple[float, float]]
) -> tuple[float, float, float]:
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


def _floor(joined: Cable, folder: Path, figures: list[Figure]) -> None:
    far = joined.prefix(joined.far)
    with responder(folder, f"{FAR_ADDRESS}:{_PORT}", far) as address:
        permit = token(address=address, pace_bytes_per_second=_PACE)
        results = []

        def work() -> tuple[float, float]:
            with cpu_of_children() as spent:
                result = initiate(permit, joined.prefix(joined.near))
            ended = time.monotonic()
            if result.measured is None:
                raise RuntimeError(f"the floor test gave nothing: {result.code}")
            results.append((result.measured, spent))
            return ended - result.measured.seconds, ended

        quiet, busy, worst = _ping_shift(joined, work)
    [(measured, spent)] = results
    off = abs(measured.rate / _PACE - 1) * 100
    figures += [
        at_most(_AREA, "floor test, bytes", measured.bytes / 1e6, "MB", _MAX_MB),
        at_most(_AREA, "floor test, seconds", measured.seconds, "s", _MAX_SECONDS),
        at_most(_AREA, "floor test, ping shift", busy - quiet, "ms", _MAX_SHIFT_MS,
                note=f"median {quiet:.2f} to {busy:.2f}, worst {worst:.1f}"),
        at_most(_AREA, "floor test, off its pace", off, "%", _MAX_OFF,
                note=f"{measured.rate * 8 / 1e6:.1f} of {_PACE * 8 / 1e6:.0f} Mbit/s"),
        fact(_AREA, "floor test, CPU of the child", spent[0], "s", note="with its start"),
    ]  # fmt: skip


def _iperf(joined: Cable, figures: list[Figure]) -> None:
    server = joined.command(joined.far, ["iperf3", "--server", "--one-off"])
    client = ["iperf3", "--client", FAR_ADDRESS, "--time", "4", "--json"]

    def work() -> tuple[float, float]:
        began = time.monotonic()
        subprocess.run(
            joined.command(joined.near, client), check=True, capture_output=True, timeout=30
        )
        return began, time.monotonic()

    with subprocess.Popen(server, stdout=subprocess.DEVNULL) as process:
        time.sleep(0.5)  # it says nothing when it listens
        try:
            quiet, busy, worst = _ping_shift(joined, work)
        finally:
            process.terminate()
    figures.append(
        fact(_AREA, "iperf3, ping shift", busy - quiet, "ms",
             note=f"peer, unpaced, {4 * _MBPS / 8 * PAYLOAD_SHARE:.0f} MB; worst {worst:.1f}")
    )  # fmt: skip


def measure(folder: Path) -> list[Figure]:
    """One floor test and one iperf3 run on the same cable, one after the other."""
    figures: list[Figure] = []
    with cable() as joined:
        joined.shape(_MBPS)
        _floor(joined, folder, figures)
        _iperf(joined, figures)
    return figures
