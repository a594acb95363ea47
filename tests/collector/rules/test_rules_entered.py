"""`rules accept|excuse|tailor|storm|keygen|sign|verify|withdraw` as a person runs them."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from helpers.judging import JudgedStore
from helpers.ownpacks import PACK
from sqlalchemy import text

from tramgac_collector.__main__ import COMMANDS
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.web.words import VIETNAM
from tramgac_proto.commandline import run

INVENTORY = """
facilities:
  - id: bvdk
    code: "1"
    answers: {kind: hospital, ownership: public, insurance: true}
    sites: [{id: main, hosts: [{id: his-1}]}]
    systems: [{id: his, kind: his, host: his-1, level: {}}]
  - {id: bvyh, code: "2", sites: [{id: main, hosts: [{id: his-1}]}]}
"""
Ask = Callable[..., Any]
TODAY = datetime.now(VIETNAM).date()
WHO = ("--reason", "typhoon", "--by", "department")
GAP = "vn.anm.level.approved"


@pytest.fixture
def centre(tmp_path: Path) -> JudgedStore:
    """Two hospitals, judged just now."""
    centre = JudgedStore(tmp_path, INVENTORY)
    centre.now_ms = wall_ms()
    centre.judge = centre.new_judge()
    centre.judge.turn()
    (tmp_path / "packs").mkdir()
    (tmp_path / "c.toml").write_text(
        f'[collector]\nstate_dir = "{tmp_path}"\n'
        f'[rules]\nfolder = "{tmp_path}/packs"\ntrusted_keys = ["{tmp_path}/k.pub"]\n'
    )
    return centre


@pytest.fixture
def ask(centre: JudgedStore, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run `rules ...`; its JSON, or its exit code and everything it says."""

    def call(*words: object) -> Any:
        config = str(centre.folder / "c.toml")
        line = ["rules", *map(str, words), "--json", "--config", config]
        code = run("tramgac-collector", COMMANDS, line)
        told = capsys.readouterr()
        return json.loads(told.out) if code == 0 else (code, told.err + told.out)

    return call


def audit(centre: JudgedStore) -> list[str]:
    with centre.engine.connect() as connection:
        return list(connection.execute(text("SELECT action FROM audit ORDER BY id")).scalars())


def overlay(ask: Ask, rule: str, facility: str = "bvdk") -> Any:
    found = {one["rule"]: one for one in ask("evaluate", "--facility", facility)}
    return found[rule]["overlay"]


def test_an_accepted_gap_can_be_taken_back(ask: Ask, centre: JudgedStore) -> None:
    """It is open again at once; what was accepted stays on record, and so does who ended it."""
    words = ("--compensation", "isolated", "--due", TODAY, "--until", TODAY + timedelta(days=20))
    number = ask("accept", "bvdk", GAP, *words, *WHO)["number"]
    before = overlay(ask, GAP)
    taken = ask("acceptances", "revoke", number, *WHO)
    again = ask("acceptances", "revoke", number, *WHO)
    (listed,) = ask("acceptances", "list", "--facility", "bvdk")

    assert before["kind"] == "accepted"
    assert taken == {"number": number}
    assert overlay(ask, GAP) is None
    assert again[0] == 1
    assert "no #1 that stands" in again[1]
    assert (listed["holds"], listed["rule"]) == (False, GAP)
    assert ask("acceptances", "list", "--facility", "bvyh") == []
    assert audit(centre)[-2:] == ["gap_accepted", "acceptance_revoked"]


@pytest.mark.parametrize(
    ("due", "until", "code"), [(-1, 20, 2), (21, 20, 2), (20, 20, 0), (0, 0, 0), (5, 400, 1)]
)
def test_a_gap_is_mended_from_today_on_and_while_it_is_accepted(
    ask: Ask, centre: JudgedStore, due: int, until: int, code: int
) -> None:
    """A day that is over, or after the end of acceptance, is refused with what to write."""
    days = ("--due", TODAY + timedelta(days=due), "--until", TODAY + timedelta(days=until))
    told = ask("accept", "bvdk", GAP, "--compensation", "isolated", *days, *WHO)

    assert (0 if isinstance(told, dict) else told[0]) == code
    assert (audit(centre)[-1:] == ["gap_accepted"]) is (code == 0)
    if code == 2:
        assert f"from {TODAY} to {TODAY + timedelta(days=until)}" in told[1]


def test_an_excuse_begins_with_its_first_day_and_can_be_taken_back(
    ask: Ask, centre: JudgedStore
) -> None:
    """From its morning on, not from its evening."""
    words = ("--cite", "TT48", "--from", TODAY, "--to", TODAY, "--proof", "p", "--notified", "n")
    number = ask("excuse", "bvdk", GAP, *words)["number"]
    (listed,) = ask("excuses", "list")
    ask("excuses", "revoke", number, *WHO)

    assert listed["until_ms"] - listed["from_ms"] == 86_400_000
    assert ask("excuses", "list")[0]["holds"] is False
    assert audit(centre)[-1] == "excuse_revoked"


