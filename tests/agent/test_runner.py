"""The runner: whatever a check does, one honest record comes out and the others go on."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tramgac_agent.checks.base import (
    AgentView,
    Check,
    CheckFailed,
    CheckSettings,
    Context,
    LeaseDesk,
    NotApplicable,
    Observation,
    Sample,
)
from tramgac_agent.clock import Clock
from tramgac_agent.runner import Runner, arrange, valid_seconds
from tramgac_agent.schedule import Schedule
from tramgac_proto.v1 import fleet_pb2


class Memory:
    """An outbox that only remembers."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, list[Observation], int]] = []
        self.durable = True

    def append(self, check: str, observations: Sequence[Observation], *, valid_seconds: int) -> int:
        self.rows.append((check, list(observations), valid_seconds))
        return len(observations)

    def value(self, name: str) -> float:
        return next(
            sample.value
            for _, observations, _ in reversed(self.rows)
            for one in observations
            for sample in one.samples
            if sample.name == name
        )


def check_of(
    work: Callable[[Context], Iterable[Observation]], name: str = "probe", deadline: float = 5.0
) -> Check[Any]:
    class Made(Check[CheckSettings]):
        interval_seconds = 60.0
        deadline_seconds = deadline

        def run(self, context: Context) -> Iterable[Observation]:
            return work(context)

    Made.name = name
    return Made(CheckSettings())


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def runner_of(memory: Memory, tmp_path: Path) -> Iterator[Callable[..., Runner]]:
    made: list[Runner] = []

    def make(*checks: Check[Any], notify: Callable[[], None] = lambda: None) -> Runner:
        made.append(Runner(checks, memory, AgentView(tmp_path, "h", LeaseDesk()), notify))
        return made[-1]

    yield make
    for runner in made:
        runner.shutdown()


UP = Sample("tramgac_network_link_up", 1.0, {"interface": "eth0"})


def test_values_and_the_runners_own_are_one_record(
    memory: Memory, runner_of: Callable[..., Runner]
) -> None:
    """Success and duration ride with the values, so a run costs one record."""
    runner_of(check_of(lambda _: [Observation((UP,))])).run("probe")

    [(name, [one], valid)] = memory.rows
    assert (name, valid) == ("probe", 180)
    assert {sample.name for sample in one.samples} == {
        "tramgac_network_link_up",
        "tramgac_check_success",
        "tramgac_check_duration_seconds",
        "tramgac_check_missed_runs",
    }
    assert memory.value("tramgac_check_success") == 1.0


@pytest.mark.parametrize(
    ("error", "code"),
    [(CheckFailed("no_route", "eth9"), "no_route"), (RuntimeError("bug"), "internal_error")],
)
def test_a_failed_run_is_an_observation_too(
    memory: Memory, runner_of: Callable[..., Runner], error: Exception, code: str
) -> None:
    """A failure leaves a record with its code and success 0; nothing is raised."""

    def work(_: Context) -> Iterable[Observation]:
        raise error

    runner_of(check_of(work)).run("probe")

    [(_, [one], _)] = memory.rows
    assert one.failure == code
    assert memory.value("tramgac_check_success") == 0.0


def test_nothing_to_measure_leaves_no_record(
    memory: Memory, runner_of: Callable[..., Runner]
) -> None:
    """Not applicable is neither success nor failure."""

    def work(_: Context) -> Iterable[Observation]:
        raise NotApplicable("no such hardware")

    outcome = runner_of(check_of(work)).run("probe")

    assert outcome is not None
    assert not outcome.applicable
    assert memory.rows == [("probe", [], 180)]


def test_a_hung_check_fails_alone(memory: Memory, runner_of: Callable[..., Runner]) -> None:
    """Past its deadline a check is reported, not waited for, and not started twice."""
    release = threading.Event()
    starts: list[float] = []

    def hang(_: Context) -> Iterable[Observation]:
        starts.append(time.monotonic())
        release.wait(30)
        return []

    runner = runner_of(
        check_of(hang, "hung", deadline=0.2), check_of(lambda _: [Observation((UP,))], "fine")
    )

    first = runner.run("hung")
    second = runner.run("hung")
    fine = runner.run("fine")
    release.set()

    assert first is not None
    assert first.code == "deadline"
    assert second is None
    assert len(starts) == 1
    assert fine is not None
    assert fine.success
    codes = [one.failure for _, observations, _ in memory.rows for one in observations]
    assert codes == ["deadline", "still_running", ""]


