"""The packs that are shipped, and which of them a facility is judged by."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from tramgac_collector.inventory.model import Facility, Inventory
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


@dataclass(frozen=True, slots=True)
class Library:
    """Every pack that may be used; one with a fault is not, whatever else it says.

    Attributes:
        papers: What people can hand in, by id.
    """

    packs: tuple[Pack, ...] = ()
    papers: Mapping[str, Paper] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()

    @classmethod
    def read(cls, folder: Path = FOLDER) -> "Library":
        """Read a folder of packs; files that have not changed are not read again."""
        return _read(folder, fingerprint(folder))

    @classmethod
    def _of(cls, folder: Path) -> "Library":
        packs: list[Pack] = []
        refused: list[Refused] = []
        for path in pack_files(folder):
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
        return cls(tuple(packs), read_papers(folder / FILE_NAME), tuple(refused))

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
    found = ((path, path.stat()) for path in sorted(folder.glob("*.yml")))
    return tuple((path.name, stat.st_mtime_ns, stat.st_size) for path, stat in found)
