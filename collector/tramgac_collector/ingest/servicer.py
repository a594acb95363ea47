"""``FleetService.Report``: take in, store, show, acknowledge. In this order."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from tramgac_collector.facts.ledger import FactLedger, rows_of
from tramgac_collector.identity.clones import CloneWatch
from tramgac_collector.identity.register import note_clone
from tramgac_collector.identity.registry import RegisteredAgent
from tramgac_collector.ingest.admission import BUSY_RETRY_MS, Admission, Refused
from tramgac_collector.ingest.arrival import Arrival
from tramgac_collector.ingest.intake import Intake, Reader
from tramgac_collector.ingest.plans import Rules
from tramgac_collector.ingest.session import Agent, Session, TooManyEpochs, load_session
from tramgac_collector.ingest.validate import BadBatch, check_request, plain_version
from tramgac_collector.lan.conductor import Conductor
from tramgac_collector.live.state import LiveState
from tramgac_collector.store.records import LOST_AT_CENTRE
from tramgac_collector.store.writer import Stored, StoreUnavailable, Writer
from tramgac_proto.limits import MAX_LEASE_REQUESTS
from tramgac_proto.v1 import fleet_pb2

Context = grpc.aio.ServicerContext[Any, Any]

_LOST = "tramgac_agent_lost_records"
_EPOCHS_RETRY_MS = 600_000
# Above this share of the queue agents are told to slow down.
_DEEP = 0.25
_MIN_BACKLOG_RATE = 500

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """Counts since the start; copied to the metrics once a second, so that a call costs no lock."""

    reports: int = 0
    bytes: int = 0
    records: int = 0
    samples: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    ack_seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Settings:
    """Numbers of the configuration the servicer needs.

    Attributes:
        renewal_due: Whether an agent should renew its certificate now.
    """

    series_per_agent: int
    backlog_bytes_per_second: int
    queue_batches: int
    renewal_due: Callable[[RegisteredAgent, int], bool]


@dataclass(slots=True)
class Centre:
    """The parts of the ingest process a report touches."""

    admission: Admission
    writer: Writer
    live: LiveState
    facts: FactLedger
    conductor: Conductor
    clones: CloneWatch
    rules: Rules
    settings: Settings
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    tally: Tally = field(default_factory=Tally)


class FleetServicer:
    """The reporting door. Takes raw bytes: they are counted and judged before parsing."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre

    def handler(self) -> grpc.GenericRpcHandler:
        """What ``server.add_generic_rpc_handlers`` wants."""
        method: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(
            self.report,
            request_deserializer=None,
            response_serializer=fleet_pb2.ReportResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(
            "tramgac_proto.v1.FleetService", {"Report": method}
        )

    async def report(self, raw: bytes, context: Context) -> fleet_pb2.ReportResponse:
        """Handle one call."""
        centre, started = self._centre, time.perf_counter()
        admission = centre.admission
        admission.inflight_bytes += len(raw)
        try:
            agent, registered = admission.admit(context.auth_context(), len(raw))
            response = await self._take(raw, agent, registered)
        except Refused as refused:
            await self._abort(context, refused)
            raise  # abort has raised already; this tells the type checker
        finally:
            admission.inflight_bytes -= len(raw)
        tally = centre.tally
        tally.reports += 1
        tally.bytes += len(raw)
        tally.ack_seconds.append(time.perf_counter() - started)
        return response

    async def _abort(self, context: Context, refused: Refused) -> None:
        self._centre.tally.refused[refused.code] += 1
        trailing = [("tramgac-code", refused.code)]
        if refused.retry_after_ms:
            trailing.append(("retry-after-ms", str(refused.retry_after_ms)))
        await context.abort(refused.status, refused.code, tuple(trailing))

    async def _take(
        self, raw: bytes, agent: Agent, registered: RegisteredAgent
    ) -> fleet_pb2.ReportResponse:
        centre, received_ms = self._centre, self._centre.now_ms()
        request = _parse(raw)
        status = request.status
        reason = centre.clones.observe(
            agent.owner.agent_id, status.instance, status.fingerprint, received_ms
        )
        if reason:
            self._mark_clone(registered, received_ms)
            raise Refused(grpc.StatusCode.PERMISSION_DENIED, reason)
        agent.clock.observe(status, received_ms)
        intake = await self._settle(agent, registered, request, received_ms)
        self._show(agent, registered, intake, request, received_ms)
        return self._answer(agent, registered, intake, request)

    def _mark_clone(self, registered: RegisteredAgent, now_ms: int) -> None:
        """Write down, once, that a second machine came with this agent's certificate."""
        if registered.state == "active":
            agent_id = registered.owner.agent_id
            try:
                self._centre.writer.execute(partial(note_clone, agent_id=agent_id, now_ms=now_ms))
            except StoreUnavailable:
                log.warning("clone of %s not written down yet", agent_id)

    async def _settle(
        self,
        agent: Agent,
        registered: RegisteredAgent,
        request: fleet_pb2.ReportRequest,
        received_ms: int,
    ) -> Intake:
        """Read the report and make it durable; one report of an epoch at a time."""
        centre = self._centre
        async with agent.lock:
            session = await self._session(agent, request.epoch, received_ms)
            intake = Reader(centre.rules, agent, session, received_ms).read(request)
            if intake.batch:
                # Until the commit is known, what the store holds is not: if this call is
                # cancelled or fails here, the next one reads the ledger back.
                session.stale = True
                batch = intake.batch
                batch.facts, batch.history = rows_of(centre.facts.once(intake.arrivals))
                try:
                    stored = centre.writer.submit(batch)
                    try:
                        await asyncio.shield(stored)
                    except asyncio.CancelledError:
                        show = partial(self._show, agent, registered, intake, request, received_ms)
                        stored.add_done_callback(partial(_show_late, intake, show))
                        raise
                except StoreUnavailable as error:
                    raise _unavailable(error) from error
                session.stale = False
            session.ledger = intake.ledger
            session.lost = intake.lost
            session.quarantined += intake.quarantined
        return intake

    async def _session(self, agent: Agent, epoch: str, now_ms: int) -> Session:
        session = agent.sessions.get(epoch)
        if session is not None and not session.stale:
            return session
        limit = self._centre.settings.series_per_agent
        agent_id = agent.owner.agent_id
        try:
            session = await asyncio.wrap_future(
                self._centre.writer.execute(
                    lambda connection: load_session(connection, agent_id, epoch, now_ms, limit)
                )
            )
        except StoreUnavailable as error:
            raise _unavailable(error) from error
        except TooManyEpochs as error:
            code = grpc.StatusCode.UNAVAILABLE
            raise Refused(code, "too_many_epochs", _EPOCHS_RETRY_MS) from error
        agent.losses = dict(session.losses)
        agent.keep(session)
        self._show_losses(agent, agent.losses)
        return session

    def _show(
        self,
        agent: Agent,
        registered: RegisteredAgent,
        intake: Intake,
        request: fleet_pb2.ReportRequest,
        received_ms: int,
    ) -> None:
        """Bring the live view and the facts up to date with what is durable now."""
        agent.last_seen_ms = max(agent.last_seen_ms, received_ms)
        agent.version = plain_version(request.status.version)
        centre, tally, offset_ms = self._centre, self._centre.tally, agent.clock.offset_ms
        centre.live.seen(
            agent.owner, received_ms, request.status, offset_ms, registered.not_after_ms
        )
        centre.facts.called(agent.owner, received_ms, offset_ms)
        for arrival in intake.arrivals:
            show(centre.live, agent, arrival)
            centre.facts.observe(arrival)
            if arrival.observation.HasField("throughput"):
                centre.conductor.ended(agent.owner, arrival.observation.throughput, centre.now_ms())
        tally.records += len(intake.batch.records)
        tally.samples += intake.samples
        tally.duplicates += intake.duplicates
        for _, code in intake.refusals:
            tally.quarantined[code] += 1
        for reason, count in intake.losses.items():
            agent.losses[reason] = agent.losses.get(reason, 0) + count
        self._show_losses(agent, intake.losses)

    def _show_losses(self, agent: Agent, reasons: dict[str, int]) -> None:
        for reason in reasons:
            count = agent.losses.get(reason, 0)
            value = float(count) if count or reason == LOST_AT_CENTRE else None
            self._centre.live.derived(_LOST, agent.owner, (("reason", reason),), value)

    def _answer(
        self,
        agent: Agent,
        registered: RegisteredAgent,
        intake: Intake,
        request: fleet_pb2.ReportRequest,
    ) -> fleet_pb2.ReportResponse:
        centre, now_ms = self._centre, self._centre.now_ms()
        ledger = intake.ledger
        response = fleet_pb2.ReportResponse(
            contiguous_seq=ledger.contiguous,
            need_series=intake.need_series,
            backlog_bytes_per_second=self._backlog_rate(),
            collector_unix_ms=now_ms,
            clock_offset_ms=agent.clock.offset_ms,
            renew_certificate=centre.settings.renewal_due(registered, now_ms),
        )
        if ledger.above:
            for first, last in ledger.ack(record.seq for record in request.records):
                response.ranges.add(first=first, last=last)
        for seq, code in intake.refusals:
            response.refusals.add(seq=seq, code=code)
        if request.lease_requests:
            wishes = list(request.lease_requests)[:MAX_LEASE_REQUESTS]
            answer = centre.conductor.grant(agent.owner, wishes, now_ms)
            response.leases.extend(answer.tokens)
            response.lease_refusals.extend(answer.refusals)
        return response

    def _backlog_rate(self) -> int:
        """Bytes a second an agent may spend on backlog; less while the queue is deep."""
        settings = self._centre.settings
        rate = settings.backlog_bytes_per_second
        load = self._centre.writer.depth / settings.queue_batches
        if load <= _DEEP:
            return rate
        return max(_MIN_BACKLOG_RATE, int(rate * (1 - load)))


def _show_late(intake: Intake, show: Callable[[], None], stored: "asyncio.Future[Stored]") -> None:
    """The agent hung up while its batch was written: it is stored, and never sent again."""
    if not stored.cancelled() and stored.exception() is None:
        intake.losses.clear()  # the next call reads them from the store with the ledger
        show()


def _unavailable(error: StoreUnavailable) -> Refused:
    return Refused(grpc.StatusCode.UNAVAILABLE, str(error), BUSY_RETRY_MS)


def _parse(raw: bytes) -> fleet_pb2.ReportRequest:
    try:
        request = fleet_pb2.ReportRequest.FromString(raw)
        check_request(request)
    except DecodeError as error:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "not_a_report") from error
    except BadBatch as error:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
    return request


def show(live: LiveState, agent: Agent, arrival: Arrival) -> None:
    """Put one observation on the live page unless a newer one of its stream was there."""
    plan, observation = arrival.plan, arrival.observation
    if not arrival.values and not observation.failure:
        return  # an event without values replaces nothing
    if not agent.is_newest(plan.stream, arrival.event_ms):
        return
    if plan.layout is not None:
        live.apply(
            agent.owner,
            plan.stream,
            plan.layout,
            arrival.values,
            arrival.event_ms,
            arrival.expires_ms,
        )
    else:
        live.clear(agent.owner, plan.stream, arrival.event_ms)
