"""What the tests of the uplink share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.uplinking import Bench

from tramgac_agent import backoff
from tramgac_agent.uplink import thread


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """One that loses patience quickly."""
    monkeypatch.setattr(backoff, "TRUSTED_CAP_SECONDS", 0.3)
    monkeypatch.setattr(thread, "REPORT_DEADLINE_SECONDS", 0.7)
    monkeypatch.setattr(thread, "_SPLIT_SECONDS", 0.02)
    made = Bench(tmp_path)
    made.collector.start()
    yield made
    made.close()
