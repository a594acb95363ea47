"""Whatever happens in whatever order, no number is ever without an account."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from helpers.outboxes import HandClock, deliver, event, everything, open_box, point, unaccounted
from hypothesis import given, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tramgac_agent.outbox import OutboxLimits
from tramgac_agent.outbox.gaps import Loss, between, joined, merge, messages, ranges_of
from tramgac_proto.limits import MAX_GAP_RANGES

LIMITS = OutboxLimits(max_age_days=1, max_bytes=90_000, max_free_share=1.0, ballast_bytes=0)


class OutboxMachine(RuleBasedStateMachine):
    """Appends, settles, quarantines, reopens and lets time pass; thinning happens by itself."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = HandClock()
        self.box = open_box(Path(self.folder.name), self.clock, LIMITS)
        self.told: set[int] = set()

    @rule(count=strategies.integers(1, 40), width=strategies.integers(1, 60))
    def append_points(self, count: int, width: int) -> None:
        for number in range(count):
            self.clock.now_ms += 60_000
            self.box.append("disk", [point(number, width=width)], valid_seconds=1)

    @rule(count=strategies.integers(1, 20))
    def append_events(self, count: int) -> None:
        self.box.append("outage", [event(number) for number in range(count)], valid_seconds=1)

    @rule(share=strategies.floats(0, 1))
    def settle(self, share: float) -> None:
        stats = self.box.stats()
        upto = stats.settled_seq + int((stats.last_seq - stats.settled_seq) * share)
        self.told |= deliver(self.box, upto)
        assert self.box.epoch == stats.epoch

    @rule(place=strategies.integers(0, 50))
    def quarantine(self, place: int) -> None:
        records = everything(self.box)
        if records:
            self.box.quarantine(records[place % len(records)].seq, "refused")

    @rule(days=strategies.integers(0, 3))
    def reopen(self, days: int) -> None:
        epoch = self.box.epoch
        self.box.close()
        self.clock.now_ms += days * 86_400_000
        self.box = open_box(Path(self.folder.name), self.clock, LIMITS)
        assert self.box.epoch == epoch

    @rule()
    def find_that_the_file_is_an_older_copy(self) -> None:
        epoch = self.box.epoch
        self.box._next_epoch_at = 0.0
        self.box.settle(0, epoch=epoch, highest=self.box.stats().last_seq + 1)
        assert self.box.epoch != epoch
        self.told.clear()
        assert self.box.stats().settled_seq == 0

    @rule()
    def append_one_under_a_number_nobody_has_named(self) -> None:
        self.box.append("outage", [event()], valid_seconds=1)
        records = everything(self.box)
        last = self.box.stats().last_seq
        if records[-1].HasField("observation"):
            assert records[-1].seq == last
        assert not [one for one in records for gap in one.gap.ranges if gap.last > last]
        mine = records[-1].seq
        named = [gap for one in records for gap in one.gap.ranges if gap.first <= mine <= gap.last]
        assert named == []

    @invariant()
    def every_number_is_accounted_for(self) -> None:
        assert unaccounted(self.box, self.told) == set()

    @invariant()
    def the_size_is_kept(self) -> None:
        assert self.box.stats().bytes <= LIMITS.max_bytes * 1.3

    def teardown(self) -> None:
        if hasattr(self, "box"):
            self.box.close()
            self.folder.cleanup()


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=12, stateful_step_count=14, deadline=None)


numbers = strategies.sets(strategies.integers(1, 3_000), max_size=900)


def as_set(ranges: Iterable[tuple[int, int]]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(numbers)
def test_ranges_say_exactly_the_numbers(found: set[int]) -> None:
    """Merged ranges and the holes between them are the whole, without overlap."""
    ranges = merge((number, number) for number in found)
    assert as_set(ranges) == found
    holes = as_set(between(ranges, 3_000))
    assert holes | found == set(range(1, 3_001))
    assert not holes & found


@given(numbers, numbers)
def test_gap_records_written_anew_say_the_same(old: set[int], new: set[int]) -> None:
    """Joining losses neither forgets a number nor a count, whatever the split."""
    one = Loss("thinned", len(old), tuple((n, n) for n in old), 5, 6)
    two = Loss("thinned", len(new), tuple((n, n) for n in new), 7, 8)
    whole = list(messages(joined(two, list(messages(one)))))
    assert as_set(r for gap in whole for r in ranges_of(gap)) == old | new
    assert sum(gap.records for gap in whole) == len(old) + len(new)
    assert all(len(gap.ranges) <= MAX_GAP_RANGES for gap in whole)
