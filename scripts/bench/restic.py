"""What looking at a repository of 1,000 snapshots costs, beside restic alone; and its locks."""

import os
import resource
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import here_setup as here
from helpers.rest_store import rest_store
from helpers.restic_repository import Repository, multiply
from helpers.restic_versions import restics

from bench.common import Figure, at_most, fact
from tramgac_agent.restic.shim import install
from tramgac_agent.restic.wrapper import BINARY_VARIABLE, DEADLINE_PASSED, DEADLINE_VARIABLE

_OPEN_SECONDS, _CYCLE_SECONDS, _PEAK_MB = 1.0, 1.5, 100.0
_SNAPSHOTS, _FILES = 1_000, 2_000
_RUNS = 3
# From the start of the process to well within the open.
_DEADLINES = [0.05 * step for step in range(1, 13)]
_AREA = "restic"


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of a process and all it started, and the largest of them in MB."""

    cpu: float
    peak_mb: float


def _spent(argv: Sequence[str], environment: dict[str, str], expected: int = 0) -> Spent:
    child = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != expected:
        raise RuntimeError(f"{argv[0]}: exit code {child.returncode}")
    return Spent(used.ru_utime + used.ru_stime, _mb(used))


def _mb(used: resource.struct_rusage) -> float:
    return used.ru_maxrss * 1024 / 1e6


def _best(argv: Sequence[str], environment: dict[str, str]) -> Spent:
    found = [_spent(argv, environment) for _ in range(_RUNS)]
    return Spent(min(one.cpu for one in found), max(one.peak_mb for one in found))


def _fill(place: here.Place, repository: Repository) -> None:
    """One real snapshot, and all the others of the same content."""
    source = place.folder("source")
    for number in range(_FILES):
        (source / f"{number}").write_text(str(number))
    repository.restic("backup", "--tag", "docs", str(source))
    (first,) = (path.name for path in (repository.path / "snapshots").iterdir())
    multiply(repository, first, _SNAPSHOTS - 1)


def _probe(place: here.Place, name: str, program: str, address: str = "") -> list[str]:
    """The probe's command with a file of its own, and so with a memory of its own."""
    text = (place.root / "restic-probe.toml").read_text()
    own = f'restic = "{program}"\nstate_dir = "{place.folder(name)}"\n'
    lines = [line for line in text.splitlines() if not line.startswith(("state_dir", "restic "))]
    if address:
        lines = [f'repository = "{address}"' if line.startswith("repository =") else line
                 for line in lines]  # fmt: skip
    config = place.root / f"{name}.toml"
    config.write_text(own + "\n".join(lines) + "\n")
    return here.python("tramgac_agent.sources.probe", "--config", str(config), "--drop",
                       str(place.folder("drop")))  # fmt: skip


class _Locks:
    """Watches a folder of locks without a pause."""

    def __init__(self, folder: Path) -> None:
        self.seen: set[str] = set()
        self._folder = folder
        self._done = threading.Event()

    def _look(self) -> None:
        while not self._done.wait(0.001):
            self._add()

    def _add(self) -> None:
        with os.scandir(self._folder) as entries:
            self.seen.update(entry.name for entry in entries)

    @contextmanager
    def watched(self) -> Iterator["_Locks"]:
        """Look for as long as the context lasts."""
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield self
        finally:
            self._done.set()
            thread.join()
            self._add()


def _version(
    place: here.Place, repository: Repository, name: str, program: str
) -> Iterator[Figure]:
    environment = {**os.environ, **repository.environment, BINARY_VARIABLE: program}
    wrapper = str(install(place.root))
    opened = _best([wrapper, "snapshots", "--json"], environment)
    yield at_most(_AREA, f"{name}: one open", opened.cpu, "CPU s", _OPEN_SECONDS,
                  note=f"{_SNAPSHOTS} snapshots, through the wrapper")  # fmt: skip
    alone = _best([program, "snapshots", "--json"], environment)
    yield fact(_AREA, f"{name}: restic snapshots --json", alone.cpu, "CPU s",
               note=f"peer, takes a lock, {alone.peak_mb:.0f} MB")  # fmt: skip
    yield from _cycles(_probe(place, f"probe-{name}", program), environment, f"{name}: ")
    with rest_store(repository.path) as store:
        probe = _probe(place, f"probe-rest-{name}", program, store.address)
        yield from _cycles(probe, environment, f"{name}, REST: ")


def _cycles(probe: Sequence[str], environment: dict[str, str], what: str) -> Iterator[Figure]:
    """The hours until everything is known, and the hours after."""
    hours = [_spent(probe, environment) for _ in range(5)]
    cycle = _best(probe, environment)
    peak = max(one.peak_mb for one in (*hours, cycle))
    yield fact(_AREA, f"{what}very first cycle", hours[0].cpu, "CPU s",
               note="asks for the repository's id, counts files")  # fmt: skip
    yield at_most(_AREA, f"{what}dearest of the next", max(one.cpu for one in hours[1:]), "CPU s",
                  _CYCLE_SECONDS, note="with a daily question")  # fmt: skip
    yield at_most(_AREA, f"{what}hourly cycle", cycle.cpu, "CPU s", _CYCLE_SECONDS,
                  note="probe with resticpy, wrapper and restic")  # fmt: skip
    yield at_most(_AREA, f"{what}largest process", peak, "MB", _PEAK_MB)


def _killed(place: here.Place, environment: dict[str, str]) -> int:
    """How many calls were ended at their deadline, at many moments of an open."""
    wrapper = str(install(place.root))
    codes = []
    for seconds in _DEADLINES:
        own = {**environment, DEADLINE_VARIABLE: f"{seconds:.2f}"}
        for words in (["snapshots"], ["list", "locks"], ["ls", "latest"]):
            done = subprocess.run([wrapper, *words], env=own, capture_output=True, check=False)
            codes.append(done.returncode)
    return codes.count(DEADLINE_PASSED)


def measure(folder: Path) -> list[Figure]:
    """One open through the wrapper, whole hourly looks, and whether a lock was ever there."""
    place = here.Place(folder)
    here.write_files(place)
    here.make_repository(place)
    repository = Repository(place.root / "repository", place.root / "repository-password")
    _fill(place, repository)
    figures: list[Figure] = []
    locks = _Locks(repository.path / "locks")
    for name, program in restics().items():
        figures += _version(place, repository, name, program)
        environment = {**os.environ, **repository.environment, BINARY_VARIABLE: program}
        with locks.watched():
            killed = _killed(place, environment)
        figures.append(
            at_most(_AREA, f"{name}: locks seen", len(locks.seen), "locks", 0,
                    note=f"looking all the time, {killed} calls ended at their deadline")
        )  # fmt: skip
    return figures
