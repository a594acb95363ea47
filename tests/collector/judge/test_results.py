"""Results are written in short transactions that leave other writers room."""

import time

import pytest
from sqlalchemy import Engine, event, func, select

from tramgac_collector.judge.results import Writes
from tramgac_collector.store.schema import rule_history, rule_results


def _writes(count: int) -> Writes:
    known = [
        ("bv", f"r{n}", "pass", "ok", False, 1.0, 1, "v 1", 1, "{}") for n in range(count)
    ]  # fmt: skip
    history = [("bv", f"r{n}", 1, "pass", "pass", "ok", "v 1") for n in range(count)]
    return Writes(known, history)


def test_many_rows_are_several_transactions_with_a_pause_between(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ingest waits for one step at most: the lock is free for a while after each."""
    steps: list[str] = []
    event.listen(engine, "commit", lambda _connection: steps.append("commit"))
    monkeypatch.setattr(time, "sleep", lambda seconds: steps.append(f"{seconds:g}"))
    written = _writes(250)
    written.store(engine)
    written.results, written.history = [], []
    written.gone = [("bv", f"r{n}") for n in range(150)]
    written.store(engine)

    pause = "0.03"
    assert steps == ["commit", pause, "commit", pause, "commit", "commit", pause, "commit"]
    with engine.connect() as connection:
        assert connection.scalar(select(func.count(rule_results.c.rule))) == 100
        assert connection.scalar(select(func.count(rule_history.c.rule))) == 250
