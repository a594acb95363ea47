"""`scripts/bundle/prove`: install from a bundle with the network cut, and start what came out."""

import argparse
import json
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec

from bundle import seal, table
from bundle.fill import FACTS, Facts
from bundle.problem import BundleError
from bundle.table import Row
from bundle.targets import parse

_DEADLINE = 300
_ASK = "import platform, sys; print(platform.python_version(), sys.implementation.name)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the folder."""
    parser.add_argument("folder", type=Path, help="an unpacked bundle")


def main(args: argparse.Namespace) -> int:
    """Print the table; 1 when something that was run failed."""
    seal.check(args.folder)
    facts = msgspec.json.decode((args.folder / FACTS).read_bytes(), type=Facts)
    rows = proven(args.folder, facts)
    print(table.text(facts, rows))
    return 1 if any(row.state == table.FAILED for row in rows) else 0


def proven(folder: Path, facts: Facts) -> list[Row]:
    """Run every target this machine has a Python for; the others are resolved only."""
    rows = []
    for name, extra in table.wanted(facts):
        target = parse(name)
        python = find_python(target.python) if target.arch == platform.machine() else None
        if python is None:
            rows.append(Row(name, extra, table.RESOLVED))
            continue
        rows.append(_row(folder.resolve(), facts, (name, extra), python))
    return rows


def find_python(minor: str) -> Path | None:
    """A CPython of this minor: Debian's, on PATH, or one of pyenv's."""
    known = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_path = shutil.which(f"python{minor}")
    several = [Path("/usr/bin") / f"python{minor}", *known.glob(f"{minor}.*/bin/python{minor}")]
    if on_path:
        several.append(Path(on_path))
    for one in several:
        if (
            one.is_file()
            and _asked(one).startswith(f"{minor}.")
            and _asked(one).endswith("cpython")
        ):
            return one
    return None


def _asked(python: Path) -> str:
    done = subprocess.run(
        [str(python), "-c", _ASK], capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout.strip()


def _row(folder: Path, facts: Facts, what: tuple[str, str], python: Path) -> Row:
    name, extra = what
    with tempfile.TemporaryDirectory(prefix="tramgac-prove-") as work:
        try:
            _install(folder, Path(work), extra, python)
            _start(Path(work), extra, facts.version)
        except BundleError as error:
            return Row(name, extra, table.FAILED, str(error).replace("|", "/"))
    return Row(name, extra, table.RAN, f"CPython {_asked(python).split()[0]}")


def _install(folder: Path, work: Path, extra: str, python: Path) -> None:
    """As on a target that has a Python and nothing else: the bundle's own pip does it."""
    _cut_off(work, str(python), "-m", "venv", "--without-pip", str(work / "venv"))
    pip = next((folder / "wheels").glob("pip-*.whl"))
    _cut_off(
        work, str(work / "venv/bin/python"), f"{pip}/pip", "--isolated", "install", "--quiet",
        "--no-cache-dir", "--no-index", "--find-links", str(folder / "wheels"), "--require-hashes",
        "--only-binary=:all:", "-r", str(folder / f"requirements/{extra}.txt"),
    )  # fmt: skip
    _cut_off(work, str(work / "venv/bin/python"), f"{pip}/pip", "--isolated", "check")


def _start(work: Path, extra: str, version: str) -> None:
    program = str(work / f"venv/bin/tramgac-{extra}")
    said = _cut_off(work, program, "--version").strip()
    if said != f"tramgac-{extra} {version}":
        raise BundleError(f"says `{said}`")
    if extra == "collector":
        _cut_off(work, program, "rules", "list")
        return
    seen = json.loads(_cut_off(work, program, "check", "uptime", "--json"))
    if not seen["success"]:
        raise BundleError(f"check uptime: {seen['failure']}")


def _cut_off(work: Path, *command: str) -> str:
    """Run without any network; returns what it printed."""
    cut = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(work), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [*cut, *command],
        env=env,
        cwd=work,
        capture_output=True,
        text=True,
        timeout=_DEADLINE,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise BundleError(f"{Path(command[0]).name}: {' '.join(last)[:200]}")
    return done.stdout
