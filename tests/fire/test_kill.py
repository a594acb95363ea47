"""SIGKILL at random moments: what was acknowledged stays, and nothing is stored twice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from helpers.ports import free_ports_from
from helpers.stack import Stack, poll

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("seed", [1])
def test_killed_at_random_nothing_is_lost_or_doubled(stack: Stack, seed: int) -> None:
    """Agent, collector or both die in the middle of their work, again and again."""
    chance = Random(seed)
    stack.start_agent()
    stack.wait_ticks(3)
    for victims in (["h1"], ["ingest"], ["h1", "ingest"], ["h1"]):
        time.sleep(chance.uniform(0.05, 1.0))  # the moment of death is the point
        for name in victims:
            stack.kill(name)
        if "ingest" in victims:
            stack.start_collector()
        if "h1" in victims:
            stack.start_agent()
    stack.check_ticks(len(stack.handed_ticks()) + 3)
    assert stack.gaps() == {}


class HereRun:
    """``scripts/run_here.py`` with a state folder and ports of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        offset = free_ports_from((8443, 8444, 8445, 8446, 8480, 8481, 8482, 8483, 8490))
        self.stack = Stack(root, ports={"metrics": 8481 + offset}, configure=False)
        with (root / "run.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "scripts/run_here.py", "--state", root,
                 "--port-offset", str(offset), "--tick-seconds", "0.2"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def pid(self, name: str) -> int:
        """The process that runs under this name now; 0 if none."""
        try:
            pids: dict[str, int] = json.loads((self.root / "pids.json").read_text())
        except (OSError, ValueError):
            return 0
        return pids.get(name, 0)

    def kill(self, name: str, *, whole: bool) -> None:
        """SIGKILL one process; with ``whole`` its children as well, at the same moment."""
        victim = self.pid(name)
        doomed = [*(children_of(victim) if whole else []), victim]
        for pid in doomed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        poll(lambda: self.pid(name), lambda pid: pid != victim, 10, f"{name} started again")

    def close(self) -> int:
        """Stop it the way Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(40)


def children_of(pid: int) -> list[int]:
    """Processes started by ``pid``."""
    with suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(word) for word in text.split()]
    return []


def left_over(root: Path) -> list[str]:
    """Command lines of running processes that speak of ``root``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(root) in line:
                found.append(line)
    return found


@pytest.fixture
def here_run(tmp_path: Path) -> Iterator[HereRun]:
    """A running `make run`, stopped in order at the end."""
    run = HereRun(tmp_path)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.close()


def kill_while_it_runs(run: HereRun, rounds: int) -> None:
    """Kill agent and collector in turn at random moments; then compare store and file."""
    chance = Random(rounds)
    stack, host = run.stack, "this-server"
    poll(lambda: len(stack.handed_ticks(host)), lambda n: n > 5, 60, "make run works")
    stack.wait_ticks(5, host)
    for number in range(rounds):
        time.sleep(chance.uniform(0.2, 2.0))  # the moment of death is the point
        # The collector's parent alone, whose children must follow it, or all at once.
        victim = "agent" if number % 2 else "collector"
        run.kill(victim, whole=number % 4 == 0)
    stack.check_ticks(len(stack.handed_ticks(host)) + 5, host)
    assert stack.gaps(host) == {}
    poll(lambda: stack.value("tramgac_tick_last", host), lambda v: v is not None, 30, "live")
    assert run.process.poll() is None
    assert run.close() == 0
    poll(lambda: left_over(run.root), lambda found: not found, 20, "everything has ended")


def test_make_run_survives_random_kills(here_run: HereRun) -> None:
    """Kill -9 of agent and collector of `make run`: the store equals the tick file."""
    kill_while_it_runs(here_run, 4)


@pytest.mark.soak
def test_make_run_survives_ten_random_kills(here_run: HereRun) -> None:
    """The same, ten times."""
    kill_while_it_runs(here_run, 10)
