"""Packs of a province's own: signed files in a folder, and what of them is in force.

A pack comes into force once: signed by a trusted key, without fault, newer than what is in force.
From then on its text stands in the store, so that a file that is changed, spoilt or lost later
changes nothing. What is refused is said, and what was in force before stays.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select, update

from tramgac_collector.config import RulesSection
from tramgac_collector.identity.register import note
from tramgac_collector.rules.engine import day_of
from tramgac_collector.rules.library import Instead, Library, Refused, fingerprint
from tramgac_collector.rules.lint import Complaint, lint
from tramgac_collector.rules.pack import Deadline, Pack, PackError, Rule, parse_pack, version_key
from tramgac_collector.rules.papers import unlisted
from tramgac_collector.rules.signing import SUFFIX, Keys, read_keys, signer_of
from tramgac_collector.store import schema
from tramgac_collector.store.bulk import upsert
from tramgac_collector.store.engine import bump_generation, reading

_MOST_FILES = 64
_MOST_BYTES = 512 * 1024
_ENDINGS = (".yml", f".yml{SUFFIX}")
_COLUMNS = tuple(schema.packs_in_force.columns.keys())

log = logging.getLogger(__name__)


class Held(NamedTuple):
    """A pack that is or was in force.

    Attributes:
        key_sha256: Of the key that signed it.
        withdrawn_ms: Since when it is not in force any more.
    """

    id: str
    version: str
    sha256: str
    key_sha256: str
    text: str
    since_ms: int
    withdrawn_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What is in a folder: what comes into force, and what does not, and why."""

    taken: tuple[Held, ...] = ()
    refused: tuple[Refused, ...] = ()


def read_held(connection: Connection) -> dict[str, Held]:
    """Every pack ever in force, by id."""
    rows = connection.execute(select(schema.packs_in_force).order_by(schema.packs_in_force.c.id))
    return {row.id: Held(*row) for row in rows}


def library_of(connection: Connection) -> Library:
    """Shipped packs with the province's own that are in force."""
    return with_own(Library.read(), read_held(connection))


def with_own(shipped: Library, held: Mapping[str, Held]) -> Library:
    """The same with packs of the province's own; of two with one id the higher version counts."""
    own: dict[str, Pack] = {}
    refused: list[Refused] = []
    instead: list[Instead] = []
    for one in held.values():
        if one.withdrawn_ms is not None:
            continue
        pack, faults = _usable(one, shipped)
        if pack is None or faults:
            # By hand, by a version that is stricter, or because what is shipped has overtaken it.
            refused.append(Refused(f"{one.id}.yml", faults))
            continue
        own[one.id] = pack
        if (hidden := shipped.pack(one.id)) is not None:
            newer = _read_after(hidden, one.since_ms)
            instead.append(Instead(one.id, one.version, hidden.pack.version, newer))
    there = {f"{one.id} {one.version}" for one in held.values() if one.withdrawn_ms is None}
    used = {f"{name} {pack.pack.version}" for name, pack in own.items()}
    return replace(
        shipped.with_own(own),
        refused=(*shipped.refused, *refused),
        unused=frozenset(there - used),
        instead=tuple(instead),
    )


def _usable(one: Held, shipped: Library) -> tuple[Pack | None, tuple[Complaint, ...]]:
    """A pack that is held, and why it cannot be used if it cannot."""
    try:
        pack = _parsed(one.text, one.id)
    except PackError as error:
        return None, (Complaint("pack", str(error)),)
    # A shipped pack of a later version may have taken an id.
    faults = [*lint(pack), *(Complaint("pack", text) for text in _doubles(pack, shipped))]
    there = shipped.pack(one.id)
    if there is not None and version_key(pack.pack.version) <= version_key(there.pack.version):
        why = f"version {one.version}, but {there.pack.version} is shipped and counts"
        faults.append(Complaint("pack", f"{why}; raise the version, or `rules withdraw` it"))
    return pack, tuple(faults)


def _read_after(there: Pack, since_ms: int) -> bool:
    """Whether somebody compared a shipped pack with its text later than their own came in."""
    read = there.pack.verified_on
    return read is not None and read > day_of(since_ms)


