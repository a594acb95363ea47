"""The agent's wall clock is wrong: what it saw is dated rightly all the same, and it is said."""

import time
from functools import partial
from itertools import pairwise

import pytest
from helpers.stack import Stack, Tick, poll
from helpers.wrongclock import WrongClock

HOUR = 3600
# From the making of a tick to its way's end, on a busy machine.
SLACK_MS = 2_000


def now_ms() -> int:
    """The true time."""
    return time.time_ns() // 1_000_000


def about(wanted: float, seen: float | None) -> bool:
    """Whether a figure in seconds is what it should be."""
    return seen is not None and abs(seen - wanted) < SLACK_MS / 1000


def check_times(ticks: list[Tick], began_ms: int) -> None:
    """Every tick once, within the true time and near its arrival at the latest.

    In the order they were made, but for what the offset's estimate moved from call to call.
    """
    made = sorted(ticks, key=lambda one: one.number)
    assert [one.number for one in made] == list(range(1, len(ticks) + 1))
    for before, after in pairwise(made):
        assert after.event_ms > before.event_ms - SLACK_MS
    for one in ticks:
        assert began_ms - SLACK_MS <= one.event_ms <= one.received_ms <= now_ms()


def test_hours_wrong_is_corrected_and_visible(stack: Stack) -> None:
    """Event time is true, the offset is on /metrics and in the agent's own status.

    A day behind is before the collector's certificate was made; certificates start two days
    earlier for such hosts.
    """
    began_ms = now_ms()
    hours = {"h1": -3, "h2": 3, "h3": -24}
    for host, wrong in hours.items():
        (stack.root / f"clock-{host}").mkdir()
        clock = WrongClock(stack.root / f"clock-{host}", wrong * HOUR)
        stack.start_agent(host, **clock.environment)
    for host, wrong in hours.items():
        check_times(stack.wait_ticks(8, host), began_ms)
        assert about(-wrong * HOUR, stack.value("tramgac_agent_clock_offset_seconds", host))
        status = stack.wait_uplink(host, state="ok")
        assert status["offset_ms"] == pytest.approx(-wrong * HOUR * 1000, abs=SLACK_MS)
        seen = stack.value("tramgac_agent_last_seen_timestamp_seconds", host) or 0
        assert began_ms / 1000 <= seen <= time.time(), "last seen is by the centre's clock"
        assert stack.value("tramgac_agent_up", host) == 1


def test_a_stepping_clock_stops_no_check_and_moves_no_event(stack: Stack) -> None:
    """Three hours back, then right again: ticks go on, each dated by the true time."""
    clock = WrongClock(stack.root)
    began_ms = now_ms()
    stack.start_agent(**clock.environment)
    stack.wait_ticks(5)
    for offset in (-3 * HOUR, 0):
        clock.set(offset)
        stack.wait_ticks(len(stack.handed_ticks()) + 5, seconds=20)
        poll(
            lambda: stack.value("tramgac_agent_clock_offset_seconds"),
            partial(about, -offset),
            20,
            f"offset of a clock {offset} s wrong",
        )
    ticks = stack.wait_ticks(len(stack.handed_ticks()))
    check_times(ticks, began_ms)
    assert stack.gaps() == {}


def test_before_the_certificate_the_agent_waits_and_says_why(stack: Stack) -> None:
    """A clock from last year: nothing can be sent, nothing is lost, and it is said what is wrong.

    TLS judges the collector's certificate by the host's clock, so the agent cannot get through
    before somebody sets it. Then everything arrives, dated by the time since boot.
    """
    clock = WrongClock(stack.root, -300 * 24 * HOUR)
    began_ms = now_ms()
    stack.start_agent(**clock.environment)
    stack.wait_uplink(
        state="failing", reason="certificate_not_yet_valid", certificate="not_yet_valid"
    )
    waiting = poll(lambda: len(stack.handed_ticks()), lambda n: n > 5, 20, "ticks go on")
    assert stack.stored_ticks() == []
    set_ms = now_ms()
    clock.set(0)
    ticks = stack.wait_ticks(waiting + 3)
    check_times(ticks, began_ms)
    assert ticks[waiting - 2].event_ms <= set_ms + SLACK_MS
    stack.wait_uplink(state="ok", certificate="ok")
