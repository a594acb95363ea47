"""Records that move from one epoch to another: an outbox put back in time, a relay given up."""

from uuid import uuid4

from tramgac_agent.outbox import database
from tramgac_agent.outbox.encode import OversizedError, SeriesKey
from tramgac_agent.outbox.gaps import Loss, ranges_of
from tramgac_agent.outbox.model import Kind
from tramgac_agent.outbox.store import Store
from tramgac_proto.v1 import fleet_pb2


def start_epoch(store: Store) -> None:
    """Start another epoch with the records that wait, numbered from 1 again.

    Used when the collector knows numbers this file never gave: the file is an older copy of
    itself, and its next records would be taken for ones already stored.
    """
    connection = store.connection
    with database.transaction(connection):
        offset, last = _first_number(store) - 1, store.last_seq()
        rows = connection.execute("SELECT seq FROM records ORDER BY seq").fetchall()
        for (seq,) in rows:
            _renumber(store, seq, offset)
        connection.execute("DELETE FROM sqlite_sequence WHERE name = 'records'")
        # Not the highest that is stored: a gap record may name numbers above it.
        connection.execute("INSERT INTO sqlite_sequence VALUES ('records', ?)", (last - offset,))
        if not rows:
            connection.execute("DELETE FROM series")
        database.put_meta(connection, "epoch", uuid4().hex)
        database.put_meta(connection, "settled", 0)
        database.put_meta(connection, "sent", 0)
    store.reload()


def _first_number(store: Store) -> int:
    """Lowest number that is stored or that a gap record speaks of."""
    firsts = [first for _, record in store.gaps() for first, _ in ranges_of(record.gap)]
    return min([store.oldest_seq() or store.last_seq() + 1, *firsts])


def _renumber(store: Store, seq: int, offset: int) -> None:
    kind, payload = store.connection.execute(
        "SELECT kind, payload FROM records WHERE seq = ?", (seq,)
    ).fetchone()
    if kind == Kind.GAP:
        record = fleet_pb2.Record.FromString(payload)
        for one in record.gap.ranges:
            one.first -= offset
            one.last -= offset
        payload = record.SerializeToString()
    store.rewrite(seq, seq - offset, payload)


def adopt(store: Store, relay: Store, reason: str) -> int:
    """Take over what a relay never sent, and account for the rest of it.

    Its tokens come along: a source that is read again must not repeat what was delivered.

    Args:
        store: Gets the records, under new numbers.
        relay: Is given up.
        reason: Why the relay had to be used.

    Returns:
        Measurements lost: sent but not acknowledged, or given up by the relay itself.
    """
    names = relay.names_by_id()
    rows = relay.connection.execute(
        "SELECT kind, stream, payload FROM records WHERE seq > ? ORDER BY seq",
        (relay.sent_seq(),),
    ).fetchall()
    lost = relay.count() - len(rows)
    try:
        with database.transaction(store.connection):
            for source, token in database.tokens(relay.connection):
                store.take_token(source, token)
            for kind, stream, payload in rows:
                lost += _take_over(store, fleet_pb2.Record.FromString(payload), kind, stream, names)
            if lost:
                now = store.now_ms()
                store.insert_gap(Loss(reason, lost, (), now, now))
    except BaseException:
        store.reload()
        raise
    return lost


def _take_over(
    store: Store, record: fleet_pb2.Record, kind: int, stream: int, names: dict[int, SeriesKey]
) -> int:
    """Store one record of a relay; returns how many measurements could not be kept."""
    if kind == Kind.GAP:
        return record.gap.records
    ids = record.observation.series_ids
    try:
        record.observation.series_ids[:] = [store.intern(names[one]) for one in ids]
    except OversizedError:
        return 1
    store.write(record, kind, stream)
    return 0
