"""What goes into a bundle, file by file."""

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bundle import own, pins, sbom
from bundle.own import Source
from bundle.pins import Pin
from bundle.targets import EXTRAS, Target, parse
from bundle.wheels import Store, Wheel, sha256_of

FACTS = "BUNDLE.json"
PACKS = "collector/tramgac_collector/packs"
# The generator of the dashboards needs our tools; what it wrote is what a centre needs.
_NOT_DASHBOARDS = ("dashboards/tramgac_dashboards/", "dashboards/tests/", "dashboards/render/")


class Facts(msgspec.Struct, forbid_unknown_fields=True):
    """What a bundle says about itself (BUNDLE.json).

    Attributes:
        version: Of our own wheel.
        commit: Of the sources; empty when they were no git checkout.
        changed: The sources differed from that commit: a test bundle.
        targets: As "cp311-x86_64".
        extras: Of "agent", "collector".
        parts: Of `PARTS`, those inside.
    """

    version: str
    commit: str
    changed: bool
    targets: list[str]
    extras: list[str]
    parts: list[str]


def copy_tree(source: Source, under: str, folder: Path, without: tuple[str, ...] = ()) -> None:
    """Copy the files of a folder of the sources."""
    for name, path in source.files(under):
        if name.startswith(without):
            continue
        copy = folder / Path(name).relative_to(under)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _collection(source: Source, folder: Path) -> None:
    copy_tree(source, "ansible", folder / "collection")
    shutil.copyfile(source.root / "LICENSE", folder / "collection/LICENSE")


def _dashboards(source: Source, folder: Path) -> None:
    copy_tree(source, "dashboards", folder / "dashboards", _NOT_DASHBOARDS)


def _packs(source: Source, folder: Path) -> None:
    copy_tree(source, PACKS, folder / "packs")


def _sbom(source: Source, folder: Path) -> None:
    sbom.write(folder, source.epoch)


# In this order: the bill of materials reads the wheels that are there.
PARTS: dict[str, Callable[[Source, Path], None]] = {
    "collection": _collection,
    "dashboards": _dashboards,
    "packs": _packs,
    "sbom": _sbom,
}


@dataclass(frozen=True, slots=True)
class Filler:
    """Puts everything but checksums and the table of targets into an empty folder.

    Attributes:
        source: What is bundled.
        folder: Where to.
        facts: How much of it.
        store: Where the wheels of others come from.
    """

    source: Source
    folder: Path
    facts: Facts
    store: Store

    def fill(self) -> None:
        """Do it.

        Raises:
            BundleError: A wheel is missing, or ours cannot be built.
        """
        wheels = self.folder / "wheels"
        wheels.mkdir(parents=True)
        self._fetch_at_once()
        ours = own.build_wheel(self.source, self.facts.version, wheels)
        for extra in self.facts.extras:
            first = f"tramgac[{extra}]=={self.facts.version}"
            self._put(extra, pins.line_of(first, [sha256_of(ours)]))
        self._put("installer", "# pip, for targets whose Python has none")
        for part in self.facts.parts:
            PARTS[part](self.source, self.folder)
        notes = Path(__file__).with_name("INSTALL.md")
        shutil.copyfile(notes, self.folder / notes.name)
        shutil.copyfile(self.source.root / "LICENSE", self.folder / "LICENSE")
        data = msgspec.json.format(msgspec.json.encode(self.facts), indent=2)
        (self.folder / FACTS).write_bytes(data + b"\n")

    def _fetch_at_once(self) -> None:
        """One call of pip a target instead of three; what is pinned in two ways comes later."""
        names = [*self.facts.extras, "installer"]
        for target in map(parse, self.facts.targets):
            first: dict[str, Pin] = {}
            for pin in itertools.chain(*(self._pins(one) for one in names if serves(one, target))):
                if pin.wanted_on(target):
                    first.setdefault(pin.name, pin)
            self.store.fit(target, list(first.values()))

    def _pins(self, name: str) -> list[Pin]:
        return pins.read(self.source.root / "requirements" / f"{name}.txt")

    def _put(self, name: str, first: str) -> None:
        """Wheels and requirements file of one way to install."""
        listed = self._pins(name)
        found: list[dict[str, Wheel]] = [{} for _ in listed]
        for target in map(parse, self.facts.targets):
            if not serves(name, target):
                continue
            fitting = iter(self.store.fit(target, listed))
            for pin, several in zip(listed, found, strict=True):
                if pin.wanted_on(target):
                    wheel = next(fitting)
                    several[wheel.sha256] = wheel
        for wheel in itertools.chain(*(several.values() for several in found)):
            shutil.copyfile(wheel.path, self.folder / "wheels" / wheel.path.name)
        kept = [(pin, list(several)) for pin, several in zip(listed, found, strict=True) if several]
        file = self.folder / "requirements" / f"{name}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(pins.text_of(first, kept), encoding="utf-8")


def serves(name: str, target: Target) -> bool:
    """Whether what this requirements file installs can be installed there."""
    return name not in EXTRAS or name in target.extras
