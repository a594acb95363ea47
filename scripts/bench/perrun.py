"""What one run of each check costs: ``python -m bench.perrun CONFIG`` prints one JSON object.

In a process of its own, so that neither imports nor a first run count.
"""

import dataclasses
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tramgac_agent.checks import load
from tramgac_agent.checks.base import AgentView, Check, Context, LeaseDesk
from tramgac_agent.config import Config, load_config
from tramgac_agent.runner import Outcome
from tramgac_agent.runner import measure as run_check

_RUNS = 3
# Needs leases of the centre; the benchmark measures its child by itself.
_LEFT_OUT = frozenset({"throughput", "tick"})


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of one run, in the agent's process and in children, and seconds between runs."""

    own: float
    children: float
    interval: float


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _context(check: Check[Any], state: Path) -> Context:
    (state / "drop").mkdir(parents=True)
    return Context(
        log=logging.getLogger(check.name),
        state_dir=state,
        stop=threading.Event(),
        deadline_seconds=check.settings.deadline_seconds or check.deadline_seconds,
        agent=AgentView(state, "bench", LeaseDesk()),
    )


def _checks(config: Config) -> Iterator[tuple[Check[Any], Context]]:
    with tempfile.TemporaryDirectory(prefix="tramgac-perrun-") as folder:
        for name, settings in config.checks.items():
            if name not in _LEFT_OUT:
                check = load(name)(settings)
                yield check, _context(check, Path(folder) / name)


def _run(check: Check[Any], context: Context) -> Outcome:
    outcome = run_check(check, context)
    check.stored(outcome.observations)
    return outcome


def runs(config: Config, times: int) -> Iterator[tuple[Check[Any], list[Outcome]]]:
    """Run every check ``times`` times."""
    for check, context in _checks(config):
        yield check, [_run(check, context) for _ in range(times)]


def _cost(check: Check[Any], context: Context) -> Cost:
    _run(check, context)
    own, children = time.process_time(), _children()
    for _ in range(_RUNS):
        _run(check, context)
    interval = check.settings.interval_seconds or check.interval_seconds
    return Cost((time.process_time() - own) / _RUNS, (_children() - children) / _RUNS, interval)


def measure(config: Path) -> dict[str, Cost]:
    """Cost of each check that ``config`` switches on."""
    argv = [sys.executable, "-m", "bench.perrun", str(config)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, env=dict(os.environ))
    return {name: Cost(**one) for name, one in json.loads(done.stdout).items()}


def main() -> None:
    """Run every check a few times."""
    config = load_config(Path(sys.argv[1]))
    costs = {check.name: dataclasses.asdict(_cost(check, at)) for check, at in _checks(config)}
    sys.stdout.write(json.dumps(costs))


if __name__ == "__main__":
    main()
