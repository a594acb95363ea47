"""The resident agent's weight, beside node_exporter in the same minutes.

A real agent, enrolled at a real collector over mTLS, with every check of `make run` switched on
at the intervals of production. What runs too seldom for the window (restic once an hour, disk and
latency every five minutes) is added from its measured cost a run.
"""

import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import here_setup as here
from helpers.leases import NAME, initiate, responder, token

from bench import perrun
from bench.common import (
    Figure,
    at_most,
    children_cpu_seconds,
    cpu_of_children,
    fact,
    free_port,
    listens,
    memory_mib,
    own_cpu_seconds,
    process,
    wait_until,
)

_RSS_MIB, _OWN_SECONDS, _CHILD_SECONDS, _START_SECONDS, _GROWTH_MB = 45, 8, 6, 1, 2
_SETTLE_SECONDS = 20.0
_WARM_SECONDS = 8.0
_SCRAPE_SECONDS = 60.0
_HOUR = 3600.0
# Two a day (06:00 and 12:00), each in both directions.
_THROUGHPUT_RUNS_AN_HOUR = 4 / 24
_EXPORTER = "prometheus-node-exporter"


def as_in_production(text: str) -> str:
    """The configuration of `make run` with every interval left to its default, and no tick."""
    text = re.sub(r"(?m)^(interval_seconds|report_seconds|hours) = .*\n", "", text)
    return re.sub(r"(?m)^\[checks\.tick\]\n", "", text)


def lay_out(folder: Path) -> here.Place:
    """Files of `make run` on free ports below ``folder``, with a repository that has a backup."""
    place = here.Place(folder)
    place.ports.update({door: free_port() for door in place.ports})
    here.write_files(place)
    here.make_repository(place)
    config = place.root / f"{here.HOST}.toml"
    config.write_text(as_in_production(config.read_text()))
    return place


@contextmanager
def surroundings(place: here.Place) -> Iterator[None]:
    """A collector, a service to probe, and an identity and one backup for the agent."""
    config = ["--config", str(place.root / "collector.toml")]
    page = ["--bind", "127.0.0.1", "--directory", str(place.root / "page")]
    logs = place.folder("logs")
    with (
        process(here.python("tramgac_collector", "serve", *config), logs / "collector.log"),
        process(
            here.python("http.server", str(place.ports["service"]), *page), logs / "service.log"
        ),
    ):
        for door in ("grpc", "enrollment", "service"):
            wait_until(lambda door=door: listens(place.ports[door]), 30, door)  # type: ignore[misc]
        here.enroll(place, here.HOST)
        (place.root / here.HOST / "drop").mkdir(exist_ok=True)
        subprocess.run(
            here.backup_argv(place), check=True, capture_output=True,
            env={"PATH": "/usr/bin:/bin", "HOME": str(place.root),
                 "RESTIC_PASSWORD_FILE": str(place.root / "repository-password")},
        )  # fmt: skip
        yield


@dataclass(slots=True)
class Weighed:
    """One process over the window, and how it started."""

    start_seconds: float = 0.0
    start_own: float = 0.0
    start_children: float = 0.0
    own: float = 0.0
    children: float = 0.0
    rss_mib: float = 0.0
    pss_mib: float = 0.0
    threads: int = 0


class _Scraper(threading.Thread):
    """Reads a page once a minute until stopped."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self.halt = threading.Event()
        self.samples = 0

    def run(self) -> None:
        while not self.halt.wait(_SCRAPE_SECONDS):
            with urllib.request.urlopen(self._url, timeout=10) as answer:  # noqa: S310 - loopback
                lines = answer.read().splitlines()
            self.samples = sum(not line.startswith(b"#") for line in lines)


def compiled(folder: Path) -> dict[str, str]:
    """Bytecode as pip leaves it behind, though the tree is not installed."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


@contextmanager
def running_agent(place: here.Place, begun: Weighed) -> Iterator[int]:
    """The agent from exec to READY=1; yields its process id."""
    address = place.root / "notify"
    address.unlink(missing_ok=True)
    config = str(place.root / f"{here.HOST}.toml")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notice:
        notice.bind(str(address))
        notice.settimeout(30)
        began = time.perf_counter()
        with process(
            here.python("tramgac_agent", "run", "--config", config),
            place.folder("logs") / "agent.log",
            env={"NOTIFY_SOCKET": str(address), **compiled(place.root)},
        ) as child:
            while not notice.recv(4096).startswith(b"READY=1"):
                continue
            begun.start_seconds = time.perf_counter() - began
            yield child.pid


