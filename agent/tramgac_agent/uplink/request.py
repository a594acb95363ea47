"""Builds report requests: records, the series they need, and how the agent is."""

import os
from collections.abc import Sequence

from tramgac_agent.checks.base import LeaseDesk
from tramgac_agent.clock import Clock
from tramgac_agent.outbox import Outbox, OutboxStats, StoredRecord
from tramgac_proto import __version__
from tramgac_proto.limits import MAX_LEASE_REQUESTS
from tramgac_proto.v1 import fleet_pb2


class Requests:
    """Remembers which series the collector was told in this epoch.

    Args:
        outbox: Knows the series.
        desk: Wishes for throughput tests ride on the next request.
        clock: Stamps the request.
        about: Fingerprint of the machine and hash of the configuration.
    """

    def __init__(
        self, outbox: Outbox, desk: LeaseDesk, clock: Clock, about: fleet_pb2.AgentStatus
    ) -> None:
        self._outbox = outbox
        self._desk = desk
        self._clock = clock
        self._told: set[int] = set()
        self._epoch = ""
        self._about = about
        self._about.version = __version__
        self._about.instance = os.urandom(16)
        self._about.boot_id = clock.boot_id()

    def build(
        self, records: Sequence[StoredRecord], stats: OutboxStats
    ) -> fleet_pb2.ReportRequest | None:
        """The request for ``records``; None when the outbox began a new epoch meanwhile."""
        if stats.epoch != self._epoch:
            self._epoch = stats.epoch
            self._told.clear()
        request = fleet_pb2.ReportRequest(
            epoch=stats.epoch,
            oldest_kept_seq=stats.settled_seq + 1,
            lease_requests=self._desk.take_wishes()[:MAX_LEASE_REQUESTS],
        )
        needed: set[int] = set()
        top = 0
        for record in records:
            message = request.records.add()
            record.fill(message)
            needed.update(message.observation.series_ids)
            top = max(top, record.seq, *(one.last for one in message.gap.ranges))
        request.series.extend(self._outbox.series(sorted(needed - self._told)))
        status = request.status
        status.CopyFrom(self._about)
        status.sent_unix_ms = self._clock.wall_ms()
        status.sent_boottime_ms = self._clock.boottime_ms()
        status.outbox_records = stats.records
        status.outbox_bytes = stats.bytes
        status.last_seq = stats.last_seq
        if records:
            # What is marked is sent: a loss is counted of it if the epoch ends before the answer.
            return request if self._outbox.mark_sent(top, stats.epoch) else None
        return request if self._outbox.epoch == stats.epoch else None

    def answered(self, request: fleet_pb2.ReportRequest, *, need_series: bool) -> None:
        """Take note of what the collector knows now."""
        if need_series:
            self._told.clear()
        else:
            self._told.update(one.id for one in request.series)
