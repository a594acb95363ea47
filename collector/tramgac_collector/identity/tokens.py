"""Enrolment tokens: made once, shown once, stored as a hash, counted by compare-and-set.

Text form: ``tg1.<id>.<secret>.<pin>`` (`docs/formats/token.md`).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from tramgac_collector.identity.codes import HOST, ID, ROLES, Code, Refused
from tramgac_collector.store.schema import tokens

PREFIX = "tg1"
DEFAULT_LIFE_MS = 72 * 3600 * 1000
MAX_TEXT = 256
_PARTS = 4


@dataclass(frozen=True, slots=True)
class TokenTerms:
    """What the holder of a token may enrol.

    Attributes:
        host: Empty for any host of the site. A token for one host may also replace
            the agent that holds the name now.
    """

    facility: str
    site: str
    host: str = ""
    role: str = "server"
    max_uses: int = 1
    life_ms: int = DEFAULT_LIFE_MS

    def problem(self) -> str:
        """What is wrong with the terms, for the person who typed them; empty if nothing."""
        if not ID.fullmatch(self.facility) or not ID.fullmatch(self.site):
            return "facility and site are made of a-z, 0-9 and `-`, at most 64"
        if self.host and not HOST.fullmatch(self.host):
            return "host is made of a-z, 0-9, `-` and `.`, at most 64"
        if self.role not in ROLES:
            return f"role is one of {', '.join(ROLES)}"
        if self.max_uses < 1 or self.life_ms <= 0:
            return "uses and ttl must be above zero"
        return ""


@dataclass(frozen=True, slots=True)
class Token:
    """A row of the table; the secret is not in it."""

    id: str
    facility: str
    site: str
    host: str
    role: str
    max_uses: int
    used: int
    created_ms: int
    expires_ms: int

    def state(self, now_ms: int) -> str:
        """``open``, ``used`` or ``expired``."""
        if now_ms >= self.expires_ms:
            return "expired"
        return "open" if self.used < self.max_uses else "used"


_COLUMNS = [tokens.c[name] for name in Token.__dataclass_fields__]


def _hash(secret: str) -> str:
    # 192 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def create(connection: Connection, terms: TokenTerms, pin: str, now_ms: int) -> str:
    """Store a new token and return its text, which exists nowhere else.

    Raises:
        ValueError: The terms make no sense.
    """
    problem = terms.problem()
    if problem:
        raise ValueError(problem)
    identifier = secrets.token_hex(6)
    secret = secrets.token_urlsafe(24)
    connection.execute(
        insert(tokens).values(
            id=identifier,
            secret_sha256=_hash(secret),
            facility=terms.facility,
            site=terms.site,
            host=terms.host,
            role=terms.role,
            max_uses=terms.max_uses,
            created_ms=now_ms,
            expires_ms=now_ms + terms.life_ms,
        )
    )
    return f"{PREFIX}.{identifier}.{secret}.{pin}"


def listing(connection: Connection) -> list[Token]:
    """Every token, newest first."""
    rows = connection.execute(select(*_COLUMNS).order_by(tokens.c.created_ms.desc()))
    return [Token(*row) for row in rows]


def find(connection: Connection, text: str, now_ms: int) -> Token:
    """The token that ``text`` names and proves to know; its uses are not looked at.

    Raises:
        Refused: ``token_unknown`` or ``token_expired``.
    """
    parts = text.split(".") if len(text) <= MAX_TEXT else []
    if len(parts) != _PARTS or parts[0] != PREFIX:
        raise Refused(Code.TOKEN_UNKNOWN)
    row = connection.execute(
        select(tokens.c.secret_sha256, *_COLUMNS).where(tokens.c.id == parts[1])
    ).one_or_none()
    if row is None or not hmac.compare_digest(row[0], _hash(parts[2])):
        raise Refused(Code.TOKEN_UNKNOWN)
    token = Token(*row[1:])
    if now_ms >= token.expires_ms:
        raise Refused(Code.TOKEN_EXPIRED)
    return token


def spend(connection: Connection, identifier: str, now_ms: int) -> None:
    """Count one use, however many ask at once.

    Raises:
        Refused: ``token_used``: no use was left.
    """
    result = connection.execute(
        update(tokens)
        .where(
            tokens.c.id == identifier,
            tokens.c.used < tokens.c.max_uses,
            tokens.c.expires_ms > now_ms,
        )
        .values(used=tokens.c.used + 1)
    )
    if result.rowcount != 1:
        raise Refused(Code.TOKEN_USED)
