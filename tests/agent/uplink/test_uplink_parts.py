"""The parts of the uplink that need no network: plan, pace, timetable, back-off, reasons."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from helpers.outboxes import event, open_box, point
from hypothesis import given
from hypothesis import strategies as st

from tramgac_agent.backoff import TRUSTED_CAP_SECONDS, UNTRUSTED_CAP_SECONDS, Backoff
from tramgac_agent.outbox import Outbox, OutboxStats, StoredRecord
from tramgac_agent.uplink.pace import DEFAULT_BYTES_PER_SECOND, Pace
from tramgac_agent.uplink.plan import Plan
from tramgac_agent.uplink.status import UplinkStatus, read_status, write_status
from tramgac_agent.uplink.turns import Turns
from tramgac_proto.limits import MAX_BATCH_BYTES, MAX_BATCH_RECORDS
from tramgac_proto.v1 import fleet_pb2


class Seconds:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Outbox]:
    opened = open_box(tmp_path)
    yield opened
    opened.close()


def ack(contiguous: int, *ranges: tuple[int, int]) -> fleet_pb2.ReportResponse:
    """An answer."""
    response = fleet_pb2.ReportResponse(contiguous_seq=contiguous)
    for first, last in ranges:
        response.ranges.add(first=first, last=last)
    return response


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_the_wait_is_drawn_after_the_cap(seed: int, failures: int) -> None:
    """Every wait lies between nothing and the cap; a fleet is spread over all of it."""
    waits = Backoff(20.0, Random(seed).uniform)
    drawn = [waits.next() for _ in range(failures)]
    assert 0.0 <= drawn[0] <= 20.0
    assert all(0.0 <= one <= TRUSTED_CAP_SECONDS for one in drawn)


def test_the_wait_grows_to_the_cap_and_starts_over() -> None:
    """Trusted agents stay within 30 s, others get 15 min; a good call resets."""
    backoff = Backoff(30.0, lambda _low, high: high)
    assert [backoff.next() for _ in range(7)] == [30.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    for _ in range(20):
        backoff.next(trusted=False)
    assert backoff.next(trusted=False) == UNTRUSTED_CAP_SECONDS
    backoff.reset()
    assert backoff.next() == 30.0


def test_the_backlog_keeps_to_the_rate() -> None:
    """Over a minute no more goes than the collector allowed, and a change counts at once."""
    clock = Seconds()
    pace = Pace(clock)
    for rate in (DEFAULT_BYTES_PER_SECOND, 200_000):
        pace.allow(rate)
        clock.now += 100
        start, sent = clock.now, 0
        while clock.now < start + 60:
            assert pace.batch_bytes <= 512 * 1024
            assert pace.batch_bytes >= 16 * 1024
            sent += pace.batch_bytes
            pace.spend(pace.batch_bytes)
            clock.now += pace.wait_seconds()
        assert sent == pytest.approx(rate * 60, rel=0.05)
    pace.allow(0)
    assert pace.batch_bytes == 16 * 1024


def test_heartbeat_and_report_take_turns() -> None:
    """A heartbeat at half of the period, a report at the whole of it."""
    clock = Seconds()
    turns = Turns(60.0, clock)
    assert turns.report_due()
    turns.called(report=True)
    assert turns.idle_seconds() == 30.0
    clock.now += 30
    assert turns.beat_due()
    assert not turns.report_due()
    turns.called(report=False)
    assert turns.idle_seconds() == 30.0
    clock.now += 30
    assert turns.report_due()


def test_an_event_waits_five_seconds_at_most() -> None:
    """Counted from the last report, so that a flood is one report each five seconds."""
    clock = Seconds()
    turns = Turns(60.0, clock)
    turns.called(report=True)
    clock.now += 1
    turns.pull_forward()
    assert turns.idle_seconds() == 4.0
    clock.now += 20
    turns.pull_forward()
    assert turns.report_due()


def test_a_hold_delays_and_changes_nothing_else() -> None:
    """What was due before is due after; a broken line asks for a report on top."""
    clock = Seconds()
    turns = Turns(60.0, clock)
    turns.called(report=True)
    turns.hold(10.0)
    assert turns.held_seconds() == 10.0
    clock.now += 10
    assert turns.held_seconds() == 0.0
    assert not turns.report_due()
    turns.report_now()
    assert turns.report_due()


def test_a_small_queue_goes_oldest_first_without_what_is_settled(box: Outbox) -> None:
    """Ranges above the contiguous number are not sent again; the next ack replaces them."""
    plan = Plan(box)
    box.append("disk", [point(n) for n in range(6)], valid_seconds=1)
    plan.meet(box.stats())
    first = plan.live()
    assert [one.seq for one in first] == [1, 2, 3, 4, 5, 6]
    plan.acknowledged(ack(1, (3, 4)), first)
    assert [one.seq for one in plan.live()] == [2, 5, 6]
    plan.acknowledged(ack(0), [])
    assert [one.seq for one in plan.live()] == [1, 2, 3, 4, 5, 6]


def test_no_batch_exceeds_the_bounds(box: Outbox) -> None:
    """At most 500 records and 1 MiB, sequence numbers and framing included."""
    box.append("disk", [point(n, width=500) for n in range(700)], valid_seconds=1)
    plan = Plan(box)
    plan.meet(box.stats())
    plan.live()
    batch = plan.backlog(10 * MAX_BATCH_BYTES)
    request = fleet_pb2.ReportRequest(records=[one.message for one in batch])
    assert MAX_BATCH_BYTES * 0.9 < request.ByteSize() <= MAX_BATCH_BYTES
    assert len(batch) <= MAX_BATCH_RECORDS


def test_the_backlog_ends_and_the_queue_is_small_again(box: Outbox) -> None:
    """Live records stay apart until the backlog is through; then all is one queue."""
    box.append("disk", [point(n) for n in range(1_200)], valid_seconds=1)
    plan = Plan(box)
    plan.meet(box.stats())
    assert [one.seq for one in plan.live()] == [1200]
    assert plan.catching_up
    plan.acknowledged(ack(0, (1200, 1200)), box.read(1199))
    box.append("outage", [event()], valid_seconds=1)
    assert [one.seq for one in plan.live()] == [1201]
    plan.acknowledged(ack(0, (1200, 1201)), box.read(1200))
    assert plan.live() == []
    seen: list[int] = []
    while batch := plan.backlog(MAX_BATCH_BYTES):
        seen += [one.seq for one in batch]
        done = 1201 if seen[-1] == 1199 else seen[-1]
        plan.acknowledged(ack(done, *([] if done > 1199 else [(1200, 1201)])), batch)
    assert seen == list(range(1, 1200))
    assert not plan.catching_up


def test_an_interruption_puts_the_newest_state_first_again(box: Outbox) -> None:
    """What was live when the line broke is old when it is back."""
    box.append("disk", [point(n) for n in range(1_000)], valid_seconds=1)
    plan = Plan(box)
    plan.meet(box.stats())
    assert [one.seq for one in plan.live()] == [1000]
    plan.interrupted()
    box.append("disk", [point(n) for n in range(5)], valid_seconds=1)
    assert [one.seq for one in plan.live()] == [1005]


def test_a_new_epoch_starts_the_plan_over(box: Outbox) -> None:
    """What was settled in the old epoch says nothing of the new one."""
    box.append("disk", [point(n) for n in range(3)], valid_seconds=1)
    plan = Plan(box)
    plan.meet(box.stats())
    plan.acknowledged(ack(3), plan.live())
    box.settle(0, epoch=box.epoch, highest=99)
    plan.meet(box.stats())
    assert [one.seq for one in plan.live()] == [1, 2, 3]


@given(st.data())
def test_every_record_is_sent_whatever_the_acks_say(data: st.DataObject) -> None:
    """With any honest order of acks, failures and lost answers the queue drains."""
    queue = FauxQueue(data.draw(st.integers(501, 1_500)))
    plan = Plan(queue)
    for _ in range(400):
        plan.meet(queue.stats())
        batch = plan.live() or plan.backlog(64 * 1024)
        if not batch and not queue.waiting():
            return
        fate = data.draw(st.sampled_from(["ok", "ok", "ok", "lost", "cut"]))
        if fate != "cut":
            queue.stored.update(one.seq for one in batch)
        if fate == "ok":
            plan.acknowledged(queue.answer(), batch)
        else:
            plan.interrupted()
    pytest.fail("the queue does not drain")


class FauxQueue:
    """Numbers instead of records; the other end's memory included."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.stored: set[int] = set()
        self.settled = 0
        self._records = [StoredRecord(seq, bytes(200)) for seq in range(1, count + 1)]

    def read(
        self, after: int, *, max_records: int, max_bytes: int, upto: int | None = None
    ) -> list[StoredRecord]:
        last = self.count if upto is None else upto
        found = [one for one in self._records if max(after, self.settled) < one.seq <= last]
        return found[: max(1, min(max_records, max_bytes // 200))]

    def newest_per_stream(self, limit: int, max_bytes: int) -> list[StoredRecord]:
        return self._records[-min(limit, max_bytes, 7) :]

    def stats(self) -> OutboxStats:
        return OutboxStats("e", 0, 0, 0, self.count, self.settled, 0, {}, "ok")

    def waiting(self) -> bool:
        return self.settled < self.count

    def answer(self) -> fleet_pb2.ReportResponse:
        while self.settled + 1 in self.stored:
            self.settled += 1
        response = fleet_pb2.ReportResponse(contiguous_seq=self.settled)
        above = sorted(one for one in self.stored if one > self.settled)
        for seq in above:
            if response.ranges and response.ranges[-1].last == seq - 1:
                response.ranges[-1].last = seq
            else:
                response.ranges.add(first=seq, last=seq)
        del response.ranges[32:]
        return response


def test_the_status_file_survives_nonsense(tmp_path: Path) -> None:
    """Written whole or not at all; what cannot be read is no status."""
    assert read_status(tmp_path) is None
    status = UplinkStatus(state="failing", reason="unreachable", refusals={"bad_labels": 2})
    write_status(tmp_path, status)
    assert read_status(tmp_path) == status
    (tmp_path / "uplink.json").write_text('{"state": "ok", "surprise": 1}')
    assert read_status(tmp_path) is None
    assert [one.name for one in tmp_path.iterdir()] == ["uplink.json"]
