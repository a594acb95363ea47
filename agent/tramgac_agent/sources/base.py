"""What a source is: something that can say which backups are really there.

A source runs in a short-lived process of its own, as whoever may read the backups; it only
reads, within a deadline, and reports drop records. What it says is evidence: a source that
cannot look is blind and says so, it never guesses.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

from tramgac_agent.drop import Record, RepositoryState, SeriesId, State
from tramgac_agent.restic.runner import Budget

# A state outlives one missed look and half of a second.
_INTERVALS_VALID = 2.5


class SourceFailed(Exception):  # noqa: N818 - an outcome, turned into a state
    """The source could not look.

    Args:
        state: What that makes of every series: any but ``ok``.
        text: For the log of this host; never leaves it.
    """

    def __init__(self, state: State, text: str = "") -> None:
        super().__init__(f"{state}: {text}" if text else state)
        self.state: State = state


class SeriesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[series]]``: a declared series; subclasses say which backups are its own."""

    id: SeriesId


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every probe file has.

    Attributes:
        source: Name in the registry.
        interval_seconds: Time between runs; a state is good for two and a half of them.
        deadline_seconds: For all calls of one run together.
        state_dir: Empty: ``$STATE_DIRECTORY``, which systemd sets.
    """

    source: str = "restic"
    interval_seconds: Annotated[float, msgspec.Meta(ge=60, le=14 * 86400)] = 3600.0
    deadline_seconds: Annotated[float, msgspec.Meta(gt=0, le=6 * 3600)] = 120.0
    state_dir: str = ""

    @property
    def valid_seconds(self) -> int:
        """How long a state says something."""
        return math.ceil(_INTERVALS_VALID * self.interval_seconds)

    def problem(self) -> str:
        """What is wrong with the file as a whole, with the key; empty when nothing is."""
        return ""

    @property
    def series_ids(self) -> tuple[str, ...]:
        """Every series of the file."""
        return tuple(one.id for one in getattr(self, "series", ()))


Settings = TypeVar("Settings", bound=SourceSettings)


@dataclass(frozen=True, slots=True)
class Visit:
    """What a source is given.

    Attributes:
        now_ms: Wall clock at the start.
        state_folder: Its own, exists, private: what it remembers between visits.
        environment: Of this process.
        budget: Time for the whole visit.
        later: What ``keep`` puts off; None: nothing is put off.
    """

    now_ms: int
    state_folder: Path
    environment: Mapping[str, str]
    budget: Budget
    later: list[Callable[[], None]] | None = None

    def keep(self, save: Callable[[], None]) -> None:
        """Remember by ``save`` what was seen, once it is reported.

        A loss is told once: it must not be forgotten together with a report that failed.
        """
        if self.later is None:
            save()
        else:
            self.later.append(save)


class Source(ABC, Generic[Settings]):
    """One backup product.

    Attributes:
        name: As in the registry and in ``RepositoryState.source``.
        settings_type: Of the whole probe file; strict.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type[SourceSettings]]

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def look(self, visit: Visit) -> Iterable[Record]:
        """One ``RepositoryState`` a series; ``BackupRun``s where the product tells of runs.

        Raises:
            SourceFailed: Nothing could be read; the probe reports every series as that.
        """

    def blind(self, state: State, visit: Visit, tool_version: str = "") -> list[Record]:
        """What is said of every series when nothing could be read: that, and nothing else."""
        return [
            RepositoryState(
                version=1,
                series=series,
                taken_unix_ms=visit.now_ms,
                valid_seconds=self.settings.valid_seconds,
                source=self.name,
                state=state,
                tool_version=tool_version,
            )
            for series in self.settings.series_ids
        ]
