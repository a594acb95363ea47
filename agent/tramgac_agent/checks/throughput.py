"""Whether LAN paths carry what they should: paced floor tests under the collector's leases."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Annotated, ClassVar, Literal

import msgspec

from tramgac_agent.checks.base import (
    Check,
    CheckSettings,
    Context,
    NotApplicable,
    Observation,
    Sample,
)
from tramgac_agent.host import statefile
from tramgac_agent.host.card import NetworkCard
from tramgac_agent.host.windows import Window, parse_window, share_of
from tramgac_proto.throughput.lease import LeaseError, read_unverified
from tramgac_proto.throughput.plane import FLOOR_SHARE, HELD_SHARE, Measurement, Sent
from tramgac_proto.throughput.session import Result
from tramgac_proto.v1 import fleet_pb2

DIRECTIONS = ("send", "receive")
BYTES_PER_MEGABIT = 125_000
# A path that once carried little is asked for at most twice that the next time, so it is not
# flooded while it is broken and climbs back in a few tests once it is repaired.
GROWTH = 2.0
MIN_PACE = 12_500.0
BUSY_SHARE = 0.3
QUEUED_SECONDS = 0.002
# A segment or two is sent twice without need when a host is slow to acknowledge.
LOST_SHARE = 0.001
SEGMENT_BYTES = 1448

_ZONE = timezone(timedelta(hours=7))
_TRIES = 3
# A report goes out every 60 s, and with it the wish.
_GRANT_SECONDS = 75.0
_TEST_SECONDS = 40.0
_DAY_SECONDS = 86_400
_MEASURED = frozenset({"held", "not_held", "lower_bound"})
_BROKEN = frozenset({"idle", "reset", "over_bytes"})


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One path.

    Attributes:
        name: Host of the facility, as the inventory calls it, or ``collector``.
        expect_mbps: What the path should carry.
        interface: Network card it leaves by; the default route's when empty.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    expect_mbps: Annotated[float, msgspec.Meta(gt=0, le=10_000)]
    interface: Annotated[str, msgspec.Meta(pattern=r"^[^/\s]{0,15}$")] = ""
    proves: Literal["floor"] = "floor"


class ThroughputSettings(CheckSettings, frozen=True, kw_only=True):
    """``[checks.throughput]``.

    Attributes:
        targets: Tested one after another, never two at once.
        hours: Times of day (UTC+7) in each of which every target is tested once. Empty: at
            every run of the check, that is every ``interval_seconds``.
    """

    targets: Annotated[tuple[Target, ...], msgspec.Meta(max_length=16)] = ()
    hours: Annotated[tuple[str, ...], msgspec.Meta(max_length=12)] = ("06:00-07:00", "12:00-13:00")

    def __post_init__(self) -> None:
        for text in self.hours:
            parse_window(text)

    @property
    def windows(self) -> tuple[Window, ...]:
        """``hours``, parsed."""
        return tuple(parse_window(text) for text in self.hours)


class Memory(msgspec.Struct):
    """What is kept between runs.

    Attributes:
        proven: Bytes per second the path was last seen to carry, by ``target/direction``.
        tries: Attempts by target, with the window they belong to.
        done: The last window in which the target was tested.
    """

    proven: dict[str, float] = msgspec.field(default_factory=dict)
    tries: dict[str, tuple[str, int]] = msgspec.field(default_factory=dict)
    done: dict[str, str] = msgspec.field(default_factory=dict)


def first_pace(expect: float, link: float | None, proven: float | None) -> float:
    """The pace to ask for, in bytes per second: 80 % of the lowest of what is known.

    Args:
        expect: Declared rate of the path.
        link: Negotiated speed of the network card; None where it is unknown.
        proven: Rate of the last test; None before the first.
    """
    known = [expect]
    if link is not None:
        known.append(link)
    if proven is not None:
        known.append(GROWTH * proven)
    return max(MIN_PACE, FLOOR_SHARE * min(known))


def judge(result: Result, pace: float) -> tuple[str, str]:
    """Verdict and reason of a test that was to run at ``pace`` bytes per second."""
    measured, sent = result.measured, result.sent
    if result.code != "ok" or measured is None:
        return ("aborted" if sent else "refused"), result.code
    if measured.end in _BROKEN or not measured.bytes:
        return "aborted", measured.end
    if not measured.tail_seconds:
        return "lower_bound", measured.end
    if measured.rate >= HELD_SHARE * pace:
        # The receiver sees every byte at the pace, or the sender gave up on the way.
        cut = sent.end if sent and sent.end != "complete" else measured.end
        return ("held" if measured.end == "complete" else "aborted"), cut
    return _why_slow(measured, sent)


def _why_slow(measured: Measurement, sent: Sent | None) -> tuple[str, str]:
    """What is sent faster than the path carries it waits or is lost: then it is the path.

    Where neither is seen and a host was too busy to keep the pace, nothing is proved.
    """
    if sent and sent.end == "queue_grew":
        return "not_held", "queue_grew"
    if sent and sent.retransmits > LOST_SHARE * sent.bytes / SEGMENT_BYTES:
        return "not_held", "loss"
    queued = sent is not None and sent.queue_seconds > QUEUED_SECONDS
    if not queued and (measured.starved or (sent and sent.starved)):
        return "aborted", "host_busy"
    return "not_held", "slower"


def observe(
    claims: fleet_pb2.LeaseClaims, result: Result, valid_seconds: int
) -> tuple[Observation, float | None]:
    """Turn a test into what is reported, and the rate the path was seen to carry."""
    pace = claims.pace_bytes_per_second
    verdict, reason = judge(result, pace)
    labels = {"target": claims.target, "direction": claims.direction, "proves": claims.proves}
    detail = fleet_pb2.ThroughputResult(
        lease_id=claims.id,
        target=claims.target,
        direction=claims.direction,
        proves=claims.proves,
        pace_bytes_per_second=pace,
        verdict=verdict,
        end_reason=reason,
    )
    values: dict[str, float] = {}
    measured = result.measured
    if measured is not None:
        detail.bytes = measured.bytes
        detail.seconds = measured.seconds
        detail.rate_bytes_per_second = measured.rate
        values = {"_pace_bytes_per_second": pace, "_test_bytes": float(measured.bytes)}
    rate = None
    if measured is not None and verdict in {"held", "not_held"}:
        rate = measured.rate
        values |= {"_bytes_per_second": rate, "_held": float(verdict == "held")}
    samples = tuple(
        Sample(f"tramgac_path_throughput{name}", value, labels) for name, value in values.items()
    )
    observation = Observation(
        samples if verdict in _MEASURED else (),
        detail,
        event=True,
        failure="" if verdict in _MEASURED else reason,
        stream=f"throughput:{claims.target}:{claims.direction}",
        valid_seconds=valid_seconds,
    )
    return observation, rate


def run_test(token: bytes) -> Result:
    """Run the initiator's process; the token goes through a pipe, where nobody else reads it."""
    words = [sys.executable, "-m", "tramgac_proto.throughput.initiator"]
    try:
        done = subprocess.run(
            words, input=token, capture_output=True, check=True, timeout=_TEST_SECONDS
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

    def run(self, context: Context) -> Iterator[Observation]:
        """Test every target that is due, both directions, one after another."""
        path = context.state_dir / "throughput.json"
        memory = statefile.load(path, Memory, context.log) or Memory()
        due = list(self._due(memory, context.agent.host, datetime.now(_ZONE)))
        if not due:
            raise NotApplicable("no target is due")
        desk = Desk(context)
        for target in due:
            results = [self._test(target, way, desk, memory) for way in DIRECTIONS]
            tested = any(observation.detail is not None for observation in results)
            if tested and target.name in memory.tries:
                memory.done[target.name] = memory.tries[target.name][0]
            yield from results
            try:
                statefile.save(path, memory)
            except OSError as error:
                context.log.warning("not remembered, may be tested again: %s", error)

    def _due(self, memory: Memory, host: str, now: datetime) -> Iterator[Target]:
        """Targets to be tested now; inside a window each has its own minute."""
        windows = self.settings.windows
        for target in self.settings.targets:
            if not windows:
                yield target
                continue
            share = share_of(f"{host}/{target.name}")
            window = next((key for one in windows if (key := one.occurrence(now, share))), "")
            last, tries = memory.tries.get(target.name, ("", 0))
            tries = tries if last == window else 0
            if window and memory.done.get(target.name) != window and tries < _TRIES:
                memory.tries[target.name] = (window, tries + 1)
                yield target

    @property
    def _valid_seconds(self) -> int:
        """Two and a half times the time between tests, like any other value."""
        interval = self.settings.interval_seconds or self.interval_seconds
        between = _DAY_SECONDS / len(self.settings.hours) if self.settings.hours else interval
        return max(600, int(2.5 * between))

    def _test(self, target: Target, direction: str, desk: "Desk", memory: Memory) -> Observation:
        key = f"{target.name}/{direction}"
        link = NetworkCard(target.interface)
        if link.load() > BUSY_SHARE:
            return _skipped(key, "skipped_link_busy")
        expect = target.expect_mbps * BYTES_PER_MEGABIT
        wish = fleet_pb2.LeaseRequest(
            target=target.name,
            direction=direction,
            proves=target.proves,
            pace_bytes_per_second=first_pace(expect, link.speed, memory.proven.get(key)),
        )
        token = desk.obtain(wish)
        if token is None:
            return _skipped(key, "skipped_no_lease")
        observation, rate = observe(read_unverified(token), run_test(token), self._valid_seconds)
        if rate is not None:
            memory.proven[key] = rate
        return observation


def _skipped(key: str, code: str) -> Observation:
    """Nothing was measured, and nothing is known to be wrong: older values stand."""
    return Observation(failure=code, stream=f"throughput-skipped:{key}")


class Desk:
    """The lease desk for the length of one run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._held: dict[tuple[str, str, str], bytes] = {}
        self._mute = False
        self._deadline = time.monotonic() + context.deadline_seconds - 2 * _TEST_SECONDS
        # Whatever came after the last run stopped waiting has expired by now.
        context.agent.leases.take_granted()

    def obtain(self, wish: fleet_pb2.LeaseRequest) -> bytes | None:
        """Wait for the lease of ``wish``; None when there is none in time.

        After one vain wait the rest of the run does not wait again: the collector is away, or
        the site has no turn now.
        """
        key = (wish.target, wish.direction, wish.proves)
        leases = self._context.agent.leases
        until = min(time.monotonic() + _GRANT_SECONDS, self._deadline)
        if self._mute:
            return None
        while key not in self._held and not self._context.stop.is_set():
            left = until - time.monotonic()
            if left <= 0:
                break
            # A wish is spent with the report that carries it; while the site has no turn, every
            # later report asks again.
            leases.wish(wish)
            for token in leases.take_granted(min(1.0, left)):
                self._file(token, wish)
        leases.withdraw(*key)
        self._mute = key not in self._held
        return self._held.pop(key, None)

    def _file(self, token: bytes, wish: fleet_pb2.LeaseRequest) -> None:
        try:
            claims = read_unverified(token)
        except LeaseError as error:
            self._context.log.warning("unusable lease: %s", error)
            return
        # Compared with a margin: what is allowed may have been rounded on the way.
        if claims.pace_bytes_per_second > 1.01 * wish.pace_bytes_per_second:
            self._context.log.warning("a lease for more than was asked is not used")
            return
        self._held[claims.target, claims.direction, claims.proves] = token
