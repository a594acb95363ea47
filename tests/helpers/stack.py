"""A real collector and real agents as processes, on loopback, below one folder."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from helpers.ports import free_port

from tramgac_agent.clock import SYSTEM_CLOCK
from tramgac_agent.outbox import Outbox, OutboxLimits
from tramgac_proto.v1 import fleet_pb2

T = TypeVar("T")
FACILITY, SITE = "bv-test", "main"
# Tests report every second and pull events forward; the limit of 120 calls is not the theme.
GENEROUS = "[limits]\ncalls_per_minute = 6000\n"


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


def samples(page: str) -> dict[str, float]:
    """``name{labels}`` to value."""
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in page.splitlines()
        if line and not line.startswith("#")
    }


def _environment() -> dict[str, str]:
    """Ours, but gRPC may speak: `enroll`, run in this process, silences it for all after it."""
    return {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}


@dataclass(frozen=True, slots=True)
class Tick:
    """One stored record of the tick check."""

    number: int
    event_ms: int
    received_ms: int


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the sequence numbers of one outbox life."""

    contiguous: int
    stored: list[int]
    lost: list[int]
    quarantined: list[int]


@dataclass(slots=True)
class Stack:
    """One collector, some agents.

    Attributes:
        hosts: Declared in the inventory.
        agent_checks: TOML of every agent's checks.
        collector_extra: More TOML for the collector.
        ports: By door; free ones unless given.
        running: Processes by name: ``ingest``, and each agent by its host.
        configure: False: somebody else made the files below ``root``; only look at them.
    """

    root: Path
    hosts: Sequence[str] = ("h1",)
    agent_checks: str = "[checks.tick]\ninterval_seconds = 0.2\n"
    collector_extra: str = GENEROUS
    ports: dict[str, int] = field(default_factory=dict)
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    configure: bool = True

    def __post_init__(self) -> None:
        """Write the collector's files."""
        if not self.configure:
            return
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
                env={**_environment(), **env},
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

    def take_over(self, other: Path) -> None:
        """Copy state and identities of a stopped stack with the same hosts."""
        shutil.copytree(other / "collector", self.root / "collector", dirs_exist_ok=True)
        for host in self.hosts:
            shutil.copytree(other / host, self.root / host, dirs_exist_ok=True)
            self.write_agent(host)

    def enroll(self, *hosts: str) -> None:
        """Write each host's configuration and let all of them use one token."""
        token = self.root / "token"
        token.write_text(self.token(uses=str(len(hosts))))
        enrolling = {}
        for host in hosts:
            argv = ["tramgac_agent", "enroll", "--config", str(self.write_agent(host))]
            argv += ["--host", host, "--token-file", str(token)]
            enrolling[host] = subprocess.Popen(
                [sys.executable, "-m", *argv], stdout=subprocess.DEVNULL, env=_environment()
            )
        failed = [host for host, child in enrolling.items() if child.wait(60)]
        assert not failed, f"not enrolled: {failed}"

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

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the SQLite store, read-only."""
        path = self.root / "collector/store.db"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def stored_ticks(self, host: str = "h1") -> list[Tick]:
        """Every record of the tick check in the store, in order of event time."""
        rows = self.query(
            "SELECT r.payload, r.event_ms, r.received_ms FROM records r"
            " JOIN epochs e ON e.id = r.epoch_id JOIN agents a ON a.id = e.agent_id"
            " WHERE a.host = ? ORDER BY r.event_ms, e.created_ms, r.seq",
            host,
        )
        found = []
        for payload, event_ms, received_ms in rows:
            record = fleet_pb2.Record.FromString(payload)
            one = record.observation
            is_event = record.record_class == fleet_pb2.RECORD_CLASS_EVENT
            if one.check == "tick" and one.values and is_event:
                found.append(Tick(int(one.values[0]), event_ms, received_ms))
        return found

    def handed_ticks(self, host: str = "h1") -> list[int]:
        """The numbers the tick check wrote to its own file."""
        path = self.root / host / "checks/tick/ticks"
        lines = path.read_text().splitlines() if path.exists() else []
        return [int(line) for line in lines if line.isdigit()]

    def wait_ticks(self, upto: int, host: str = "h1", seconds: float = 60) -> list[Tick]:
        """Wait until every tick up to ``upto`` is stored; return all of them."""

        def missing() -> set[int]:
            return set(range(1, upto + 1)) - {one.number for one in self.stored_ticks(host)}

        poll(missing, lambda left: not left, seconds, f"{host}: ticks up to {upto} stored")
        return self.stored_ticks(host)

    def check_ticks(self, upto: int, host: str = "h1", *, twice: Collection[int] = ()) -> set[int]:
        """Wait for the store to have every tick up to ``upto``; compare it with the tick file.

        Nothing but ``twice`` may be stored twice; what is missing must be told by gap records.

        Returns:
            The missing ticks.
        """

        def missing() -> set[int]:
            return set(range(1, upto + 1)) - {one.number for one in self.stored_ticks(host)}

        def told(left: set[int]) -> bool:
            return len(left) <= sum(self.gaps(host).values()) and upto not in left

        left = poll(missing, told, 90, f"{host}: ticks up to {upto} stored or declared lost")
        stored, handed = self.stored_ticks(host), self.handed_ticks(host)
        numbers = [one.number for one in stored]
        doubled = {one for one, count in Counter(numbers).items() if count > 1}
        assert doubled <= set(twice), f"stored twice: {doubled}"
        assert handed == list(range(1, len(handed) + 1))
        assert set(numbers) <= set(handed)
        self.check_accounts(host)
        return left

    def check_accounts(self, host: str = "h1") -> None:
        """Every settled number is exactly one of stored, lost and quarantined."""
        for account in self.accounts(host):
            told = Counter(account.stored + account.lost + account.quarantined)
            assert not [seq for seq in range(1, account.contiguous + 1) if not told[seq]]
            assert not [seq for seq, count in told.items() if count > 1]

    def gaps(self, host: str = "h1") -> dict[str, int]:
        """Lost records by reason, as the store has them."""
        rows = self.query(
            "SELECT g.reason, sum(g.last - g.first + 1) FROM gaps g"
            " JOIN epochs e ON e.id = g.epoch_id JOIN agents a ON a.id = e.agent_id"
            " WHERE a.host = ? GROUP BY g.reason",
            host,
        )
        return {str(reason): int(count) for reason, count in rows}

    def lost(self, host: str = "h1") -> dict[str, int]:
        """Lost records by reason, as ``/metrics`` shows them."""
        found = {}
        for key, value in self.metrics().items():
            if key.startswith("tramgac_agent_lost_records{") and f'host="{host}"' in key:
                found[key.partition('reason="')[2].partition('"')[0]] = int(value)
        return found

    def accounts(self, host: str = "h1") -> list[Account]:
        """What became of every sequence number of each of the host's outbox lives."""
        found = []
        epochs = self.query(
            "SELECT e.id, e.epoch, e.contiguous FROM epochs e JOIN agents a ON a.id = e.agent_id"
            " WHERE a.host = ? ORDER BY e.created_ms",
            host,
        )
        for number, epoch, contiguous in epochs:
            stored = self.query("SELECT seq FROM records WHERE epoch_id = ?", number)
            gone = self.query("SELECT first, last FROM gaps WHERE epoch_id = ?", number)
            refused = self.query("SELECT seq FROM quarantine WHERE epoch = ?", epoch)
            found.append(
                Account(
                    int(contiguous),
                    [seq for (seq,) in stored],
                    [seq for first, last in gone for seq in range(first, last + 1) if first > 0],
                    [seq for (seq,) in refused],
                )
            )
        return found

    def uplink(self, host: str = "h1") -> dict[str, Any]:
        """The agent's own word on how reporting goes; empty before the first."""
        try:
            tree: dict[str, Any] = json.loads((self.root / host / "uplink.json").read_text())
        except (OSError, ValueError):
            return {}
        return tree

    def wait_uplink(self, host: str = "h1", seconds: float = 30, **wanted: str) -> dict[str, Any]:
        """Wait until the agent's status has these values."""
        return poll(
            lambda: self.uplink(host),
            lambda status: wanted.items() <= status.items(),
            seconds,
            f"{host}: uplink.json says {wanted}",
        )

    def outbox(self, host: str = "h1") -> Outbox:
        """Open a stopped agent's outbox, with wide bounds, as the agent would."""
        path = self.root / host / "outbox.db"
        limits = OutboxLimits(3650, 1 << 30, 1.0, 0)
        return Outbox.open(path, limits=limits, clock=SYSTEM_CLOCK)
