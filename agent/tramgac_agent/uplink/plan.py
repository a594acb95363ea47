"""Which records go next: live ones, the state now, the backlog.

Normally everything unsettled fits one batch and is sent oldest first. When it does not (an
outage ended), the newest record of each stream goes first, then live records as they come,
and beside them the backlog from its oldest end.
"""

from collections.abc import Iterable
from typing import Protocol

from tramgac_agent.outbox import OutboxStats, StoredRecord
from tramgac_proto.limits import MAX_BATCH_BYTES, MAX_BATCH_RECORDS
from tramgac_proto.v1 import fleet_pb2

# Sequence number and framing that the stored size does not count.
_OVERHEAD = 32


class Source(Protocol):
    """The outbox as the plan sees it."""

    def read(
        self, after: int, *, max_records: int, max_bytes: int, upto: int | None = None
    ) -> list[StoredRecord]:
        """Records above ``after``, oldest first."""
        ...

    def newest_per_stream(self, limit: int, max_bytes: int) -> list[StoredRecord]:
        """The newest record of each stream."""
        ...

    def stats(self) -> OutboxStats:
        """Figures."""
        ...


class Plan:
    """What the collector is known to have, and what to send it next.

    Only the last acknowledgement counts: a collector restored from an older backup knows
    less than it once said.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._epoch = ""
        self._contiguous = 0
        self._ranges: tuple[tuple[int, int], ...] = ()
        # While catching up: records up to here are backlog, records above are live.
        self._floor = 0
        # While catching up: live records up to here were acknowledged.
        self._cursor = 0
        self._snapshot_due = False
        self._limit = MAX_BATCH_RECORDS

    @property
    def catching_up(self) -> bool:
        """Whether there is a backlog beside the live records."""
        return self._floor > 0

    @property
    def limit(self) -> int:
        """Most records in one batch now."""
        return self._limit

    def meet(self, stats: OutboxStats) -> None:
        """Start over when the outbox began a new epoch."""
        if stats.epoch != self._epoch:
            self._epoch = stats.epoch
            self._contiguous = stats.settled_seq
            self._ranges = ()
            self._floor = self._cursor = 0

    def live(self) -> list[StoredRecord]:
        """The next batch of a report; empty when there is nothing new."""
        if not self.catching_up:
            found = self._small_queue()
            if found is not None:
                return self._unsettled(found)
        if self._snapshot_due:
            self._snapshot_due = False
            newest = self._source.newest_per_stream(self._limit, self._bytes(MAX_BATCH_BYTES))
            return self._unsettled(newest)
        return self._unsettled(self._read(self._cursor, MAX_BATCH_BYTES))

    def _small_queue(self) -> list[StoredRecord] | None:
        """All that waits; None, and catching up begins, when it is more than one full batch."""
        stats = self._source.stats()
        # After a refusal batches are small on purpose.
        may_be_large = self._limit == MAX_BATCH_RECORDS
        if not may_be_large or stats.bytes < 2 * MAX_BATCH_BYTES:
            found = self._read(self._contiguous, MAX_BATCH_BYTES)
            if not may_be_large or not found or found[-1].seq >= stats.last_seq:
                return found
        self._floor = self._cursor = stats.last_seq
        self._snapshot_due = True
        return None

    def backlog(self, max_bytes: int) -> list[StoredRecord]:
        """The next batch of the backlog; empty when it is done."""
        after = self._contiguous
        while after < self._floor:
            found = self._read(after, max_bytes, self._floor)
            if not found:
                break
            batch = self._unsettled(found)
            if batch:
                return batch
            after = found[-1].seq
        self._floor = self._cursor = 0
        return []

    def _read(self, after: int, max_bytes: int, upto: int | None = None) -> list[StoredRecord]:
        return self._source.read(
            after, max_records=self._limit, max_bytes=self._bytes(max_bytes), upto=upto
        )

    def _bytes(self, max_bytes: int) -> int:
        return min(max_bytes, MAX_BATCH_BYTES) - self._limit * _OVERHEAD

    def _unsettled(self, records: Iterable[StoredRecord]) -> list[StoredRecord]:
        return [
            one
            for one in records
            if one.seq > self._contiguous
            and not any(first <= one.seq <= last for first, last in self._ranges)
        ]

    def acknowledged(self, response: fleet_pb2.ReportResponse, sent: list[StoredRecord]) -> None:
        """Take an answer: it replaces what was believed before."""
        self._contiguous = response.contiguous_seq
        self._ranges = tuple((one.first, one.last) for one in response.ranges)
        if sent and not response.need_series:
            self._limit = min(MAX_BATCH_RECORDS, self._limit * 2)
            top = max(one.seq for one in sent)
            if self.catching_up and top > self._cursor:
                self._cursor = top

    def interrupted(self) -> None:
        """A call failed: what was live may be backlog by the time the next one passes."""
        self._floor = self._cursor = 0

    def too_much(self, sent: list[StoredRecord]) -> int | None:
        """The batch was refused: send half of it next time.

        Returns:
            The number of the record when it was alone.
        """
        if len(sent) == 1:
            return sent[0].seq
        self._limit = max(1, len(sent) // 2)
        return None
