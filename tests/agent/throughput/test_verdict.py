"""Every outcome of a test has its verdict, and a capacity is claimed only where it is proved."""

import pytest

from tramgac_agent.throughput.verdict import Outcome, judge
from tramgac_proto.throughput.plane import Measurement, Sent, Watched
from tramgac_proto.throughput.session import Result
from tramgac_proto.v1 import fleet_pb2


def measured(
    rate: float = 10e6, end: str = "complete", tail: float = 0.28, *, starved: bool = False
) -> Measurement:
    return Measurement(
        bytes=4_000_000, seconds=0.4, rate=rate, tail_seconds=tail, end=end, starved=starved
    )


def sent(end: str = "complete", retransmits: int = 0, **more: float) -> Sent:
    return Sent(
        bytes=4_000_000,
        end=end,
        retransmits=retransmits,
        starved=bool(more.get("starved")),
        queue_seconds=more.get("queue", 0.0),
    )


CUT_SHORT = measured(5e6, "closed")
QUEUED = sent(queue=0.012, starved=1)
ONE_TWICE = sent(retransmits=1, starved=1)
LATE = sent("queue_grew", starved=1)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (Result(measured=measured(), sent=sent()), ("held", "complete")),
        (Result(measured=measured(9.81e6), sent=sent()), ("held", "complete")),
        (Result(measured=measured(9.7e6), sent=QUEUED), ("not_held", "slower")),
        (Result(measured=measured(9e6), sent=ONE_TWICE), ("aborted", "host_busy")),
        (Result(measured=measured(5e6), sent=sent(retransmits=9)), ("not_held", "loss")),
        (Result(measured=CUT_SHORT, sent=sent("queue_grew")), ("not_held", "queue_grew")),
        (Result(measured=measured(5e6, "time_limit")), ("not_held", "slower")),
        (Result(measured=measured(8e6), sent=sent()), ("not_held", "slower")),
        (Result(measured=measured(8e6, starved=True), sent=sent()), ("aborted", "host_busy")),
        (Result(measured=measured(8e6, starved=True)), ("aborted", "host_busy")),
        (Result(measured=measured(starved=True), sent=sent(starved=1)), ("held", "complete")),
        (Result(measured=measured(8e6), sent=sent(starved=1)), ("aborted", "host_busy")),
        (Result(measured=CUT_SHORT, sent=LATE), ("not_held", "queue_grew")),
        (Result(measured=measured(end="closed")), ("aborted", "closed")),
        (Result(measured=measured(end="closed"), sent=sent("reset")), ("aborted", "reset")),
        (Result(measured=measured(tail=0.0)), ("lower_bound", "complete")),
        (Result(measured=measured(end="idle")), ("aborted", "idle")),
        (Result(measured=measured(end="over_bytes")), ("aborted", "over_bytes")),
        (Result(code="closed", sent=sent()), ("aborted", "closed")),
        (Result(code="busy"), ("refused", "busy")),
    ],
)  # fmt: skip
def test_every_outcome_has_its_verdict_and_reason(result: Result, verdict: tuple[str, str]) -> None:
    """A busy host's slowness is laid on the path only where the path shows a queue or a loss."""
    assert judge(result, 10e6) == verdict


def guarded(*, recovered: bool, end: str = "sentinel_rose", rate: float = 5e6) -> Result:
    watched = Watched(baseline_seconds=0.001, shift_seconds=0.02, recovered=recovered)
    return Result(measured=measured(rate, "closed"), sent=sent(end), watched=watched)


