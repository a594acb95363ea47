"""Rows for store tests."""

from sqlalchemy import Engine, Table, func, insert, select

from tramgac_collector.store import schema

Row = tuple[int, int, int, int, int, bytes]


def add_agent(engine: Engine, agent_id: str = "a1", host: str = "h1") -> None:
    """Register an agent of facility ``f``, site ``s``."""
    with engine.begin() as connection:
        connection.execute(
            insert(schema.agents).values(
                id=agent_id,
                facility="f",
                site="s",
                host=host,
                role="server",
                state="active",
                fingerprint=b"",
                enrolled_ms=0,
            )
        )


def add_epoch(engine: Engine, agent_id: str = "a1", epoch: str = "e1") -> int:
    """Register an agent with one epoch; gives the epoch's id."""
    add_agent(engine, agent_id)
    with engine.begin() as connection:
        result = connection.execute(
            insert(schema.epochs).values(
                agent_id=agent_id, epoch=epoch, created_ms=0, contiguous=0, ranges=b""
            )
        )
        key = result.inserted_primary_key
    if key is None:
        raise LookupError("no key")
    return int(key[0])


def record_row(
    epoch_id: int, seq: int, *, at_ms: int = 1_000, keep: int = 0, payload: bytes = b"x"
) -> Row:
    """A row of ``records``."""
    return (epoch_id, seq, at_ms, at_ms, keep, payload)


def count(engine: Engine, table: Table) -> int:
    """Rows of a table."""
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0
