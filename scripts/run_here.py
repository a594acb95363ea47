"""``make run``: a collector and two agents of this machine, real values, loopback only.

Prints where to look, then each kind of measurement as it arrives. Everything it starts it
watches: a child that dies is started again within two seconds. Ctrl-C stops all; what was
learned stays in the state folder, and the next run goes on from there.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from types import FrameType

import here_setup as here
import here_snmp

_RESTART_SECONDS = 0.5
_BACKUP_SECONDS = 300.0
_STOP_SECONDS = 15.0
_JUDGED = "tramgac_rule_status{"
_AREAS = {
    "uptime": "tramgac_host_uptime_seconds",
    "disk": "tramgac_filesystem_avail_bytes",
    "link": "tramgac_network_link_known",
    "latency": "tramgac_path_rtt_seconds",
    "throughput": "tramgac_path_throughput_bytes_per_second",
    "service": "tramgac_service_up",
    "snapshot": "tramgac_backup_newest_snapshot_timestamp_seconds",
    "backup": "tramgac_backup_last_good_timestamp_seconds",
    "check": "tramgac_backup_last_check_timestamp_seconds",
    "drill": "tramgac_backup_last_drill_timestamp_seconds",
}
if here_snmp.program():
    _AREAS["snmp"] = "tramgac_device_up"


@dataclass(slots=True)
class Child:
    """One process that must run."""

    name: str
    argv: list[str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    starts: int = 0
    died: float = field(default=0.0)

    def start(self) -> None:
        """Start it, in a group of its own so that Ctrl-C reaches only us."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        self.starts += 1

    def stop(self) -> None:
        """Ask it to end, then make it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def children(place: here.Place) -> Iterator[Child]:
    """Everything that runs, the collector first."""
    logs = place.folder("logs")
    config = str(place.root / "collector.toml")
    commands = {
        "collector": here.python("tramgac_collector", "serve", "--config", config),
        "mail": [sys.executable, str(Path(__file__).with_name("here_mail.py")),
                 str(place.ports["mail"]), str(place.folder("mail"))],
        "service": [*here.python("http.server", str(place.ports["service"])), "--bind", "127.0.0.1",
                    "--directory", str(place.root / "page")],
        "agent": here.python("tramgac_agent", "run", "--config",
                             str(place.root / f"{here.HOST}.toml")),
        "peer": here.python("tramgac_agent", "run", "--config",
                            str(place.root / f"{here.PEER}.toml")),
    }  # fmt: skip
    if here_snmp.program():
        commands["snmp"] = here_snmp.command(place.folder("snmp"))
    if shutil.which("prometheus"):
        commands["prometheus"] = [
            "prometheus", f"--config.file={place.root / 'prometheus.yml'}",
            f"--storage.tsdb.path={place.folder('prometheus')}",
            f"--web.listen-address={place.at('prometheus')}", "--log.level=warn",
        ]  # fmt: skip
    for name, argv in commands.items():
        yield Child(name, argv, logs / f"{name}.log")


def fetch(url: str) -> str:
    """The body, or nothing while the server is not there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own loopback
            body: bytes = answer.read()
    except (urllib.error.URLError, OSError):
        return ""
    return body.decode()


