"""The ledger of tests: who was permitted which, what it loaded and until when, who was refused."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, and_, insert, select, update

from tramgac_collector.lan.history import Past
from tramgac_collector.store.schema import lease_refusals, leases

_COLUMNS = (
    "id", "site", "initiator", "target", "granted_ms", "expires_ms", "max_bytes",
    "direction", "proves", "starts_ms", "until_ms",
)  # fmt: skip
_LOCK_SEPARATOR = "\n"


@dataclass(frozen=True, slots=True)
class Grant:
    """One lease.

    Attributes:
        id: 32 hex digits.
        site: ``facility/site`` of the initiator.
        initiator: Agent id.
        target: As the initiator calls it.
        starts_ms: Before which it is not valid.
        until_ms: When what it loads is free again, if nobody says sooner.
        locks: What it loads, see ``segments``.
    """

    id: str
    site: str
    initiator: str
    target: str
    granted_ms: int
    expires_ms: int
    max_bytes: int
    direction: str
    proves: str
    starts_ms: int
    until_ms: int
    locks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """What a test's initiator said of it.

    Attributes:
        at_ms: From when on what it loaded is free: when it was known here, or a little later.
        bytes: Payload that arrived.
    """

    id: str
    initiator: str
    at_ms: int
    verdict: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger: a grant, and its ending if there was one."""

    grant: Grant
    released_ms: int | None = None
    verdict: str = ""
    bytes: int | None = None

    @property
    def free_ms(self) -> int:
        """From when on others could be granted what it loaded."""
        if self.released_ms is None:
            return self.grant.until_ms
        return min(self.grant.until_ms, self.released_ms)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a test was not granted; many alike are one line.

    Attributes:
        target: Empty where what was asked for is not declared.
        last_ms: The newest of them.
        count: How many.
    """

    initiator: str
    target: str
    direction: str
    proves: str
    code: str
    site: str
    last_ms: int
    count: int


def insert_grant(connection: Connection, grant: Grant) -> None:
    """Write a grant down."""
    row = asdict(grant) | {"locks": _LOCK_SEPARATOR.join(grant.locks)}
    connection.execute(insert(leases).values(**row))


def write_ending(connection: Connection, ending: Ending) -> None:
    """Complete the line of a test; only its own initiator can, and once."""
    connection.execute(
        update(leases)
        .where(
            leases.c.id == ending.id,
            leases.c.initiator == ending.initiator,
            leases.c.released_ms.is_(None),
        )
        .values(released_ms=ending.at_ms, verdict=ending.verdict, bytes=ending.bytes)
    )


def write_refusal(connection: Connection, refusal: Refusal) -> None:
    """Add refusals to their line."""
    table, row = lease_refusals, asdict(refusal)
    same = and_(*(column == row[column.name] for column in table.primary_key))
    found = connection.execute(
        update(table)
        .where(same)
        .values(count=table.c.count + refusal.count, last_ms=refusal.last_ms, site=refusal.site)
    )
    if not found.rowcount:
        connection.execute(insert(table).values(**row))


def read_entries(connection: Connection, since_ms: int, site: str = "") -> list[Entry]:
    """What was granted after ``since_ms``, oldest first.

    Args:
        connection: The store.
        since_ms: Only later ones.
        site: Only tests begun from this ``facility/site``, or from this facility.
    """
    columns = [leases.c[name] for name in _COLUMNS]
    query = (
        select(*columns, leases.c.locks, leases.c.released_ms, leases.c.verdict, leases.c.bytes)
        .where(leases.c.granted_ms > since_ms)
        .order_by(leases.c.granted_ms, leases.c.id)
    )
    found = []
    for row in connection.execute(query):
        *values, locks, released_ms, verdict, count = row
        loaded = tuple(locks.split(_LOCK_SEPARATOR)) if locks else ()
        grant = Grant(**dict(zip(_COLUMNS, values, strict=True)), locks=loaded)
        if _belongs(grant.site, site):
            found.append(Entry(grant, released_ms, verdict, count))
    return found


def _belongs(site: str, wanted: str) -> bool:
    return not wanted or site == wanted or site.partition("/")[0] == wanted


def read_past(connection: Connection, since_ms: int) -> Iterator[Past]:
    """The same, as far as it decides about later tests."""
    names = ("initiator", "target", "direction", "proves", "granted_ms", "verdict")
    rows = connection.execute(
        select(*(leases.c[name] for name in names))
        .where(leases.c.granted_ms > since_ms)
        .order_by(leases.c.granted_ms)
    )
    for row in rows:
        yield Past(*row)


def read_refusals(connection: Connection, since_ms: int, site: str = "") -> list[Refusal]:
    """Refusals whose newest was after ``since_ms``, oldest first; ``site`` as above."""
    columns = [lease_refusals.c[name] for name in Refusal.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(lease_refusals.c.last_ms > since_ms)
        .order_by(lease_refusals.c.last_ms)
    )
    return [one for one in (Refusal(*row) for row in rows) if _belongs(one.site, site)]


def overlaps(entries: Sequence[Entry]) -> list[tuple[str, str, str]]:
    """Pairs of tests that loaded the same thing at the same time: ``(lock, id, id)``.

    Held from the grant to the release or the end of the lease; there must never be any.
    """
    held: dict[str, list[Entry]] = {}
    for entry in entries:
        for lock in entry.grant.locks:
            held.setdefault(lock, []).append(entry)
    return [found for lock, ones in sorted(held.items()) for found in _overlaps(lock, ones)]


def _overlaps(lock: str, entries: Iterable[Entry]) -> Iterator[tuple[str, str, str]]:
    last: Entry | None = None
    for entry in sorted(entries, key=lambda one: one.grant.granted_ms):
        if last is not None and entry.grant.granted_ms < last.free_ms:
            yield lock, last.grant.id, entry.grant.id
        if last is None or entry.free_ms > last.free_ms:
            last = entry
