"""Multi-row INSERT, one statement for many rows, on SQLite and PostgreSQL alike.

``executemany`` hands the interpreter lock back and forth once per row; beside a busy event
loop that costs milliseconds a row. One statement for hundreds of rows does it once.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table

Row = tuple[Any, ...]

# Powers of two, so that few distinct statements are prepared; 512 rows of 8 columns stay
# far below SQLite's 32,766 parameters.
_CHUNKS = (512, 128, 32, 8, 4, 2, 1)


def _quote(name: str) -> str:
    return f'"{name}"'


@lru_cache(maxsize=256)
def _statement(
    dialect: str, table: Table, columns: tuple[str, ...], conflict: str, rows: int
) -> str:
    mark = "?" if dialect == "sqlite" else "%s"
    one = "(" + ", ".join([mark] * len(columns)) + ")"
    names = ", ".join(map(_quote, columns))
    # Nothing here comes from outside: table and columns are the schema's own.
    return (
        f"INSERT INTO {_quote(table.name)} ({names}) VALUES "  # noqa: S608
        + ", ".join([one] * rows)
        + f" ON CONFLICT {conflict}"
    )


def _run(
    connection: Connection, table: Table, columns: tuple[str, ...], conflict: str, rows: list[Row]
) -> int:
    dialect, written, at = connection.dialect.name, 0, 0
    for size in _CHUNKS:
        while len(rows) - at >= size:
            sql = _statement(dialect, table, columns, conflict, size)
            flat = tuple(value for row in rows[at : at + size] for value in row)
            written += connection.exec_driver_sql(sql, flat).rowcount
            at += size
    return written


def insert_ignore(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: list[Row]
) -> int:
    """Insert rows; those whose key is there already stay as they are. Return how many were new."""
    return _run(connection, table, columns, "DO NOTHING", rows)


def upsert(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[Row],
    *,
    newer_by: str = "",
) -> None:
    """Insert rows or overwrite those of the same primary key, the last of equal keys winning.

    Args:
        connection: Where to write.
        table: Its primary key columns must be the first of ``columns``.
        columns: Names, in the order of each row.
        rows: Values.
        newer_by: Column that must not become smaller; a row that would is left out.
    """
    keys = len(table.primary_key.columns)
    unique = {row[:keys]: row for row in rows}
    target = ", ".join(map(_quote, columns[:keys]))
    changes = ", ".join(f"{_quote(name)} = excluded.{_quote(name)}" for name in columns[keys:])
    conflict = f"({target}) DO UPDATE SET {changes}"
    if newer_by:
        conflict += f" WHERE excluded.{_quote(newer_by)} >= {_quote(table.name)}.{_quote(newer_by)}"
    _run(connection, table, columns, conflict, list(unique.values()))
