"""Wheels of other people: fetched by pip once, checked against the pins, kept in a cache."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from bundle.pins import Pin, line_of
from bundle.problem import BundleError
from bundle.targets import Target, tags_of

# Published as source only, pure Python: built here. Another one fails by name until it stands here.
BUILT_HERE = frozenset({"oncalendar"})
# Times inside wheels that are built here; they do not change with our commits.
_EPOCH = "1577836800"
_DEADLINE = 900
_SLICE = 1 << 20
_MOST_SAID = 1200
_HALF = _MOST_SAID // 2


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file that fits."""

    path: Path
    name: str
    version: str
    sha256: str


@cache
def sha256_of(path: Path) -> str:
    """SHA-256 of a file that does not change while we run."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_SLICE):
            digest.update(piece)
    return digest.hexdigest()


def default_cache() -> Path:
    """Where wheels stay between two runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tramgac-bundle"


def pip(*arguments: str, env: dict[str, str] | None = None) -> None:
    """Run the pip of this Python.

    Raises:
        BundleError: With what pip said last.
    """
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(
        command,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=_DEADLINE,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr[max(done.stderr.find("ERROR"), 0) :].split())
        # A refused hash is told at the start, a failed build at the end.
        both = said if len(said) <= _MOST_SAID else f"{said[:_HALF]} ... {said[-_HALF:]}"
        raise BundleError(f"pip: {both}")


def tools(root: Path, kept: Path) -> Path:
    """The folder of build tools pinned in requirements/bundle.txt, installed once."""
    pinned = root / "requirements" / "bundle.txt"
    folder = kept / f"tools-{sha256_of(pinned)[:16]}"
    if not folder.is_dir():
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept) as work:
            fresh = Path(work) / "tools"
            pip("install", "--no-deps", "--require-hashes", "-r", str(pinned), "-t", str(fresh))
            _put_in_place(fresh, folder)
    return folder


def _put_in_place(fresh: Path, folder: Path) -> None:
    try:
        fresh.rename(folder)
    except OSError:
        # Another run was faster; its folder is the same by its hash.
        if not folder.is_dir():
            raise


class Store:
    """A cache of wheels, one folder a target, so that what fits best is what pip chose for it.

    Args:
        root: The source tree with requirements/bundle.txt.
        kept: The cache; made when missing.
    """

    def __init__(self, root: Path, kept: Path) -> None:
        self._root = root
        self._kept = kept

    def fit(self, target: Target, pins: Sequence[Pin]) -> list[Wheel]:
        """The wheel of every pin that the target wants.

        Raises:
            BundleError: One has no wheel for this target; its name is in the text.
        """
        folder = self._kept / str(target)
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [pin for pin in pins if pin.wanted_on(target)]
        missing = [pin for pin in wanted if _best(folder, pin, target) is None]
        self._fetch(folder, target, [pin for pin in missing if pin.name not in BUILT_HERE])
        self._build(folder, [pin for pin in missing if pin.name in BUILT_HERE])
        found = [_best(folder, pin, target) for pin in wanted]
        for pin, wheel in zip(wanted, found, strict=True):
            if wheel is None:
                raise BundleError(f"{pin.name} {pin.version}: no wheel for {target}")
        return [wheel for wheel in found if wheel]

    def _fetch(self, folder: Path, target: Target, pins: Iterable[Pin]) -> None:
        with tempfile.TemporaryDirectory(dir=self._kept) as work:
            listed = _listed(Path(work), pins)
            if listed is None:
                return
            where = ["--python-version", target.python, "--implementation", "cp"]
            for platform in target.platforms:
                where += ["--platform", platform]
            pip(
                "download", "--no-deps", "--require-hashes", "--only-binary=:all:",
                *where, "-d", work, "-r", str(listed),
            )  # fmt: skip
            for wheel in Path(work).glob("*.whl"):
                wheel.rename(folder / wheel.name)

    def _build(self, folder: Path, pins: Iterable[Pin]) -> None:
        for pin in pins:
            with tempfile.TemporaryDirectory(dir=self._kept) as work:
                listed = _listed(Path(work), [pin])
                env = {
                    "PYTHONPATH": str(tools(self._root, self._kept)),
                    "SOURCE_DATE_EPOCH": _EPOCH,
                    "PYTHONHASHSEED": "0",
                }
                pip(
                    "wheel", "--no-deps", "--no-build-isolation", "--require-hashes",
                    "--no-binary=:all:", "-w", work, "-r", str(listed), env=env,
                )  # fmt: skip
                for wheel in Path(work).glob("*.whl"):
                    if not wheel.name.endswith("-none-any.whl"):
                        raise BundleError(f"{pin.name}: not pure Python; it cannot be built here")
                    wheel.rename(folder / wheel.name)


def _listed(work: Path, pins: Iterable[Pin]) -> Path | None:
    lines = [line_of(f"{pin.name}=={pin.version}", pin.hashes) for pin in pins]
    if not lines:
        return None
    file = work / "wanted.txt"
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return file


def _best(folder: Path, pin: Pin, target: Target) -> Wheel | None:
    ranks = tags_of(target)
    best: tuple[int, Wheel] | None = None
    for path in sorted(folder.glob("*.whl")):
        name, version, tags = named(path)
        if (name, version) != (pin.name, pin.version):
            continue
        rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        # The hash of what is built here is not the one that was pinned: that was its source's.
        trusted = pin.name in BUILT_HERE or sha256_of(path) in pin.hashes
        if rank is not None and trusted and (best is None or rank < best[0]):
            best = rank, Wheel(path, pin.name, pin.version, sha256_of(path))
    return best[1] if best else None


def named(path: Path) -> tuple[str, str, frozenset[Tag]]:
    """Name, version and tags out of a wheel's file name.

    Raises:
        BundleError: It is none.
    """
    try:
        name, version, _, tags = parse_wheel_filename(path.name)
    except InvalidWheelFilename as error:
        raise BundleError(f"{path.name}: {error}") from error
    return canonicalize_name(name), str(version), frozenset(tags)
