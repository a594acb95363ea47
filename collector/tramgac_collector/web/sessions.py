"""Logins that hold: a random token in the browser, its SHA-256 in the store."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from tramgac_collector.store.schema import accounts, web_sessions
from tramgac_collector.web.accounts import Account, account_of
from tramgac_collector.web.settings import WebSection

TOKEN_BYTES = 32
_MOST_OF_ACCOUNT = 20
_LONGEST_TOKEN = 100


@dataclass(frozen=True, slots=True)
class Session:
    """A login that holds.

    Attributes:
        seen_ms: When its account last did something, as far as it was written down.
    """

    key: str
    account: Account
    seen_ms: int


def form_key(secret: str) -> str:
    """What the forms of a page carry: only who has the cookie's secret can know it."""
    return hmac.new(secret.encode(), b"tramgac form 1", hashlib.sha256).hexdigest()


def new_secret() -> str:
    """A secret that nobody guesses, as a cookie holds it."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def key_of(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def begin(
    connection: Connection, account: Account, web: WebSection, address: str, now_ms: int
) -> str:
    """Begin a login; return its token. Of very many of one account the oldest ends."""
    table = web_sessions.c
    mine = table.account_id == account.id
    kept = select(table.token_sha256).where(mine).order_by(table.begun_ms.desc())
    old = [row[0] for row in connection.execute(kept)][_MOST_OF_ACCOUNT - 1 :]
    if old:
        connection.execute(delete(web_sessions).where(table.token_sha256.in_(old)))
    token = new_secret()
    connection.execute(
        insert(web_sessions).values(
            token_sha256=key_of(token),
            account_id=account.id,
            begun_ms=now_ms,
            seen_ms=now_ms,
            ends_ms=now_ms + int(web.session_hours * 3_600_000),
            address=address[:64],
        )
    )
    connection.execute(update(accounts).where(accounts.c.id == account.id).values(login_ms=now_ms))
    return token


def find(connection: Connection, token: str, web: WebSection, now_ms: int) -> Session | None:
    """The login of a token, if it still holds and its account does."""
    if not 0 < len(token) <= _LONGEST_TOKEN:
        return None
    key = key_of(token)
    row = connection.execute(
        select(accounts, web_sessions.c.seen_ms, web_sessions.c.ends_ms)
        .join_from(web_sessions, accounts)
        .where(web_sessions.c.token_sha256 == key)
    ).one_or_none()
    if row is None or row.state != "active":
        return None
    idle = now_ms - row.seen_ms > web.idle_minutes * 60_000
    return None if idle or now_ms >= row.ends_ms else Session(key, account_of(row), row.seen_ms)


def touch(connection: Connection, session: Session, now_ms: int) -> None:
    """Its account did something."""
    connection.execute(
        update(web_sessions)
        .where(web_sessions.c.token_sha256 == session.key)
        .values(seen_ms=now_ms)
    )


def end(connection: Connection, key: str) -> None:
    """End a login."""
    connection.execute(delete(web_sessions).where(web_sessions.c.token_sha256 == key))