@pytest.mark.parametrize("last", ["2024-12-31", "9998-12-31", "9999-12-31"])
def test_no_excuse_ends_before_it_begins_or_never(ask: Ask, last: str) -> None:
    """A window is one that somebody measured; what would excuse for ever is refused."""
    words = ("--cite", "TT48 Art 8", "--proof", "ups log", "--notified", "no 12")
    assert "--to" in ask("excuse", "bvdk", GAP, *words, "--from", "2026-01-01", "--to", last)[1]


def test_a_storm_excuses_only_where_a_law_does_and_ends(ask: Ask, centre: JudgedStore) -> None:
    """Late insurance data has its article; a missing decision or backup has none."""
    tomorrow = TODAY + timedelta(days=1)
    declared = ask("storm", "start", "--facility", "bvdk", "--to", tomorrow, "--cite", "01", *WHO)
    late, gap, backup, other = (
        overlay(ask, "vn.bhyt.send.afterend"),
        overlay(ask, GAP),
        overlay(ask, "product.bk.age"),
        overlay(ask, "product.bk.age", "bvyh"),
    )
    ask("storm", "end", declared["number"], *WHO)
    (listed,) = ask("storm", "list")

    assert late["kind"] == "excused"
    assert late["storm"] == declared["number"]
    assert "48/2017" in late["cite"]
    assert gap is backup is other is None
    assert overlay(ask, "vn.bhyt.send.afterend") is None
    assert (listed["holds"], listed["facilities"]) == (False, ["bvdk"])
    assert ask("storm", "end", 1, *WHO)[0] == 1
    assert audit(centre)[-2:] == ["storm_declared", "storm_ended"]


def test_a_storm_names_known_facilities_and_fits_its_box(ask: Ask) -> None:
    """Nothing is declared otherwise."""
    start = ("storm", "start", "--cite", "01", *WHO, "--facility")

    assert "no facility `x`" in ask(*start, "x", "--to", TODAY + timedelta(days=1))[1]
    assert "14 days" in ask(*start, "bvdk", "--to", TODAY + timedelta(days=30))[1]
    assert "lie ahead" in ask(*start, "bvdk", "--to", TODAY - timedelta(days=2))[1]
    assert ask("storm", "list") == []


def test_a_tailored_number_is_checked_listed_told_and_taken_back(
    ask: Ask, centre: JudgedStore
) -> None:
    """What a pack does not leave to a facility is refused."""
    until = ("--until", TODAY + timedelta(days=30), *WHO)
    rule = "product.host.disk"
    known = {(one["rule"], one["param"]) for one in ask("tailor", "known")}
    number = ask("tailor", "set", "bvdk", rule, "full", "95%", *until)["number"]
    found = {one["rule"]: one for one in ask("evaluate", "--facility", "bvdk")}[rule]
    far = ("--until", TODAY + timedelta(days=400), *WHO)

    assert (rule, "full") in known
    assert found["tailored"][0]["value"] == "95%"
    assert "outside" in ask("tailor", "set", "bvdk", rule, "full", "5%", *until)[1]
    assert "12 months" in ask("tailor", "set", "bvdk", rule, "full", "95%", *far)[1]
    ask("tailor", "revoke", number, *WHO)
    assert [one["holds"] for one in ask("tailor", "list")] == [False]
    assert audit(centre)[-2:] == ["rule_tailored", "tailoring_revoked"]


def test_a_pack_is_signed_checked_brought_in_and_withdrawn(ask: Ask, centre: JudgedStore) -> None:
    """Unsigned it is refused by `verify`, and named by `list`."""
    pack = centre.folder / "packs/bn.local.yml"
    pack.write_text(PACK)
    made = ask("keygen", centre.folder / "k")
    code, told = ask("verify")
    refused = ask("list")["refused"]
    signed = ask("sign", pack, "--key", centre.folder / "k")
    verified = ask("verify")

    assert made["public"] == f"{centre.folder}/k.pub"
    assert code == 1
    assert "not signed" in told
    assert "not signed" in refused[0]["complaint"]
    assert (signed["pack"], signed["version"]) == ("bn.local", "1.0.0")
    assert verified["ok"] is True
    assert ask("list")["refused"] == []
    assert "no pack `bn.local`" in ask("withdraw", "bn.local", *WHO)[1]


def test_a_folder_that_is_not_there_is_no_good_answer(ask: Ask, centre: JudgedStore) -> None:
    """A slip in its name is told, not "no packs"."""
    ask("keygen", centre.folder / "k")
    assert ask("verify") == {"ok": True, "files": []}
    (centre.folder / "packs").rmdir()
    assert "is no folder that can be read" in ask("verify")[1]


def test_the_list_counts_what_decides(ask: Ask) -> None:
    """How many are measured, attested, by document and locked."""
    counts = ask("list")["counts"]

    assert min(counts[one] for one in ("measured", "attested", "document", "locked")) > 0
