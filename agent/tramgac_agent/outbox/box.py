"""The outbox as the rest of the agent knows it: it never raises for storage trouble."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from tramgac_agent.checks.base import Observation
from tramgac_agent.clock import Clock
from tramgac_agent.outbox import database, epochs, thinning
from tramgac_agent.outbox.disk import Disk
from tramgac_agent.outbox.model import OutboxLimits, OutboxStats, StoredRecord
from tramgac_agent.outbox.store import Store
from tramgac_proto.limits import MAX_BATCH_BYTES, MAX_BATCH_RECORDS
from tramgac_proto.v1 import fleet_pb2

T = TypeVar("T")

_RELAY_BYTES = 2 * 1024 * 1024
_EPOCH_PAUSE_SECONDS = 3600.0

log = logging.getLogger(__name__)


class Outbox:
    """Records on disk, or in a small relay in memory while the disk cannot be used.

    Thread-safe. ``append`` stores durably before it returns. When the disk is full or
    read-only, observations go through the relay, under an epoch of its own, so that the
    centre still sees what is wrong. What the relay could not deliver is stored, or written
    off in a gap record, as soon as the disk is back. A damaged file is moved aside.
    """

    def __init__(self, path: Path, limits: OutboxLimits, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._disk = Disk(path, limits, clock)
        self._relay: Store | None = None
        self._next_epoch_at = 0.0

    @classmethod
    def open(cls, path: Path, *, limits: OutboxLimits, clock: Clock) -> "Outbox":
        """Open or create the outbox at ``path``; trouble is a state, not an exception."""
        box = cls(path, limits, clock)
        box.append("", (), valid_seconds=0)
        return box

    def append(self, check: str, observations: Sequence[Observation], *, valid_seconds: int) -> int:
        """Store observations durably and return how many were new.

        Raises:
            ValueError: A series is not in the catalogue. Nothing was stored.
        """
        with self._lock:
            while (store := self._disk.usable()) is not None:
                before = None
                try:
                    before = (store.epoch, store.last_seq())
                    # First, or what the relay delivered would be taken a second time.
                    self._stop_relay(store)
                    stored = store.append(check, observations, valid_seconds)
                except sqlite3.Error as error:
                    self._disk.trouble(error, before)
                    continue
                self._settle_down(store)
                return stored
            return self._relay_append(check, observations, valid_seconds)

    @property
    def durable(self) -> bool:
        """Whether what was appended last is on the disk, not only in memory."""
        with self._lock:
            return self._relay is None

    def _settle_down(self, store: Store) -> None:
        try:
            self._disk.settle_down(store)
        except sqlite3.Error as error:
            self._disk.trouble(error)

    def _relay_append(self, check: str, found: Sequence[Observation], valid_seconds: int) -> int:
        relay = self._active()
        stored = relay.append(check, found, valid_seconds)
        if database.live_bytes(relay.connection) > _RELAY_BYTES:
            steps = (*thinning.POINT_STEPS, thinning.EVENT_STEP)
            thinning.thin(relay, _RELAY_BYTES // 2, steps)
        return stored

    def _stop_relay(self, store: Store) -> None:
        """The disk is back: store what the relay never sent, write off what it may have lost.

        Raises:
            sqlite3.Error: It is not; the relay stays in use, nothing of it is lost.
        """
        relay = self._relay
        if relay is None:
            return
        reason = "disk_full" if self._disk.state == "disk_full" else "readonly"
        self._disk.count(reason, epochs.adopt(store, relay, reason))
        self._relay = None
        relay.close()

    def _active(self) -> Store:
        """The store that is appended to and read from now."""
        store = self._disk.usable()
        if store is not None and self._relay is None:
            return store
        if self._relay is None:
            self._relay = Store(":memory:", self._clock)
            # A source that cannot be tidied up on this disk is read again every minute.
            self._relay.remember(self._disk.tokens())
            log.error("outbox: disk not usable, observations pass through memory")
        return self._relay

    def _with_store(self, work: Callable[[Store], T]) -> T:
        """Run ``work`` on the store in use, again on the next one if the disk fails."""
        with self._lock:
            while (store := self._active()) is not self._relay:
                try:
                    return work(store)
                except sqlite3.Error as error:
                    self._disk.trouble(error)
            return work(store)

    @property
    def epoch(self) -> str:
        """Life of the records now appended and read; 32 hex digits."""
        return self._with_store(lambda store: store.epoch)

    def read(
        self,
        after: int,
        *,
        max_records: int = MAX_BATCH_RECORDS,
        max_bytes: int = MAX_BATCH_BYTES,
        upto: int | None = None,
    ) -> list[StoredRecord]:
        """Records above ``after`` and up to ``upto``, oldest first, at least one if any."""
        return self._with_store(
            lambda store: store.read(after, max_records=max_records, max_bytes=max_bytes, upto=upto)
        )

    def newest_per_stream(
        self, limit: int = MAX_BATCH_RECORDS, max_bytes: int = MAX_BATCH_BYTES
    ) -> list[StoredRecord]:
        """The newest record of each stream: the host's state now, newest first."""
        return self._with_store(lambda store: store.newest_per_stream(limit, max_bytes))

    def series(self, ids: Iterable[int]) -> list[fleet_pb2.Series]:
        """Definitions of series by id; ids that are not known are left out."""
        wanted = tuple(ids)
        return self._with_store(lambda store: store.series(wanted))

    def mark_sent(self, seq: int, epoch: str = "") -> bool:
        """Remember durably that the centre may know numbers up to ``seq`` from now on.

        Those are the records sent and the numbers that gap records among them name.

        Returns:
            False, and nothing is remembered, when ``epoch`` is over: they must not be sent.
        """
        with self._lock:
            if epoch and epoch != self.epoch:
                return False
            self._with_store(lambda store: store.mark_sent(seq))
            return True

    def settle(self, contiguous: int, *, epoch: str = "", highest: int = 0) -> None:
        """Take an acknowledgement: delete everything up to ``contiguous``.

        Args:
            contiguous: Highest number below which nothing is missing at the centre.
            epoch: Epoch the acknowledged call was made in; another one is ignored.
            highest: Highest number the centre knows. One we never sent means that this file
                is an older copy of itself: a new epoch is started, or its next records
                would be taken for ones already stored.
        """
        with self._lock:
            if epoch and epoch != self.epoch:
                return
            top = max(contiguous, highest)
            if top > self._with_store(lambda store: store.sent_seq()):
                self._start_epoch(f"the centre knows record {top}, never sent from here")
            else:
                self._with_store(lambda store: store.settle(contiguous))
                if self._with_store(lambda store: store.crowded and not store.count()):
                    self._start_epoch("too many series, forgetting the old ones")

    def _start_epoch(self, why: str) -> None:
        # Once an hour at most: a collector that talks nonsense must not wear the disk out.
        if time.monotonic() < self._next_epoch_at:
            return
        self._next_epoch_at = time.monotonic() + _EPOCH_PAUSE_SECONDS
        log.error("outbox: new epoch: %s", why)
        self._with_store(epochs.start_epoch)

    def quarantine(self, seq: int, code: str) -> None:
        """Take a record that the centre refuses out of the way; a gap record says so."""
        self._with_store(lambda store: store.quarantine(seq, code))

    def stats(self) -> OutboxStats:
        """The outbox in figures."""
        return self._with_store(self._stats)

    def _stats(self, store: Store) -> OutboxStats:
        return OutboxStats(
            epoch=store.epoch,
            records=store.count(),
            bytes=database.live_bytes(store.connection),
            oldest_seq=store.oldest_seq(),
            last_seq=store.last_seq(),
            settled_seq=store.settled_seq(),
            quarantined=store.quarantined(),
            lost=dict(self._disk.lost),
            state=self._disk.state,
        )

    def close(self) -> None:
        """Close the file; what waits stays."""
        with self._lock:
            if self._relay is not None:
                self.append("", (), valid_seconds=0)
            self._disk.close()
