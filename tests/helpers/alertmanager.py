"""A real Alertmanager on loopback, which mails to a sink and holds gaps without telling anybody."""

import json
import shutil
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from helpers.backup import until

CONFIG = """
global:
  smtp_smarthost: 127.0.0.1:{port}
  smtp_from: alertmanager@example.org
  smtp_require_tls: false
route:
  receiver: watch
  group_by: [incident]
  group_wait: 200ms
  group_interval: 500ms
  repeat_interval: 12h
  routes: [{{matchers: ['severity="none"'], receiver: nobody}}]
receivers:
  - name: nobody
  - name: watch
    email_configs:
      - to: watch@example.org
        send_resolved: true
        html: ''
        text: '{{{{ range .Alerts }}}}{{{{ .Annotations.description_vi }}}}{{{{ end }}}}'
        headers:
          subject: '{{{{ .Status }}}} {{{{ .CommonLabels.alertname }}}} {{{{ len .Alerts }}}}'
"""


def _free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


class Alertmanager:
    """The program, with a folder that outlives it.

    Args:
        folder: Its own; made where it is missing.
        mail_port: Where the sink listens.
        peers: The others of its cluster; None where it is alone.
    """

    def __init__(
        self, folder: Path, mail_port: int, peers: "list[Alertmanager] | None" = None
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.address = _free_address()
        self.cluster = "" if peers is None else _free_address()
        self.peers = peers or []
        (folder / "alertmanager.yml").write_text(CONFIG.format(port=mail_port))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://{self.address}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = shutil.which("prometheus-alertmanager") or "alertmanager"
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    program, f"--config.file={self.folder / 'alertmanager.yml'}",
                    f"--storage.path={self.folder / 'data'}", *self._clustered(),
                    f"--web.listen-address={self.address}",
                ],
                stdout=log, stderr=log,
            )  # fmt: skip
        until(self.ready)

    def _clustered(self) -> list[str]:
        if not self.cluster:
            return ["--cluster.listen-address="]
        quick = ["--cluster.gossip-interval=50ms", "--cluster.peer-timeout=1s"]
        quick += ["--cluster.settle-timeout=1s", f"--cluster.listen-address={self.cluster}"]
        return [*quick, *(f"--cluster.peer={one.cluster}" for one in self.peers)]

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.get("/-/ready"))
        except OSError:
            return False

    def get(self, path: str) -> bytes:
        """One page."""
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310 - loopback
            return bytes(answer.read())

    def alerts(self, name: str = "") -> list[dict[str, Any]]:
        """What it holds."""
        found = json.loads(self.get("/api/v2/alerts"))
        return [one for one in found if name in {"", one["labels"]["alertname"]}]

    def silences(self, state: str = "active") -> list[dict[str, Any]]:
        """What is quiet."""
        found = json.loads(self.get("/api/v2/silences"))
        return [one for one in found if one["status"]["state"] == state]

    def stop(self) -> None:
        """As an administrator would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
