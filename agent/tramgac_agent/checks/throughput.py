"""Whether LAN paths carry what they should: guarded tests under the collector's leases."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple

import msgspec

from tramgac_agent.checks.base import (
    Check,
    CheckSettings,
    Context,
    NotApplicable,
    Observation,
)
from tramgac_agent.host import statefile
from tramgac_agent.host.card import NetworkCard
from tramgac_agent.host.newest import Newest
from tramgac_agent.host.windows import Window, parse_window, share_of
from tramgac_agent.throughput.desk import Desk, NoLease
from tramgac_agent.throughput.verdict import Outcome
from tramgac_proto.throughput.lease import read_unverified
from tramgac_proto.throughput.plane import CAPACITY_SHARE, FLOOR_SHARE
from tramgac_proto.throughput.session import Result
from tramgac_proto.throughput.wish import Wish, words
from tramgac_proto.v1 import fleet_pb2

DIRECTIONS = ("send", "receive")
BYTES_PER_MEGABIT = 125_000
# A path that once carried little is asked for at most twice that the next time, so it is not
# flooded while it is broken and climbs back in a few tests once it is repaired.
GROWTH = 2.0
MIN_PACE = 12_500.0
BUSY_SHARE = 0.3
# Up to 75 s pass between the first look at the card and a lease; a lease begins 2 s later.
SECOND_LOOK_SECONDS = 1.0
_ZONE = timezone(timedelta(hours=7))
_TRIES = 3
_SKIPPED = "skipped_"
_BUSY = Result(code="link_busy")
# Targets times what can be proved of one.
_MOST_TURNS = 2 * 16
_TEST_SECONDS = 40.0
_DAY_SECONDS = 86_400
_CAPACITY_DAYS = 7
# A refusal's word counts no longer than the longest it can mean, capacity tests once a week;
# a clock that was set back must not silence a path for ever.
_LONGEST_RETRY = 8.0 * _DAY_SECONDS


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One path.

    Attributes:
        name: Host of the facility, as the inventory calls it, or ``collector``.
        expect_mbps: What the path should carry.
        interface: Network card it leaves by; the default route's when empty.
        uplink_mbps: The slowest line on the way, where that is less than ``expect_mbps`` or
            the card; 0 where none is known.
        guard: IPv4 address of a neighbour that shares the path, asked all through a test; the
            gateway, then the other end, when empty.
        guard_port: A TCP port of theirs, for networks where nobody answers ICMP.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    expect_mbps: Annotated[float, msgspec.Meta(gt=0, le=10_000)]
    interface: Annotated[str, msgspec.Meta(pattern=r"^[^/\s]{0,15}$")] = ""
    uplink_mbps: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 0.0
    guard: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,3}(\.[0-9]{1,3}){3})?$")] = ""
    guard_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    proves: Literal["floor", "capacity"] = "capacity"

    @property
    def carries(self) -> float:
        """Bytes per second that the path should carry, by what is declared."""
        declared = [mbps for mbps in (self.expect_mbps, self.uplink_mbps) if mbps]
        return min(declared) * BYTES_PER_MEGABIT


class ThroughputSettings(CheckSettings, frozen=True, kw_only=True):
    """``[checks.throughput]``.

    Attributes:
        targets: Tested one after another, never two at once.
        hours: Times of day (UTC+7) in each of which every target is tested once. Empty: at
            every run of the check, that is every ``interval_seconds``.
        capacity_hours: Times of night (UTC+7) in which the collector is asked whether a
            capacity test is due. Empty: never.
        engine: ``iperf3`` needs that program at both ends.
    """

    targets: Annotated[tuple[Target, ...], msgspec.Meta(max_length=16)] = ()
    hours: Annotated[tuple[str, ...], msgspec.Meta(max_length=12)] = ("06:00-07:00", "12:00-13:00")
    capacity_hours: Annotated[tuple[str, ...], msgspec.Meta(max_length=4)] = ("01:00-04:00",)
    engine: Literal["own", "iperf3"] = "own"

    def __post_init__(self) -> None:
        for text in (*self.hours, *self.capacity_hours):
            parse_window(text)

    def windows(self, proves: str) -> tuple[Window, ...]:
        """The times of day of one kind of test."""
        texts = self.hours if proves == "floor" else self.capacity_hours
        return tuple(parse_window(text) for text in texts)


class Memory(msgspec.Struct):
    """What is kept between runs.

    Attributes:
        proven: Bytes per second the path was last seen to carry, by ``target/direction``.
        round_trips: Shortest of the path, seconds, by ``target/direction``.
        tries: Attempts by ``target/proves``, with the window they belong to.
        done: The last window in which it was tested, by ``target/proves``.
        turns: ``target/proves`` of what had its turn, the newest last.
        ask_from: Unix time before which the collector need not be asked again, by
            ``target/direction/proves``.
    """

    proven: dict[str, float] = msgspec.field(default_factory=dict)
    round_trips: dict[str, float] = msgspec.field(default_factory=dict)
    tries: dict[str, tuple[str, int]] = msgspec.field(default_factory=dict)
    done: dict[str, str] = msgspec.field(default_factory=dict)
    turns: list[str] = msgspec.field(default_factory=list)
    ask_from: dict[str, float] = msgspec.field(default_factory=dict)


class Due(NamedTuple):
    """One test to be made now, both ways.

    Attributes:
        window: The occurrence it is due in; empty where there are no windows.
    """

    target: Target
    proves: str
    window: str = ""

    @property
    def key(self) -> str:
        """Under which its tries are counted."""
        return f"{self.target.name}/{self.proves}"


def first_pace(
    expect: float, link: float | None, proven: float | None, share: float = FLOOR_SHARE
) -> float:
    """The pace to ask for, in bytes per second: a share of the lowest of what is known.

    Args:
        expect: Declared rate of the path.
        link: Negotiated speed of the network card; None where it is unknown.
        proven: Rate of the last test; None before the first.
        share: ``FLOOR_SHARE`` leaves room for the others, ``CAPACITY_SHARE`` fills the path.
    """
    known = [expect]
    if link is not None:
        known.append(link)
    if proven is not None:
        known.append(GROWTH * proven)
    return max(MIN_PACE, share * min(known))


def run_test(token: bytes, wish: Wish) -> Result:
    """Run the initiator's process; the token goes through a pipe, where nobody else reads it."""
    try:
        done = subprocess.run(
            words(wish), input=token, capture_output=True, check=True, timeout=_TEST_SECONDS
        )
        return msgspec.json.decode(done.stdout, type=Result)
    except subprocess.TimeoutExpired:
        return Result(code="timeout")
    except (OSError, subprocess.CalledProcessError, msgspec.DecodeError):
        return Result(code="no_result")


