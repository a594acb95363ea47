"""The collector is away for a while: nothing is lost, doubled or dated wrongly."""

import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from helpers.stack import Stack, poll

from tramgac_agent.checks.base import Observation, Sample

DISK = {"mountpoint": "/", "fstype": "ext4"}
STREAMS = ("disks", "more", "other")
# Event time is taken over from a clock that is read at the end of a call's way.
SLACK_MS = 500


def now_ms() -> int:
    """This machine's wall clock, which both ends use here."""
    return time.time_ns() // 1_000_000


def test_an_outage_costs_no_tick_and_moves_none(make_stack: Callable[..., Stack]) -> None:
    """Ticks made while the collector was down are stored once, dated when they were made."""
    stack = make_stack(agent_checks="[checks.tick]\ninterval_seconds = 0.1\n")
    stack.start_agent()
    stack.wait_ticks(5)
    stack.stop("ingest")
    down_ms, before = now_ms(), len(stack.handed_ticks())
    poll(stack.handed_ticks, lambda ticks: len(ticks) > before + 10, 20, "10 more ticks")
    up_ms, during = now_ms(), len(stack.handed_ticks())
    stack.start_collector()
    ticks = stack.wait_ticks(during + 5)
    poll(lambda: stack.value("tramgac_tick_last"), lambda v: (v or 0) > during, 30, "live state")

    in_event_time = [one.number for one in ticks]
    assert in_event_time == list(range(1, len(ticks) + 1))
    # One tick may have been under way when the files were read.
    for one in ticks[before + 1 : during - 1]:
        assert down_ms - SLACK_MS <= one.event_ms <= up_ms + SLACK_MS
        assert one.received_ms >= up_ms
    stack.check_accounts()
    assert stack.gaps() == {}


def prefill(stack: Stack, hours: float, every_seconds: float) -> int:
    """Write the records of an outage of ``hours`` into the stopped agent's outbox.

    Every round has one record of each stream; its value is the round, the last one 0 s old.
    """
    box = stack.outbox()
    rounds = int(hours * 3600 / every_seconds)
    for number in range(rounds):
        age = (rounds - 1 - number) * every_seconds
        sample = Sample("tramgac_filesystem_avail_bytes", float(number), DISK)
        seen = [
            Observation((sample,), stream=stream, age_seconds=age, valid_seconds=600)
            for stream in STREAMS
        ]
        box.append("disk", seen, valid_seconds=600)
    size = box.stats().bytes
    box.close()
    assert size
    return rounds


def watch_drain(stack: Stack, done: Callable[[], bool], seconds: float) -> list[float]:
    """Every value of the disk series that was on the page until ``done``."""
    shown: list[float] = []
    poll(
        lambda: shown.append(stack.value("tramgac_filesystem_avail_bytes") or -1),
        lambda _: done(),
        seconds,
        "backlog drained",
    )
    return shown


def check_backlog(make_stack: Callable[..., Stack], hours: float, rate: int) -> None:
    """Prefill, start, and measure: newest state first, then the rest at ``rate``."""
    stack = make_stack(
        agent_checks="[checks.uptime]\ninterval_seconds = 5\n",
        collector_extra=f"[limits]\ncalls_per_minute = 6000\nbacklog_bytes_per_second = {rate}\n",
    )
    began_ms = now_ms()
    rounds = prefill(stack, hours, 60)
    total = rounds * len(STREAMS)
    stack.start_agent()
    started = time.monotonic()
    newest = poll(
        lambda: stack.value("tramgac_filesystem_avail_bytes"), lambda v: v is not None, 100, "state"
    )
    stored = "SELECT count(*), sum(length(payload)) FROM records WHERE event_ms < ?"
    assert newest == rounds - 1
    assert stack.query(stored, began_ms)[0][0] < total / 2, "the state comes before the backlog"

    def drained() -> bool:
        return bool(stack.query(stored, now_ms())[0][0] >= total and not left())

    def left() -> bool:
        return bool(stack.uplink().get("backlog_records", 1) > 20)

    shown = watch_drain(stack, drained, 4 * total * 100 / rate + 60)
    took = time.monotonic() - started
    size = stack.query(stored, began_ms)[0][1]
    assert set(shown) <= {float(rounds - 1), -1.0}, "old values never pass for the state"
    # The first batches are live ones and free; the rest waits its turn.
    assert took > 0.6 * size / rate, f"{size} bytes in {took:.1f} s is faster than {rate} B/s"
    times = [row[0] for row in stack.query(
        "SELECT event_ms FROM records WHERE event_ms < ? ORDER BY seq", began_ms - 1000
    )]  # fmt: skip
    assert all(two - one > -SLACK_MS for one, two in pairwise(times))
    assert began_ms - times[0] == pytest.approx(hours * 3_600_000, rel=0.02, abs=90_000)
    stack.check_accounts()


def test_after_an_outage_the_state_comes_first_and_the_rest_in_its_time(
    make_stack: Callable[..., Stack],
) -> None:
    """Hours of backlog: the newest value is shown at once, the backlog keeps to its rate."""
    check_backlog(make_stack, hours=8, rate=20_000)


@pytest.mark.soak
def test_a_day_of_backlog_drains_at_the_default_rate(make_stack: Callable[..., Stack]) -> None:
    """24 hours of backlog at 8,000 bytes a second: shown within 100 s, all stored."""
    check_backlog(make_stack, hours=24, rate=8_000)
