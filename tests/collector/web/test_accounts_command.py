"""`tramgac-collector accounts`: passwords from stdin alone, everything audited."""

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers.weblogin import PASSWORD, Centre, centre, log_in

from tramgac_collector.__main__ import COMMANDS
from tramgac_proto.commandline import run as run_command

SECOND = "second password!"


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def run(folder: Path, *words: str, given: str = "") -> Done:
    """The command as a person runs it, in this process."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["accounts", *words, "--config", str(_file(folder))]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr("sys.stdin", io.StringIO(given))
        code = run_command("tramgac-collector", COMMANDS, argv)
    return Done(code, out.getvalue(), err.getvalue())


def _file(folder: Path) -> Path:
    file = folder / "collector.toml"
    file.write_text(f'[collector]\nstate_dir = "{folder}"\n[web]\naccounts = true\n')
    return file


def known(folder: Path) -> dict[str, dict[str, object]]:
    return {one["name"]: one for one in json.loads(run(folder, "list", "--json").stdout)}


def test_an_account_from_its_first_day_to_its_last(tmp_path: Path) -> None:
    """Added, seen, given a new password, disabled, removed; each audited with who did it."""
    with centre(tmp_path) as room:
        words = ("add", "mai", "--role", "facility", "--facility", "bv-uong-bi", "--duty")
        command = [sys.executable, "-m", "tramgac_collector", "accounts", *words, "--by", "truc"]
        file = ["--config", str(_file(tmp_path))]
        done = subprocess.run(
            [*command, *file], input=PASSWORD, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "mai may log in\n")
        browser = room.browser("mai")
        log_in(room.browser(), "mai", "wrong")
        assert known(tmp_path)["mai"] == {
            "name": "mai",
            "role": "facility",
            "facilities": ["bv-uong-bi"],
            "duty": True,
            "state": "active",
            "created_unix_ms": known(tmp_path)["mai"]["created_unix_ms"],
            "last_login_unix_ms": room.now_ms,
            "failures": 1,
        }

        assert run(tmp_path, "passwd", "mai", given=SECOND + "\n").returncode == 0
        assert browser.get("/vi/").status_code == 303
        assert log_in(room.browser(), "mai", SECOND).status_code == 303
        assert run(tmp_path, "disable", "mai").returncode == 0
        assert log_in(room.browser(), "mai", SECOND).status_code == 403
        assert run(tmp_path, "remove", "mai").returncode == 0
        assert known(tmp_path) == {}
        added = room.audited("account_added")
        assert added == [("truc", "mai", "facility bv-uong-bi duty")]
        for what in ("password_changed", "disabled", "removed"):
            assert [row[1] for row in room.audited(f"account_{what}")] == ["mai"]


def test_what_an_account_sees_is_changed_in_place(tmp_path: Path) -> None:
    """Its password and duty stay, its logins end; who changed what from what is audited."""
    with centre(tmp_path) as room:
        room.account("mai", "bv-uong-bi", duty=True)
        room.account("lan")
        browser = room.browser("mai")
        assert browser.get("/vi/facilities/bv-ha-long").status_code == 404
        done = run(tmp_path, "facilities", "mai", "bv-ha-long", "bv-uong-bi", "--by", "truc")
        assert done == (0, "mai sees these facilities alone; its logins ended\n", "")
        assert browser.get("/vi/").status_code == 303
        assert room.browser("mai").get("/vi/facilities/bv-ha-long").status_code == 200
        assert known(tmp_path)["mai"]["facilities"] == ["bv-ha-long", "bv-uong-bi"]
        assert known(tmp_path)["mai"]["duty"] is True
        for name, facility, why in (
            ("mai", "bv-nowhere", "the inventory has no facility bv-nowhere"),
            ("lan", "bv-ha-long", "lan is of the province"),
            ("nobody", "bv-ha-long", "no account nobody"),
        ):
            refused = run(tmp_path, "facilities", name, facility)
            assert (refused.returncode, why in refused.stderr) == (1, True)
        said = "bv-uong-bi -> bv-ha-long bv-uong-bi"
        assert room.audited("account_facilities_changed") == [("truc", "mai", said)]


def test_logins_are_listed(tmp_path: Path) -> None:
    """Who is in, since when and from where; nothing that lets anybody else in."""
    with centre(tmp_path) as room:
        _hold_clock(room)
        room.account("lan")
        room.browser("lan")
        found = json.loads(run(tmp_path, "sessions", "--json").stdout)
        assert [(one["account"], one["address"]) for one in found] == [("lan", "127.0.0.1")]
        assert set(found[0]) == {
            *("account", "begun_unix_ms", "seen_unix_ms", "ends_unix_ms", "address"),
        }
        assert "lan" in run(tmp_path, "sessions").stdout
        assert "province" in run(tmp_path, "list").stdout


def _hold_clock(room: Centre) -> None:
    """Far ahead, so that a login holds by the command's own clock."""
    room.now_ms = 4_000_000_000_000


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (("add", "lan", "--role", "province"), "short\n", "12 to 200 characters"),
        (("add", "lan", "--role", "province"), "lanlanlanlan12\n", "account's name"),
        (("add", "lan", "--role", "province"), "aaaaaaaaaaaaab\n", "differ"),
        (("add", "Lan A", "--role", "province"), PASSWORD, "a name has"),
        (("add", "lan", "--role", "facility"), PASSWORD, "names its facilities"),
        (
            ("add", "lan", "--role", "province", "--facility", "bv-uong-bi"),
            PASSWORD,
            "of `province` none",
        ),
        (("add", "lan", "--role", "facility", "--facility", "bv-x"), PASSWORD, "no facility bv-x"),
        (("passwd", "nobody"), PASSWORD, "no account nobody"),
        (("disable", "nobody"), "", "no account nobody"),
        (("remove", "nobody"), "", "no account nobody"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, words: tuple[str, ...], given: str, said: str
) -> None:
    """One line says why, and nothing is made."""
    with centre(tmp_path):
        done = run(tmp_path, *words, given=given)

        assert done.returncode == 1
        assert said in done.stderr
        assert PASSWORD not in done.stderr
        assert known(tmp_path) == {}


def test_a_name_is_given_once(tmp_path: Path) -> None:
    """A second account of a name is refused, its password unchanged."""
    with centre(tmp_path) as room:
        room.account("lan")
        done = run(tmp_path, "add", "lan", "--role", "province", given=SECOND)

        assert "already" in done.stderr
        room.browser("lan")