@lru_cache(maxsize=_MOST_FILES)
def _parsed(text: str, name: str) -> Pack:
    return parse_pack(text, f"{name} in force")


def look(section: RulesSection, shipped: Library, held: Mapping[str, Held], now_ms: int) -> Looked:
    """What of the folder comes into force; nothing is written.

    Raises:
        PackError: The folder or a trusted key cannot be read.
    """
    if not section.folder:
        return Looked()
    keys = read_keys(section.trusted_keys)
    taken: dict[str, Held] = {}
    refused: list[Refused] = []
    for path in own_files(Path(section.folder)):
        library = with_own(shipped, {**held, **taken})
        try:
            one = _considered(path, keys, library, held.get(path.stem))
        except PackError as error:
            refused.append(Refused(path.name, (Complaint("pack", str(error)),)))
            continue
        if one is not None:
            taken[one.id] = one._replace(since_ms=now_ms)
    return Looked(tuple(taken.values()), tuple(refused))


def own_files(folder: Path) -> Sequence[Path]:
    """Packs in a folder of a province's own.

    Raises:
        PackError: It cannot be read, or holds too many.
    """
    try:
        # Where it may not look, glob would find nothing and say nothing.
        found = sorted(path for path in folder.iterdir() if _is_pack(path))
    except OSError as error:
        why = f"{folder} is no folder that can be read: {error.strerror}"
        raise PackError(f"[rules] folder: {why}") from error
    if len(found) > _MOST_FILES:
        raise PackError(f"[rules] folder: {folder} holds more than {_MOST_FILES} packs")
    return found


def _is_pack(path: Path) -> bool:
    return path.suffix == ".yml" and path.is_file()


def _considered(path: Path, keys: Keys, library: Library, held: Held | None) -> Held | None:
    """A file that comes into force; None for one that is already.

    Raises:
        PackError: It does not, and why.
    """
    data = read_own(path)
    signer = signer_of(path, data, keys)
    digest = hashlib.sha256(data).hexdigest()
    if held is not None and held.sha256 == digest and held.withdrawn_ms is None:
        return None
    text, pack = checked(path, data)
    for fault in _misfits(pack, library, held):
        raise PackError(f"{path}: {fault}")
    return Held(pack.pack.id, pack.pack.version, digest, signer, text, 0)


def read_own(path: Path) -> bytes:
    """Bytes of a pack.

    Raises:
        PackError: It cannot be read or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise PackError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise PackError(f"{path}: larger than {_MOST_BYTES // 1024} KiB")
    return data


def checked(path: Path, data: bytes) -> tuple[str, Pack]:
    """Text and tree of a pack without fault.

    Raises:
        PackError: It has one.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PackError(f"{path}: not UTF-8 at byte {error.start}") from None
    pack = parse_pack(text, str(path))
    for fault in lint(pack):
        raise PackError(f"{path}: {fault.place}: {fault.text}")
    if pack.pack.id != path.stem:
        raise PackError(f"{path}: its id is {pack.pack.id}; name the file {pack.pack.id}.yml")
    return text, pack


def _misfits(pack: Pack, library: Library, held: Held | None) -> Iterator[str]:
    """What keeps a pack without fault of its own from coming into force here."""
    head = pack.pack
    found = library.pack(head.id)
    there = None if found is None else found.pack
    versions = [one.version for one in (there, held) if one is not None]
    newest = max(versions, key=version_key, default="")
    if newest and version_key(head.version) <= version_key(newest):
        gone = held is not None and held.withdrawn_ms is not None
        why = (
            "was in force and taken back"
            if gone and newest == held_version(held)
            else "is in force"
        )
        yield f"version {head.version}, but {head.id} {newest} {why}; raise the version"
    yield from _doubles(pack, library)
    for place, name in unlisted(pack, library.papers):
        yield f"{place}: nobody can hand in `{name}`; `attest list --known` names what can be"


def _doubles(pack: Pack, library: Library) -> Iterator[str]:
    """Rules and deadlines that another pack has: one result cannot be of two."""
    rows: list[Rule | Deadline] = [*pack.rules, *pack.deadlines]
    for row in rows:
        found = library.find(row.id)
        if found is not None and found[0].pack.id != pack.pack.id:
            yield f"{row.id}: {found[0].pack.id} has this id already; choose another"


