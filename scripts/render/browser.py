"""The page of Grafana's parts: built with node, photographed in Chromium."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "dashboards" / "render"
_BUILD_SECONDS = 900
_SHOOT_SECONDS = 900


class BrowserError(RuntimeError):
    """Node or Chromium is missing or failed."""


def _run(*command: str, seconds: int) -> str:
    try:
        done = subprocess.run(
            command, cwd=PAGE, check=False, capture_output=True, text=True, timeout=seconds
        )
    except FileNotFoundError as error:
        raise BrowserError(f"{command[0]} is not installed") from error
    if done.returncode:
        raise BrowserError(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def build() -> None:
    """Install what the lock file names, if that was not done, and make the page anew.

    Raises:
        BrowserError: Node failed.
    """
    lock, mark = PAGE / "package-lock.json", PAGE / "node_modules" / ".tramgac-lock"
    if not mark.is_file() or mark.read_bytes() != lock.read_bytes():
        _run("npm", "ci", "--loglevel=error", seconds=_BUILD_SECONDS)
        shutil.copyfile(lock, mark)
    _run("npm", "run", "--silent", "build", seconds=_BUILD_SECONDS)


def shoot(boards: list[tuple[Path, Path]], work: Path) -> list[dict[str, Any]]:
    """Photograph boards.

    Args:
        boards: The job of each and where its picture goes.
        work: A folder for what the photographer is told.

    Returns:
        For each: ``png``, ``empty`` (titles of panels without data), ``errors``.

    Raises:
        BrowserError: No Chromium, or it failed.
    """
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise BrowserError("chromium is not installed")
    jobs = work / "jobs.json"
    told = {
        "browser": browser,
        "page": str(PAGE / "dist"),
        "boards": [{"data": str(data), "png": str(png)} for data, png in boards],
    }
    jobs.write_text(json.dumps(told), encoding="utf-8")
    lines = _run("node", "shoot.mjs", str(jobs), seconds=_SHOOT_SECONDS).splitlines()
    return [json.loads(line) for line in lines]
