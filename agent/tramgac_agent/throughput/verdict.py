"""What a test proves, and how it is reported."""

from dataclasses import dataclass

from tramgac_agent.checks.base import Observation, Sample
from tramgac_proto.throughput.plane import (
    HELD_SHARE,
    LEAST_BDP,
    LOST,
    REASONS,
    Measurement,
    Sent,
)
from tramgac_proto.throughput.session import Result
from tramgac_proto.v1 import fleet_pb2

QUEUED_SECONDS = 0.002
# A segment or two is sent twice without need when a host is slow to acknowledge.
LOST_SHARE = 0.001
SEGMENT_BYTES = 1448

MEASURED = frozenset({"held", "not_held", "measured", "lower_bound"})
# Verdicts that say how much the path carries.
RATED = frozenset({"held", "not_held", "measured"})
_BROKEN = frozenset({"idle", "reset", "over_bytes"})

Judged = tuple[str, str]


def judge(result: Result, pace: float, proves: str = "floor") -> Judged:
    """Verdict and reason of a test that was to run at ``pace`` bytes per second."""
    measured, sent = result.measured, result.sent
    if result.code != "ok" or measured is None:
        # iperf3 is ended without its figures, yet it did run.
        ran = sent or measured or result.code in REASONS
        return ("aborted" if ran else "refused"), result.code
    reason = sent.end if sent and sent.end in REASONS else measured.end
    if reason in REASONS:
        stopped = _stopped(result, measured, reason, pace)
        own_doing = proves == "capacity" and stopped[0] == "not_held"
        return ("lower_bound", reason) if own_doing else stopped
    if measured.end in _BROKEN or not measured.bytes:
        return "aborted", measured.end
    return _ran(result, measured, pace, proves)


def _ran(result: Result, measured: Measurement, pace: float, proves: str) -> Judged:
    """Something arrived, and nobody stopped it."""
    sent = result.sent
    if not measured.tail_seconds:
        return "lower_bound", measured.end
    if proves == "capacity":
        return _capacity(result, measured, pace)
    if measured.rate >= HELD_SHARE * pace:
        # The receiver sees every byte at the pace, or the sender gave up on the way.
        cut = sent.end if sent and sent.end != "complete" else measured.end
        return ("held" if measured.end == "complete" else "aborted"), cut
    return _why_slow(measured, sent)


def _stopped(result: Result, measured: Measurement, reason: str, pace: float) -> Judged:
    """The guard ended it: whose doing it was shows when the test is over.

    Short round trips again: the path is slower than the pace. Still long: other traffic
    fills it, and nothing is known of what it carries.
    """
    own = result.watched is not None and result.watched.recovered
    if own and measured.tail_seconds and measured.rate < HELD_SHARE * pace:
        return "not_held", "loss" if reason == LOST else "queue_grew"
    return "aborted", reason


def _short(measured: Measurement, sent: Sent | None) -> bool:
    """Fewer bytes than the start of a connection needs to get up to speed on this path."""
    if sent is None or sent.min_rtt_seconds <= 0:
        return False
    return measured.bytes < LEAST_BDP * measured.rate * sent.min_rtt_seconds


def _lossy(sent: Sent | None) -> bool:
    return sent is not None and sent.retransmits > LOST_SHARE * sent.bytes / SEGMENT_BYTES


def _filled(result: Result, *, busy: bool) -> bool:
    """Whether data waited in the path, as its sender or the guard saw it.

    A busy host is slow to acknowledge, which its peer takes for a queue; the guard's pings are
    answered by the kernel.
    """
    own = result.sent.queue_seconds if result.sent and not busy else 0.0
    seen = (result.watched.shift_seconds or 0.0) if result.watched else 0.0
    return max(own, seen) > QUEUED_SECONDS


def _capacity(result: Result, measured: Measurement, pace: float) -> Judged:
    """The path was the limit only where data waited in it and none was lost."""
    sent = result.sent
    if measured.end != "complete":
        return "lower_bound", sent.end if sent and sent.end != "complete" else measured.end
    if _lossy(sent):
        return "lower_bound", "loss"
    if _short(measured, sent):
        return "lower_bound", "short"
    if measured.rate >= HELD_SHARE * pace:
        return "lower_bound", "pace"
    busy = measured.starved or (sent is not None and sent.starved)
    if not _filled(result, busy=busy):
        return "lower_bound", "host_busy" if busy else "not_filled"
    return "measured", "complete"