def test_an_event_is_sent_at_once_and_keeps_its_own_record(
    memory: Memory, runner_of: Callable[..., Runner]
) -> None:
    """A state change wakes the uplink; its samples do not replace the stream's values."""
    woken: list[int] = []
    change = Observation((UP,), event=True)
    size = Sample("tramgac_network_link_known", 0.0, {"interface": "eth0"})

    runner_of(
        check_of(lambda _: [Observation((size,)), change]), notify=lambda: woken.append(1)
    ).run("probe")

    [(_, observations, _)] = memory.rows
    events = [one for one in observations if one.event]
    plain = [one for one in observations if not one.event]
    assert woken == [1]
    assert [one.samples for one in events] == [()]
    assert [UP in one.samples and size in one.samples for one in plain] == [True]


def test_an_event_that_may_come_twice_keeps_its_samples(
    memory: Memory, runner_of: Callable[..., Runner]
) -> None:
    """The runner's own values ride with it: a record of their own would wipe its values out."""
    change = Observation((UP,), event=True, token="now-up")

    runner_of(check_of(lambda _: [change])).run("probe")

    [(_, [one], _)] = memory.rows
    assert one.event
    assert one.token == "now-up"
    assert one.samples[0] == UP
    assert memory.value("tramgac_check_success") == 1.0


def test_leases_nobody_takes_do_not_pile_up() -> None:
    """The newest are kept; a collector cannot fill this host's memory."""
    desk = LeaseDesk()
    for number in range(100):
        desk.grant([b"x" * 100_000, b"%d" % number])

    kept = desk.take_granted()
    assert kept[-1] == b"99"
    assert len(kept) < 50


def test_typed_messages_get_a_stream_of_their_own() -> None:
    """Two series of one check never replace each other at the centre."""
    runs = [
        Observation(detail=fleet_pb2.BackupRun(series=series), event=True) for series in ("a", "b")
    ]

    assert [one.stream for one in arrange(runs)] == ["backuprun:a", "backuprun:b"]


def test_values_outlive_one_missed_run() -> None:
    """A value is valid for two and a half intervals, and never under three minutes."""
    hourly = check_of(lambda _: [])
    hourly.settings = CheckSettings(interval_seconds=3600)

    assert valid_seconds(hourly) == 9000
    assert valid_seconds(check_of(lambda _: [])) == 180


class SteppingClock(Clock):
    """A clock whose wall time a test moves."""

    step_ms = 0

    def wall_ms(self) -> int:
        return super().wall_ms() + self.step_ms


def test_a_clock_step_does_not_stop_the_schedule(
    memory: Memory, runner_of: Callable[..., Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the wall clock steps, checks are planned anew instead of oversleeping."""
    monkeypatch.setattr("tramgac_agent.schedule._WATCH_SECONDS", 0.05)
    clock = SteppingClock()
    schedule = Schedule(runner_of(check_of(lambda _: [Observation((UP,))])), clock)
    schedule.start()
    deadline = time.monotonic() + 10
    while len(memory.rows) < 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    clock.step_ms = -3 * 3600 * 1000
    while len(memory.rows) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    schedule.stop()

    assert len(memory.rows) >= 2


def test_the_check_logs_under_its_own_name(
    runner_of: Callable[..., Runner], caplog: pytest.LogCaptureFixture
) -> None:
    """A line in the journal says which check spoke."""

    def work(context: Context) -> Iterable[Observation]:
        context.log.warning("fan noisy")
        return [Observation((UP,))]

    with caplog.at_level(logging.WARNING):
        runner_of(check_of(work)).run("probe")

    assert [record.name for record in caplog.records] == ["tramgac_agent.check.probe"]


def test_a_check_learns_what_is_safe_only_when_it_is(
    memory: Memory, runner_of: Callable[..., Runner]
) -> None:
    """A source that is read once is told of the disk, not of memory."""
    check = check_of(lambda _: [Observation((UP,), event=True, token="7")])
    safe: list[str] = []

    def stored(observations: Sequence[Observation]) -> None:
        safe.extend(one.token for one in observations)

    check.stored = stored  # type: ignore[method-assign]
    runner = runner_of(check)

    memory.durable = False
    runner.run("probe")
    assert safe == []

    memory.durable = True
    runner.run("probe")
    assert "7" in safe
