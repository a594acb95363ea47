"""The whole centre as people run it: `serve`, a real Alertmanager, and the mails it sends."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from helpers.alertmanager import Alertmanager
from helpers.backup import until
from helpers.fleet import SimulatedIdentity
from helpers.mail_sink import MailSink
from helpers.ports import free_port
from helpers.province import Place, Plan
from helpers.simulated import enroll_at
from helpers.stack import poll

from tramgac_collector.identity.ca import Authority
from tramgac_collector.store.engine import open_engine, upgrade

# A silence counts from the collector's first two minutes on.
SETTLE_SECONDS = 120.0
_DOORS = ("grpc", "enrollment", "throughput", "web", "metrics")


@dataclass(frozen=True, slots=True)
class Mail:
    """What a person got: ``firing SiteUnreachable 1``, the text, and when (Unix seconds)."""

    subject: str
    text: str
    at: float


class _TimedSink(MailSink):
    """Notes when each mail came."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[float] = []

    def keep(self, mail: EmailMessage) -> None:
        self.came.append(time.time())
        super().keep(mail)


def listens(port: int) -> bool:
    """Whether somebody does on loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Centre:
    """One collector with everything beside it, below one folder.

    Attributes:
        started: When it listened, Unix seconds.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {door: free_port() for door in _DOORS}
        self.ca_pem = b""
        self.started = 0.0
        self.sink = _TimedSink()
        self.alertmanager = Alertmanager(folder, self.sink.port)
        self._process: subprocess.Popen[bytes] | None = None
        config = folder / "alertmanager.yml"
        told = config.read_text().replace("group_wait: 200ms", "group_wait: 15s")
        config.write_text(told.replace("group_interval: 500ms", "group_interval: 30s"))

    def enroll(self, plan: Plan) -> list[SimulatedIdentity]:
        """Write the files, and enrol every agent of ``plan``."""
        state = self.folder / "state"
        state.mkdir()
        (self.folder / "inventory.yml").write_text(plan.inventory())
        listen = "\n".join(f'{door} = "127.0.0.1:{port}"' for door, port in self.ports.items())
        (self.folder / "collector.toml").write_text(
            f'[collector]\nstate_dir = "{state}"\n'
            f'inventory = "{self.folder / "inventory.yml"}"\n[listen]\n{listen}\n'
            f'[notify]\nalertmanager = ["{self.alertmanager.url}"]\nresend_seconds = 10\n'
        )
        url = f"sqlite:///{state / 'store.db'}"
        upgrade(url)
        engine = open_engine(url)
        authority = Authority.open_or_create(state)
        self.ca_pem = authority.ca_pem
        places: Sequence[Place] = plan.places()
        identities = enroll_at(engine, authority, places)
        engine.dispose()
        return identities

    def start(self) -> None:
        """Start `serve` and wait until it takes reports."""
        config = str(self.folder / "collector.toml")
        argv = [sys.executable, "-m", "tramgac_collector", "serve", "--config", config]
        with (self.folder / "collector.log").open("ab") as log:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        until(lambda: listens(self.ports["grpc"]), 60)
        self.started = time.time()

    def _children(self) -> list[int]:
        if self._process is None:
            return []
        number = self._process.pid
        try:
            return [
                int(one)
                for one in Path(f"/proc/{number}/task/{number}/children").read_text().split()
            ]
        except FileNotFoundError:
            return []

    def kill(self) -> None:
        """SIGKILL every process of the collector at once."""
        if self._process is None:
            return
        for number in [self._process.pid, *self._children()]:
            os.kill(number, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """SIGTERM, as an administrator would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def mails(self) -> list[Mail]:
        """What came, the oldest first."""
        return [
            Mail(str(mail["subject"]), self.sink.text(at), self.sink.came[at])
            for at, mail in enumerate(self.sink.mails)
        ]

    def wait_mail(self, subject: str, part: str, seconds: float) -> Mail:
        """The mail whose subject has one and whose text has the other."""

        def found() -> list[Mail]:
            return [one for one in self.mails() if subject in one.subject and part in one.text]

        return poll(found, bool, seconds, f"a mail {subject!r} with {part!r}")[0]

    def log(self) -> str:
        """What the collector wrote."""
        return (self.folder / "collector.log").read_text(errors="replace")


@contextmanager
def running_centre(folder: Path, plan: Plan) -> Iterator[tuple[Centre, list[SimulatedIdentity]]]:
    """A running centre and the identities of its agents; ended with the test."""
    centre = Centre(folder)
    with centre.sink:
        threading.Thread(target=centre.sink.serve_forever, args=(0.05,), daemon=True).start()
        identities = centre.enroll(plan)
        try:
            centre.alertmanager.start()
            centre.start()
            yield centre, identities
            centre.stop()
        finally:
            centre.kill()
            centre.alertmanager.stop()
            centre.sink.shutdown()