class Run:
    """One `make run`."""

    def __init__(self, place: here.Place) -> None:
        self._place = place
        self._halt = threading.Event()
        self._children = {child.name: child for child in children(place)}
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._began = time.monotonic()
        self._mails = {path.name for path in place.folder("mail").glob("*.eml")}
        self._broken = place.root / "break-backup"
        self._gaps_shown = False

    def _say(self, text: str) -> None:
        sys.stdout.write(f"[{time.monotonic() - self._began:6.1f} s] {text}\n")
        sys.stdout.flush()

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """End the run (SIGINT, SIGTERM)."""
        self._halt.set()

    def _start(self, *names: str) -> None:
        for name in names:
            if name in self._children:
                self._children[name].start()
        self._write_pids()

    def _write_pids(self) -> None:
        pids = {name: c.process.pid for name, c in self._children.items() if c.process}
        scratch = self._place.root / "pids.json.new"
        scratch.write_text(json.dumps(pids))
        scratch.replace(self._place.root / "pids.json")

    def _wait_for(self, url: str, what: str) -> None:
        deadline = time.monotonic() + 60
        while not self._halt.is_set() and not fetch(url):
            if time.monotonic() > deadline:
                raise SystemExit(f"{what} did not come up; see {self._place.root / 'logs'}")
            time.sleep(0.2)

    def _prepare(self) -> None:
        here.write_files(self._place)
        here.make_repository(self._place)
        self._start("mail", "collector", "service", "snmp")
        self._wait_for(f"http://{self._place.at('metrics')}/-/ready", "the collector")
        for host in (here.HOST, here.PEER):
            if not here.has_identity(self._place, host):
                here.enroll(self._place, host)
                self._say(f"{host}: enrolled")

    def _watch(self) -> None:
        """Start again what died."""
        while not self._halt.wait(0.2):
            for child in self._children.values():
                if child.process is None or child.process.poll() is None:
                    continue
                if not child.died:
                    child.died = time.monotonic()
                    self._say(f"{child.name}: ended with {child.process.returncode}")
                elif time.monotonic() - child.died >= _RESTART_SECONDS:
                    child.died = 0.0
                    child.start()
                    self._write_pids()
                    self._say(f"{child.name}: started again (start {child.starts})")

    def _back_up(self) -> None:
        drop = self._place.root / here.HOST / "drop"
        while not drop.is_dir() and not self._halt.wait(0.2):
            continue  # the agent makes its drop folder, with the right mode, when it starts
        with (self._place.folder("logs") / "backup.log").open("ab") as output:
            proofs = here.proof_argvs(self._place)
            while not self._halt.is_set():
                broken = self._broken.exists()
                secret = "no-such-password" if broken else "repository-password"
                environment = {"RESTIC_PASSWORD_FILE": str(self._place.root / secret)}
                for argv in (here.backup_argv(self._place), *proofs):
                    if not self._halt.is_set():
                        subprocess.run(argv, check=False, stdout=output, stderr=output,
                                       env={**os.environ, **environment})  # fmt: skip
                proofs = []  # once is enough to show them
                self._wait_for_backup(broken=broken)

    def _wait_for_backup(self, *, broken: bool) -> None:
        """Until the next is due, or somebody breaks or mends it."""
        due = time.monotonic() + _BACKUP_SECONDS
        while time.monotonic() < due and self._broken.exists() == broken:
            if self._halt.wait(0.5):
                return

    def _show_mail(self) -> None:
        for path in sorted(self._place.folder("mail").glob("*.eml")):
            if path.name not in self._mails:
                self._mails.add(path.name)
                mail = message_from_bytes(path.read_bytes(), policy=policy.default)
                self._say(f"mail       {mail['subject']}")

    def _show_gaps(self, page: str) -> None:
        """One gap and the nearest deadline of this machine's own hospital, once it is judged."""
        if self._gaps_shown or "backup" not in self._seen or _JUDGED not in page:
            return
        for what, line in here.standing(self._place):
            self._gaps_shown = True
            self._say(f"{what:<10} {line}")

    def _show(self) -> None:
        self._show_mail()
        page = fetch(f"http://{self._place.at('metrics')}/metrics")
        self._show_gaps(page)
        for area, metric in _AREAS.items():
            lines = [line for line in page.splitlines() if line.startswith(metric + "{")]
            if area not in self._seen and lines:
                self._seen.add(area)
                self._say(f"{area:<10} {lines[0]}")
                if len(self._seen) == len(_AREAS):
                    self._say("every kind of measurement has arrived; Ctrl-C stops")
                    config = self._place.root / "collector.toml"
                    self._say(f"a report: .venv/bin/tramgac-collector report --config {config}"
                              " --from DAY --to DAY --out r.html")  # fmt: skip
                    self._say(f"to see an alert: touch {self._broken}; rm it to mend")

    def run(self) -> None:
        """Work until told to stop."""
        try:
            self._prepare()
            self._start("agent", "peer", "prometheus")
            for what, door in (
                ("metrics", "metrics"),
                ("page", "web"),
                ("prometheus", "prometheus"),
            ):
                path = "/metrics" if door == "metrics" else "/"
                self._say(f"{what:<10} http://{self._place.at(door)}{path}")
            for work in (self._watch, self._back_up):
                threading.Thread(target=work, daemon=True).start()
            while not self._halt.wait(1.0):
                self._show()
        finally:
            self._halt.set()
            for child in reversed(self._children.values()):
                child.stop()
            self._say("stopped; `make run` goes on from here")


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=here.ROOT / ".run")
    parser.add_argument("--port-offset", type=int, default=0)
    parser.add_argument("--tick-seconds", type=float, default=10.0)
    args = parser.parse_args()
    run = Run(here.Place(args.state.resolve(), args.port_offset, args.tick_seconds))
    signal.signal(signal.SIGINT, run.stop)
    signal.signal(signal.SIGTERM, run.stop)
    run.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
