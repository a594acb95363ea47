"""The parent keeps its children alive, and neither outlives the other."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tramgac_collector.config import Config, ThroughputSection
from tramgac_collector.serve import children

# Runs a supervisor over the modules named on the command line.
PARENT = """
import logging, sys
from pathlib import Path
from tramgac_collector import supervise
logging.basicConfig(level="INFO")
supervise.STOP_SECONDS = 1.0
specs = []
for name in sys.argv[1:]:
    module, _, needs = name.partition(":")
    needed = Path(needs) if needs else None
    specs.append(supervise.ChildSpec(module, module, ("an argument",), needed))
sys.exit(supervise.Supervisor(specs).run())
"""
# Each start adds a line with the process id to the file of the module's name.
IMPORTS = "import os, signal, sys, time\n"
STARTED = """
with open(__file__ + ".pids", "a") as file:
    file.write(f"{os.getpid()} {sys.argv[1:]}\\n")
"""
CHILDREN = {
    "steady": STARTED + "time.sleep(60)",
    "stubborn": "signal.signal(signal.SIGTERM, signal.SIG_IGN)" + STARTED + "time.sleep(60)",
    "misconfigured": STARTED + "time.sleep(0.3); sys.exit(78)",
    "polite": "bye = lambda *_: (open(__file__ + '.bye', 'w'), sys.exit(0))\n"
    "signal.signal(signal.SIGTERM, bye)" + STARTED + "time.sleep(60)",
}


def until(holds: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pids(folder: Path, name: str) -> list[int]:
    file = folder / f"{name}.py.pids"
    return [int(line.split()[0]) for line in file.read_text().splitlines()] if file.exists() else []


@contextmanager
def supervised(folder: Path, *names: str) -> Iterator[subprocess.Popen[bytes]]:
    for name, text in CHILDREN.items():
        (folder / f"{name}.py").write_text(IMPORTS + text)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *names], env=environment)
    try:
        yield parent
    finally:
        parent.kill()
        parent.wait()
        for name in CHILDREN:
            for pid in filter(alive, pids(folder, name)):
                os.kill(pid, signal.SIGKILL)


def test_a_killed_child_is_back_within_two_seconds(tmp_path: Path) -> None:
    """The others are left alone, and the child is given its arguments again."""
    with supervised(tmp_path, "steady", "polite"):
        until(lambda: pids(tmp_path, "steady") and pids(tmp_path, "polite"))
        os.kill(pids(tmp_path, "steady")[0], signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: len(pids(tmp_path, "steady")) == 2)

        assert time.monotonic() - killed < 2.0
        assert len(pids(tmp_path, "polite")) == 1
        lines = (tmp_path / "steady.py.pids").read_text().splitlines()
        assert all(line.endswith("['an argument']") for line in lines)


def test_a_stop_is_passed_on_and_the_stubborn_are_killed(tmp_path: Path) -> None:
    """SIGTERM ends everything in order, with exit code 0."""
    with supervised(tmp_path, "polite", "stubborn") as parent:
        until(lambda: pids(tmp_path, "polite") and pids(tmp_path, "stubborn"))
        parent.terminate()

        assert parent.wait(15) == 0
        assert (tmp_path / "polite.py.bye").exists()
        assert not any(map(alive, pids(tmp_path, "stubborn")))


def test_children_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    """Even SIGKILL of the parent leaves no process that holds a port or the store."""
    with supervised(tmp_path, "polite", "steady") as parent:
        until(lambda: pids(tmp_path, "polite") and pids(tmp_path, "steady"))
        parent.kill()
        parent.wait()

        until(lambda: not any(map(alive, [*pids(tmp_path, "polite"), *pids(tmp_path, "steady")])))


def test_a_configuration_error_of_a_child_stops_everything(tmp_path: Path) -> None:
    """Exit code 78 is passed on instead of being tried again for ever."""
    with supervised(tmp_path, "steady", "misconfigured") as parent:
        assert parent.wait(15) == 78
        assert not any(map(alive, pids(tmp_path, "steady")))
        assert len(pids(tmp_path, "misconfigured")) == 1


def test_a_child_waits_for_the_file_it_needs(tmp_path: Path) -> None:
    """The responder is not started before the lease key is there."""
    needed = tmp_path / "key"
    with supervised(tmp_path, "steady", f"polite:{needed}"):
        until(lambda: pids(tmp_path, "steady"))
        assert not pids(tmp_path, "polite")

        needed.touch()

        until(lambda: pids(tmp_path, "polite"))


def test_the_responder_is_part_of_it_only_if_asked_for() -> None:
    """`[throughput] responder = false` leaves ingest, judge and web."""
    path = Path("collector.toml")
    quiet = Config(throughput=ThroughputSection(responder=False))

    assert [one.name for one in children(Config(), path)] == ["ingest", "judge", "web", "responder"]
    assert [one.name for one in children(quiet, path)] == ["ingest", "judge", "web"]


def free_ports(count: int) -> list[int]:
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [int(door.getsockname()[1]) for door in doors]
    for door in doors:
        door.close()
    return numbers


def answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def descendants(pid: int) -> dict[str, int]:
    """Children of a process by the module they run."""
    found = {}
    for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{text}/cmdline").read_text().split("\0")
        if "tramgac_collector.child" in words:
            found[words[words.index("tramgac_collector.child") + 2]] = int(text)
    return found


def test_the_whole_collector_comes_back_and_stops(tmp_path: Path) -> None:
    """`serve` makes store and keys, answers everywhere, restarts ingest, and ends cleanly."""
    names = ("grpc", "enrollment", "throughput", "web", "metrics")
    ports = dict(zip(names, free_ports(5), strict=True))
    listen = "\n".join(f'{name} = "127.0.0.1:{port}"' for name, port in ports.items())
    file = tmp_path / "collector.toml"
    file.write_text(
        f'[collector]\nstate_dir = "{tmp_path}/state"\ninventory = "{tmp_path}/none.yml"\n'
        f"[listen]\n{listen}\n"
    )
    command = [sys.executable, "-m", "tramgac_collector", "serve", "--config", str(file)]
    parent = subprocess.Popen(command)
    try:
        until(lambda: answers(ports["metrics"], "/-/ready"), 60)
        until(lambda: answers(ports["web"], "/-/ready"), 60)
        until(lambda: len(descendants(parent.pid)) == 4)
        before = descendants(parent.pid)
        os.kill(before["tramgac_collector.ingest"], signal.SIGKILL)
        until(lambda: answers(ports["metrics"], "/-/ready"), 60)
        after = descendants(parent.pid)
        parent.terminate()

        assert parent.wait(20) == 0
        assert after.pop("tramgac_collector.ingest") != before.pop("tramgac_collector.ingest")
        assert after == before
        assert not any(map(alive, after.values()))
    finally:
        left = descendants(parent.pid) if parent.poll() is None else {}
        parent.kill()
        parent.wait()
        for pid in filter(alive, left.values()):
            os.kill(pid, signal.SIGKILL)
