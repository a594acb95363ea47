"""The tables of the test conductor. Times as in ``schema``."""

from sqlalchemy import BigInteger, Column, String, Table, Text

from tramgac_collector.store.base import metadata

leases = Table(
    "leases",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("site", String(160), nullable=False, index=True),
    Column("initiator", String(36), nullable=False),
    Column("target", String(160), nullable=False),
    Column("granted_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("max_bytes", BigInteger, nullable=False),
    Column("direction", String(8), nullable=False, server_default=""),
    Column("proves", String(8), nullable=False, server_default=""),
    Column("starts_ms", BigInteger, nullable=False, server_default="0"),
    Column("until_ms", BigInteger, nullable=False, server_default="0"),
    # What it loads, one a line.
    Column("locks", Text, nullable=False, server_default=""),
    # None until its initiator reports the end.
    Column("released_ms", BigInteger),
    Column("verdict", String(16), nullable=False, server_default=""),
    Column("bytes", BigInteger),
)

lease_refusals = Table(
    "lease_refusals",
    metadata,
    Column("initiator", String(36), primary_key=True),
    Column("target", String(160), primary_key=True),
    Column("direction", String(8), primary_key=True),
    Column("proves", String(8), primary_key=True),
    Column("code", String(32), primary_key=True),
    Column("site", String(160), nullable=False),
    Column("last_ms", BigInteger, nullable=False, index=True),
    Column("count", BigInteger, nullable=False),
)
