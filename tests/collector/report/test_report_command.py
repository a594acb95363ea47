"""`tramgac-collector report` as a person at the centre runs it."""

import json
import stat
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from helpers.judging import JudgedStore
from helpers.reporting import INVENTORY
from sqlalchemy import text

from tramgac_collector.__main__ import COMMANDS
from tramgac_proto.commandline import run

Ask = Callable[..., Any]
TODAY = date.today()  # noqa: DTZ011 - a day more or less does not matter
DAYS = ("--from", str(TODAY - timedelta(days=14)), "--to", str(TODAY))


@pytest.fixture
def centre(tmp_path: Path) -> JudgedStore:
    """A store that was judged just now."""
    return JudgedStore.just_now(tmp_path, INVENTORY)


@pytest.fixture
def ask(centre: JudgedStore, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run it; what it prints, or its exit code and what it complains of."""

    def call(*words: str) -> Any:
        code = run("tramgac-collector", COMMANDS,
                   ["report", "--config", str(centre.folder / "c.toml"), *words])  # fmt: skip
        told = capsys.readouterr()
        return told.out if code == 0 else (code, told.err)

    return call


def test_a_report_is_given_out_listed_and_printed_again(
    ask: Ask, centre: JudgedStore, tmp_path: Path
) -> None:
    """HTML of the owner's eyes only; the same bytes from the archive; audited with a name."""
    out, again = tmp_path / "r.html", tmp_path / "again.html"
    ask(*DAYS, "--lang", "en", "--out", str(out), "--by", "lan")
    (one,) = json.loads(ask("list", "--json"))
    ask("show", str(one["number"]), "--lang", "en", "--out", str(again))

    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert out.read_bytes() == again.read_bytes()
    assert one["sha256"] in out.read_text()
    assert "lan" in ask("list")
    with centre.engine.connect() as connection:
        told = connection.execute(text("SELECT actor, action FROM audit")).all()
    assert ("lan", "report_given_out") in [tuple(row) for row in told]


def test_scripts_get_figures_and_a_draft_is_not_kept(ask: Ask) -> None:
    """One facility alone, without a number; nothing in the list."""
    told = json.loads(ask(*DAYS, "--facility", "bvdk", "--draft", "--json"))

    assert (told["report"], told["scope"], told["judged"]) == (None, "bvdk", "again")
    assert [one["id"] for one in told["places"]] == ["bvdk"]
    assert "Bản nháp" in ask(*DAYS, "--draft")
    assert json.loads(ask("list", "--json")) == []


def test_no_number_is_given_to_what_cannot_be_written(ask: Ask, tmp_path: Path) -> None:
    """A folder that is not there is said before; a file others could read is closed to them."""
    assert "no file can be written there" in ask(*DAYS, "--out", str(tmp_path / "no" / "r.html"))[1]
    assert "no file can be written there" in ask(*DAYS, "--out", str(tmp_path))[1]
    assert json.loads(ask("list", "--json")) == []

    out = tmp_path / "r.html"
    out.touch(mode=0o644)
    ask(*DAYS, "--out", str(out))
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "is not written" in ask("show", "1", "--out", str(tmp_path))[1]


def test_what_cannot_be_done_is_said(ask: Ask) -> None:
    """No days, an unknown facility, the future, a number that is not there."""
    assert "name the days" in ask()[1]
    assert "no facility" in ask(*DAYS, "--facility", "nobody")[1]
    assert "future" in ask(*DAYS, "--known-at", f"{TODAY + timedelta(days=3)}T00:00")[1]
    assert "no report 7" in ask("show", "7")[1]
    earlier = str(TODAY - timedelta(days=20))
    assert "later than the beginning" in ask(*DAYS, "--known-at", earlier)[1]


@pytest.mark.parametrize("number", ["9" * 20, "9223372036854775808", "0", "-1", "1_0", "x"])
def test_a_number_no_store_has_is_a_usage_error(
    ask: Ask, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    """Of a report or an incident: told what is wrong, with no traceback."""
    for words in (["report", "show"], ["incidents", "show"], ["rules", "acceptances", "revoke"]):
        with pytest.raises(SystemExit) as ended:
            run("tramgac-collector", COMMANDS, [*words, "--", number])
        assert (ended.value.code, words) == (2, words)
        assert "is no number of a row" in capsys.readouterr().err
    assert ask("show", "9223372036854775807")[0] == 1
