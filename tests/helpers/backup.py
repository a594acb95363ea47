"""Drop folders, probe configurations and ``backup-run`` as a real process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from helpers.restic_repository import Repository

SERIES = "bv-hue/his01/db@nas"
AGENT = (sys.executable, "-m", "tramgac_agent")


def until(holds: Callable[[], object], seconds: float = 20.0, pause: float = 0.02) -> None:
    """Poll until ``holds`` does, every ``pause`` seconds: longer where a look is dear.

    Raises:
        TimeoutError: It never did.
    """
    end = monotonic() + seconds
    while not holds():
        if monotonic() > end:
            raise TimeoutError(holds)
        sleep(pause)


def drop_folder(parent: Path) -> Path:
    folder = parent / "drop"
    folder.mkdir(exist_ok=True)
    return folder


def dropped(folder: Path) -> list[dict[str, Any]]:
    """The records in a drop folder, in order of writing."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def backup_run(
    folder: Path,
    *command: str,
    environment: Mapping[str, str] | None = None,
    series: str = SERIES,
) -> subprocess.CompletedProcess[bytes]:
    """``tramgac-agent backup-run`` to its end."""
    return subprocess.run(
        [*AGENT, "backup-run", "--series", series, "--drop", str(folder), "--", *command],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        check=False,
        timeout=60,
    )


def start_backup_run(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    """The same, left running."""
    return subprocess.Popen(
        [*AGENT, "backup-run", "--series", SERIES, "--drop", str(folder), "--", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def probe_config(folder: Path, of: Repository, **settings: object) -> Path:
    """A probe configuration with one series that takes every snapshot."""
    values = {
        "repository": str(of.path),
        "password_file": str(of.password_file),
        "state_dir": str(folder / "probe-state"),
        "cache_dir": str(folder / "cache"),
        "deadline_seconds": 30,
    } | settings
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if value != ""]
    path = folder / "probe.toml"
    path.write_text("\n".join([*lines, "[[series]]", f'id = "{SERIES}"', ""]))
    return path


def probe(config: Path, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the probe as its unit would."""
    return subprocess.run(
        [sys.executable, "-m", "tramgac_agent.sources.probe", "--config", config, "--drop", folder],
        capture_output=True,
        check=False,
        timeout=60,
    )


def script(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def gone(pid: int) -> bool:
    """Whether a process is no more (a zombie counts as gone)."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


def kill(pid: int) -> None:
    """SIGKILL, whether or not it is still there."""
    if not gone(pid):
        os.kill(pid, signal.SIGKILL)
