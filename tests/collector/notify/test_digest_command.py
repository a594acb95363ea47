"""`notify digest`, as a person types it: today's list shown or sent, and never a guess."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.mail_sink import MailSink, mail_sink
from helpers.telling import INVENTORY_TEXT, desk, write_roster
from sqlalchemy import insert, text

from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.store.schema import rule_results

HOUR = 3_600_000
DEADLINE = "vn.tt13.day.other"
ROSTER = """
people:
  - {{id: an, name: Nguyễn Văn An, digest: true, channels: [{{id: mail, url: "{url}"}}]}}
  - {{id: binh, name: Trần Thị Bình, language: en, channels: [{{id: mail, url: "{url}"}}]}}
"""


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """A mail server."""
    with mail_sink() as running:
        yield running


class Office:
    """A centre with one deadline that comes, and the command line of its administrator."""

    def __init__(self, folder: Path, sink: MailSink) -> None:
        self.folder = folder
        roster = write_roster(folder, ROSTER.format(url=sink.url))
        (folder / "state").mkdir()
        (folder / "collector.toml").write_text(
            f'[collector]\nstate_dir = "{folder / "state"}"\n[notify]\nroster = "{roster}"\n'
        )
        (folder / "inventory.yml").write_text(INVENTORY_TEXT)

    def judged(self, ago_ms: int = 0) -> None:
        """The judge has looked at one rule."""
        detail = {
            "due_ms": 1_798_736_400_000,
            "findings": [{"missing": ["doc:emr_decision", "att:emr_in_use", "facility.kind"]}],
        }
        row = {
            "facility": "bv-uong-bi", "rule": DEADLINE, "status": "unknown", "reason": "due_soon",
            "advisory": True, "coverage": 0.0, "since_ms": wall_ms(), "pack_version": "1",
            "evaluated_ms": wall_ms() - ago_ms, "detail": json.dumps(detail),
        }  # fmt: skip
        with desk(self.folder / "state", NotifySection()) as one, one.engine.begin() as connection:
            import_inventory(connection, self.folder / "inventory.yml")
            connection.execute(insert(rule_results).values(row))

    def audit(self) -> list[tuple[str, str]]:
        """What was done, and to whom."""
        with desk(self.folder / "state", NotifySection()) as one, one.engine.begin() as connection:
            found = connection.execute(text("SELECT action, object FROM audit ORDER BY id"))
            return [(row.action, row.object) for row in found]

    def digest(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Type the command."""
        argv = [sys.executable, "-m", "tramgac_collector", "notify", "digest", *words]
        return subprocess.run(
            [*argv, "--config", str(self.folder / "collector.toml")],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip


@pytest.fixture
def office(tmp_path: Path, sink: MailSink) -> Office:
    """At whose address the sink takes the mail."""
    return Office(tmp_path, sink)


def test_a_deadline_is_shown_with_what_is_still_missing(office: Office, sink: MailSink) -> None:
    """In both languages, by the titles of the papers; showing it sends nothing."""
    office.judged()
    said = office.digest("--json")
    body = json.loads(said.stdout)["body"]

    assert "31/12/2026" in body
    assert "còn thiếu: Quyết định hoặc thông báo" in body
    assert "still missing: " in body
    assert "facility.kind" not in body
    assert sink.mails == []


def test_it_is_sent_to_those_who_get_it_or_to_one_who_asks(office: Office, sink: MailSink) -> None:
    """The daily ones by default, one person by name; both stand in the audit trail."""
    office.judged()
    everybody = office.digest("--send")
    one = office.digest("--send", "--person", "binh")

    assert everybody.stdout == "ok       an by mail: E-Mail took it\n"
    assert one.stdout == "ok       binh by mail: E-Mail took it\n"
    assert len(sink.mails) == 2
    assert office.audit()[-2:] == [("digest_sent", "all"), ("digest_sent", "binh")]
    assert office.digest("--send", "--person", "nobody").returncode == 1


def test_without_a_judge_there_is_no_list(office: Office, sink: MailSink) -> None:
    """Nothing judged yet, or nothing for hours: refused, since "no gap" would be a guess."""
    before = office.digest()
    office.judged(ago_ms=3 * HOUR)
    later = office.digest("--send")

    assert (before.returncode, later.returncode) == (1, 1)
    assert "no rule has been judged yet" in before.stderr
    assert "no rule was judged since" in later.stderr
    assert sink.mails == []
