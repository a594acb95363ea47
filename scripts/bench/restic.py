"""What looking at a repository costs, beside restic alone on the same repository."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import here_setup as here

from bench.common import Figure, at_most, cpu_of_children, fact
from tramgac_agent.restic.shim import install

_OPEN_SECONDS, _CYCLE_SECONDS = 1.0, 1.5
_SNAPSHOTS, _FILES = 5, 2_000
_RUNS = 3
_AREA = "restic"


def _cpu(argv: Sequence[str], environment: dict[str, str]) -> float:
    """CPU seconds of ``argv`` and what it started."""
    with cpu_of_children() as spent:
        subprocess.run(argv, check=True, capture_output=True, env=environment, timeout=300)
    return spent[0]


def _best(argv: Sequence[str], environment: dict[str, str]) -> float:
    return min(_cpu(argv, environment) for _ in range(_RUNS))


def _fill(place: here.Place, environment: dict[str, str]) -> None:
    source = place.folder("source")
    for number in range(_FILES):
        (source / f"{number}").write_text(str(number))
    for number in range(_SNAPSHOTS):
        (source / "changed").write_text(str(number))
        _cpu(["restic", "backup", "--json", "--tag", "docs", str(source)], environment)


def measure(folder: Path) -> list[Figure]:
    """One open through the wrapper, a whole hourly look, and the one after a new snapshot."""
    place = here.Place(folder)
    here.write_files(place)
    here.make_repository(place)
    environment = {
        **os.environ,
        "RESTIC_REPOSITORY": str(place.root / "repository"),
        "RESTIC_PASSWORD_FILE": str(place.root / "repository-password"),
        "RESTIC_CACHE_DIR": str(place.folder("cache")),
    }
    _fill(place, environment)
    probe = here.python("tramgac_agent.sources.probe", "--config",
                        str(place.root / "restic-probe.toml"), "--drop",
                        str(place.folder("drop")))  # fmt: skip
    first = _cpu(probe, environment)
    cycle = _best(probe, environment)
    wrapper = str(install(place.root))
    opened = _best([wrapper, "snapshots", "--json"], environment)
    alone = _best(["restic", "snapshots", "--json"], environment)
    locks = list((place.root / "repository/locks").iterdir())
    return [
        at_most(_AREA, "one open", opened, "CPU s", _OPEN_SECONDS, note="through the wrapper"),
        fact(_AREA, "restic snapshots --json", alone, "CPU s", note="peer, takes a lock"),
        at_most(_AREA, "hourly cycle", cycle, "CPU s", _CYCLE_SECONDS,
                note="probe with resticpy, wrapper and restic"),
        at_most(_AREA, "cycle after a new snapshot", first, "CPU s", _CYCLE_SECONDS,
                note="counts files once"),
        at_most(_AREA, "locks left", len(locks), "locks", 0),
    ]  # fmt: skip