@contextmanager
def running_exporter(folder: Path, begun: Weighed) -> Iterator[tuple[int, int]]:
    """node_exporter as Debian packs it; yields process id and port."""
    port = free_port()
    argv = [_EXPORTER, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    began = time.perf_counter()
    with process(argv, folder / "exporter.log") as child:
        while not listens(port):
            time.sleep(0.002)
        begun.start_seconds = time.perf_counter() - began
        yield child.pid, port


def _threads(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


class _Window:
    """CPU of one process between two moments, memory at the second."""

    def __init__(self, pid: int, result: Weighed) -> None:
        self._pid = pid
        self._result = result
        result.start_own, result.start_children = own_cpu_seconds(pid), children_cpu_seconds(pid)

    def close(self) -> None:
        pid, result = self._pid, self._result
        result.own = own_cpu_seconds(pid) - result.start_own
        result.children = children_cpu_seconds(pid) - result.start_children
        result.rss_mib, result.pss_mib = memory_mib(pid)
        result.threads = _threads(pid)


def growth_mb_a_day(points: list[tuple[float, float]]) -> float:
    """Slope of resident MiB over seconds by least squares, as MB a day."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    return slope * 86_400 * 1.048576


def _watch(pid: int, seconds: float) -> list[tuple[float, float]]:
    """Wait, and note the resident size every half minute."""
    began = time.monotonic()
    points: list[tuple[float, float]] = []
    while (passed := time.monotonic() - began) < seconds:
        points.append((passed, memory_mib(pid)[0]))
        time.sleep(min(30.0, seconds - passed))
    return points


def weigh(
    place: here.Place, seconds: float
) -> tuple[Weighed, Weighed, list[tuple[float, float]], int]:
    """Agent and exporter side by side for ``seconds``; sizes over time; samples of a scrape."""
    ours, peer = Weighed(), Weighed()
    with running_agent(place, ours):
        time.sleep(_WARM_SECONDS)  # makes the bytecode; a first start is not a usual one
    with (
        running_exporter(place.root, peer) as (exporter, port),
        running_agent(place, ours) as agent,
    ):
        scraper = _Scraper(f"http://127.0.0.1:{port}/metrics")
        scraper.start()
        time.sleep(_SETTLE_SECONDS)
        windows = [_Window(agent, ours), _Window(exporter, peer)]
        points = _watch(agent, seconds)
        for window in windows:
            window.close()
        scraper.halt.set()
    return ours, peer, points, scraper.samples


def throughput_cost(folder: Path) -> float:
    """CPU seconds of the child for one test of 1 s at 10 MB/s, on loopback."""
    with responder(folder) as address:
        permit = token(address=address, responder=NAME, max_bytes=10_000_000)
        with cpu_of_children() as spent:
            initiate(permit)
    return spent[0]


def _seldom(costs: dict[str, perrun.Cost], seconds: float) -> tuple[float, float]:
    """Own and children's CPU seconds an hour of checks the window has no fair share of."""
    rare = [one for one in costs.values() if one.interval > seconds / 2]
    own = sum(one.own * _HOUR / one.interval for one in rare)
    return own, sum(one.children * _HOUR / one.interval for one in rare)


def _figures(
    ours: Weighed, peer: Weighed, seconds: float, seldom: tuple[float, float]
) -> list[Figure]:
    area, scale = "agent", _HOUR / seconds
    own, children = ours.own * scale + seldom[0], ours.children * scale + seldom[1]
    window = f"{seconds:.0f} s window"
    return [
        at_most(area, "RSS", ours.rss_mib, "MiB", _RSS_MIB, note=f"{ours.threads} threads"),
        fact(area, "PSS", ours.pss_mib, "MiB"),
        fact(area, "node_exporter RSS", peer.rss_mib, "MiB", note="peer"),
        fact(area, "node_exporter PSS", peer.pss_mib, "MiB", note="peer"),
        fact(area, "RSS, ours / peer", ours.rss_mib / peer.rss_mib, "x"),
        at_most(
            area, "CPU own", own, "s/h", _OWN_SECONDS,
            note=f"{window}; {seldom[0]:.2f} of it added for seldom checks",
        ),
        at_most(
            area, "CPU children", children, "s/h", _CHILD_SECONDS,
            note=f"{seldom[1]:.2f} of it added for seldom checks",
        ),
        fact(area, "node_exporter CPU", (peer.own + peer.children) * scale, "s/h",
             note="peer, one scrape a minute"),
        at_most(area, "start", ours.start_seconds, "s", _START_SECONDS, note="exec to READY=1"),
        fact(area, "node_exporter start", peer.start_seconds, "s", note="peer, exec to listening"),
        fact(area, "CPU of start and first runs", ours.start_own, "s", note="once, own"),
        fact(area, "the same, children", ours.start_children, "s", note="once"),
    ]  # fmt: skip


def _growth(points: list[tuple[float, float]]) -> Figure:
    """The first third is left out: allocators are still settling then."""
    late = points[len(points) // 3 :]
    minutes = (late[-1][0] - late[0][0]) / 60
    return at_most(
        "agent", "growth", growth_mb_a_day(late), "MB/day", _GROWTH_MB,
        note=f"extrapolated from {minutes:.0f} min",
    )  # fmt: skip


def measure(folder: Path, *, seconds: float = 120.0, growth: bool = False) -> list[Figure]:
    """Weigh the agent; ``growth`` wants a window of half an hour or more."""
    place = lay_out(folder)
    with surroundings(place):
        costs = perrun.measure(place.root / f"{here.HOST}.toml")
        ours, peer, points, samples = weigh(place, seconds)
    own, children = _seldom(costs, seconds)
    children += throughput_cost(folder) * _THROUGHPUT_RUNS_AN_HOUR
    figures = _figures(ours, peer, seconds, (own, children))
    figures += [
        fact("agent", f"check {name}", (one.own + one.children) * 1000, "ms CPU/run",
             note=f"every {one.interval:.0f} s; {one.children * 1000:.1f} in children")
        for name, one in sorted(costs.items())
    ]  # fmt: skip
    if samples:
        figures.append(fact("agent", "samples of node_exporter", samples, "samples", note="peer"))
    return [*figures, _growth(points)] if growth else figures


if __name__ == "__main__":
    for figure in measure(Path(sys.argv[1]), seconds=float(sys.argv[2])):
        sys.stdout.write(f"{figure}\n")
