"""The outbox of a running agent, for people: figures, and the records as JSON."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict

from tramgac_agent.outbox import database
from tramgac_agent.outbox.model import Kind
from tramgac_proto.v1 import fleet_pb2


def figures(connection: sqlite3.Connection) -> dict[str, Any]:
    """What waits, in numbers.

    Raises:
        sqlite3.Error: Not an outbox, or damaged.
        KeyError: The same.
    """
    count, oldest_seq, oldest_ms, newest_ms = connection.execute(
        "SELECT count(*), coalesce(min(seq), 0), min(wall_ms), max(wall_ms) FROM records"
    ).fetchone()
    kinds = dict(connection.execute("SELECT kind, count(*) FROM records GROUP BY kind"))
    return {
        "epoch": database.get_meta(connection, "epoch"),
        "records": count,
        "by_kind": {kind.name.lower(): kinds.get(kind, 0) for kind in Kind},
        "bytes": database.live_bytes(connection),
        "oldest_seq": oldest_seq,
        "last_seq": connection.execute(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0)"
        ).fetchone()[0],
        "settled_seq": int(database.get_meta(connection, "settled")),
        "oldest_ms": oldest_ms,
        "newest_ms": newest_ms,
        "series": connection.execute("SELECT count(*) FROM series").fetchone()[0],
        "quarantined": connection.execute("SELECT count(*) FROM quarantine").fetchone()[0],
    }


def lines(connection: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    """Every waiting record, oldest first, series spelled out; then what is in quarantine.

    Raises:
        sqlite3.Error: Not an outbox, or damaged.
    """
    names = {
        number: {"name": name, "labels": dict(json.loads(labels))}
        for number, name, labels in connection.execute("SELECT id, name, labels FROM series")
    }
    for seq, payload in connection.execute("SELECT seq, payload FROM records ORDER BY seq"):
        yield _readable(seq, payload, names)
    for seq, epoch, code, payload in connection.execute(
        "SELECT seq, epoch, code, payload FROM quarantine ORDER BY rowid"
    ):
        yield {**_readable(seq, payload, names), "epoch": epoch, "quarantined": code}


def _readable(seq: int, payload: bytes, names: dict[int, dict[str, Any]]) -> dict[str, Any]:
    record = fleet_pb2.Record.FromString(payload)
    record.seq = seq
    tree: dict[str, Any] = MessageToDict(record, preserving_proto_field_name=True)
    observation = tree.get("observation", {})
    ids, values = observation.pop("series_ids", []), observation.pop("values", [])
    if ids:
        observation["samples"] = [
            {**names.get(one, {"name": f"series {one}"}), "value": value}
            for one, value in zip(ids, values, strict=False)
        ]
    return tree
