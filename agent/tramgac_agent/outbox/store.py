"""One SQLite file of records, from append to settled. Raises ``sqlite3.Error`` on trouble."""

import json
import logging
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from tramgac_agent.checks.base import Observation
from tramgac_agent.clock import Clock
from tramgac_agent.outbox import database
from tramgac_agent.outbox.encode import (
    OversizedError,
    SeriesKey,
    encode,
    kind_of,
    series_key,
    stream_hash,
)
from tramgac_agent.outbox.gaps import Loss, between, joined, merge, messages, ranges_of
from tramgac_agent.outbox.model import Kind, StoredRecord
from tramgac_proto.limits import MAX_SERIES_PER_AGENT
from tramgac_proto.v1 import fleet_pb2

TOKENS_KEPT = 2000
QUARANTINE_KEPT = 100
GAP_STREAM = 0
_TORN = "torn"
_VACUUM_PAGES = 2048
_SPARE_PAGES = 64

log = logging.getLogger(__name__)


class Store:
    """The records of one epoch.

    Not thread-safe; ``Outbox`` holds the lock.

    Args:
        path: Database file, or ``:memory:``.
        clock: Stamps the records.
    """

    def __init__(self, path: Path | str, clock: Clock) -> None:
        self.connection = database.connect(path)
        self._clock = clock
        self._boot_id = clock.boot_id()
        self._series: dict[SeriesKey, int] = {}
        self.epoch = ""
        # More series than the collector takes of one epoch; a new epoch forgets old ones.
        self.crowded = False
        self._refused: set[str] = set()
        # A record that was read may be on its way already, as it was then.
        self._handed_out = 0
        try:
            self.reload()
        except BaseException:
            self.close()
            raise

    def reload(self) -> None:
        """Read again what is remembered beside the file (after a rollback or a new epoch)."""
        self.epoch = database.get_meta(self.connection, "epoch")
        rows = self.connection.execute("SELECT id, name, labels FROM series")
        self._series = {
            (name, tuple((one, value) for one, value in json.loads(labels))): number
            for number, name, labels in rows
        }

    def append(self, check: str, observations: Sequence[Observation], valid_seconds: int) -> int:
        """Store observations in one transaction.

        Returns:
            How many observations were new; one whose token is known is not stored again.

        Raises:
            ValueError: A name or label is not in the catalogue; nothing is stored.
        """
        for one in observations:
            for sample in one.samples:
                series_key(sample)
        stored = 0
        try:
            with database.transaction(self.connection):
                for one in observations:
                    if not one.token or self.take_token(check, one.token):
                        stored += self._insert_observation(check, one, valid_seconds)
        except BaseException:
            self.reload()
            raise
        return stored

    def _insert_observation(self, check: str, one: Observation, valid_seconds: int) -> int:
        try:
            message = encode(check, one, valid_seconds, self.intern)
        except OversizedError as error:
            if check not in self._refused:
                self._refused.add(check)
                # No traceback wanted, and once: the check will do the same every minute.
                log.error("outbox: observations refused: %s", error)  # noqa: TRY400
            now = self.now_ms()
            self.insert_gap(Loss("oversized", 1, (), now, now))
            return 0
        record = fleet_pb2.Record(observation=message)
        age_ms = max(0, int(one.age_seconds * 1000))
        self._insert(record, kind_of(one), stream_hash(check, one), age_ms)
        return 1

    def write_off(self, losses: Iterable[Loss]) -> None:
        """Write gap records for what was lost before this file was opened."""
        with database.transaction(self.connection):
            for loss in losses:
                self.insert_gap(loss)

    def insert_gap(self, loss: Loss) -> None:
        """Write down a loss; the caller holds the transaction.

        Gap records that nobody has seen are written anew with what they said joined to
        what is new, so that a long outage does not fill the outbox with gap records.
        """
        slots = []
        if loss.ranges or loss.records:
            slots = [
                (seq, record)
                for seq, record in self.gaps(max(self.sent_seq(), self._handed_out))
                if record.gap.reason == loss.reason
            ]
        found = messages(joined(loss, [record.gap for _, record in slots]))
        for seq, record in slots:
            # One that is not needed any more stays as an empty one: its number was given.
            record.gap.CopyFrom(next(found, fleet_pb2.GapRecord(reason=loss.reason)))
            self.rewrite(seq, seq, record.SerializeToString())
        for gap in found:
            self._insert(fleet_pb2.Record(gap=gap), Kind.GAP, GAP_STREAM)

    def take_back(self, last: int) -> None:
        """Forget the records above ``last``, which nobody has seen, and their numbers."""
        if self.last_seq() > last:
            with database.transaction(self.connection):
                self.connection.execute("DELETE FROM records WHERE seq > ?", (last,))
                self.connection.execute(
                    "UPDATE sqlite_sequence SET seq = ? WHERE name = 'records'", (last,)
                )

    def rewrite(self, seq: int, new_seq: int, payload: bytes) -> None:
        """Replace number and payload of a record; the caller holds the transaction."""
        self.connection.execute(
            "UPDATE records SET seq = ?, crc = ?, payload = ? WHERE seq = ?",
            (new_seq, zlib.crc32(payload), payload, seq),
        )

    def _insert(self, record: fleet_pb2.Record, kind: Kind, stream: int, age_ms: int = 0) -> None:
        record.wall_unix_ms = self.now_ms() - age_ms
        boottime = self._clock.boottime_ms() - age_ms
        if boottime >= 0:
            # What was seen before this boot has no place on its clock.
            record.boottime_ms, record.boot_id = boottime, self._boot_id
        is_point = kind in {Kind.POINT, Kind.FAILED_POINT}
        record.record_class = (
            fleet_pb2.RECORD_CLASS_POINT if is_point else fleet_pb2.RECORD_CLASS_EVENT
        )
        self.write(record, int(kind), stream)

    def write(self, record: fleet_pb2.Record, kind: int, stream: int) -> None:
        """Add a record that is stamped already; the caller holds the transaction."""
        # The sequence number is the row's own and stands nowhere else.
        payload = record.SerializeToString()
        self.connection.execute(
            "INSERT INTO records (wall_ms, kind, stream, crc, payload) VALUES (?, ?, ?, ?, ?)",
            (record.wall_unix_ms, kind, stream, zlib.crc32(payload), payload),
        )

    def remember(self, tokens: Iterable[tuple[str, str]]) -> None:
        """Take tokens over from another store."""
        with database.transaction(self.connection):
            for source, token in tokens:
                self.take_token(source, token)

    def take_token(self, source: str, token: str) -> bool:
        """Remember a token; False when it is known. The caller holds the transaction."""
        cursor = self.connection.execute(
            "INSERT OR IGNORE INTO tokens (source, token) VALUES (?, ?)", (source, token)
        )
        if not cursor.rowcount:
            return False
        self.connection.execute(
            "DELETE FROM tokens WHERE source = :source AND id <= (SELECT id FROM tokens"
            " WHERE source = :source ORDER BY id DESC LIMIT 1 OFFSET :kept)",
            {"source": source, "kept": TOKENS_KEPT},
        )
        return True

    def intern(self, key: SeriesKey) -> int:
        """The id of a series, given on first use; the caller holds the transaction.

        Raises:
            OversizedError: The collector would not take one more series.
        """
        number = self._series.get(key)
        if number is not None:
            return number
        if len(self._series) >= MAX_SERIES_PER_AGENT:
            self.crowded = True
            raise OversizedError(f"{key[0]}: more than {MAX_SERIES_PER_AGENT} series")
        cursor = self.connection.execute(
            "INSERT INTO series (name, labels) VALUES (?, ?)", (key[0], json.dumps(key[1]))
        )
        number = int(cursor.lastrowid or 0)
        self._series[key] = number
        return number

    def read(
        self, after: int, *, max_records: int, max_bytes: int, upto: int | None = None
    ) -> list[StoredRecord]:
        """Records above ``after``, oldest first, within both bounds (at least one).

        A record whose checksum does not fit any more goes to quarantine and is passed over.
        """
        rows = self.connection.execute(
            "SELECT seq, crc, payload FROM records WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (after, upto if upto is not None else self.last_seq(), max_records),
        )
        return self._within(rows, max_bytes)

    def newest_per_stream(self, limit: int, max_bytes: int) -> list[StoredRecord]:
        """The newest record of each stream, gap records left out, newest first."""
        rows = self.connection.execute(
            "SELECT seq, crc, payload FROM records WHERE seq IN (SELECT max(seq) FROM records"
            " WHERE stream != ? GROUP BY stream ORDER BY max(seq) DESC LIMIT ?)"
            " ORDER BY seq DESC",
            (GAP_STREAM, limit),
        )
        return self._within(rows, max_bytes)

    def _within(self, rows: sqlite3.Cursor, max_bytes: int) -> list[StoredRecord]:
        total = 0
        found: list[StoredRecord] = []
        torn: list[int] = []
        for seq, crc, payload in rows:
            if zlib.crc32(payload) != crc:
                torn.append(seq)
                continue
            total += len(payload)
            if found and total > max_bytes:
                break
            found.append(StoredRecord(seq, payload))
            self._handed_out = max(self._handed_out, seq)
        rows.close()
        for seq in torn:
            self.quarantine(seq, _TORN)
        return found

    def series(self, ids: Iterable[int]) -> list[fleet_pb2.Series]:
        """Definitions of series, in the order asked for; unknown ids are left out."""
        names = self.names_by_id()
        found = []
        for number in ids:
            if number not in names:
                continue
            name, labels = names[number]
            one = fleet_pb2.Series(id=number, name=name)
            for label, value in labels:
                one.labels.add(name=label, value=value)
            found.append(one)
        return found

    def names_by_id(self) -> dict[int, SeriesKey]:
        """Every series of this store."""
        return {number: key for key, number in self._series.items()}

    def settle(self, contiguous: int) -> int:
        """Delete everything up to ``contiguous``; returns how many records went."""
        settled = self.settled_seq()
        upto = min(contiguous, self.sent_seq())
        if upto <= settled:
            return 0
        with database.transaction(self.connection):
            gone = self.connection.execute("DELETE FROM records WHERE seq <= ?", (upto,)).rowcount
            database.put_meta(self.connection, "settled", upto)
        self.shrink()
        return gone

    def mark_sent(self, seq: int) -> None:
        """Remember, before it happens, that the centre may know everything up to ``seq``."""
        if seq > self.sent_seq():
            with database.transaction(self.connection):
                database.put_meta(self.connection, "sent", seq)

    def quarantine(self, seq: int, code: str) -> bool:
        """Take one record out of the way, keep a copy, and account for it."""
        row = self.connection.execute(
            "SELECT wall_ms, kind, payload FROM records WHERE seq = ?", (seq,)
        ).fetchone()
        if row is None:
            return False
        log.error("outbox: record %d put in quarantine: %s", seq, code)
        wall, kind, payload = row
        reason = _TORN if code == _TORN else "quarantined"
        ranges = [(seq, seq)]
        if kind == Kind.GAP and reason != _TORN:
            ranges += ranges_of(fleet_pb2.Record.FromString(payload).gap)
        loss = Loss(reason, int(kind != Kind.GAP), tuple(ranges), wall, wall)
        with database.transaction(self.connection):
            self.connection.execute(
                "INSERT INTO quarantine VALUES (?, ?, ?, ?, ?)",
                (seq, self.epoch, wall, code, payload),
            )
            self.connection.execute(
                "DELETE FROM quarantine WHERE rowid <= (SELECT max(rowid) FROM quarantine) - ?",
                (QUARANTINE_KEPT,),
            )
            self.connection.execute("DELETE FROM records WHERE seq = ?", (seq,))
            self.insert_gap(loss)
        if kind == Kind.GAP and reason == _TORN:
            self.audit()  # what it accounted for has lost its account
        return True

    def audit(self) -> int:
        """Account for every number that is neither stored nor in a gap record.

        There is none unless the file was damaged or a person deleted rows; left alone, the
        centre would wait for it for ever. Returns how many were found.
        """
        known = [(1, self.settled_seq())]
        for _, record in self.gaps():
            known += ranges_of(record.gap)
        known += ((seq, seq) for (seq,) in self.connection.execute("SELECT seq FROM records"))
        holes = between(merge(known), self.last_seq())
        if not holes:
            return 0
        number = sum(last - first + 1 for first, last in holes)
        log.error("outbox: %d records have gone without an account", number)
        with database.transaction(self.connection):
            self.insert_gap(Loss(_TORN, number, holes))
        return number

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file and cut it to nothing."""
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def shrink(self) -> None:
        """Give freed pages back to the disk once there are many, a bounded number at a time."""
        if self._number("PRAGMA freelist_count") < _SPARE_PAGES:
            return
        # One page a step: `execute` would free just one, `executescript` runs to the end.
        self.connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")

    def gaps(self, after: int = 0) -> list[tuple[int, fleet_pb2.Record]]:
        """The gap records above ``after``, oldest first, with their numbers."""
        rows = self.connection.execute(
            "SELECT seq, payload FROM records WHERE stream = ? AND kind = ? AND seq > ?"
            " ORDER BY seq",
            (GAP_STREAM, int(Kind.GAP), after),
        )
        return [(seq, fleet_pb2.Record.FromString(payload)) for seq, payload in rows]

    def now_ms(self) -> int:
        """This host's wall clock."""
        return self._clock.wall_ms()

    def count(self) -> int:
        """Records that wait."""
        return self._number("SELECT count(*) FROM records")

    def quarantined(self) -> int:
        """Records kept in quarantine."""
        return self._number("SELECT count(*) FROM quarantine")

    def oldest_seq(self) -> int:
        """Lowest number that waits; 0 when nothing does."""
        return self._number("SELECT coalesce(min(seq), 0) FROM records")

    def last_seq(self) -> int:
        """Highest number ever given in this epoch."""
        return self._number(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0)"
        )

    def settled_seq(self) -> int:
        """Everything up to here was acknowledged and deleted."""
        return int(database.get_meta(self.connection, "settled"))

    def sent_seq(self) -> int:
        """Nothing above this was ever sent."""
        return int(database.get_meta(self.connection, "sent"))

    def _number(self, query: str) -> int:
        return int(self.connection.execute(query).fetchone()[0])

    def close(self) -> None:
        """Close the file; what waits stays."""
        self.connection.close()
