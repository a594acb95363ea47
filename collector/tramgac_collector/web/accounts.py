"""Accounts of the pages: who they are, what they see; every change is audited."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, insert, select, update

from tramgac_collector.identity.register import note
from tramgac_collector.store.schema import accounts, login_tries, web_sessions
from tramgac_collector.web.passwords import fault_of, hashed
from tramgac_collector.web.tries import who_of

ROLES = ("province", "facility")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
_MOST_FACILITIES = 200
_MOST = 1_000


class AccountRefused(Exception):  # noqa: N818 - an answer to a person
    """It cannot be done; the text says why."""


@dataclass(frozen=True, slots=True)
class Doer:
    """Who changes accounts, and when (ms)."""

    name: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in.

    Attributes:
        facilities: What they may see; None: all of the province.
        duty: They may acknowledge incidents.
        password: As it is stored.
    """

    id: int
    name: str
    facilities: frozenset[str] | None
    duty: bool
    active: bool
    password: str


def account_of(row: Row[Any]) -> Account:
    """The account of a row; what cannot be read sees nothing."""
    facilities: frozenset[str] | None = frozenset(json.loads(row.facilities))
    if row.role == "province":
        facilities = None
    active = row.state == "active"
    return Account(row.id, row.name, facilities, row.duty, active, row.password)


def find(connection: Connection, name: str) -> Account | None:
    """The account of that name."""
    row = connection.execute(select(accounts).where(accounts.c.name == name)).one_or_none()
    return None if row is None else account_of(row)


def _known(connection: Connection, name: str) -> Account:
    account = find(connection, name)
    if account is None:
        raise AccountRefused(f"no account {name}; see `accounts list`")
    return account


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an account is to be."""

    name: str
    role: Literal["province", "facility"]
    facilities: Collection[str] = ()
    duty: bool = False

    def fault(self) -> str:
        """Why it cannot be; empty when it can."""
        if not _NAME.fullmatch(self.name):
            return "a name has 2 to 64 of a-z, 0-9, `.`, `_`, `-`, and begins with one of the first"
        if (self.role == "facility") != bool(self.facilities):
            return "an account of the role `facility` names its facilities, one of `province` none"
        return "" if len(self.facilities) <= _MOST_FACILITIES else "these are too many facilities"


def add(connection: Connection, doer: Doer, wanted: Wanted, password: str) -> None:
    """Make an account.

    Raises:
        AccountRefused: The name is taken, or something about it cannot be.
    """
    if fault := wanted.fault() or fault_of(password, wanted.name):
        raise AccountRefused(fault)
    if find(connection, wanted.name) is not None:
        raise AccountRefused(f"there is an account {wanted.name} already")
    seen = sorted(set(wanted.facilities))
    connection.execute(
        insert(accounts).values(
            name=wanted.name,
            password=hashed(password),
            role=wanted.role,
            facilities=json.dumps(seen),
            duty=wanted.duty,
            state="active",
            created_ms=doer.now_ms,
        )
    )
    what = f"{wanted.role} {' '.join(seen)}{' duty' if wanted.duty else ''}"
    note(connection, doer.now_ms, (doer.name, "account_added", wanted.name), what)


def change_password(connection: Connection, doer: Doer, name: str, password: str) -> None:
    """Give a new password; an account that was disabled may log in again, old logins end.

    Raises:
        AccountRefused: There is no such account, or it is no good password.
    """
    account = _known(connection, name)
    if fault := fault_of(password, name):
        raise AccountRefused(fault)
    values = {"password": hashed(password), "state": "active"}
    connection.execute(update(accounts).where(accounts.c.id == account.id).values(**values))
    _end_all(connection, account)
    note(connection, doer.now_ms, (doer.name, "account_password_changed", name))


def change_facilities(
    connection: Connection, doer: Doer, name: str, facilities: Collection[str]
) -> None:
    """Let an account of facilities see these and no others; its logins end.

    Raises:
        AccountRefused: There is no such account, it is the province's, or these cannot be.
    """
    account = _known(connection, name)
    if account.facilities is None:
        raise AccountRefused(f"{name} is of the province and sees every facility")
    if fault := Wanted(name, "facility", facilities).fault():
        raise AccountRefused(fault)
    seen = sorted(set(facilities))
    values = {"facilities": json.dumps(seen)}
    connection.execute(update(accounts).where(accounts.c.id == account.id).values(**values))
    connection.execute(delete(web_sessions).where(web_sessions.c.account_id == account.id))
    said = f"{' '.join(sorted(account.facilities))} -> {' '.join(seen)}"
    note(connection, doer.now_ms, (doer.name, "account_facilities_changed", name), said)


def disable(connection: Connection, doer: Doer, name: str) -> None:
    """Let nobody log in by it, and end its logins.

    Raises:
        AccountRefused: There is no such account.
    """
    account = _known(connection, name)
    connection.execute(update(accounts).where(accounts.c.id == account.id).values(state="disabled"))
    _end_all(connection, account)
    note(connection, doer.now_ms, (doer.name, "account_disabled", name))


def remove(connection: Connection, doer: Doer, name: str) -> None:
    """Forget it; what it did stays in the audit trail.

    Raises:
        AccountRefused: There is no such account.
    """
    account = _known(connection, name)
    _end_all(connection, account)
    connection.execute(delete(accounts).where(accounts.c.id == account.id))
    note(connection, doer.now_ms, (doer.name, "account_removed", name))


def _end_all(connection: Connection, account: Account) -> None:
    connection.execute(delete(web_sessions).where(web_sessions.c.account_id == account.id))
    connection.execute(delete(login_tries).where(login_tries.c.who == who_of(account.id, "")))


def listing(connection: Connection) -> list[dict[str, Any]]:
    """Every account, by name; no password."""
    rows = connection.execute(select(accounts).order_by(accounts.c.name).limit(_MOST)).all()
    tries = select(login_tries).where(login_tries.c.who.like("account:%"))
    failures = {one.who: one.failures for one in connection.execute(tries)}
    return [
        {
            "name": row.name,
            "role": row.role,
            "facilities": json.loads(row.facilities),
            "duty": row.duty,
            "state": row.state,
            "created_unix_ms": row.created_ms,
            "last_login_unix_ms": row.login_ms,
            "failures": failures.get(who_of(row.id, ""), 0),
        }
        for row in rows
    ]


def sessions(connection: Connection, now_ms: int) -> list[dict[str, Any]]:
    """Every login that has not ended, the newest first."""
    table = web_sessions.c
    query = (
        select(accounts.c.name, table.begun_ms, table.seen_ms, table.ends_ms, table.address)
        .join_from(web_sessions, accounts)
        .where(table.ends_ms > now_ms)
        .order_by(table.begun_ms.desc())
        .limit(_MOST)
    )
    return [
        {
            "account": row.name,
            "begun_unix_ms": row.begun_ms,
            "seen_unix_ms": row.seen_ms,
            "ends_unix_ms": row.ends_ms,
            "address": row.address,
        }
        for row in connection.execute(query)
    ]