class ThroughputCheck(Check[ThroughputSettings]):
    """``tramgac_path_throughput_*`` per target and direction."""

    name: ClassVar[str] = "throughput"
    interval_seconds: ClassVar[float] = 600.0
    deadline_seconds: ClassVar[float] = 540.0
    settings_type: ClassVar[type[CheckSettings]] = ThroughputSettings

    def __init__(self, settings: ThroughputSettings) -> None:
        super().__init__(settings)
        self._newest = Newest()

    def run(self, context: Context) -> Iterator[Observation]:
        """Test every target that is due, both directions, one after another."""
        path = context.state_dir / "throughput.json"
        memory = statefile.load(path, Memory, context.log) or Memory()
        due = self._due(memory, context.agent.host, datetime.now(_ZONE))
        if not due:
            raise NotApplicable("no target is due")
        bench = _Bench(context, memory, self.settings)
        for one in due:
            if bench.over:
                # No turn was had, so none is counted: these come first in the next run.
                yield from (_skipped(one, direction, "no_lease") for direction in DIRECTIONS)
                continue
            _count(memory, one)
            # Before the test as well: one that ends the whole run must not be first again.
            _save(path, memory, context)
            results = list(bench.test(one))
            if one.window and any(map(_was_tested, results)):
                memory.done[one.key] = one.window
            yield from results
            heard = [(one.target.name, sample.samples) for sample in results]
            self._newest.note(heard, context.state_dir, int(time.time()))
            _save(path, memory, context)

    def _due(self, memory: Memory, host: str, now: datetime) -> list[Due]:
        """Tests to be made now, the one whose turn is longest ago first."""
        order = {key: number for number, key in enumerate(memory.turns)}
        due = [one for one in self._wanted(host, now) if _open(one, memory)]
        return sorted(due, key=lambda one: order.get(one.key, -1))

    def _wanted(self, host: str, now: datetime) -> Iterator[Due]:
        """Tests whose time of day it is; inside a window each target has its own minute."""
        for target in self.settings.targets:
            share = share_of(f"{host}/{target.name}")
            floor, capacity = (
                next((key for one in windows if (key := one.occurrence(now, share))), "")
                for windows in map(self.settings.windows, ("floor", "capacity"))
            )
            if floor or not self.settings.hours:
                yield Due(target, "floor", floor)
            if capacity and target.proves == "capacity":
                yield Due(target, "capacity", capacity)


def _tries(due: Due, memory: Memory) -> int:
    """Turns it had in this window."""
    window, tries = memory.tries.get(due.key, ("", 0))
    return tries if window == due.window else 0


def _open(due: Due, memory: Memory) -> bool:
    """Whether it is still to be tested; without windows it always is."""
    if not due.window:
        return True
    return memory.done.get(due.key) != due.window and _tries(due, memory) < _TRIES