def _why_slow(measured: Measurement, sent: Sent | None) -> Judged:
    """What is sent faster than the path carries it waits or is lost: then it is the path.

    Where neither is seen and a host was too busy to keep the pace, nothing is proved.
    """
    if sent and sent.end == "queue_grew":
        return "not_held", "queue_grew"
    if _lossy(sent):
        return "not_held", "loss"
    queued = sent is not None and sent.queue_seconds > QUEUED_SECONDS
    if not queued and (measured.starved or (sent and sent.starved)):
        return "aborted", "host_busy"
    if _short(measured, sent):
        return "lower_bound", "short"
    return "not_held", "slower"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A test that was run.

    Attributes:
        claims: Of its lease.
        load: Of the card before it; None where that is not known.
    """

    claims: fleet_pb2.LeaseClaims
    result: Result
    load: float | None = None

    @property
    def verdict(self) -> Judged:
        """What it proves, and why."""
        return judge(self.result, self.claims.pace_bytes_per_second, self.claims.proves)

    @property
    def rate(self) -> float | None:
        """Bytes per second the path was seen to carry; None where that is not known."""
        measured = self.result.measured
        return measured.rate if measured is not None and self.verdict[0] in RATED else None

    @property
    def round_trip(self) -> float | None:
        """Shortest round trip of the path, seconds."""
        sent = self.result.sent
        return sent.min_rtt_seconds if sent is not None and sent.min_rtt_seconds > 0 else None

    def observation(self, valid_seconds: int) -> Observation:
        """What is reported."""
        claims = self.claims
        verdict, reason = self.verdict
        labels = {"target": claims.target, "direction": claims.direction, "proves": claims.proves}
        known = verdict in MEASURED
        samples = tuple(
            Sample(f"tramgac_path_throughput{name}", value, labels)
            for name, value in self._values(verdict).items()
        )
        stream = f"throughput:{claims.target}:{claims.direction}"
        return Observation(
            samples if known else (),
            self._detail(verdict, reason),
            event=True,
            failure="" if known else reason,
            stream=stream if claims.proves == "floor" else f"{stream}:{claims.proves}",
            valid_seconds=valid_seconds,
        )

    def _values(self, verdict: str) -> dict[str, float]:
        measured = self.result.measured
        if measured is None:
            return {}
        pace = self.claims.pace_bytes_per_second
        values = {"_pace_bytes_per_second": pace, "_test_bytes": float(measured.bytes)}
        if self.rate is not None:
            values["_bytes_per_second"] = self.rate
        if verdict in {"held", "not_held"}:
            values["_held"] = float(verdict == "held")
        return values

    def _detail(self, verdict: str, reason: str) -> fleet_pb2.ThroughputResult:
        claims, result = self.claims, self.result
        detail = fleet_pb2.ThroughputResult(
            lease_id=claims.id,
            target=claims.target,
            direction=claims.direction,
            proves=claims.proves,
            pace_bytes_per_second=claims.pace_bytes_per_second,
            verdict=verdict,
            end_reason=reason,
            engine=result.engine,
        )
        if result.measured is not None:
            detail.bytes = result.measured.bytes
            detail.seconds = result.measured.seconds
            detail.rate_bytes_per_second = result.measured.rate
        if self.load is not None:
            detail.load_before_ratio = self.load
        if result.watched is not None and result.watched.shift_seconds is not None:
            detail.sentinel_shift_seconds = result.watched.shift_seconds
        if result.sent is not None:
            _tell_tcp(detail, result.sent, result.engine)
        return detail


def _tell_tcp(detail: fleet_pb2.ThroughputResult, sent: Sent, engine: str) -> None:
    """What the sender's TCP saw, as far as it told."""
    if sent.retransmits >= 0:
        detail.retransmits = sent.retransmits
    if sent.min_rtt_seconds > 0:
        detail.min_rtt_seconds = sent.min_rtt_seconds
    if sent.delivery_rate > 0:
        detail.delivery_rate_bytes_per_second = sent.delivery_rate
    detail.pacing = "kernel" if sent.kernel_paced and engine == "own" else "user"
