"""One visit of a source, as the probe makes it, from the text of its file."""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tramgac_agent.drop import BackupRun, IntegrityCheck, Record, RepositoryState
from tramgac_agent.restic.runner import Budget
from tramgac_agent.sources.base import SourceFailed, Visit
from tramgac_agent.sources.settings import read_source

SERIES = "bv-hue/his01/db@nas"


def probe_text(source: str, top: Mapping[str, Any] | None = None, **series: Any) -> str:
    """A probe file with one series, and with keys of its own at the top."""
    head = _lines({"source": source, **(top or {})})
    return f'{head}[[series]]\nid = "{SERIES}"\n{_lines(series)}'


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


def runs_of(records: Iterable[Record]) -> list[tuple[str, int, int | None]]:
    """The runs among them in their order: outcome, start and end in Unix milliseconds."""
    return [
        (one.outcome, one.started_unix_ms, one.ended_unix_ms)
        for one in records
        if isinstance(one, BackupRun)
    ]


def state_of(records: Iterable[Record]) -> RepositoryState:
    """The only state among them."""
    (state,) = [one for one in records if isinstance(one, RepositoryState)]
    return state


def checks_of(records: Iterable[Record]) -> dict[str, IntegrityCheck]:
    """The checks among them by scope."""
    return {one.scope: one for one in records if isinstance(one, IntegrityCheck)}


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return msgspec.json.encode(value).decode()
