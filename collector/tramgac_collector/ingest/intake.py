"""One report -> rows to store and what may be shown once they are durable. No I/O here."""

from collections import Counter
from dataclasses import dataclass, field

from tramgac_collector.backups.records import drill_rows
from tramgac_collector.incidents.planned import plan_of
from tramgac_collector.ingest.arrival import Arrival
from tramgac_collector.ingest.clocks import EventClock
from tramgac_collector.ingest.plans import Rules, find_plan
from tramgac_collector.ingest.session import Agent, Session
from tramgac_collector.ingest.validate import (
    check_detail,
    check_gap,
    check_size,
    check_values,
    gap_reason,
    plain_version,
)
from tramgac_collector.store.ledger import MAX_LEDGER_RANGES, IntervalSet, Range, SeqLedger
from tramgac_collector.store.records import LOST_AT_CENTRE, Batch, Keep
from tramgac_proto.limits import MAX_GAP_RANGES
from tramgac_proto.v1 import fleet_pb2

# Streams that are valid at least this long are kept in `latest`: after a restart of the
# collector a faster one is back before anybody looks.
SLOW_SECONDS = 300
LATEST_SPACING_MS = 60_000
MAX_STREAMS = 1_000
DEFAULT_VALID_SECONDS = 180
MAX_VALID_SECONDS = 366 * 86_400
MAX_QUARANTINED = 200
MAX_RANGES_PER_REPORT = 4 * MAX_GAP_RANGES
# Each gap record has so many negative numbers for what it tells of, all within 64 bits.
_BLOCK = 1 << 32
_LAST_BLOCK = 1 << 30
_EVIDENCE = frozenset({"backup_run", "repository", "drill", "integrity", "immutability"})


@dataclass(slots=True)
class Intake:
    """The outcome of reading one report.

    Attributes:
        ledger: The session's ledger as it is once ``batch`` is durable.
        lost: The same for what is lost at the centre.
        refusals: ``(seq, code)`` of what went to quarantine.
        losses: Lost records of this report by reason; negative where explained anew.
    """

    ledger: SeqLedger
    lost: IntervalSet
    batch: Batch = field(default_factory=Batch)
    arrivals: list[Arrival] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    losses: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    samples: int = 0
    quarantined: int = 0
    need_series: bool = False


