"""Hashed requirement files, read and written: what exactly goes onto a target."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundle.problem import BundleError
from bundle.targets import Target

_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z]+\])?==(?P<version>[^ ;]+)( *; *(?P<marker>.+))?"
)


@dataclass(frozen=True, slots=True)
class Pin:
    """One exact requirement.

    Attributes:
        name: Normalised name of the package.
        version: The one version.
        marker: For which machines; empty for all.
        hashes: SHA-256 of every file that may be it, in hex.
    """

    name: str
    version: str
    marker: str
    hashes: frozenset[str]

    def wanted_on(self, target: Target) -> bool:
        """Whether that machine needs it."""
        if not self.marker:
            return True
        marker = Marker(self.marker)
        # A marker may ask for a patch release; whichever the machine has, the wheel is there.
        return any(marker.evaluate(_environment(target, patch)) for patch in (0, 99))


def _environment(target: Target, patch: int) -> dict[str, str]:
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{target.python}.{patch}",
        "os_name": "posix",
        "platform_machine": target.arch,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{target.python}.{patch}",
        "python_version": target.python,
        "sys_platform": "linux",
    }


def read(file: Path) -> list[Pin]:
    """The pins of a requirements file as `scripts/lock-requirements` writes it.

    Raises:
        BundleError: A line is no pin, or has no hash.
    """
    pins = []
    for line in file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        text, *hashes = re.split(r"\s+--hash=sha256:", line.strip())
        if not text or text.startswith("#"):
            continue
        found = _LINE.fullmatch(text.strip())
        if not found or not hashes:
            raise BundleError(f"{file.name}: `{text}` is no pin with a hash")
        name = canonicalize_name(found["name"])
        known = frozenset(one.strip() for one in hashes)
        version = str(Version(found["version"]))
        pins.append(Pin(name, version, (found["marker"] or "").strip(), known))
    return pins


def text_of(first: str, pins: Iterable[tuple[Pin, Sequence[str]]]) -> str:
    """A requirements file: our own line, then each pin with the hashes of its bundled wheels."""
    lines = [first]
    for pin, hashes in pins:
        marker = f" ; {pin.marker}" if pin.marker else ""
        lines.append(line_of(f"{pin.name}=={pin.version}{marker}", hashes))
    return "\n".join([*lines, ""])


def line_of(what: str, hashes: Iterable[str]) -> str:
    """One requirement with its hashes, as pip reads it."""
    return " \\\n    ".join([what, *(f"--hash=sha256:{one}" for one in sorted(hashes))])