def _count(memory: Memory, due: Due) -> None:
    """Its turn has come."""
    if due.window:
        memory.tries[due.key] = (due.window, _tries(due, memory) + 1)
    earlier = [key for key in memory.turns if key != due.key]
    memory.turns = [*earlier[1 - _MOST_TURNS :], due.key]


def _save(path: Path, memory: Memory, context: Context) -> None:
    try:
        statefile.save(path, memory)
    except OSError as error:
        context.log.warning("not remembered, may be tested again: %s", error)


class _Bench:
    """Makes the tests of one run."""

    def __init__(self, context: Context, memory: Memory, settings: ThroughputSettings) -> None:
        self._desk = Desk(context, 2 * _TEST_SECONDS)
        self._leases = context.agent.leases
        self._memory = memory
        self._settings = settings

    @property
    def over(self) -> bool:
        """Whether no further test can be had in this run: no time, or nobody who permits one."""
        return self._desk.closed

    def test(self, due: Due) -> Iterator[Observation]:
        """Both directions of one test; the card is watched first."""
        card = NetworkCard(due.target.interface)
        load = card.load(due.target.carries)
        for direction in DIRECTIONS:
            if load is not None and load > BUSY_SHARE:
                yield _skipped(due, direction, _BUSY.code)
                continue
            try:
                yield self._one(due, direction, card, load)
            except NoLease as refused:
                if refused.retry_seconds:
                    later = time.time() + min(refused.retry_seconds, _LONGEST_RETRY)
                    self._memory.ask_from[f"{due.key}/{direction}"] = later
                yield _skipped(due, direction, refused.code)

    def _one(self, due: Due, direction: str, card: NetworkCard, load: float | None) -> Observation:
        target, memory = due.target, self._memory
        key, asked = f"{target.name}/{direction}", f"{due.key}/{direction}"
        if 0 < memory.ask_from.get(asked, 0.0) - time.time() <= _LONGEST_RETRY:
            raise NoLease("not_yet")
        token = self._desk.obtain(self._request(due, direction, card, load))
        now = card.load(target.carries, SECOND_LOOK_SECONDS)
        load = load if now is None else now
        if now is not None and now > BUSY_SHARE:
            return _given_back(due, direction, Outcome(read_unverified(token), _BUSY, now))
        guards = tuple(dict.fromkeys(one for one in (target.guard, card.gateway) if one))
        wish = Wish(guards, target.guard_port, self._settings.engine, self._leases.offset_ms)
        outcome = Outcome(read_unverified(token), run_test(token, wish), load)
        if outcome.rate is not None:
            memory.proven[key] = outcome.rate
        if outcome.round_trip is not None:
            memory.round_trips[key] = outcome.round_trip
        return outcome.observation(self._valid_seconds(due.proves))

    def _request(
        self, due: Due, direction: str, card: NetworkCard, load: float | None
    ) -> fleet_pb2.LeaseRequest:
        target, memory = due.target, self._memory
        key = f"{target.name}/{direction}"
        share = FLOOR_SHARE if due.proves == "floor" else CAPACITY_SHARE
        return fleet_pb2.LeaseRequest(
            target=target.name,
            direction=direction,
            proves=due.proves,
            pace_bytes_per_second=first_pace(
                target.carries, card.speed, memory.proven.get(key), share
            ),
            rtt_seconds=memory.round_trips.get(key, 0.0),
            load_ratio=load,
        )

    def _valid_seconds(self, proves: str) -> int:
        """Two and a half times the time between tests, like any other value."""
        if proves == "capacity":
            return int(2.5 * _CAPACITY_DAYS * _DAY_SECONDS)
        settings = self._settings
        interval = settings.interval_seconds or ThroughputCheck.interval_seconds
        between = _DAY_SECONDS / len(settings.hours) if settings.hours else interval
        return max(600, int(2.5 * between))


def _skipped(due: Due, direction: str, code: str) -> Observation:
    """Nothing was measured, and nothing is known to be wrong: older values stand."""
    return Observation(failure=f"{_SKIPPED}{code}", stream=_stream_of_skipped(due, direction))


def _given_back(due: Due, direction: str, outcome: Outcome) -> Observation:
    """Skipped with the lease in hand: the result that tells the collector so frees the path."""
    told = outcome.observation(0)
    failure = f"{_SKIPPED}{told.failure}"
    return replace(told, failure=failure, stream=_stream_of_skipped(due, direction))


def _stream_of_skipped(due: Due, direction: str) -> str:
    return f"throughput-skipped:{due.key}/{direction}"


def _was_tested(one: Observation) -> bool:
    return one.detail is not None and not one.failure.startswith(_SKIPPED)
