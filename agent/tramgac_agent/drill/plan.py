"""When which drill is due, from what was drilled before."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import msgspec

from tramgac_agent import drop
from tramgac_agent.drill.settings import DrillSettings

Kind = Literal["canary", "sample", "full"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_DAY_MS = 86_400_000
# One that said nothing is tried again, but not at every start of the timer.
_AGAIN_MS = 3600_000
_FILE = "drills.json"
_MAX_SERIES = 10_000


class Done(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last drill of one kind.

    Attributes:
        conclusive_ms: End of the last one that said something; 0: none ever.
        tried_ms: End of the last one.
        passed: Whether that one did.
    """

    conclusive_ms: int
    tried_ms: int
    passed: bool


Results = dict[str, dict[Kind, Done]]


def days_of(kind: Kind, settings: DrillSettings) -> float:
    """How often; 0: by hand only, also for want of what the kind needs."""
    if kind == "canary":
        return settings.canary_days if settings.canary else 0
    if kind == "sample":
        return settings.sample_days
    return settings.full_days if settings.scratch else 0


def due(settings: DrillSettings, done: dict[Kind, Done], now_ms: int) -> Iterator[Kind]:
    """The kinds that are due, the cheapest first. One that failed is done again within a day."""
    for kind in KINDS:
        days = days_of(kind, settings)
        last = done.get(kind)
        if not days:
            continue
        if last is None:
            yield kind
            continue
        wait = days if last.passed else min(days, 1.0)
        # A clock that was set back must not put it off for ever.
        said = 0 <= now_ms - last.conclusive_ms < wait * _DAY_MS
        tried = 0 <= now_ms - last.tried_ms < _AGAIN_MS
        if not said and not tried:
            yield kind


def load(state_folder: Path) -> Results:
    """What was done, by series; lost or unreadable: nothing."""
    try:
        return msgspec.json.decode((state_folder / _FILE).read_bytes(), type=Results)
    except (OSError, msgspec.DecodeError):
        return {}


def remember(state_folder: Path, record: drop.Drill) -> None:
    """Add the outcome of one drill; not of a key, which is tried by hand only.

    Raises:
        OSError: The folder is not writable.
    """
    if record.scope == "key":
        return
    results = load(state_folder)
    mine = results.pop(record.series, {})
    before = mine.get(record.scope)
    now = Done(record.ended_unix_ms, record.ended_unix_ms, record.passed)
    if not record.conclusive:
        said = before or Done(0, 0, passed=False)
        now = Done(said.conclusive_ms, record.ended_unix_ms, said.passed)
    mine[record.scope] = now
    kept = dict([*results.items(), (record.series, mine)][-_MAX_SERIES:])
    temporary = state_folder / f".{_FILE}.{os.getpid()}.tmp"
    temporary.write_bytes(msgspec.json.encode(kept))
    temporary.replace(state_folder / _FILE)
