"""The reporting loop: one thread, one call at a time."""

import logging
import threading
from collections import Counter
from dataclasses import dataclass, replace
from random import SystemRandom
from typing import Any, Literal

from tramgac_agent.backoff import TRUSTED_CAP_SECONDS, UNTRUSTED_CAP_SECONDS, Backoff
from tramgac_agent.checks.base import LeaseDesk
from tramgac_agent.clock import Clock
from tramgac_agent.config import Config
from tramgac_agent.lean_grpc import grpc
from tramgac_agent.outbox import Outbox, OutboxStats, StoredRecord
from tramgac_agent.uplink.channel import IdentitySource, Link, Links, open_channel
from tramgac_agent.uplink.failure import Failure
from tramgac_agent.uplink.failure import judge as judge_error
from tramgac_agent.uplink.pace import Pace
from tramgac_agent.uplink.plan import Plan
from tramgac_agent.uplink.renewal import Renewal
from tramgac_agent.uplink.request import Requests
from tramgac_agent.uplink.status import UplinkStatus, write_status
from tramgac_agent.uplink.turns import Turns
from tramgac_proto.limits import REPORT_DEADLINE_SECONDS
from tramgac_proto.v1 import fleet_pb2

_COMPRESS_OVER = 1024
_NO_IDENTITY_SECONDS = 5.0
_BUG_SECONDS = 30.0
_SPLIT_SECONDS = 0.5
# A child that asks for a certificate has it by then.
_CHILD_SECONDS = 10.0
_UNKNOWN = "agent_unknown"
_MAX_SERIES_TRIES = 2
_MAX_CODES = 50

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One call to be made."""

    kind: Literal["report", "heartbeat", "backlog", "probe"]
    records: list[StoredRecord]


class Uplink:
    """Reports to the collector until stopped.

    Args:
        outbox: What is to be carried.
        source: This host's identity; enrolment and renewal replace it under our feet.
        config: ``[collector]``, state folder, digest.
        desk: Throughput wishes out, leases in.
        clock: This host's clocks.
    """

    def __init__(
        self,
        outbox: Outbox,
        source: IdentitySource,
        config: Config,
        desk: LeaseDesk,
        clock: Clock,
    ) -> None:
        self._outbox = outbox
        self._source = source
        self._config = config
        self._desk = desk
        self._clock = clock
        section = config.collector
        self._links = Links(
            source, lambda one: open_channel(one, section.address, section.server_name)
        )
        self._plan = Plan(outbox)
        self._pace = Pace()
        self._turns = Turns(section.report_seconds)
        self._backoff = Backoff(min(section.report_seconds / 2, TRUSTED_CAP_SECONDS))
        self._renewal = Renewal(config.path)
        self._requests: Requests | None = None
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._status = UplinkStatus()
        self._status_kept = True
        self._failures = 0
        self._refusals: Counter[str] = Counter()
        self._series_tries = 0
        # A record refused when it was alone, and whether a bare call passed since.
        self._suspect: tuple[int, bool] | None = None

    @property
    def status(self) -> UplinkStatus:
        """How reporting goes."""
        return self._status

    def start(self) -> None:
        """Begin to report."""
        # After a power cut a whole hospital starts at once.
        self._turns.hold(SystemRandom().uniform(0.0, self._config.collector.report_seconds / 12))
        self._thread.start()

    def wake(self) -> None:
        """An event was stored: report soon instead of at the next turn."""
        self._woken.set()

    def stop(self, timeout: float) -> None:
        """End the loop; a call under way is cancelled, what waits stays in the outbox."""
        self._stopping.set()
        self._woken.set()
        self._links.close()
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._renewal.stop()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                wait = self._step()
            except Exception:  # a bug here must not end reporting for ever
                log.exception("uplink: step failed")
                wait = _BUG_SECONDS
            if wait > 0 and self._woken.wait(wait):
                self._woken.clear()
                self._turns.pull_forward()
        self._links.close()
        self._say(state="stopped", reason="")

    def _step(self) -> float:
        """Make the next call if one is due; returns seconds until the next step."""
        held = self._turns.held_seconds()
        if held:
            return held
        link = self._links.current()
        if link is None:
            self._say(state="failing", reason="no_identity")
            return _NO_IDENTITY_SECONDS
        stats = self._outbox.stats()
        self._plan.meet(stats)
        call = self._choose()
        if call is None:
            return self._idle_seconds()
        self._make(link, call, stats)
        return 0.0

    def _choose(self) -> Call | None:
        """What goes now; None when nothing is due."""
        if self._suspect and not self._suspect[1]:
            return Call("probe", [])
        if self._turns.report_due():
            return Call("report", self._plan.live())
        if self._plan.catching_up and not self._pace.wait_seconds():
            records = self._plan.backlog(self._pace.batch_bytes)
            if records:
                return Call("backlog", records)
        return Call("heartbeat", []) if self._turns.beat_due() else None

    def _idle_seconds(self) -> float:
        idle = self._turns.idle_seconds()
        return min(idle, self._pace.wait_seconds()) if self._plan.catching_up else idle

    def _make(self, link: Link, call: Call, stats: OutboxStats) -> None:
        request = self._request(call, stats)
        if request is None:
            return
        large = request.ByteSize() > _COMPRESS_OVER
        try:
            response = link.stub.Report(
                request,
                timeout=REPORT_DEADLINE_SECONDS,
                compression=grpc.Compression.Gzip if large else None,
            )
        except grpc.RpcError as error:
            failure = judge_error(error, link.identity.judge(self._clock.wall_ms()))
            self._failed(link, call, failure)
        except ValueError:
            # stop() closed the channel before the call began.
            if not self._stopping.is_set():
                raise
        else:
            self._links.succeeded(link)
            self._answered(link, call, request, response)

    def _request(self, call: Call, stats: OutboxStats) -> fleet_pb2.ReportRequest | None:
        if self._requests is None:
            about = fleet_pb2.AgentStatus(
                fingerprint=self._source.fingerprint(), config_hash=self._config.digest
            )
            self._requests = Requests(self._outbox, self._desk, self._clock, about)
        return self._requests.build(call.records, stats)

    def _answered(
        self,
        link: Link,
        call: Call,
        request: fleet_pb2.ReportRequest,
        response: fleet_pb2.ReportResponse,
    ) -> None:
        self._backoff.reset()
        self._failures = 0
        self._turns.called(report=call.kind == "report")
        if call.kind == "backlog":
            self._pace.spend(sum(one.size for one in call.records))
        if call.kind == "probe" and self._suspect:
            self._suspect = (self._suspect[0], True)
            self._turns.report_now()
        elif call.records:
            self._suspect = None
        self._take(call, request, response)
        verdict = link.identity.judge(self._clock.wall_ms())
        self._renewal.consider(verdict, asked=response.renew_certificate)
        self._say(
            state="ok",
            reason="",
            detail="",
            last_ok_ms=self._clock.wall_ms(),
            offset_ms=response.clock_offset_ms,
            certificate=verdict,
        )

    def _take(
        self, call: Call, request: fleet_pb2.ReportRequest, response: fleet_pb2.ReportResponse
    ) -> None:
        """Act on what the collector said."""
        tops = [response.contiguous_seq, *(one.last for one in response.ranges)]
        self._outbox.settle(response.contiguous_seq, epoch=request.epoch, highest=max(tops))
        full = len(call.records) >= self._plan.limit
        self._plan.acknowledged(response, call.records)
        if self._requests is not None:
            self._requests.answered(request, need_series=response.need_series)
        self._desk.offset_ms = response.clock_offset_ms
        self._desk.refuse(response.lease_refusals)
        self._desk.grant(response.leases)
        self._pace.allow(response.backlog_bytes_per_second)
        self._count_refusals(response)
        self._series_tries = self._series_tries + 1 if response.need_series else 0
        if self._series_tries > _MAX_SERIES_TRIES:
            log.warning("uplink: the collector asks for series definitions again and again")
        elif response.need_series or full:
            self._turns.report_now()
        if response.retry_after_ms:
            seconds = min(response.retry_after_ms / 1000.0, UNTRUSTED_CAP_SECONDS)
            # Spread, or all who were sent away would be back together.
            self._turns.hold(seconds * SystemRandom().uniform(1.0, 1.25))

    def _count_refusals(self, response: fleet_pb2.ReportResponse) -> None:
        for refusal in response.refusals:
            code = refusal.code[:64]
            if code not in self._refusals:
                log.error("uplink: the collector refused record %d: %s", refusal.seq, code)
            if code in self._refusals or len(self._refusals) < _MAX_CODES:
                self._refusals[code] += 1

    def _failed(self, link: Link, call: Call, failure: Failure) -> None:
        if self._stopping.is_set():
            return
        if failure.batch and call.records:
            self._split(call, failure)
            return
        self._suspect = None
        self._failures += 1
        self._links.failed(link, deadline=failure.deadline)
        if not failure.retry_after:
            # The line broke: the first call after is a report of the state then.
            self._plan.interrupted()
            self._turns.report_now()
        verdict = link.identity.judge(self._clock.wall_ms())
        wait = max(self._backoff.next(trusted=failure.trusted), failure.retry_after)
        if self._renewal.consider(failure.reason if failure.reason == _UNKNOWN else verdict):
            wait = min(wait, SystemRandom().uniform(3.0, _CHILD_SECONDS))
        self._turns.hold(wait)
        if failure.reason != self._status.reason and not failure.retry_after:
            log.warning("uplink: %s: %s", failure.reason, failure.detail)
        self._say(
            state="failing" if failure.trusted else "refused",
            reason=failure.reason,
            detail=failure.detail,
            certificate=verdict,
        )

    def _split(self, call: Call, failure: Failure) -> None:
        """The batch may be at fault: halve it, down to the one record that is refused.

        That one goes to quarantine only if a bare call passes and it is refused once more:
        a collector without room refuses everything.
        """
        alone = self._plan.too_much(call.records)
        if alone is None:
            self._suspect = None
        elif self._suspect == (alone, True):
            self._outbox.quarantine(alone, failure.reason)
            self._suspect = None
        else:
            self._suspect = (alone, False)
        self._turns.report_now()
        self._turns.hold(max(failure.retry_after, SystemRandom().uniform(0.0, _SPLIT_SECONDS)))

    def _say(self, **changes: Any) -> None:  # noqa: ANN401 - fields of UplinkStatus
        """Replace the status and its file."""
        stats = self._outbox.stats()
        self._status = replace(
            self._status,
            at_ms=self._clock.wall_ms(),
            failures=self._failures,
            backlog_records=stats.records,
            backlog_bytes=stats.bytes,
            catching_up=self._plan.catching_up,
            outbox_state=stats.state,
            refusals=dict(self._refusals),
            **changes,
        )
        try:
            write_status(self._config.state_dir, self._status)
        except OSError as error:
            if self._status_kept:
                log.warning("uplink: status file not written: %s", error)
            self._status_kept = False
        else:
            self._status_kept = True
