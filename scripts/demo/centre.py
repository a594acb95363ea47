"""The centre as people run it: collector, Prometheus, Alertmanager, and a mailbox."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from helpers.fleet import SimulatedIdentity
from helpers.ports import free_port
from helpers.simulated import enroll_at

from demo.sizes import Size
from demo.telling import routing, rules_for
from tramgac_collector.__main__ import COMMANDS
from tramgac_collector.identity.ca import Authority
from tramgac_collector.store.engine import open_engine, upgrade
from tramgac_proto.commandline import run

ROOT = Path(__file__).resolve().parents[2]
_LISTENS = ("grpc", "enrollment", "throughput", "web", "metrics")
DOORS = (*_LISTENS, "prometheus", "alertmanager")
CONFIG = "collector.toml"
_STOP_SECONDS = 20.0
# What a command prints is caught from the one standard output.
_ONE_AT_A_TIME = threading.Lock()


def wait_for(what: Callable[[], object], seconds: float, name: str) -> None:
    """Poll until it holds.

    Raises:
        TimeoutError: It does not within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name}: not within {seconds:g} s")
        time.sleep(0.1)


def fetch(url: str) -> str:
    """The body; nothing while the server is not there or refuses."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own loopback
            body: bytes = answer.read()
    except (urllib.error.URLError, OSError):
        return ""
    return body.decode()


def _port(first: int, at: int) -> int:
    """``first + at`` where nobody listens there, else any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", first + at if first else 0))
        except OSError:
            return free_port()
        port: int = probe.getsockname()[1]
        return port


