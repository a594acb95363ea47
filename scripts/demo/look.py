"""What an agent tells: looks at things, made of values that are plausible and always move."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

from tramgac_collector.inventory.model import Facility, Host, Inventory, Site

# Name without the prefix all have, labels, value.
Sample = tuple[str, Mapping[str, str], float]

PERIOD_SECONDS = 300.0
# A counter's rate moves by so much of itself.
_SWING = 0.4


class Look(NamedTuple):
    """One observation, before it has ids and times.

    Attributes:
        subject: What it is of, where that is not the host itself.
        event: Kept to the end, like every detail that happened once.
        detail: The typed message, by its field's name.
    """

    check: str
    samples: tuple[Sample, ...] = ()
    valid_seconds: int = 180
    subject: str = ""
    stream: str = ""
    event: bool = False
    detail: Mapping[str, Any] = {}


@dataclass(slots=True)
class Weather:
    """What goes wrong in the province now; every agent looks at the same one.

    Attributes:
        down: Systems that answer nobody, as ``facility/system``.
        unreachable: Portals that answer nobody.
        on_battery: Sites without mains, as ``facility/site``, and since when (Unix seconds).
        drain: How many times as fast batteries run down as they would.
    """

    down: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)
    on_battery: dict[str, float] = field(default_factory=dict)
    drain: float = 1.0


@dataclass(slots=True)
class Self:
    """A host that looks around.

    Attributes:
        booted: Unix seconds; so is ``started``, of its agent.
        clean: Whether the stop before that boot was orderly.
        faults: What is wrong for good with it and its devices: ``device:fault`` or ``fault``.
    """

    inventory: Inventory
    facility: Facility
    site: Site
    host: Host
    weather: Weather
    booted: float
    started: float
    clean: bool = True
    faults: frozenset[str] = frozenset()

    @property
    def place(self) -> str:
        """``facility/site/host``."""
        return f"{self.facility.id}/{self.site.id}/{self.host.id}"

    @property
    def at(self) -> str:
        """``facility/site``."""
        return f"{self.facility.id}/{self.site.id}"


def share(*key: object) -> float:
    """A number from 0 to 1 that belongs to ``key``, the same in every run."""
    digest = blake2b(repr(key).encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 2**32


def between(low: float, high: float, *key: object) -> float:
    """A number of that range which belongs to ``key``."""
    return low + (high - low) * share(*key)


def wave(now: float, *key: object) -> float:
    """From -1 to 1, in the course of minutes, with a phase that belongs to ``key``."""
    return math.sin(2 * math.pi * (now / PERIOD_SECONDS + share(*key)))


def near(middle: float, swing: float, now: float, *key: object) -> float:
    """A value that moves around ``middle`` by at most the share ``swing`` of it."""
    own = middle * (0.8 + 0.4 * share(*key))
    return own * (1 + swing * wave(now, *key))


def count(rate: float, since: float, now: float, *key: object) -> float:
    """A counter that rose since ``since`` by about ``rate`` a second and never falls."""
    passed = max(0.0, now - since)
    turn = 2 * math.pi / PERIOD_SECONDS
    risen = passed + _SWING * (1 - math.cos(turn * passed)) / turn
    return rate * (0.6 + 0.8 * share(*key)) * risen


def labelled(labels: Mapping[str, str], **values: float) -> Iterator[Sample]:
    """Samples that share their labels."""
    for name, value in values.items():
        yield name, labels, float(value)


def ran(me: Self, check: str, now: float, *, well: bool = True) -> tuple[Sample, ...]:
    """What the runner adds to the look of every check."""
    return tuple(
        labelled(
            {"check": check},
            check_success=well,
            check_duration_seconds=near(0.05, 0.5, now, me.place, check),
            check_missed_runs=int(3 * share(me.facility.id, check)),
        )
    )


def look(me: Self, check: str, now: float, samples: Iterable[Sample], **more: Any) -> Look:  # noqa: ANN401 - fields of Look
    """A look of a check at its own host."""
    return Look(check, (*samples, *ran(me, check, now)), **more)
