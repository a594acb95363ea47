"""Our own sources: which files they are, of what day, and the wheel made of them."""

import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from bundle.problem import BundleError
from bundle.targets import PYTHONS
from bundle.wheels import pip

ROOT = Path(__file__).resolve().parents[2]
_VERSION_IN = {
    "pyproject.toml": re.compile(r'^version = "([^"]+)"$', re.MULTILINE),
    "proto/tramgac_proto/__init__.py": re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE),
}
_HATCH_WHEEL = ("tool", "hatch", "build", "targets", "wheel", "force-include")
_IN_WHEEL = (
    *("pyproject.toml", "README.md", "LICENSE"),
    *("agent", "collector", "proto", "docs/runbooks"),
)


@dataclass(frozen=True, slots=True)
class Source:
    """A tree to make a bundle of.

    Attributes:
        root: Its folder.
        commit: Full id, or empty outside git.
        changed: Files differ from that commit.
        epoch: Seconds since 1970 that every file in the bundle is dated with.
    """

    root: Path
    commit: str
    changed: bool
    epoch: int

    def files(self, *under: str) -> Iterator[tuple[str, Path]]:
        """Names relative to the tree and paths, of what git would keep (all, outside git)."""
        if self.commit:
            shown = _git(self.root, "ls-files", "-z", "-co", "--exclude-standard", "--", *under)
            names = set(shown.split("\0"))
        else:
            found = [path for one in under for path in _everything(self.root / one)]
            names = {str(path.relative_to(self.root)) for path in found}
        for name in sorted(names - {""}):
            # A deleted file is still listed by git; a link could lead out of the tree.
            if (self.root / name).is_file() and not (self.root / name).is_symlink():
                yield name, self.root / name


def _everything(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for one in path.rglob("*") if path.is_dir() else ():
        if one.is_file() and "__pycache__" not in one.parts:
            yield one


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BundleError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def source_of(root: Path) -> Source:
    """Look at a tree.

    Raises:
        BundleError: Its day is known neither from git nor from SOURCE_DATE_EPOCH.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not (root / ".git").exists():
        if not given.isdecimal():
            raise BundleError(f"{root}: no git checkout; set SOURCE_DATE_EPOCH to its day")
        return Source(root, "", changed=False, epoch=int(given))
    commit = _git(root, "rev-parse", "HEAD").strip()
    changed = bool(_git(root, "status", "--porcelain"))
    epoch = given if given.isdecimal() else _git(root, "log", "-1", "--format=%ct").strip()
    return Source(root, commit, changed, int(epoch))


def version_of(source: Source, asked: str = "") -> str:
    """The version the bundle gets: the one asked for, or that of the tree.

    Raises:
        BundleError: It is no version.
    """
    text = (source.root / "pyproject.toml").read_text(encoding="utf-8")
    found = _VERSION_IN["pyproject.toml"].search(text)
    try:
        return str(Version(asked or (found[1] if found else "")))
    except InvalidVersion as error:
        raise BundleError(f"--version: {error}; one looks like 0.1.1") from error


def pythons_of(source: Source) -> list[str]:
    """The Pythons that our own code says it runs on; a bundle for others would not start."""
    text = (source.root / "pyproject.toml").read_text(encoding="utf-8")
    allowed = SpecifierSet(tomllib.loads(text)["project"]["requires-python"])
    return [python for python in PYTHONS if allowed.contains(f"{python}.99")]


def build_wheel(source: Source, version: str, folder: Path) -> Path:
    """Our wheel, built by the pinned hatchling of this environment; returns the file.

    Raises:
        BundleError: With what the build said.
    """
    with tempfile.TemporaryDirectory(prefix="tramgac-wheel-") as work:
        tree = Path(work) / "tree"
        for name, path in source.files(*_IN_WHEEL, *_also_in_wheel(source)):
            copy = tree / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        for name, pattern in _VERSION_IN.items():
            _set_version(tree / name, pattern, version)
        env = {"SOURCE_DATE_EPOCH": str(source.epoch)}
        out = Path(work) / "out"
        pip(
            "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(out), str(tree),
            env=env,
        )  # fmt: skip
        built = next(out.glob("*.whl"))
        return Path(shutil.copyfile(built, folder / built.name))


def _also_in_wheel(source: Source) -> list[str]:
    """Folders outside the packages that the project puts into its wheel."""
    found: Any = tomllib.loads((source.root / "pyproject.toml").read_text(encoding="utf-8"))
    for name in _HATCH_WHEEL:
        found = found.get(name, {})
    return list(found)


def _set_version(file: Path, pattern: re.Pattern[str], version: str) -> None:
    text = file.read_text(encoding="utf-8")
    found = pattern.search(text)
    if not found:
        raise BundleError(f"{file.name}: states no version")
    file.write_text(text[: found.start(1)] + version + text[found.end(1) :], encoding="utf-8")
