"""`tramgac-collector rules` and `attest` as a person at the centre runs them."""

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from helpers.judging import JudgedStore
from sqlalchemy import text

from tramgac_collector.__main__ import COMMANDS
from tramgac_collector.rules.library import FOLDER, Library
from tramgac_proto.commandline import run

INVENTORY = """
facilities:
  - id: bvdk
    code: "1"
    answers: {kind: hospital, ownership: public}
    sites: [{id: main, hosts: [{id: his-1}]}]
    systems: [{id: his, kind: his, host: his-1, level: {}}]
"""
Ask = Callable[..., Any]


@pytest.fixture
def centre(tmp_path: Path) -> JudgedStore:
    """A store that was judged just now."""
    return JudgedStore.just_now(tmp_path, INVENTORY)


@pytest.fixture
def ask(centre: JudgedStore, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a command; its JSON, or its exit code and what it complains of."""

    def call(*words: str) -> Any:
        code = run(
            "tramgac-collector",
            COMMANDS,
            [*words, "--json", "--lang", "en", "--config", str(centre.folder / "c.toml")],
        )
        told = capsys.readouterr()
        return json.loads(told.out) if code == 0 else (code, told.err)

    return call


def status(ask: Ask, rule: str, *more: str) -> str:
    """Of one rule, judged by the command itself."""
    return str({one["rule"]: one["status"] for one in ask("rules", "evaluate", *more)}[rule])


def test_the_list_says_what_decides_each_rule(ask: Ask) -> None:
    """How many are measured, attested, by document, locked; no file is refused."""
    found = ask("rules", "list")

    assert {"measured", "attested", "document", "locked"} <= found["counts"].keys()
    assert sum(found["counts"].values()) == len(found["rules"]) > 200
    assert found["refused"] == []
    assert any(one["on"] == "2026-12-31" for one in found["deadlines"])


def test_packs_are_linted_and_their_cases_run(ask: Ask, tmp_path: Path) -> None:
    """What is shipped has no fault; a file with one is named, with exit code 1."""
    bad = tmp_path / "bad.yml"
    bad.write_text("pack: {id: bad}\n")

    assert ask("rules", "lint")["complaints"] == []
    assert ask("rules", "test")["failed"] == []
    assert ask("rules", "lint", str(bad))[0] == 1


def test_gaps_name_the_clause_and_what_to_do(ask: Ask) -> None:
    """A missing level decision and a day that comes are gaps; what is not known is none."""
    gaps = {one["rule"]: one for one in ask("rules", "gaps", "--facility", "bvdk")}

    assert gaps["vn.anm.level.approved"]["status"] == "fail"
    assert "331/2026" in gaps["vn.anm.level.approved"]["cite"]
    assert gaps["vn.anm.level.approved"]["next"]
    assert "vn.anm.regulation" not in gaps


def test_deadlines_say_what_is_missing(ask: Ask) -> None:
    """The nearest first, with days left and the papers that would show it done."""
    found = ask("rules", "deadlines")
    ends = [one["due_ms"] for one in found]
    emr = {one["rule"]: one for one in found}["vn.tt13.day.hospital"]

    assert ends == sorted(ends)
    assert emr["days_left"] < 0
    assert "doc:emr_decision" in emr["missing"]


def test_a_paper_is_taken_in_listed_and_taken_back(ask: Ask, centre: JudgedStore) -> None:
    """From the role whose word it is; it stays on record; every step is audited."""
    paper = ("bvdk", "doc:security_regulation")
    assert "word of DIR" in ask("attest", "add", *paper, "--by", "IT")[1]
    number = ask("attest", "add", *paper, "--by", "DIR", "--statement", "12/QD")["number"]
    assert status(ask, "vn.anm.regulation") == "pass_observed"
    ask("attest", "revoke", str(number), "--reason", "mistake")
    listed = ask("attest", "list")

    assert status(ask, "vn.anm.regulation") == "unknown"
    assert (listed[0]["statement"], listed[0]["revoked_ms"] is not None) == ("12/QD", True)
    with centre.engine.connect() as connection:
        told = connection.execute(text("SELECT action FROM audit")).scalars().all()
    assert told[-2:] == ["paper_entered", "paper_revoked"]


def test_the_last_day_there_is_needs_no_day_after_it(ask: Ask) -> None:
    """People write 9999-12-31 for "for ever"."""
    paper = ("attest", "add", "bvdk", "doc:security_regulation", "--by", "DIR")
    assert "leave `until` out" in ask(*paper, "--until", "9999-12-31")[1]
    assert ask("rules", "evaluate", "--at", "9999-12-31")


def test_no_paper_is_taken_by_a_list_that_was_changed(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It might name another role or a longer term."""
    folder = Path(shutil.copytree(FOLDER, tmp_path / "packs"))
    with (folder / "papers.yml").open("a") as file:
        file.write("\n")
    spoilt = Library.read(folder)
    monkeypatch.setattr(Library, "read", lambda: spoilt)
    for words in (("add", "bvdk", "doc:security_regulation", "--by", "DIR"), ("list", "--known")):
        assert "was changed after it was shipped" in ask("attest", *words)[1]


def test_a_file_of_papers_is_taken_whole_or_not_at_all(ask: Ask, tmp_path: Path) -> None:
    """One wrong entry, and nothing was entered."""
    file = tmp_path / "papers.yml"
    entry = "- {facility: bvdk, name: 'NAME', issued_on: 2026-01-02, given_by: DIR}\n"
    entry = entry.replace("2026-01-02", str(date.today() - timedelta(days=3)))  # noqa: DTZ011 - any day in the past
    good = entry.replace("NAME", "doc:security_regulation")
    file.write_text("papers:\n" + good + entry.replace("NAME", "doc:nobody_knows"))
    assert "papers[1]" in ask("attest", "import", str(file))[1]
    assert ask("attest", "list") == []
    file.write_text("papers:\n" + good)
    assert len(ask("attest", "import", str(file))["numbers"]) == 1


def test_an_incident_is_declared_by_a_person_and_its_clock_runs(ask: Ask) -> None:
    """One at a time; an old notice does not serve a new case."""
    assert status(ask, "vn.anm.incident.24h") == "not_applicable"
    assert (
        "none is open"
        in ask(
            "attest", "add", "bvdk", "incident.noticed", "--at", "2026-01-01T10:00", "--by", "IT"
        )[1]
    )
    ask("attest", "add", "bvdk", "incident.detected", "--at", "2026-01-01T10:00", "--by", "IT")
    assert status(ask, "vn.anm.incident.24h") == "fail"
    ask("attest", "add", "bvdk", "incident.noticed", "--at", "2026-01-01T20:00", "--by", "IT")
    assert status(ask, "vn.anm.incident.24h") == "pass_observed"
    assert (
        "open already"
        in ask(
            "attest", "add", "bvdk", "incident.detected", "--at", "2026-02-01T10:00", "--by", "IT"
        )[1]
    )
    ask("attest", "add", "bvdk", "incident.closed", "--at", "2026-01-09T10:00", "--by", "IT")
    assert status(ask, "vn.anm.incident.24h") == "not_applicable"
    ask("attest", "add", "bvdk", "incident.detected", "--at", "2026-02-01T10:00", "--by", "IT")
    assert status(ask, "vn.anm.incident.24h") == "fail"


def test_an_accepted_gap_needs_an_end_within_twelve_months(ask: Ask) -> None:
    """It is told beside the gap, which stays one."""
    today = date.today()  # noqa: DTZ011 - a day more or less does not matter
    words = ("rules", "accept", "bvdk", "vn.anm.level.approved", "--reason", "dossier", "--by", "d",
             "--compensation", "isolated", "--due", str(today + timedelta(days=30)),
             "--until")  # fmt: skip
    assert "12 months" in ask(*words, str(today + timedelta(days=400)))[1]
    ask(*words, str(today + timedelta(days=90)))
    found = {one["rule"]: one for one in ask("rules", "evaluate")}["vn.anm.level.approved"]

    assert (found["status"], found["overlay"]["kind"]) == ("fail", "accepted")


def test_an_excuse_needs_a_law_a_window_and_who_was_told(ask: Ask) -> None:
    """The status beneath stays."""
    yesterday = str(date.today() - timedelta(days=1))  # noqa: DTZ011 - any window around now
    tomorrow = f"{date.today() + timedelta(days=1)}T00:00"  # noqa: DTZ011 - the same
    ask("rules", "excuse", "bvdk", "vn.anm.level.approved", "--cite", "TT48 Art 8", "--from",
        yesterday, "--to", tomorrow, "--proof", "two places", "--notified", "no. 7")  # fmt: skip
    found = {one["rule"]: one for one in ask("rules", "evaluate")}["vn.anm.level.approved"]

    assert (found["status"], found["overlay"]["kind"]) == ("fail", "excused")
