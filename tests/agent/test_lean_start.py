"""The resident agent carries no module that it does not use."""

import subprocess
import sys
from pathlib import Path

import pytest

# Each costs from a third of a MiB to three; all are imported by a library that we use otherwise.
UNWANTED = (
    "asyncio",
    "concurrent.futures.process",
    "google.protobuf.internal.python_message",
    "importlib.metadata",
    "multiprocessing",
    "ssl",
    "typing_extensions",
    "tzlocal",
    "zoneinfo",
)
_CONFIG = """
[collector]
address = "127.0.0.1:1"
[checks.disk]
[checks.latency]
targets = [{name = "here", address = "127.0.0.1"}]
probes = 1
[checks.service]
systems = [{system = "his", kind = "http", url = "http://127.0.0.1:1/"}]
[checks.uptime]
"""


def run(code: str, *words: str, **env: str) -> str:
    """Run ``code`` in a fresh interpreter; a warning is an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *words],
        check=True, capture_output=True, text=True, timeout=60, env=env or None,
    ).stdout.strip()  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(f'[agent]\nstate_dir = "{tmp_path / "state"}"\n{_CONFIG}')
    return path


def test_what_nobody_uses_is_not_loaded(config: Path) -> None:
    """Not by the daemon with its libraries, not by a scheduled run, not by a ping."""
    code = """
import sys, threading, time
from pathlib import Path
import tramgac_agent.__main__
from tramgac_agent.lean_start import hidden
with hidden():
    from tramgac_agent.config import load_config
    from tramgac_agent.daemon import Daemon
    config = load_config(Path(sys.argv[1]))
daemon = Daemon(config)
stop = daemon._stop
def later():
    outbox = daemon._outbox
    until = time.monotonic() + 30
    while outbox.stats().records < 4 and time.monotonic() < until:
        time.sleep(0.05)
    stop(0, None)
threading.Thread(target=later).start()
daemon.run()
print(*sorted(name for name in sys.argv[2:] if name in sys.modules))
"""
    assert not run(code, str(config), *UNWANTED)


def test_what_was_left_out_can_be_had() -> None:
    """A placeholder loads the real module for whoever asks, and the next import finds it."""
    code = """
import sys
from tramgac_agent import lean_apscheduler
from apscheduler import util
from apscheduler.executors import pool
from apscheduler.schedulers import base
assert str(util.ZoneInfo("UTC")) == "UTC"
assert base.get_localzone() is not None
assert pool.multiprocessing.get_context("spawn")
import asyncio, importlib.metadata, multiprocessing, zoneinfo
assert pool.multiprocessing.Process is multiprocessing.Process
assert importlib.metadata.version("apscheduler").startswith("3.11")
print(util.astimezone("UTC"), asyncio.__name__)
"""
    assert run(code) == "UTC asyncio"


def test_modules_that_are_there_already_stay() -> None:
    """In a process with asyncio and multiprocessing APScheduler gets the real ones."""
    code = """
import asyncio, multiprocessing
from tramgac_agent import lean_apscheduler
from apscheduler import util
from apscheduler.executors import pool
print(pool.multiprocessing is multiprocessing, util.iscoroutinefunction.__module__)
"""
    assert run(code) == "True asyncio.coroutines"