def filled(queue: float = 0.006, retransmits: int = 0, rtt: float = 0.0002) -> Sent:
    return Sent(
        bytes=4_000_000,
        end="complete",
        retransmits=retransmits,
        queue_seconds=queue,
        min_rtt_seconds=rtt,
        delivery_rate=9.5e6,
        kernel_paced=True,
    )


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (guarded(recovered=True), ("not_held", "queue_grew")),
        (guarded(recovered=True, end="sentinel_lost"), ("not_held", "loss")),
        (guarded(recovered=False), ("aborted", "sentinel_rose")),
        (guarded(recovered=True, rate=9.9e6), ("aborted", "sentinel_rose")),
        (Result(code="sentinel_rose"), ("aborted", "sentinel_rose")),
    ],
)
def test_who_made_the_others_wait_decides(result: Result, verdict: tuple[str, str]) -> None:
    """Calm after the test: the path is slow. Not calm: somebody else's traffic, nothing known."""
    assert judge(result, 10e6) == verdict


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (Result(measured=measured(9.5e6), sent=filled()), ("measured", "complete")),
        (
            Result(measured=measured(9.5e6, starved=True), sent=filled()),
            ("lower_bound", "host_busy"),
        ),
        (
            Result(
                measured=measured(9.5e6, starved=True),
                sent=filled(),
                watched=Watched(baseline_seconds=0.0001, shift_seconds=0.008),
            ),
            ("measured", "complete"),
        ),
        (Result(measured=measured(9.9e6), sent=filled()), ("lower_bound", "pace")),
        (Result(measured=measured(3e6), sent=filled(retransmits=9)), ("lower_bound", "loss")),
        (Result(measured=measured(9.5e6), sent=filled(rtt=0.06)), ("lower_bound", "short")),
        (Result(measured=measured(tail=0.0), sent=filled()), ("lower_bound", "complete")),
        (Result(measured=measured(5e6), sent=filled(queue=0.0)), ("lower_bound", "not_filled")),
        (
            Result(measured=measured(5e6, starved=True), sent=filled(queue=0.0)),
            ("lower_bound", "host_busy"),
        ),
        (Result(measured=measured(9.5e6)), ("lower_bound", "not_filled")),
        (Result(measured=measured(9.5e6, "time_limit")), ("lower_bound", "time_limit")),
    ],
)
def test_a_capacity_is_said_only_where_the_path_was_the_limit(
    result: Result, verdict: tuple[str, str]
) -> None:
    """Data waited, none was lost, enough was sent; else it is a lower bound, and why."""
    assert judge(result, 10e6, "capacity") == verdict


def test_a_capacity_test_that_was_stopped_gives_a_lower_bound() -> None:
    """The guard's word ends it; what had arrived until then is no capacity."""
    assert judge(guarded(recovered=True), 10e6, "capacity") == ("lower_bound", "sentinel_rose")


def test_a_slow_short_test_on_a_long_path_proves_little() -> None:
    """Fewer bytes than 8 times what the path holds: slow start, not the path, was the limit."""
    result = Result(measured=measured(5e6), sent=filled(queue=0.0, rtt=0.2))

    assert judge(result, 10e6) == ("lower_bound", "short")


def outcome(result: Result, proves: str = "capacity") -> Outcome:
    claims = fleet_pb2.LeaseClaims(
        id=bytes(16),
        target="hub",
        direction="send",
        proves=proves,
        pace_bytes_per_second=10e6,
    )
    return Outcome(claims, result, 0.25)


def test_a_result_says_what_it_was_taken_under() -> None:
    """Load before, the guard's shift, TCP's figures, engine and pacing go with the result."""
    watched = Watched(baseline_seconds=0.001, shift_seconds=0.004)
    one = outcome(Result(measured=measured(9.5e6), sent=filled(), watched=watched))
    observation = one.observation(600)
    detail = observation.detail

    assert isinstance(detail, fleet_pb2.ThroughputResult)
    assert (detail.verdict, detail.engine, detail.pacing) == ("measured", "own", "kernel")
    assert detail.load_before_ratio == 0.25
    assert detail.sentinel_shift_seconds == pytest.approx(0.004)
    assert detail.min_rtt_seconds == pytest.approx(0.0002)
    assert detail.delivery_rate_bytes_per_second == 9.5e6
    assert detail.HasField("retransmits")
    assert observation.stream == "throughput:hub:send:capacity"
    assert {one.name for one in observation.samples} == {
        "tramgac_path_throughput_bytes_per_second",
        "tramgac_path_throughput_pace_bytes_per_second",
        "tramgac_path_throughput_test_bytes",
    }


def test_what_is_not_known_is_left_out() -> None:
    """No guard, no TCP figures, no load: absent, not zero; a lower bound is no rate."""
    unknown = Sent(bytes=4_000_000, end="complete")
    one = Outcome(outcome(Result()).claims, Result(measured=measured(5e6), sent=unknown))
    detail = one.observation(600).detail

    assert isinstance(detail, fleet_pb2.ThroughputResult)
    for name in (
        "retransmits",
        "min_rtt_seconds",
        "delivery_rate_bytes_per_second",
        "load_before_ratio",
        "sentinel_shift_seconds",
    ):
        assert not detail.HasField(name)
    assert one.rate is None
    assert detail.verdict == "lower_bound"
