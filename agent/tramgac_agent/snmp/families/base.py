"""What a family of devices is: which objects it has, and what they mean.

A family never talks to a device. It says what it wants, is given a ``Walk``, and makes samples
of it; the poller owns pace, time-outs and secrets.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import msgspec

from tramgac_agent.checks.base import Sample
from tramgac_agent.snmp.settings import Device
from tramgac_agent.snmp.values import Oid, Walk


class Memory(msgspec.Struct):
    """What a family must know of earlier polls; kept as JSON across restarts, so keep it small."""


M = TypeVar("M", bound=Memory)


@dataclass(frozen=True, slots=True)
class Poll:
    """One thing that is asked again and again.

    Attributes:
        name: Within the family; also names the stream, so each poll replaces only itself.
        interval_seconds: Default time between two.
    """

    name: str
    interval_seconds: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """Objects of one poll; nothing at all where there is nothing to ask yet.

    Attributes:
        scalars: Instances, asked by GET.
        columns: Columns, asked by GETBULK (GETNEXT in version 1), together, row by row.
        failure: Why what is configured cannot be asked; a stable code.
    """

    scalars: Sequence[Oid] = ()
    columns: Sequence[Oid] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one poll says.

    Attributes:
        samples: Series of the catalogue, without owner labels.
    """

    samples: tuple[Sample, ...] = ()


class Family(ABC, Generic[M]):
    """One kind of device. Subclass in a file of its own, then add one line to the registry.

    Attributes:
        polls: What is asked, and how often.
        memory_type: State kept between polls.
        news: Names of series whose change must be kept when points are thinned.
        silent_is_normal: It may be switched off or asleep: silence is no fault.
    """

    polls: ClassVar[Sequence[Poll]]
    memory_type: ClassVar[type[Memory]] = Memory
    news: ClassVar[frozenset[str]] = frozenset()
    silent_is_normal: ClassVar[bool] = False

    def __init__(self, device: Device, memory: M) -> None:
        self.device = device
        self.memory = memory

    @abstractmethod
    def wanted(self, poll: Poll) -> Wanted:
        """What to ask now."""

    @abstractmethod
    def read(self, poll: Poll, walk: Walk) -> Reading:
        """Make samples of the answers; must bear any value, type and size."""

    def silent(self) -> Iterable[Sample]:
        """What to say when the device did not answer; nothing but ``device_up`` by default."""
        return ()
