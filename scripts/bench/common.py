"""Figures, budgets, and how processes are weighed."""

import json
import os
import resource
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CPU, LOAD_CPU = "1", "0"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured line of the table.

    Attributes:
        budget: What was promised, in words; empty for a peer or a plain fact.
        met: Whether it was; None without a budget.
    """

    area: str
    what: str
    value: float
    unit: str
    budget: str = ""
    met: bool | None = None
    note: str = ""


def at_most(
    area: str, what: str, value: float, unit: str, limit: float, *, note: str = ""
) -> Figure:
    """A figure that should not exceed ``limit``."""
    return Figure(area, what, value, unit, f"<= {limit:g}", value <= limit, note)


def at_least(
    area: str, what: str, value: float, unit: str, limit: float, *, note: str = ""
) -> Figure:
    """A figure that should reach ``limit``."""
    return Figure(area, what, value, unit, f">= {limit:g}", value >= limit, note)


def fact(area: str, what: str, value: float, unit: str, *, note: str = "") -> Figure:
    """A figure without a budget, e.g. the peer's."""
    return Figure(area, what, value, unit, note=note)


def table(figures: Sequence[Figure]) -> str:
    """The figures as aligned text."""
    verdicts = {True: "met", False: "MISSED", None: ""}
    rows = [("area", "what", "value", "unit", "budget", "", "note")]
    rows += [
        (f.area, f.what, f"{f.value:.4g}", f.unit, f.budget, verdicts[f.met], f.note)
        for f in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def write_json(figures: Sequence[Figure], machine: dict[str, object], path: Path) -> None:
    """Keep the figures, and what they were taken on, for comparison."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"machine": machine, "figures": [asdict(figure) for figure in figures]}
    path.write_text(json.dumps(kept, indent=2) + "\n")


def children_of(pid: int) -> list[int]:
    """``pid`` and all its descendants that live now."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            todo += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:
            continue
    return found


def own_cpu_seconds(pid: int) -> float:
    """User and system time of ``pid`` itself, ended threads counted, to the nanosecond."""
    # The process clock of another process, as clock_getcpuclockid(3) names it.
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9


def _waited_cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[13:15])) / TICKS


def children_cpu_seconds(pid: int) -> float:
    """User and system time of what ``pid`` started: the children it waited for, and live ones."""
    total = _waited_cpu_seconds(pid)
    for one in children_of(pid)[1:]:
        with suppress(OSError):  # it may end meanwhile; then it is waited for next time
            total += own_cpu_seconds(one) + _waited_cpu_seconds(one)
    return total


@contextmanager
def cpu_of_children() -> Iterator[list[float]]:
    """Yields a list that holds, afterwards, the CPU seconds of processes waited for within."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent: list[float] = []
    yield spent
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def memory_mib(pid: int) -> tuple[float, float]:
    """Resident and proportional set size in MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
    return sizes["Rss"] / 1024, sizes["Pss"] / 1024


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until ``ready``.

    Raises:
        TimeoutError: It did not become ready.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not ready within {seconds:g} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on loopback's ``port``."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def process(
    argv: Sequence[str], log: Path, *, cpu: str = "", env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[Any]]:
    """Run ``argv`` until the block ends, optionally on one processor."""
    pinned = ["taskset", "-c", cpu, *argv] if cpu else list(argv)
    with log.open("ab") as output:
        child = subprocess.Popen(
            pinned, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}
        )
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
