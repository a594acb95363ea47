"""The machines a bundle serves: a CPython minor and an architecture, on glibc Linux."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from packaging.tags import Tag, compatible_tags, cpython_tags

from bundle.problem import BundleError

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
ARCHS = ("x86_64", "aarch64")
EXTRAS = ("agent", "collector")
# The collector needs tomllib and newer packages than 3.10 gets.
PYTHONS_OF = {"agent": PYTHONS, "collector": PYTHONS[1:]}

# RHEL 9 has glibc 2.34, the oldest of the systems that docs/bundle.md lists.
_GLIBC_MINOR = 34
_OLDEST = {"x86_64": 5, "aarch64": 17}
# The old names of manylinux_2_17, _12 and _5.
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, order=True, slots=True)
class Target:
    """One kind of machine.

    Attributes:
        python: CPython's minor, as "3.11".
        arch: As `uname -m` says it.
    """

    python: str
    arch: str

    def __str__(self) -> str:
        return f"{self.interpreter}-{self.arch}"

    @property
    def interpreter(self) -> str:
        """As in a wheel's name: cp311."""
        return f"cp{self.python.replace('.', '')}"

    @property
    def platforms(self) -> tuple[str, ...]:
        """Platform tags that its C library can run, the best first."""
        return tuple(_platforms(self.arch))

    @property
    def extras(self) -> tuple[str, ...]:
        """What can be installed there."""
        return tuple(extra for extra in EXTRAS if self.python in PYTHONS_OF[extra])


def _platforms(arch: str) -> Iterator[str]:
    for minor in range(_GLIBC_MINOR, _OLDEST[arch] - 1, -1):
        yield f"manylinux_2_{minor}_{arch}"
        if minor in _LEGACY:
            yield f"{_LEGACY[minor]}_{arch}"


@cache
def tags_of(target: Target) -> dict[Tag, int]:
    """Every tag a wheel may have to run there, with its rank (0 is best; PEP 425's order)."""
    major, minor = map(int, target.python.split("."))
    version, platforms = (major, minor), target.platforms
    ordered = itertools.chain(
        cpython_tags(version, abis=[target.interpreter], platforms=platforms),
        compatible_tags(version, interpreter=target.interpreter, platforms=platforms),
    )
    return {tag: rank for rank, tag in reversed(list(enumerate(ordered)))}


def parse(text: str) -> Target:
    """A target from its name.

    Raises:
        BundleError: No such target.
    """
    found = re.fullmatch(r"cp3(\d+)-(\w+)", text)
    target = Target(f"3.{found[1]}", found[2]) if found else None
    if target is None or target.python not in PYTHONS or target.arch not in ARCHS:
        raise BundleError(f"{text}: no target; one is called like cp311-x86_64")
    return target


def chosen(pythons: list[str], archs: list[str], only: list[str]) -> list[Target]:
    """Those named in `only`; else each Python on each architecture (all, if none is given)."""
    if only:
        return sorted({parse(text) for text in only})
    return [Target(python, arch) for python in pythons or PYTHONS for arch in archs or ARCHS]