def held_version(held: Held | None) -> str:
    """Version of what is or was in force."""
    return "" if held is None else held.version


def take(connection: Connection, taken: Sequence[Held], now_ms: int, actor: str) -> None:
    """Bring packs into force, with a line each in the audit trail."""
    if not taken:
        return
    upsert(connection, schema.packs_in_force, _COLUMNS, [tuple(one) for one in taken])
    for one in taken:
        said = f"{one.version}, sha256 {one.sha256}, signed by {one.key_sha256}"
        note(connection, now_ms, (actor, "pack_in_force", one.id), said)
    bump_generation(connection)


def withdraw(connection: Connection, pack_id: str, now_ms: int) -> bool:
    """Take a pack out of force; whether there was one."""
    table = schema.packs_in_force
    here = (table.c.id == pack_id) & table.c.withdrawn_ms.is_(None)
    return bool(connection.execute(update(table).where(here).values(withdrawn_ms=now_ms)).rowcount)


def distrusted(section: RulesSection, held: Mapping[str, Held]) -> list[Refused]:
    """Packs in force whose key is not trusted any more; they stay until they are withdrawn.

    Raises:
        PackError: A trusted key cannot be read.
    """
    keys = read_keys(section.trusted_keys)
    text = "in force, signed by a key that is no more in [rules] trusted_keys: `rules withdraw` it"
    return [
        Refused(f"{one.id}.yml", (Complaint("pack", text),))
        for one in held.values()
        if one.withdrawn_ms is None and one.key_sha256 not in keys
    ]


def with_refusals(section: RulesSection, connection: Connection) -> Library:
    """What is in force, and everything that is refused or doubtful now, with why."""
    held, shipped = read_held(connection), Library.read()
    try:
        refused = [*look(section, shipped, held, 0).refused, *distrusted(section, held)]
    except PackError as error:
        refused = [Refused(section.folder or "[rules]", (Complaint("pack", str(error)),))]
    library = with_own(shipped, held)
    return replace(library, refused=(*library.refused, *refused))


def _stamp(section: RulesSection) -> tuple[object, ...]:
    files = [Path(one) for one in section.trusted_keys]
    if section.folder:
        folder = Path(section.folder)
        files.append(folder)
        with suppress(OSError):
            files += [one for one in folder.iterdir() if one.name.endswith(_ENDINGS)]
    return tuple((str(one), *_state(one)) for one in sorted(files))


def _state(file: Path) -> tuple[int, int]:
    """Changes when the file does; one that cannot be seen is told of by whoever reads it."""
    try:
        stat = file.stat()
    except OSError as error:
        return -1, error.errno or 0
    return stat.st_mtime_ns, stat.st_size


@dataclass(slots=True)
class Province:
    """What the judge knows of packs; looks again when a file or what is in force changed."""

    _seen: tuple[object, ...] = ()
    _refused: tuple[Refused, ...] = field(default=())

    def look(self, engine: Engine, section: RulesSection, now_ms: int) -> Library | None:
        """The packs to judge by; None if nothing changed.

        Raises:
            PackError: The shipped ones cannot be read.
        """
        with reading(engine) as connection:
            held = read_held(connection)
        seen = (fingerprint(), _stamp(section), [one[:4] + one[6:] for one in held.values()])
        if seen == self._seen:
            return None
        shipped = Library.read()
        try:
            found = look(section, shipped, held, now_ms)
        except PackError as error:
            found = Looked(refused=(Refused(section.folder, (Complaint("pack", str(error)),)),))
        for one in found.refused:
            if one not in self._refused:
                log.error("%s is not used: %s", one.file, one.complaints[0].text)
        if found.taken:
            with engine.begin() as connection:
                take(connection, found.taken, now_ms, "judge")
            held = {**held, **{one.id: one for one in found.taken}}
        self._refused = found.refused
        self._seen = (*seen[:2], [one[:4] + one[6:] for one in held.values()])
        return with_own(shipped, held)
