"""Round trip, jitter and loss to declared targets: by a reflector, ICMP echo or TCP handshake."""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import msgspec

from tramgac_agent.checks.base import Check, CheckSettings, Context, Observation, Sample
from tramgac_agent.probes.base import Deadline, ProbeFailed
from tramgac_agent.probes.detached import Detached
from tramgac_agent.probes.oneway import OneWay, one_way
from tramgac_agent.probes.resolve import RESOLVE_SECONDS, Address, resolve

MAX_TARGETS = 32
# With another method to fall back on, this many probes lost in a row mean this one is filtered.
PATIENCE = 5
# Left to the runner after the last target, so that the rest of the run is not lost with it.
MARGIN_SECONDS = 2.0
# Of it, for a target whose last probe ends with its time.
GRACE_SECONDS = 0.5
# Pauses vary by half, so that targets and agents do not fall into step.
SPACING_SPREAD = 0.5

Method = Literal["auto", "udp", "icmp", "tcp"]


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[checks.latency.targets]]``.

    Attributes:
        name: Label ``target``.
        address: Host name or IP address.
        tcp_port: A port known to be open there; 0 where there is none.
        reflector_port: UDP port of an agent's reflector there; 0 where there is none.
        method: ``auto`` is the reflector, then ICMP where it is allowed and answered, else TCP.
    """

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
    address: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_.:%-]{1,253}$")]
    tcp_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    reflector_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    method: Method = "auto"

    def __post_init__(self) -> None:
        """Refuse a method without its port."""
        for method, key in (("tcp", "tcp_port"), ("udp", "reflector_port")):
            if self.method == method and not getattr(self, key):
                raise ValueError(f"target `{self.name}`: method {method} needs {key}")


class LatencySettings(CheckSettings, frozen=True, kw_only=True):
    """``[checks.latency]``.

    Attributes:
        probes: Probes per target and run.
        spacing_seconds: Mean pause between two probes.
        timeout_seconds: Wait for one answer; under a second, see ``tcp.round_trip``.
        reflect_key_file: Key that the site's reflectors ask for; empty where they ask for none.
    """

    targets: Annotated[tuple[Target, ...], msgspec.Meta(min_length=1, max_length=MAX_TARGETS)]
    probes: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    spacing_seconds: Annotated[float, msgspec.Meta(ge=0.01, le=10)] = 0.2
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=0.95)] = 0.9
    reflect_key_file: str = ""

    def __post_init__(self) -> None:
        """Refuse double names and runs that cannot end within the deadline."""
        names = [target.name for target in self.targets]
        if len(set(names)) < len(names):
            raise ValueError("two targets have the same name")
        deadline = self.deadline_seconds or LatencyCheck.deadline_seconds
        if self.longest_seconds > deadline - MARGIN_SECONDS:
            raise ValueError(
                f"an unanswered target takes {self.longest_seconds:.0f} s of the"
                f" {deadline:.0f} s deadline; lower probes, spacing_seconds or timeout_seconds"
            )

    @property
    def longest_seconds(self) -> float:
        """Time of the worst run: silent name server, nothing answered by any method."""
        one = self.timeout_seconds + self.spacing_seconds * (1 + SPACING_SPREAD)
        reflected = any(target.reflector_port for target in self.targets)
        return RESOLVE_SECONDS + (self.probes + PATIENCE * (1 + reflected)) * one


@dataclass(frozen=True, slots=True)
class PathStats:
    """One target's answers in figures; seconds, and None where nothing can be said.

    Attributes:
        jitter: Mean of |RTT_i - RTT_(i-1)| over neighbours that were both answered.
        loss: Share of probes without an answer, 0 to 1.
    """

    mean: float | None
    shortest: float | None
    longest: float | None
    jitter: float | None
    loss: float


def summarize(trips: Sequence[float | None]) -> PathStats:
    """Turn round trips in sending order (None: lost) into figures.

    Raises:
        ValueError: No probe was sent.
    """
    if not trips:
        raise ValueError("no probe was sent")
    answered = [trip for trip in trips if trip is not None]
    steps = [abs(b - a) for a, b in pairwise(trips) if a is not None and b is not None]
    return PathStats(
        mean=math.fsum(answered) / len(answered) if answered else None,
        shortest=min(answered, default=None),
        longest=max(answered, default=None),
        jitter=math.fsum(steps) / len(steps) if steps else None,
        loss=1 - len(answered) / len(trips),
    )


class Measured(NamedTuple):
    """The round trips of one target and how they were made; by a reflector, both directions."""

    method: str
    trips: Sequence[float | None]
    ways: OneWay | None = None


def _samples(target: str, measured: Measured) -> tuple[Sample, ...]:
    stats = summarize(measured.trips)
    values = {
        "tramgac_path_rtt_seconds": stats.mean,
        "tramgac_path_rtt_min_seconds": stats.shortest,
        "tramgac_path_rtt_max_seconds": stats.longest,
        "tramgac_path_jitter_seconds": stats.jitter,
        "tramgac_path_loss_ratio": stats.loss,
    }
    labels = {"target": target, "method": measured.method}
    found = [Sample(name, v, labels) for name, v in values.items() if v is not None]
    return (*found, *_directions(target, measured.ways))


def _directions(target: str, ways: OneWay | None) -> Iterable[Sample]:
    if ways is None:
        return
    for name, found in (("loss_direction_ratio", ways.loss), ("queue_seconds", ways.queue)):
        for direction, value in found.items():
            labels = {"target": target, "direction": direction}
            yield Sample(f"tramgac_path_{name}", value, labels)
    if ways.dwell is not None:
        yield Sample("tramgac_path_reflector_dwell_seconds", ways.dwell, {"target": target})


RoundTrip = Callable[[float], float | None]


class LatencyCheck(Check[LatencySettings]):
    """Probes all targets side by side; each is bounded, and none waits for another."""

    name = "latency"
    interval_seconds = 300.0
    deadline_seconds = 60.0
    settings_type = LatencySettings

    def __init__(self, settings: LatencySettings) -> None:
        super().__init__(settings)
        self._detached: Detached[Measured] = Detached()

    def run(self, context: Context) -> Iterable[Observation]:
        """Measure every target; one that cannot be measured fails alone."""
        budget = max(0.1, context.deadline_seconds - MARGIN_SECONDS)
        futures = {
            target.name: self._detached.submit(
                target.name, partial(self._measure, target, context, Deadline(budget))
            )
            for target in self.settings.targets
        }
        wait(futures.values(), timeout=budget + GRACE_SECONDS)
        for name, future in futures.items():
            if not future.done():
                yield Observation(failure="timeout", stream=name)
                continue
            try:
                yield Observation(_samples(name, future.result()))
            except ProbeFailed as failed:
                context.log.warning("%s: %s", name, failed)
                yield Observation(failure=failed.code, stream=name)
            except Exception:  # our bug with one target must not end the others
                context.log.exception("%s: failed unexpectedly", name)
                yield Observation(failure="internal_error", stream=name)

    def _measure(self, target: Target, context: Context, deadline: Deadline) -> Measured:
        address = resolve(target.address, target.tcp_port, deadline)[0]
        reflected = self._by_reflector(address, target, context, deadline)
        if reflected is not None and (reflected.ways is not None or target.method == "udp"):
            return reflected
        found = self._without_reflector(address, target, context, deadline)
        # Silent by any method: told under the name it always has.
        lost = all(trip is None for trip in found.trips)
        return reflected if reflected is not None and lost else found

    def _by_reflector(
        self, address: Address, target: Target, context: Context, deadline: Deadline
    ) -> Measured | None:
        """Ask the reflector, where there is one; None: it cannot be asked, another method can."""
        if not target.reflector_port or target.method not in {"auto", "udp"}:
            return None
        try:
            return self._reflected(address, target, context, deadline)
        except ProbeFailed as failed:
            if target.method == "udp":
                raise
            context.log.warning("%s: no use of its reflector (%s)", target.name, failed)
            return None

    def _without_reflector(
        self, address: Address, target: Target, context: Context, deadline: Deadline
    ) -> Measured:
        if target.method != "tcp":
            try:
                trips = self._icmp(address, target, context, deadline)
            except ProbeFailed as failed:
                if target.method == "icmp" or not target.tcp_port:
                    raise
                context.log.debug("%s: no ICMP (%s), so TCP", target.name, failed)
            else:
                if any(trip is not None for trip in trips) or not self._may_fall_back(target):
                    return Measured("icmp", trips)
        return Measured("tcp", self._tcp(address, context, deadline))

    def _reflected(
        self, address: Address, target: Target, context: Context, deadline: Deadline
    ) -> Measured:
        """Ask the reflector; ``ways`` is None where it gave no answer.

        Raises:
            ProbeFailed: ``reflector_strained``: it refuses packets, so losses prove nothing.
        """
        from tramgac_agent.probes.reflection import Mirror, read_key  # noqa: PLC0415 - as below

        patience = self.settings.probes if target.method == "udp" else PATIENCE
        key = read_key(self.settings.reflect_key_file)
        with Mirror(address, target.reflector_port, key) as mirror:
            trips = self._series(mirror.round_trip, patience, context, deadline)
        if mirror.strained:
            raise ProbeFailed("reflector_strained")
        return Measured("udp", trips, one_way(mirror.legs) if mirror.legs else None)

    @staticmethod
    def _may_fall_back(target: Target) -> bool:
        return target.method == "auto" and target.tcp_port != 0

    def _icmp(
        self, address: Address, target: Target, context: Context, deadline: Deadline
    ) -> list[float | None]:
        # Loaded late: it brings asyncio, and a host without targets needs neither.
        from tramgac_agent.probes.icmp import Pinger  # noqa: PLC0415 - see above

        patience = PATIENCE if self._may_fall_back(target) else self.settings.probes
        with Pinger(address) as pinger:
            return self._series(pinger.round_trip, patience, context, deadline)

    def _tcp(self, address: Address, context: Context, deadline: Deadline) -> list[float | None]:
        from tramgac_agent.probes.tcp import round_trip  # noqa: PLC0415

        return self._series(partial(round_trip, address), self.settings.probes, context, deadline)

    def _series(
        self, round_trip: RoundTrip, patience: int, context: Context, deadline: Deadline
    ) -> list[float | None]:
        """Send the probes; stop early after ``patience`` losses with no answer at all.

        Raises:
            ProbeFailed: ``stopped``: the agent ends, or the time was gone before a probe.
        """
        trips: list[float | None] = []
        for number in range(self.settings.probes):
            if number and context.stop.wait(self._pause()):
                raise ProbeFailed("stopped")
            if deadline.left < self.settings.timeout_seconds:
                break
            trips.append(round_trip(self.settings.timeout_seconds))
            if len(trips) >= patience and all(trip is None for trip in trips):
                break
        if not trips:
            raise ProbeFailed("timeout")
        return trips

    def _pause(self) -> float:
        spread = random.uniform(1 - SPACING_SPREAD, 1 + SPACING_SPREAD)  # noqa: S311 - no secret
        return self.settings.spacing_seconds * spread
