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


class Alertmanager:
    """The program, with a folder that outlives it."""

    def __init__(self, folder: Path, mail_port: int) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
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
                    f"--storage.path={self.folder / 'data'}", "--cluster.listen-address=",
                    f"--web.listen-address={self.address}",
                ],
                stdout=log, stderr=log,
            )  # fmt: skip
        until(self.ready)

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

    def stop(self) -> None:
        """As an administrator would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
