"""How the judge fares: a handful of rows, each overwritten in place, so nothing to forget."""

from sqlalchemy import BigInteger, Column, Float, String, Table

from tramgac_collector.store.base import metadata

judge_health = Table(
    "judge_health",
    metadata,
    # A part of the judge, or `facts`: what ingest writes.
    Column("part", String(32), primary_key=True),
    # When it last began a step, and last ended one without a fault; 0: not since the start.
    Column("turn_ms", BigInteger, nullable=False),
    Column("done_ms", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    # Since the judge began.
    Column("failures", BigInteger, nullable=False),
)
