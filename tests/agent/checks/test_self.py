"""Self: what the agent costs, compared with what psutil says of the same process."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from helpers.onecheck import observe, values

from tramgac_agent.checks.base import CheckSettings
from tramgac_agent.checks.self import SelfCheck, resident_bytes, start_after_boot

CASES = Path(__file__).parent / "cases" / "self"


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_recorded_processes_are_read(case: str) -> None:
    """A name with blanks and brackets does not shift the fields."""
    expected = json.loads((CASES / case / "expected.json").read_text())
    ticks = 100 / os.sysconf("SC_CLK_TCK")
    pages = os.sysconf("SC_PAGESIZE") / 4096

    stat, statm = ((CASES / case / name).read_text() for name in ("stat", "statm"))

    assert start_after_boot(stat) == expected["start_after_boot"] * ticks
    assert resident_bytes(statm) == expected["resident_bytes"] * pages


def test_memory_and_start_are_those_of_this_process(tmp_path: Path) -> None:
    """Both agree with psutil; the start stays where it is."""
    check = SelfCheck(CheckSettings())
    first = values(observe(check, tmp_path))
    process = psutil.Process()
    again = values(observe(check, tmp_path))

    assert first["agent_resident_memory_bytes"] == pytest.approx(process.memory_info().rss, rel=0.1)
    start = "agent_start_timestamp_seconds"
    assert first[start] == pytest.approx(process.create_time(), abs=5)
    assert again[start] == first[start]


def test_cpu_time_counts_children_that_ended(tmp_path: Path) -> None:
    """Work done in a child process appears in the agent's bill."""
    check = SelfCheck(CheckSettings())
    before = values(observe(check, tmp_path))["agent_cpu_seconds_total"]
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    own = time.process_time()
    subprocess.run([sys.executable, "-c", busy], check=True)
    own = time.process_time() - own
    after = values(observe(check, tmp_path))["agent_cpu_seconds_total"]

    assert after - before - own >= 0.25
