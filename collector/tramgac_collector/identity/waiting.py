"""Applicants that wait for a person: bounded, aged out, told apart by their key."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from tramgac_collector.identity.codes import Code, Refused
from tramgac_collector.store.schema import pending

KEEP_MS = 7 * 86_400_000
MAX_WAITING = 1_000
# So that one address cannot fill the list and lock everybody else out.
MAX_PER_PEER = 100
RETRY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Application:
    """What an unknown machine says of itself; only ``key`` is proved.

    Attributes:
        key: SHA-256 of its public key, hex.
        peer: Address it came from, without the port.
    """

    key: str
    csr_der: bytes
    fingerprint: bytes
    host: str
    version: str
    peer: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row of the list.

    Attributes:
        facility: Not empty once a person approved.
        agent_id: Not empty: a known agent at the quarantine door.
    """

    key: str
    fingerprint: bytes
    host: str
    peer: str
    first_ms: int
    last_ms: int
    facility: str
    site: str
    role: str
    agent_id: str


_COLUMNS = [
    pending.c.public_key_sha256,
    *(pending.c[name] for name in tuple(Waiting.__dataclass_fields__)[1:]),
]


def listing(connection: Connection) -> list[Waiting]:
    """Everyone who waits, longest first."""
    rows = connection.execute(select(*_COLUMNS).order_by(pending.c.first_ms))
    return [Waiting(*row) for row in rows]


def approved(connection: Connection, key: str) -> Waiting | None:
    """The row of that key if a person approved it."""
    row = connection.execute(
        select(*_COLUMNS).where(pending.c.public_key_sha256 == key, pending.c.facility != "")
    ).one_or_none()
    return None if row is None else Waiting(*row)


def _count(connection: Connection, peer: str) -> tuple[int, int]:
    everyone = connection.scalar(select(func.count()).select_from(pending)) or 0
    mine = select(func.count()).select_from(pending).where(pending.c.peer == peer)
    return everyone, connection.scalar(mine) or 0


def hold(connection: Connection, application: Application, agent_id: str, now_ms: int) -> None:
    """Put the applicant on the list, or note that it asked again.

    What a person reads before approving (host, fingerprint) is never changed afterwards.

    Raises:
        Refused: ``pending_full``.
    """
    connection.execute(delete(pending).where(pending.c.last_ms < now_ms - KEEP_MS))
    again = connection.execute(
        update(pending)
        .where(pending.c.public_key_sha256 == application.key)
        .values(last_ms=now_ms, peer=application.peer)
    )
    if again.rowcount:
        return
    everyone, mine = _count(connection, application.peer)
    if everyone >= MAX_WAITING or mine >= MAX_PER_PEER:
        raise Refused(Code.PENDING_FULL, retry_seconds=3600)
    connection.execute(
        insert(pending).values(
            public_key_sha256=application.key,
            csr_der=application.csr_der,
            fingerprint=application.fingerprint,
            host=application.host,
            peer=application.peer,
            first_ms=now_ms,
            last_ms=now_ms,
            agent_id=agent_id,
        )
    )
