"""The tables of the pages: who may look, who is looking, who tried. Times as in ``schema``."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String, Table, Text

from tramgac_collector.store.base import BigId, metadata

# A removed account is gone; what it did stands in the audit trail under its name.
accounts = Table(
    "accounts",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False, unique=True),
    # Argon2id in its own text form, salt and costs included.
    Column("password", String(200), nullable=False),
    # province | facility
    Column("role", String(16), nullable=False),
    # JSON list of ids; of a province account empty.
    Column("facilities", Text, nullable=False, server_default="[]"),
    # May acknowledge incidents.
    Column("duty", Boolean, nullable=False),
    # active | disabled
    Column("state", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("login_ms", BigInteger),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    # Of the token, which only the browser has.
    Column("token_sha256", String(64), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("begun_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger, nullable=False, index=True),
    Column("address", String(64), nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

# Logins that failed, so that a restart gives no free tries. Bounded by web/tries.py.
login_tries = Table(
    "login_tries",
    metadata,
    # account:ID, name:NUMBER (of a name that nobody has) or address:PREFIX
    Column("who", String(80), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_ms", BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)