class Reader:
    """Reads one report of one agent.

    Args:
        rules: See there.
        agent: Who sent it.
        session: The epoch it belongs to; not changed here.
        received_ms: When it arrived.
    """

    def __init__(self, rules: Rules, agent: Agent, session: Session, received_ms: int) -> None:
        self._rules = rules
        self._agent = agent
        self._session = session
        self._received_ms = received_ms
        self._out = Intake(session.ledger.copy(), session.lost)

    def read(self, request: fleet_pb2.ReportRequest) -> Intake:
        """Judge and convert every record; the request's frame has been checked."""
        out = self._out
        ledger = out.ledger
        self._clock = EventClock(self._agent.clock, self._received_ms)
        self._version = plain_version(request.status.version)
        if request.series:
            self._take_series(request)
        gaps: list[fleet_pb2.Record] = []
        for record in request.records:
            seq = record.seq
            if ledger.covers(seq):
                out.duplicates += 1
            elif not ledger.admits(seq):
                continue  # not settled: it comes again when the holes below are closed
            elif record.HasField("observation"):
                self._take_observation(record, seq)
            else:
                gaps.append(record)
        ranges = 0
        for record in gaps:
            ranges += len(record.gap.ranges)
            if ranges > MAX_RANGES_PER_REPORT:
                break  # not settled either: the loop has other agents to answer
            self._take_gap(record)
        self._close_below(request)
        if out.batch.records or out.batch.gaps or out.refusals:
            session = self._session
            out.batch.epoch = (
                session.id,
                self._agent.owner.agent_id,
                session.epoch,
                session.created_ms,
                ledger.contiguous,
                ledger.pack(),
            )
        return out

    def _take_series(self, request: fleet_pb2.ReportRequest) -> None:
        table = self._session.series
        for series in request.series:
            if table.add(series):
                row = (self._session.id, series.id, series.SerializeToString())
                self._out.batch.series.append(row)

    def _take_observation(self, record: fleet_pb2.Record, seq: int) -> None:
        """The hot path: four of these a report, a hundred values between them."""
        out, agent, observation = self._out, self._agent, record.observation
        plan = find_plan(self._rules, self._session.series, agent.owner, observation)
        if plan.missing:
            out.need_series = True
            return
        payload = record.SerializeToString()
        values = list(observation.values)
        keep = Keep.EVENT if record.record_class == fleet_pb2.RECORD_CLASS_EVENT else Keep.POINT
        code = plan.code or check_values(plan.size, values) or check_size(payload)
        detail = observation.WhichOneof("detail")
        if not code and (detail is not None or observation.failure):
            owner = plan.subject or agent.owner
            code = check_detail(observation, detail or "", f"{owner.facility}/{owner.host}")
            keep = Keep.EVIDENCE if detail in _EVIDENCE else keep
        if code:
            self._refuse(record, payload, code)
            return
        out.ledger.add(seq, seq)
        out.samples += len(values)
        now = self._received_ms
        event, exact = self._clock.at(record)
        out.batch.records.append((self._session.id, seq, event, now, keep.value, payload))
        valid = min(observation.valid_seconds or DEFAULT_VALID_SECONDS, MAX_VALID_SECONDS)
        expires = event + valid * 1000
        arrival = Arrival(
            agent.owner,
            plan.subject or agent.owner,
            plan,
            observation,
            values,
            event,
            now,
            expires,
            exact,
            agent.clock.offset_ms,
        )
        out.arrivals.append(arrival)
        if detail == "drill":
            out.batch.drills.extend(drill_rows(arrival, self._version))
        elif detail == "maintenance":
            out.batch.steps.append(plan_of(arrival).take)
        if valid >= SLOW_SECONDS and expires > now and (values or observation.failure):
            self._keep_latest(plan.stream, event, expires, payload)

    def _keep_latest(self, stream: str, event: int, expires: int, payload: bytes) -> None:
        """Note a slow stream's newest record, at most once a minute."""
        kept = self._session.kept
        if len(kept) >= MAX_STREAMS and stream not in kept:
            return  # the live view refuses it as well
        if not 0 <= event - kept.get(stream, 0) < LATEST_SPACING_MS:
            kept[stream] = event
            agent_id, now = self._agent.owner.agent_id, self._received_ms
            self._out.batch.latest.append(
                (agent_id, stream, self._session.id, event, now, expires, payload)
            )

    def _refuse(self, record: fleet_pb2.Record, payload: bytes, code: str) -> None:
        """Settle a record that can never be accepted, and keep a bounded number to look at."""
        out = self._out
        out.ledger.add(record.seq, record.seq)
        out.refusals.append((record.seq, code))
        if self._session.quarantined + out.quarantined < MAX_QUARANTINED:
            out.quarantined += 1
            out.batch.quarantine.append(
                (
                    self._agent.owner.agent_id,
                    self._session.epoch,
                    record.seq,
                    code,
                    self._received_ms,
                    payload[:4096],
                )
            )

    def _take_gap(self, record: fleet_pb2.Record) -> None:
        out, payload = self._out, record.SerializeToString()
        if out.ledger.covers(record.seq):
            return  # twice in one batch
        code = check_gap(record.gap) if record.HasField("gap") else "no_body"
        code = code or check_size(payload)
        if code:
            self._refuse(record, payload, code)
            return
        ranges = IntervalSet((one.first, one.last) for one in record.gap.ranges)
        holes = [hole for one in ranges for hole in out.ledger.missing(*one)]
        if holes and len(out.ledger.above) + len(holes) > MAX_LEDGER_RANGES:
            return  # not settled: when its turn comes, what it tells of lies behind
        now, reason = self._received_ms, gap_reason(record.gap.reason)
        event, _ = self._clock.at(record)
        out.batch.records.append(
            (self._session.id, record.seq, event, now, int(Keep.EVENT), payload)
        )
        out.ledger.add(record.seq, record.seq)
        if not record.gap.ranges and record.gap.records:
            # Losses that never had a number are kept at negative ones, told apart by the
            # number of the gap record itself.
            low = -min(record.seq, _LAST_BLOCK) * _BLOCK
            self._add_gap((low, low + min(record.gap.records, _BLOCK) - 1), reason)
        self._explain(ranges, reason)
        for first, last in ranges:
            for hole in out.ledger.missing(first, last):
                self._add_gap(hole, reason)
                out.ledger.add(*hole)

    def _add_gap(self, hole: Range, reason: str) -> None:
        out, (first, last) = self._out, hole
        out.batch.gaps.append((self._session.id, first, last, reason, self._received_ms))
        out.losses[reason] += last - first + 1

    def _explain(self, ranges: IntervalSet, reason: str) -> None:
        """Give what was closed as lost at the centre the reason its gap record tells."""
        out, lost = self._out, self._out.lost
        parts = [part for one in ranges for part in lost.overlap(*one)]
        if not parts:
            return
        whole = IntervalSet(part for one in ranges for part in lost.overlap(*one, whole=True))
        out.lost = lost.copy()
        for part in parts:
            out.lost.remove(*part)
        # Ranges that touch are one here and may be several rows, in the store or in this batch.
        out.batch.closed.extend((self._session.id, low, high) for low, high in whole)
        out.batch.gaps = [
            row for row in out.batch.gaps if row[3] != LOST_AT_CENTRE or row[1] not in whole
        ]
        for low, high in whole:
            out.losses[LOST_AT_CENTRE] -= high - low + 1
            for rest in out.lost.overlap(low, high):
                self._add_gap(rest, LOST_AT_CENTRE)
        for part in parts:
            self._add_gap(part, reason)

    def _close_below(self, request: fleet_pb2.ReportRequest) -> None:
        """Close what lies below the oldest kept record and never came."""
        out = self._out
        oldest = min(request.oldest_kept_seq, request.status.last_seq + 1)
        holes = out.ledger.missing(1, oldest - 1) if oldest > 1 else []
        if not holes:
            return
        out.lost = out.lost.copy()
        for hole in holes:
            self._add_gap(hole, LOST_AT_CENTRE)
            out.ledger.add(*hole)
            out.lost.add(*hole)