class Centre:
    """Everything that runs at the centre, below one folder.

    Args:
        folder: Its own; made where it is missing.
        inventory: The file's text.
        size: How often Prometheus looks.
        mail_port: Where the mailbox listens; 0: there is none, and no Alertmanager.
        first_port: Of its doors, if they are free; 0: any.
    """

    def __init__(
        self, folder: Path, inventory: str, size: Size, mail_port: int = 0, first_port: int = 0
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ports = {door: _port(first_port, at) for at, door in enumerate(DOORS)}
        self.ca_pem = b""
        self._size = size
        self._mail_port = mail_port
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "inventory.yml").write_text(inventory)
        program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        self._alertmanager = program if program and mail_port else ""

    def at(self, door: str) -> str:
        """``host:port`` of a door."""
        return f"127.0.0.1:{self.ports[door]}"

    @property
    def alertmanager_url(self) -> str:
        """Alertmanager's pages; empty where there is none."""
        return f"http://{self.at('alertmanager')}" if self._alertmanager else ""

    @property
    def config(self) -> Path:
        """The collector's configuration."""
        return self.folder / CONFIG

    def _write(self) -> None:
        listen = "\n".join(f'{door} = "{self.at(door)}"' for door in _LISTENS)
        told = ""
        if self._alertmanager:
            told = f'alertmanager = ["{self.alertmanager_url}"]\nresend_seconds = 10\n'
        elif self._mail_port:
            mail = f"mailto://localhost:{self._mail_port}?from=tramgac@example.org"
            told = f'urls = ["{mail}&to=watch@example.org"]\n'
        self.config.write_text(
            f'[collector]\nstate_dir = "{self.folder / "state"}"\n'
            f'inventory = "{self.folder / "inventory.yml"}"\n[listen]\n{listen}\n'
            f'[notify]\npage_url = "http://{self.at("web")}"\n{told}'
            f"[limits]\ncalls_per_minute = 6000\n"
        )

    def enroll(self, places: Sequence[tuple[str, str, str]]) -> list[SimulatedIdentity]:
        """Make the store and the authority, put the inventory into force, enrol every agent."""
        state = self.folder / "state"
        state.mkdir()
        self._write()
        url = f"sqlite:///{state / 'store.db'}"
        upgrade(url)
        authority = Authority.open_or_create(state)
        self.ca_pem = authority.ca_pem
        engine = open_engine(url)
        identities = enroll_at(engine, authority, places)
        engine.dispose()
        self.command("inventory", "import")
        return identities

    def command(self, *words: str) -> str:
        """Run ``tramgac-collector`` in this process, which saves the start of one; what it printed.

        Raises:
            RuntimeError: It failed.
        """
        told, wrong = StringIO(), StringIO()
        with _ONE_AT_A_TIME, redirect_stdout(told), redirect_stderr(wrong):
            try:
                code = run("tramgac-collector", COMMANDS, [*words, "--config", str(self.config)])
            except SystemExit as refused:
                code = 2 if refused.code else 0
        if code:
            raise RuntimeError(f"{' '.join(words)}: {told.getvalue()}{wrong.getvalue()}")
        return told.getvalue()

    def _spawn(self, name: str, argv: Sequence[str]) -> None:
        """Start it; it ends with this process (strictly: this thread), however that ends."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *argv],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def check(self) -> None:
        """Nothing of it may have ended by itself.

        Raises:
            RuntimeError: Something has.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise RuntimeError(f"{name} has ended; see {self.folder / f'{name}.log'}")

    def _answers(self, door: str) -> bool:
        self.check()
        return bool(fetch(f"http://{self.at(door)}/-/ready"))

    def start(self) -> None:
        """Start everything and wait until it answers.

        Raises:
            RuntimeError: Something ended at once.
            TimeoutError: Something does not answer.
        """
        argv = [sys.executable, "-m", "tramgac_collector", "serve", "--config", str(self.config)]
        self._spawn("collector", argv)
        doors = ["metrics"]
        if self._alertmanager:
            self._start_alertmanager()
            doors.append("alertmanager")
        if shutil.which("prometheus"):
            self._start_prometheus()
            doors.append("prometheus")
        for door in doors:
            wait_for(partial(self._answers, door), 120, f"{door}; see {self.folder}")

    def _start_alertmanager(self) -> None:
        config = self.folder / "alertmanager.yml"
        config.write_text(routing(self._mail_port), encoding="utf-8")
        argv = [str(self._alertmanager), f"--config.file={config}", "--log.level=warn",
                f"--storage.path={self.folder / 'alertmanager'}", "--cluster.listen-address=",
                f"--web.listen-address={self.at('alertmanager')}"]  # fmt: skip
        self._spawn("alertmanager", argv)

    def _start_prometheus(self) -> None:
        rules = self.folder / "rules"
        rules.mkdir(exist_ok=True)
        every = f"{self._size.scrape_seconds}s"
        for kind in ("rules", "alerts"):
            for path in sorted((ROOT / "dashboards" / kind).glob("*.yml")):
                text = rules_for(path.read_text(), every, f"http://{self.at('web')}")
                (rules / f"{kind}-{path.name}").write_text(text)
        told: dict[str, Any] = {
            "global": {"scrape_interval": every, "scrape_timeout": every,
                       "evaluation_interval": every},
            "rule_files": [str(rules / "*.yml")],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [self.at(door)]}]}
                for job, door in (("tramgac", "metrics"), ("prometheus", "prometheus"))
            ],
        }  # fmt: skip
        if self._alertmanager:
            target = {"static_configs": [{"targets": [self.at("alertmanager")]}]}
            told["alerting"] = {"alertmanagers": [target]}
        config = self.folder / "prometheus.yml"
        config.write_text(json.dumps(told, indent=1))
        argv = ["prometheus", f"--config.file={config}", "--log.level=warn",
                f"--storage.tsdb.path={self.folder / 'prometheus'}",
                f"--web.listen-address={self.at('prometheus')}"]  # fmt: skip
        self._spawn("prometheus", argv)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """An instant vector from Prometheus: ``metric`` and ``value`` of each series."""
        asked = urllib.parse.urlencode({"query": expression})
        body = fetch(f"http://{self.at('prometheus')}/api/v1/query?{asked}")
        found: list[dict[str, Any]] = json.loads(body)["data"]["result"] if body else []
        return found

    def stop(self) -> None:
        """End everything, the collector last."""
        for process in reversed(self._running.values()):
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
