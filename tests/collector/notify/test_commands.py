"""`oncall now`, `notify test` and `notify list`, as a person types them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.mail_sink import MailSink, mail_sink
from helpers.telling import desk, write_roster

from tramgac_collector.notify.settings import NotifySection

ROSTER = """
people:
  - {{id: an, name: Nguyễn Văn An, channels: [{{id: mail, url: "{url}"}}]}}
  - {{id: binh, name: Trần Thị Bình, language: en,
     channels: [{{id: dead, url: "json://127.0.0.1:1/secret-token"}}]}}
duty: [{{people: [an]}}]
escalation: [{{after_minutes: 30, people: [binh]}}]
"""


def command(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "tramgac_collector", *words]
    return subprocess.run(
        [*argv, "--config", str(folder / "collector.toml")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def configure(folder: Path, notify: str) -> None:
    (folder / "collector.toml").write_text(
        f'[collector]\nstate_dir = "{folder / "state"}"\n[notify]\n{notify}\n'
    )


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """A mail server."""
    with mail_sink() as running:
        yield running


def test_every_channel_is_tried_and_said(tmp_path: Path, sink: MailSink) -> None:
    """One works, one does not: exit code 1, which is which, and no address anywhere."""
    configure(tmp_path, f'roster = "{write_roster(tmp_path, ROSTER.format(url=sink.url))}"')
    said = command(tmp_path, "notify", "test")

    assert said.returncode == 1
    assert "ok       an by mail: E-Mail took it" in said.stdout
    assert "problem  binh by dead:" in said.stdout
    assert "secret-token" not in said.stdout + said.stderr
    assert sink.subjects() == ["[Trạm Gác] Thử kênh báo"]
    assert command(tmp_path, "notify", "test", "--person", "an").returncode == 0
    kept = json.loads(command(tmp_path, "notify", "list", "--json").stdout)
    assert [(row["stage"], row["recipient"], row["state"], row["proof"]) for row in kept] == [
        ("test", "an", "sent", "E-Mail took it"),
        ("test", "binh", "failed", ""),
        ("test", "an", "sent", "E-Mail took it"),
    ]


def test_who_is_called_now(tmp_path: Path, sink: MailSink) -> None:
    """The person on duty and who follows; no addresses."""
    configure(tmp_path, f'roster = "{write_roster(tmp_path, ROSTER.format(url=sink.url))}"')
    said = command(tmp_path, "oncall", "now")
    found = json.loads(command(tmp_path, "oncall", "now", "--json").stdout)

    assert "on duty:\n  Nguyễn Văn An (an) by mail" in said.stdout
    assert "after 30 min without an answer: binh" in said.stdout
    assert found["people"][0]["id"] == "an"
    assert "localhost" not in said.stdout


def test_who_cannot_be_reached_is_named(tmp_path: Path, sink: MailSink) -> None:
    """Untried is said; what was tried and failed, or cannot be used at all, is exit code 1."""
    roster = write_roster(tmp_path, ROSTER.format(url=sink.url))
    configure(tmp_path, f'roster = "{roster}"')
    said = command(tmp_path, "oncall", "now")
    assert said.returncode == 0
    assert "an by mail was never tried" in said.stdout
    command(tmp_path, "notify", "test")
    said = command(tmp_path, "oncall", "now", "--json")
    found = json.loads(said.stdout)
    assert said.returncode == 1
    assert "no channel of theirs works: binh" in said.stderr
    assert found["unreachable"] == ["binh"]
    assert [one["state"] for one in found["channels"]] == ["works", "fails"]
    assert "secret-token" not in said.stdout + said.stderr
    doctor = json.loads(command(tmp_path, "doctor", "--json").stdout)
    assert {one["text"] for one in doctor if one["what"] == "people to tell"} == {
        "no channel of binh works"
    }
    write_roster(tmp_path, ROSTER.format(url="nosuch://x"))
    assert "an by mail cannot be used" in command(tmp_path, "oncall", "now").stdout


def test_nobody_to_tell_is_a_failure(tmp_path: Path) -> None:
    """A centre that would tell nobody says so."""
    configure(tmp_path, "")

    assert command(tmp_path, "oncall", "now").returncode == 1
    assert command(tmp_path, "notify", "test").returncode == 1


def test_a_wrong_roster_is_found_before_the_start(tmp_path: Path) -> None:
    """`check-config` names file and key."""
    configure(tmp_path, f'roster = "{write_roster(tmp_path, "people: [{id: an}]")}"')
    said = command(tmp_path, "check-config")

    assert said.returncode == 78
    assert "roster.yml" in said.stderr


def test_the_list_says_what_was_told(tmp_path: Path, sink: MailSink) -> None:
    """Who, by what, and what the channel answered."""
    configure(tmp_path, f'urls = ["{sink.url}"]')
    (tmp_path / "state").mkdir()
    with desk(tmp_path / "state", NotifySection(urls=(sink.url,))) as one:
        one.open()
        one.after(20)
    rows = json.loads(command(tmp_path, "notify", "list", "--json").stdout)

    assert [(row["stage"], row["state"], row["proof"]) for row in rows] == [
        ("down", "sent", "E-Mail took it")
    ]
    assert "default/url-1" in command(tmp_path, "notify", "list", "--state", "sent").stdout
