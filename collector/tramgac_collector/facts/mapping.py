"""The one table from catalogue names and typed messages to facts."""

from collections.abc import Sequence
from dataclasses import dataclass

from tramgac_collector.model import Owner


@dataclass(frozen=True, slots=True)
class Slot:
    """Which value of an observation is a fact."""

    index: int
    name: str


def slots_of(
    _subject: Owner, _series: Sequence[tuple[str, tuple[tuple[str, str], ...]]]
) -> tuple[Slot, ...]:
    """Return the facts among ``series``."""
    return ()
