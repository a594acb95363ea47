"""The packs that are shipped, and which of them a facility is judged by."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from tramgac_collector.inventory.model import Facility, Inventory
from tramgac_collector.rules import manifest
from tramgac_collector.rules.lint import Complaint, lint
from tramgac_collector.rules.pack import Deadline, Pack, PackError, Rule, read_pack
from tramgac_collector.rules.papers import FILE_NAME, Paper, read_papers

FOLDER = Path(__file__).resolve().parents[1] / "packs"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is not used, and why."""

    file: str
    complaints: tuple[Complaint, ...]


class Instead(NamedTuple):
    """A pack of a province's own in place of a shipped one with the same id.

    Attributes:
        version: Of their own; ``shipped`` of the one it hides.
        newer: The shipped one was read again since: what changed in it counts nowhere here.
    """

    pack: str
    version: str
    shipped: str
    newer: bool


@dataclass(frozen=True, slots=True)
class Library:
    """Every pack that may be used; one with a fault is not, whatever else it says.

    Attributes:
        papers: What people can hand in, by id.
        unused: Packs of a province's own, as `id version`, that are in force by the store and not
            used; rules that only they had are not known.
        instead: Packs of a province's own that stand in place of a shipped one.
    """

    packs: tuple[Pack, ...] = ()
    papers: Mapping[str, Paper] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()
    unused: frozenset[str] = frozenset()
    instead: tuple[Instead, ...] = ()

    @classmethod
    def read(cls, folder: Path = FOLDER) -> "Library":
        """Read a folder of packs; files that have not changed are not read again."""
        return _read(folder, fingerprint(folder))

    @classmethod
    def _of(cls, folder: Path) -> "Library":
        packs: list[Pack] = []
        try:
            changed = dict(manifest.changed(folder))
            if FILE_NAME in changed:
                raise PackError(changed[FILE_NAME].text)  # noqa: TRY301 - as if they could not be read
            papers = read_papers(folder / FILE_NAME)
        except PackError as error:
            return cls._unusable(folder, error)
        refused = [Refused(name, (one,)) for name, one in changed.items()]
        for one in refused:
            log.error("%s is not used: %s", one.file, one.complaints[0].text)
        for path in pack_files(folder):
            if path.name in changed:
                continue
            try:
                pack = read_pack(path)
                complaints = tuple(lint(pack))
            except PackError as error:
                complaints = (Complaint("pack", str(error)),)
            if complaints:
                refused.append(Refused(path.name, complaints))
                log.error("%s is not used: %s", path.name, complaints[0])
            else:
                packs.append(pack)
        return cls(tuple(packs), papers, tuple(refused))

    @classmethod
    def _unusable(cls, folder: Path, error: PackError) -> "Library":
        """Every pack refused: an error here would stop incidents from being told as well."""
        log.error("no pack is used: %s", error)
        names = [manifest.FILE, *(path.name for path in pack_files(folder))]
        why = (Complaint("pack", str(error)),)
        return cls(refused=tuple(Refused(name, why) for name in names))

    def with_own(self, own: Mapping[str, Pack]) -> "Library":
        """With packs of a province's own, each in place of a shipped one with its id."""
        packs = {**{pack.pack.id: pack for pack in self.packs}, **own}
        return replace(self, packs=tuple(packs[name] for name in sorted(packs)))

    def pack(self, name: str) -> Pack | None:
        """The one with that id."""
        return next((one for one in self.packs if one.pack.id == name), None)

    def keeping(self, before: "Library") -> "Library":
        """With the packs of ``before`` that cannot be used any more: what is in force stays."""
        old = [pack for pack in before.packs if pack.pack.id in self.missing()]
        if not old:
            return self
        return replace(self, packs=(*self.packs, *old), papers=self.papers or before.papers)

    def missing(self) -> frozenset[str]:
        """Ids of packs that are there and cannot be used."""
        there = {pack.pack.id for pack in self.packs}
        return frozenset(Path(one.file).stem for one in self.refused) - there

    def asked_of(self, facility: Facility, inventory: Inventory) -> Iterator[Pack]:
        """Packs a facility is judged by: an optional one only if somebody wants it."""
        wanted = {*inventory.packs, *facility.packs}
        return (one for one in self.packs if not one.pack.optional or one.pack.id in wanted)

    def find(self, row_id: str) -> tuple[Pack, Rule | Deadline] | None:
        """A rule or deadline by its id."""
        for pack in self.packs:
            rows: list[Rule | Deadline] = [*pack.rules, *pack.deadlines]
            for row in rows:
                if row.id == row_id:
                    return pack, row
        return None


@lru_cache(maxsize=2)
def _read(folder: Path, _files: tuple[tuple[str, int, int], ...]) -> Library:
    return Library._of(folder)  # noqa: SLF001 - the two are one


def pack_files(folder: Path) -> Sequence[Path]:
    """Every pack of a folder."""
    return sorted(path for path in folder.glob("*.yml") if path.name != FILE_NAME)


def fingerprint(folder: Path = FOLDER) -> tuple[tuple[str, int, int], ...]:
    """Changes when a file does."""
    files = (path for form in ("*.yml", manifest.FILE) for path in folder.glob(form))
    found = ((path, path.stat()) for path in sorted(files))
    return tuple((path.name, stat.st_mtime_ns, stat.st_size) for path, stat in found)
