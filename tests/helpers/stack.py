"""A real collector and real agents as processes, on loopback, below one folder."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tramgac_proto.v1 import fleet_pb2

T = TypeVar("T")
FACILITY, SITE = "bv-test", "main"


def poll(read: Callable[[], T], done: Callable[[T], bool], seconds: float, what: str) -> T:
    """Read until ``done``; fail with what was read last.

    Raises:
        AssertionError: Not within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = read()
        if done(value):
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s; last seen: {value!r:.500}")
        time.sleep(0.1)


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def samples(page: str) -> dict[str, float]:
    """``name{labels}`` to value."""
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in page.splitlines()
        if line and not line.startswith("#")
    }


@dataclass(slots=True)
class Stack:
    """One collector, some agents.

    Attributes:
        hosts: Declared in the inventory.
        agent_checks: TOML of every agent's checks.
    """

    root: Path
    hosts: Sequence[str] = ("h1",)
    agent_checks: str = "[checks.tick]\ninterval_seconds = 0.2\n"
    collector_extra: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Write the collector's files."""
        doors = ("grpc", "enrollment", "throughput", "web", "metrics")
        self.ports = self.ports or {door: free_port() for door in doors}
        (self.root / "collector").mkdir(parents=True, exist_ok=True)
        rows = "\n".join(f"          - {{id: {host}}}" for host in self.hosts)
        (self.root / "inventory.yml").write_text(
            f"province: {{name: Test}}\nfacilities:\n  - id: {FACILITY}\n    code: '1'\n"
            f"    sites:\n      - id: {SITE}\n        hosts:\n{rows}\n"
        )
        listen = "\n".join(f'{door} = "127.0.0.1:{port}"' for door, port in self.ports.items())
        (self.root / "collector.toml").write_text(
            f'[collector]\nstate_dir = "{self.root / "collector"}"\n'
            f'inventory = "{self.root / "inventory.yml"}"\n[listen]\n{listen}\n'
            f"{self.collector_extra}"
        )

    def _spawn(self, name: str, argv: Sequence[str], **env: str) -> None:
        with (self.root / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **env},
            )  # fmt: skip

    def log(self, name: str) -> str:
        """What a process wrote."""
        path = self.root / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def command(self, *words: str, check: bool = True, **env: str) -> str:
        """Run one of our commands to its end and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", *words], capture_output=True, text=True, check=False,
            timeout=60, env={**os.environ, **env},
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def collector_command(self, *words: str, check: bool = True) -> str:
        """Run ``tramgac-collector`` with this stack's configuration."""
        config = ("--config", str(self.root / "collector.toml"))
        return self.command("tramgac_collector", *words, *config, check=check)

    def start_collector(self) -> None:
        """Start the ingest process and wait until it is ready."""
        config = str(self.root / "collector.toml")
        self._spawn(
            "ingest", [sys.executable, "-m", "tramgac_collector.ingest", "--config", config]
        )
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the collector says it is ready."""
        poll(lambda: self.get("/-/ready"), bool, 30, f"collector ready\n{self.log('ingest')}")

    def get(self, path: str) -> str:
        """A page of the metrics port; empty while it does not answer."""
        try:
            url = f"http://127.0.0.1:{self.ports['metrics']}{path}"
            with urllib.request.urlopen(url, timeout=5) as answer:
                body: bytes = answer.read()
                return body.decode()
        except (urllib.error.URLError, OSError):
            return ""

    def metrics(self) -> dict[str, float]:
        """What a scrape gives now."""
        return samples(self.get("/metrics"))

    def value(self, name: str, host: str = "h1") -> float | None:
        """The first series of ``name`` for ``host``; None when it is absent."""
        for key, value in self.metrics().items():
            if key.startswith(name + "{") and f'host="{host}"' in key:
                return value
        return None

    def token(self, host: str = "", **options: str) -> str:
        """A new enrolment token."""
        words = ["token", "create", "--facility", FACILITY, "--site", SITE, "--json"]
        words += ["--host", host] if host else []
        for name, value in options.items():
            words += [f"--{name}", value]
        made: str = json.loads(self.collector_command(*words))["token"]
        return made

    def write_agent(self, host: str, *, checks: str | None = None, outbox: str = "") -> Path:
        """Write an agent's configuration; its state is ``root/host``."""
        path = self.root / f"{host}.toml"
        (self.root / host).mkdir(exist_ok=True)
        path.write_text(
            f'[agent]\nstate_dir = "{self.root / host}"\n'
            f'[collector]\naddress = "127.0.0.1:{self.ports["grpc"]}"\n'
            f'enrollment_address = "127.0.0.1:{self.ports["enrollment"]}"\nreport_seconds = 1\n'
            f"{outbox}\n{self.agent_checks if checks is None else checks}"
        )
        return path

    def enroll(self, host: str = "h1") -> None:
        """Write the configuration, get a token and use it."""
        config = self.write_agent(host)
        token = self.root / f"{host}.token"
        token.write_text(self.token(host))
        self.command(
            "tramgac_agent", "enroll", "--config", str(config), "--host", host,
            "--token-file", str(token),
        )  # fmt: skip

    def start_agent(self, host: str = "h1", *prefix: str, **env: str) -> None:
        """Start an agent, behind ``prefix`` (e.g. faketime) if given."""
        config = str(self.root / f"{host}.toml")
        argv = [*prefix, sys.executable, "-m", "tramgac_agent", "run", "--config", config]
        self._spawn(host, argv, **env)

    def kill(self, name: str) -> None:
        """SIGKILL a process and what it started."""
        self._signal(name, signal.SIGKILL)

    def stop(self, name: str) -> None:
        """SIGTERM a process and wait for its end."""
        self._signal(name, signal.SIGTERM)

    def _signal(self, name: str, number: int) -> None:
        child = self.running.pop(name)
        try:
            if number == signal.SIGKILL:
                os.killpg(child.pid, number)
            else:
                child.send_signal(number)
            child.wait(20)
        except ProcessLookupError:
            child.wait(1)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise

    def close(self) -> None:
        """End everything."""
        for name in list(self.running):
            self.kill(name)

    def query(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Ask the SQLite store, read-only."""
        path = self.root / "collector/store.db"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def stored_ticks(self) -> list[int]:
        """Every number of the tick check in the store, in order of event time."""
        rows = self.query("SELECT payload FROM records ORDER BY event_ms, seq")
        found = []
        for (payload,) in rows:
            record = fleet_pb2.Record.FromString(payload)  # type: ignore[arg-type]
            one = record.observation
            if one.check == "tick" and one.values and not one.failure:
                found += [int(one.values[0])] if record.record_class == 1 else []
        return found

    def handed_ticks(self, host: str = "h1") -> list[int]:
        """The numbers the tick check wrote to its own file."""
        path = self.root / host / "checks/tick/ticks"
        lines = path.read_text().splitlines() if path.exists() else []
        return [int(line) for line in lines if line.isdigit()]
