"""Round trip, jitter and loss to declared targets, by ICMP echo or TCP handshake."""

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
from tramgac_agent.probes.resolve import RESOLVE_SECONDS, Address, resolve

MAX_TARGETS = 32
# With a TCP port to fall back on, this many lost echoes in a row mean ICMP is filtered.
ICMP_TRIES = 5
# Left to the runner after the last target, so that the rest of the run is not lost with it.
MARGIN_SECONDS = 2.0
# Pauses vary by half, so that targets and agents do not fall into step.
SPACING_SPREAD = 0.5

Method = Literal["auto", "icmp", "tcp"]


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[checks.latency.targets]]``.

    Attributes:
        name: Label ``target``.
        address: Host name or IP address.
        tcp_port: A port known to be open there; 0 where there is none.
        method: ``auto`` is ICMP where it is allowed and answered, else TCP.
    """

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
    address: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_.:%-]{1,253}$")]
    tcp_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    method: Method = "auto"

    def __post_init__(self) -> None:
        """Refuse a TCP target without a port."""
        if self.method == "tcp" and not self.tcp_port:
            raise ValueError(f"target `{self.name}`: method tcp needs tcp_port")


class LatencySettings(CheckSettings, frozen=True, kw_only=True):
    """``[checks.latency]``.

    Attributes:
        probes: Probes per target and run.
        spacing_seconds: Mean pause between two probes.
        timeout_seconds: Wait for one answer; under a second, see ``tcp.round_trip``.
    """

    targets: Annotated[tuple[Target, ...], msgspec.Meta(min_length=1, max_length=MAX_TARGETS)]
    probes: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    spacing_seconds: Annotated[float, msgspec.Meta(ge=0.01, le=10)] = 0.2
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=0.95)] = 0.9

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
        """Time of the worst run: silent name server, filtered ICMP, nothing answered."""
        one = self.timeout_seconds + self.spacing_seconds * (1 + SPACING_SPREAD)
        return RESOLVE_SECONDS + (self.probes + ICMP_TRIES) * one


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
    """The round trips of one target and how they were made."""

    method: str
    trips: Sequence[float | None]


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
    return tuple(Sample(name, v, labels) for name, v in values.items() if v is not None)


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
        wait(futures.values(), timeout=budget)
        for name, future in futures.items():
            if not future.done():
                yield Observation(failure="timeout", stream=name)
                continue
            try:
                yield Observation(_samples(name, future.result()))
            except ProbeFailed as failed:
                context.log.warning("%s: %s", name, failed)
                yield Observation(failure=failed.code, stream=name)

    def _measure(self, target: Target, context: Context, deadline: Deadline) -> Measured:
        address = resolve(target.address, target.tcp_port, deadline)[0]
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

    @staticmethod
    def _may_fall_back(target: Target) -> bool:
        return target.method == "auto" and target.tcp_port != 0

    def _icmp(
        self, address: Address, target: Target, context: Context, deadline: Deadline
    ) -> list[float | None]:
        # Loaded late: it brings asyncio, and a host without targets needs neither.
        from tramgac_agent.probes.icmp import Pinger  # noqa: PLC0415 - see above

        patience = ICMP_TRIES if self._may_fall_back(target) else self.settings.probes
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
