"""One hospital from its own machine to Alertmanager and the mail: real processes, one story.

``tramgac-collector serve``, an agent that reads a real restic repository, Alertmanager, and a
mail sink. Only silence is quicker than outside: ``SILENT_SECONDS`` instead of 110 s.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from helpers.alertmanager import Alertmanager
from helpers.backup import until
from helpers.backup_story import Story
from helpers.mail_sink import MailSink
from helpers.restic_repository import PASSWORD, template
from helpers.stack import FACILITY, GENEROUS, Stack, poll
from helpers.telling import write_roster

HOST = "h1"
SERIES = f"{FACILITY}/{HOST}/db@nas"
SILENT_SECONDS = 10.0
# Two hours of grace come on top of it, in the product's own rule and in TCVN 14423 alike.
RPO_HOURS = 1
OVERDUE_SECONDS = (RPO_HOURS + 2) * 3600
# From the start of the story until the newest copy is too old.
LEFT_SECONDS = 25
_QUICK = f"""
from tramgac_proto import limits
limits.SILENT_AFTER_SECONDS = {SILENT_SECONDS}
limits.COLLECTOR_SETTLE_SECONDS = 5.0
"""
_ROSTER = """
people:
  - {{id: an, name: Nguyễn Văn An, digest: true,
     channels: [{{id: mail, url: "mailto://localhost:{port}?from=t@example.org&to=an@example.org"}}]}}
  - {{id: binh, name: Trần Thị Bình, language: en, digest: true,
     channels: [{{id: mail, url: "mailto://localhost:{port}?from=t@example.org&to=binh@example.org"}}]}}
"""
_INVENTORY = """
province: {{name: Test}}
facilities:
  - id: {facility}
    code: '1'
    name: {{vi: Trung tâm Y tế Thử, en: Trial Health Centre}}
    answers: {{kind: inpatient_other, ownership: public}}
    sites: [{{id: main, hosts: [{{id: {host}}}]}}]
    systems:
      - {{id: his, kind: his, host: {host}, level: {decided}}}
      - {{id: lis, kind: lis, host: {host}, level: {level}}}
    datasets:
      - {{id: db, host: {host}, of: his, rpo_hours: {rpo}, destinations: [{{id: nas, kind: nas}}]}}
"""
UNDECIDED = "{}"
DECIDED = "{number: 2, decision: 34/QĐ, date: 2026-10-05}"


@dataclass(frozen=True)
class Photo:
    """Everything people and programs can see at one moment.

    Attributes:
        metrics: ``name{labels}`` to value.
        gaps: ``rules gaps --json`` by rule.
        deadlines: ``rules deadlines --json`` by rule.
        alerts: Labels of what Alertmanager holds as regulatory gaps, by rule.
        digests: The mail of today's list, by the address it went to.
    """

    metrics: dict[str, float]
    gaps: dict[str, dict[str, Any]]
    deadlines: dict[str, dict[str, Any]]
    alerts: dict[str, dict[str, str]]
    digests: dict[str, EmailMessage]

    def status(self, rule: str) -> float | None:
        """As ``/metrics`` shows it."""
        return self.metrics.get(status_line(rule))

    def digest(self, person: str) -> str:
        """The text one person got."""
        part = self.digests[f"{person}@example.org"].get_body(("plain",))
        return "" if part is None else str(part.get_content())


def status_line(rule: str) -> str:
    """Name and labels of a rule's status."""
    return f'tramgac_rule_status{{facility="{FACILITY}",rule="{rule}"}}'


