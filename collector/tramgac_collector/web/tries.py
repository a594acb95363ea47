"""Failed logins, in the store: each name and each address is slowed down by itself.

A try is counted before its password is looked at, so that many at once gain nothing, and
taken back when it was right. There are never more rows than accounts, name numbers and
``_MOST_ADDRESSES``.
"""

import hashlib
import ipaddress

from sqlalchemy import Connection, delete, func, insert, select, update

from tramgac_collector.store.schema import login_tries

MINUTE_MS = 60_000
# After so long without a failure all is forgotten.
_FORGET_MS = 60 * MINUTE_MS
_LONGEST_MS = 15 * MINUTE_MS
_FREE_OF_ACCOUNT = 5
# Many people share the address of a hospital.
_FREE_OF_ADDRESS = 20
_NAME_NUMBERS = 4_096
_MOST_ADDRESSES = 10_000
_V6_NETWORK = 64


def who_of(account_id: int | None, name: str) -> str:
    """The row of a name; of one that nobody has, one of a few thousand shared ones."""
    if account_id is not None:
        return f"account:{account_id}"
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % _NAME_NUMBERS
    return f"name:{number}"


def place_of(address: str) -> str:
    """The row of an address; of IPv6 of the network, since one machine has all of it."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "address:unknown"
    if isinstance(known, ipaddress.IPv6Address):
        known = known.ipv4_mapped or known
    if known.version == 4:  # noqa: PLR2004 - IPv4
        return f"address:{known}"
    return f"address:{ipaddress.ip_network((known, _V6_NETWORK), strict=False)}"


def _delay_ms(failures: int, free: int) -> int:
    if failures < free:
        return 0
    return int(min(_LONGEST_MS, MINUTE_MS * 2 ** min(failures - free, 10)))


def wait_ms(connection: Connection, who: str, place: str, now_ms: int) -> int:
    """How long this name and this address have to wait; 0: they may try."""
    wait = 0
    for key, free in ((who, _FREE_OF_ACCOUNT), (place, _FREE_OF_ADDRESS)):
        failures, last_ms = _known(connection, key, now_ms)
        wait = max(wait, min(last_ms, now_ms) + _delay_ms(failures, free) - now_ms)
    return max(0, wait)


def _known(connection: Connection, key: str, now_ms: int) -> tuple[int, int]:
    table = login_tries.c
    row = connection.execute(
        select(table.failures, table.last_ms).where(table.who == key)
    ).one_or_none()
    if row is None or now_ms - row.last_ms > _FORGET_MS:
        return 0, 0
    return int(row.failures), int(row.last_ms)


def count(connection: Connection, who: str, place: str, now_ms: int) -> None:
    """One more try of this name from this address."""
    for key in (who, place):
        failures, _ = _known(connection, key, now_ms)
        values = {"failures": failures + 1, "last_ms": now_ms}
        changed = connection.execute(
            update(login_tries).where(login_tries.c.who == key).values(**values)
        )
        if changed.rowcount == 0:
            connection.execute(insert(login_tries).values(who=key, **values))
    _bound(connection)


def _bound(connection: Connection) -> None:
    addresses = login_tries.c.who.like("address:%")
    number = connection.scalar(select(func.count()).where(addresses)) or 0
    if number > _MOST_ADDRESSES:
        oldest = select(login_tries.c.who).where(addresses).order_by(login_tries.c.last_ms)
        # A tenth at once: this is not done at every try.
        connection.execute(
            delete(login_tries).where(
                login_tries.c.who.in_(oldest.limit(_MOST_ADDRESSES // 10).scalar_subquery())
            )
        )


def take_back(connection: Connection, who: str, place: str) -> None:
    """The password was right: the name is free again, the address has one try less."""
    table = login_tries.c
    connection.execute(delete(login_tries).where(table.who == who))
    connection.execute(
        update(login_tries)
        .where(table.who == place, table.failures > 0)
        .values(failures=table.failures - 1)
    )
