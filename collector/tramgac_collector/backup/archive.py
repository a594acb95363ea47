"""What a backup holds, and how it is put back: all of it or nothing."""

import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from tramgac_collector.backup.store import (
    POSTGRESQL_FILE,
    SQLITE_FILE,
    StoreCopyError,
    copy_in_postgresql,
    copy_out,
    holds_tables,
    is_sqlite,
    sqlite_path,
)
from tramgac_collector.backup.vault import VaultError, VaultReader, VaultWriter
from tramgac_collector.identity.ca import FOLDER
from tramgac_proto import __version__
from tramgac_proto.privatefile import private_folder

MANIFEST = "manifest.json"
_KEYS = ("ca.pem", "next.pem", "previous.crt", "lease.key", "lease.pub", "server.pem")
_NAMES = frozenset(
    {MANIFEST, SQLITE_FILE, POSTGRESQL_FILE, *(f"{FOLDER}/{name}" for name in _KEYS)}
)
_SQLITE_SIDES = ("", "-wal", "-shm")


class StateInTheWay(Exception):  # noqa: N818 - a question to the person, not a fault
    """Restoring would replace what is there; the text names it."""


@contextmanager
def _workspace(state_dir: Path) -> Iterator[Path]:
    # Beside the store: same disk, same owner, and never in a folder others can read.
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=state_dir) as folder:
        yield Path(folder)


def save(state_dir: Path, url: str, target: BinaryIO, passphrase: bytes) -> dict[str, Any]:
    """Write store and keys, encrypted; the collector may go on working.

    Returns:
        The manifest.

    Raises:
        StoreCopyError: The store could not be copied.
    """
    with _workspace(state_dir) as folder:
        copied = copy_out(url, folder)
        manifest = {
            "version": __version__,
            "created_ms": time.time_ns() // 1_000_000,
            "store": copied.name,
            "store_bytes": copied.stat().st_size,
        }
        (folder / MANIFEST).write_text(json.dumps(manifest), encoding="ascii")
        writer = VaultWriter(target, passphrase)
        with tarfile.open(mode="w|", fileobj=cast("Any", writer)) as tar:
            tar.add(folder / MANIFEST, MANIFEST)
            for name in _KEYS:
                path = state_dir / FOLDER / name
                if path.exists():
                    tar.add(path, f"{FOLDER}/{name}")
            tar.add(copied, copied.name)
        writer.close()
    return manifest


def _unpack(source: BinaryIO, passphrase: bytes, folder: Path) -> dict[str, Any]:
    """Decrypt everything into ``folder`` before anything else is touched."""
    reader = VaultReader(source, passphrase)
    private_folder(folder / FOLDER)
    try:
        with tarfile.open(mode="r|", fileobj=cast("Any", reader)) as tar:
            for member in tar:
                content = tar.extractfile(member)
                if member.name not in _NAMES or content is None:
                    raise VaultError(f"unexpected entry {member.name!r}")
                path = folder / member.name
                path.touch(mode=0o600)
                with path.open("wb") as file:
                    shutil.copyfileobj(content, file, 1024 * 1024)
    except tarfile.TarError as error:
        raise VaultError(f"damaged inside: {error}") from error
    while not reader.finished:  # tar stops at its own end mark; the last chunk must prove itself
        reader.read(1024 * 1024)
    found = json.loads((folder / MANIFEST).read_bytes())
    return cast("dict[str, Any]", found)


def _check_sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    try:
        answer = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        raise VaultError(f"the store inside is damaged: {error}") from error
    finally:
        connection.close()
    if answer != ("ok",):
        raise VaultError(f"the store inside is damaged: {answer}")


def _in_the_way(state_dir: Path, url: str) -> list[Path]:
    places = [state_dir / FOLDER]
    if is_sqlite(url):
        base = str(sqlite_path(url))
        places += [Path(base + side) for side in _SQLITE_SIDES]
    return [place for place in places if place.exists()]


def _put(folder: Path, name: str, state_dir: Path, url: str) -> None:
    if is_sqlite(url):
        path = sqlite_path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / name, path)
    else:
        copy_in_postgresql(url, folder / name)
    shutil.move(folder / FOLDER, state_dir / FOLDER)
    _give_to_owner(state_dir, url)


def _give_to_owner(state_dir: Path, url: str) -> None:
    """What root restored must be readable by the user the collector runs as."""
    if os.geteuid() != 0:
        return
    owner = state_dir.stat()
    paths = [state_dir / FOLDER, *(state_dir / FOLDER).iterdir()]
    for path in [*paths, sqlite_path(url)] if is_sqlite(url) else paths:
        os.chown(path, owner.st_uid, owner.st_gid)


def restore(
    state_dir: Path, url: str, source: BinaryIO, passphrase: bytes, *, force: bool
) -> tuple[dict[str, Any], list[Path]]:
    """Put store and keys back. The collector must be stopped.

    Returns:
        The manifest, and where the files that were in the way lie now.

    Raises:
        VaultError: Wrong passphrase, damaged or truncated; nothing was changed.
        StateInTheWay: There is a store or a CA, and ``force`` is not given.
        StoreCopyError: The other kind of store, or PostgreSQL refused.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    there = _in_the_way(state_dir, url)
    if there and not force:
        raise StateInTheWay(", ".join(map(str, there)))
    # Tables cannot be moved aside as files are, so they are never replaced unasked.
    if not force and not is_sqlite(url) and holds_tables(url):
        raise StateInTheWay("the tables of the PostgreSQL store, which will not be kept")
    with _workspace(state_dir) as folder:
        manifest = _unpack(source, passphrase, folder)
        name = SQLITE_FILE if is_sqlite(url) else POSTGRESQL_FILE
        if manifest.get("store") != name or not (folder / name).exists():
            raise StoreCopyError(
                f"the backup holds {manifest.get('store')}, the config wants {name}"
            )
        if is_sqlite(url):
            _check_sqlite(folder / name)
        # Moved, not deleted: a mistaken restore can be undone by hand.
        suffix = f".before-{time.strftime('%Y%m%dT%H%M%S')}"
        aside = [place.rename(place.with_name(place.name + suffix)) for place in there]
        _put(folder, name, state_dir, url)
    return manifest, aside
