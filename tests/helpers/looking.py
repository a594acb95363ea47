"""One visit of a source, as the probe makes it, from the text of its file."""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from tramgac_agent.drop import IntegrityCheck, Record, RepositoryState
from tramgac_agent.restic.runner import Budget
from tramgac_agent.sources.base import SourceFailed, Visit
from tramgac_agent.sources.settings import read_source

SERIES = "bv-hue/his01/db@nas"


def probe_text(source: str, **series: Any) -> str:
    """A probe file with one series."""
    keys = "\n".join(f"{key} = {_toml(value)}" for key, value in series.items())
    return f'source = "{source}"\n[[series]]\nid = "{SERIES}"\n{keys}\n'


def look(text: str, folder: Path, *, now_ms: int = 0, seconds: float = 30.0) -> list[Record]:
    """What one visit reports; every record is one the agent would take."""
    config = folder / "looking.toml"
    config.write_text(text)
    state = folder / "looking-state"
    state.mkdir(exist_ok=True)
    source = read_source(config)
    now = now_ms or time.time_ns() // 1_000_000
    visit = Visit(now, state, os.environ, Budget(seconds))
    try:
        records = list(source.look(visit))
    except SourceFailed as failure:
        records = source.blind(failure.state, visit)
    for record in records:
        assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record
        assert record.objection(max(now, time.time_ns() // 1_000_000) + 60_000) == "", record
    return records


def state_of(records: Iterable[Record]) -> RepositoryState:
    """The only state among them."""
    (state,) = [one for one in records if isinstance(one, RepositoryState)]
    return state


def checks_of(records: Iterable[Record]) -> dict[str, IntegrityCheck]:
    """The checks among them by scope."""
    return {one.scope: one for one in records if isinstance(one, IntegrityCheck)}


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return msgspec.json.encode(value).decode()
