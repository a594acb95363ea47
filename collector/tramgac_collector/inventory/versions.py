"""Every inventory that was in force, in the store; the newest one is."""

import hashlib
import time
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, insert, select

from tramgac_collector.inventory.load import parse_inventory, read_document
from tramgac_collector.store.engine import bump_generation
from tramgac_collector.store.schema import inventories


class Version(NamedTuple):
    """One stored inventory."""

    number: int
    sha256: str
    imported_ms: int
    document: str


def newest(connection: Connection) -> Version | None:
    """The version in force; None before the first import."""
    return _newest_of(connection, select(inventories))


def in_force_at(connection: Connection, at_ms: int) -> Version | None:
    """The version that was in force at a moment; None before the first import."""
    return _newest_of(connection, select(inventories).where(inventories.c.imported_ms <= at_ms))


def _newest_of(connection: Connection, query: Select[Any]) -> Version | None:
    row = connection.execute(query.order_by(inventories.c.version.desc()).limit(1)).first()
    if row is None:
        return None
    return Version(row.version, row.sha256, row.imported_ms, row.document)


def import_inventory(connection: Connection, path: Path) -> Version | None:
    """Put a file into force; the running collector follows within a second.

    Returns:
        The new version, or None when the file is already in force.

    Raises:
        InventoryError: The file cannot be used; nothing was changed.
    """
    document = read_document(path)
    parse_inventory(document, str(path))
    digest = hashlib.sha256(document.encode()).hexdigest()
    old = newest(connection)
    if old is not None and old.sha256 == digest:
        return None
    now_ms = int(time.time() * 1000)
    result = connection.execute(
        insert(inventories).values(sha256=digest, imported_ms=now_ms, document=document)
    )
    bump_generation(connection)
    key = result.inserted_primary_key
    return Version(int(key[0]) if key else 0, digest, now_ms, document)
