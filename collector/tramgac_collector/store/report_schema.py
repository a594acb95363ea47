"""The tables of reports, and what says when the centre was at work.

Times as in ``schema``.
"""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text

from tramgac_collector.store.base import BigId, metadata

# Reports as they were given out. A row is never changed and never forgotten: a paper with its
# number may lie in somebody's file. A year of them takes a few megabytes.
reports = Table(
    "reports",
    metadata,
    Column("number", BigId, primary_key=True, autoincrement=True),
    # Empty: the province; else a facility.
    Column("scope", String(64), nullable=False),
    # As YYYY-MM-DD, in Viet Nam.
    Column("from_day", String(10), nullable=False),
    Column("to_day", String(10), nullable=False),
    Column("known_ms", BigInteger, nullable=False),
    # Each with its version, one a line.
    Column("packs", Text, nullable=False),
    # Canonical JSON of the figures, compressed with zlib; the digest is of the JSON.
    Column("figures", LargeBinary, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("created_by", String(64), nullable=False),
    Index("reports_scope", "scope", "number"),
)

# Spans in which the collector received: a centre that was off has seen nothing, whatever the
# last value before says.
at_work = Table(
    "at_work",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False, index=True),
)
