"""What a fact's name stands for, and what evidence claims of a subject."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# What happened stays true; how long it counts is for the verdict to say.
EVENT_VALID_MS = 3660 * 86_400_000

# So that whatever agents say, there are few paces.
_PACE_STEP_MS = 10_000

FactKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class FactKind:
    """One name of the vocabulary.

    Attributes:
        step: A change of at least this much is a change; less only refreshes the fact.
        recent: So many of the newest are kept at hand, each with its text.
        refresh_ms: How long the store may show an older time for what was only confirmed.
    """

    name: str
    unit: str
    step: float = 0.0
    recent: int = 0
    refresh_ms: int = 300_000

    def pace_ms(self, times: tuple[int, int]) -> int:
        """How often to store that it still holds: twice in the time it says something.

        Else what is confirmed all the time would look stale to whoever reads the store.
        """
        return min(self.refresh_ms, (times[1] - times[0]) // 2 // _PACE_STEP_MS * _PACE_STEP_MS)


@dataclass(frozen=True, slots=True)
class FromMetric:
    """A catalogue series that is a fact.

    Attributes:
        labels: Their values, joined by ``:``, name the part of the host the fact is about.
        series: The fact is about a backup series, named by the label of that name.
        by: Label whose value says which fact of ``kinds`` it is; any other value is none.
    """

    kind: FactKind
    labels: tuple[str, ...] = ()
    series: bool = False
    by: str = ""
    kinds: Mapping[str, FactKind] = field(default_factory=dict)

    def kind_of(self, labels: Mapping[str, str]) -> FactKind | None:
        """Which fact a series with these labels is."""
        return self.kinds.get(labels[self.by]) if self.by else self.kind


@dataclass(frozen=True, slots=True)
class Slot:
    """Which value of an observation is which fact."""

    index: int
    key: FactKey
    kind: FactKind


@dataclass(frozen=True, slots=True)
class Claim:
    """A fact as a typed message states it; times in centre time.

    Attributes:
        valid_ms: Zero: as long as the observation.
    """

    kind: FactKind
    subject: str
    value: float | None
    text: str = ""
    collected_ms: int = 0
    valid_ms: int = 0


def differs(
    told: tuple[float | None, str] | None, said: tuple[float | None, str], step: float
) -> bool:
    """Whether ``said`` is news after ``told``: another text, or a value a step away."""
    if told is None or told[1] != said[1]:
        return True
    before, now = told[0], said[0]
    if before is None or now is None:
        return before is not now
    return now != before and abs(now - before) >= step