@dataclass
class Hospital:
    """Its machine, and the centre that watches it."""

    root: Path
    elsewhere: Path
    sink: MailSink
    photos: dict[str, Photo] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Lay out files; nothing runs yet."""
        self.manager = Alertmanager(self.root, self.sink.port)
        write_roster(self.root, _ROSTER.format(port=self.sink.port))
        self.stack = Stack(
            self.root / "centre",
            hosts=(HOST,),
            agent_checks="[checks.drop]\ninterval_seconds = 1\n[checks.repository]\n"
            f'interval_seconds = 4\nprobes = ["{self.elsewhere / "db" / "probe.toml"}"]\n',
            collector_extra=f"{GENEROUS}[notify]\nresend_seconds = 1\n"
            f'alertmanager = ["{self.manager.url}"]\nroster = "{self.root / "roster.yml"}"\n',
        )
        self.declare(UNDECIDED)
        quick = self.root / "quick"
        quick.mkdir()
        (quick / "sitecustomize.py").write_text(_QUICK)

    def declare(self, level: str) -> None:
        """Write the inventory, with what is known of the level of the laboratory's system."""
        text = _INVENTORY.format(
            facility=FACILITY, host=HOST, rpo=RPO_HOURS, level=level, decided=DECIDED
        )
        (self.stack.root / "inventory.yml").write_text(text)

    def start(self) -> None:
        """Alertmanager, all of the collector, and the enrolled agent."""
        self.manager.start()
        config = str(self.stack.root / "collector.toml")
        argv = [sys.executable, "-m", "tramgac_collector", "serve", "--config", config]
        path = os.pathsep.join((str(self.root / "quick"), os.environ.get("PYTHONPATH", "")))
        self.stack._spawn("serve", argv, PYTHONPATH=path.rstrip(os.pathsep))
        self.stack.wait_ready()
        self.stack.enroll(HOST)
        self.stack.start_agent(HOST)
        until((self.drop).is_dir)

    @property
    def drop(self) -> Path:
        """Where the agent takes reports from."""
        return self.stack.root / HOST / "drop"

    def close(self) -> None:
        """End everything, the collector's children with their parent."""
        if "serve" in self.stack.running:
            self.stack.stop("serve")
        self.stack.close()
        self.manager.stop()

    def story(self) -> Story:
        """An empty repository on another disk than the data, and something to save."""
        root, tree = self.elsewhere / "db", self.root / "tree"
        story = Story(SERIES, root, tree, "restic")
        subprocess.run(["cp", "-r", template().path, story.repository.path], check=True)
        story.repository.password_file.write_text(PASSWORD)
        tree.mkdir()
        for number in range(20):
            (tree / f"record-{number:02d}").write_text(f"{number}\n" * 50)
        self.probe = story.probe_file
        return story

    def wait_status(self, rule: str, wanted: float, seconds: float = 40) -> None:
        """Until ``/metrics`` shows a rule's status."""
        line = status_line(rule)
        poll(lambda: self.stack.metrics().get(line), lambda v: v == wanted, seconds, rule)

    def wait_alert(self, rule: str, *, there: bool, seconds: float = 40) -> None:
        """Until Alertmanager holds the rule's gap, or no more."""
        poll(lambda: rule in self.alerts(), lambda held: held is there, seconds, rule)

    def alerts(self) -> dict[str, dict[str, str]]:
        """Labels of regulatory gaps in Alertmanager, by rule."""
        held = (one["labels"] for one in self.manager.alerts("RegulatoryGap"))
        return {one["rule"]: one for one in held}

    def told(self, *words: str) -> dict[str, dict[str, Any]]:
        """What a command of ``rules`` lists, by rule."""
        printed = self.stack.collector_command("rules", *words, "--lang", "en", "--json")
        return {one["rule"]: one for one in json.loads(printed)}

    def photograph(self, name: str) -> None:
        """Look at everything at once, and have today's list sent."""
        first = len(self.sink.mails)
        metrics, alerts = self.stack.metrics(), self.alerts()
        with ThreadPoolExecutor() as pool:
            gaps = pool.submit(self.told, "gaps")
            deadlines = pool.submit(self.told, "deadlines")
            pool.submit(self.stack.collector_command, "notify", "digest", "--send").result()
        # Others may have written too: an overdue backup is also an incident.
        mails = {str(one["to"]): one for one in self.sink.mails[first:] if "Trạm" in one["subject"]}
        self.photos[name] = Photo(metrics, gaps.result(), deadlines.result(), alerts, mails)
