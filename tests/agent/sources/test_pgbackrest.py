"""pgBackRest: a real catalogue of a real server, and what its answers mean."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.looking import SERIES, look, state_of
from helpers.pgarchive import Server, archived_server
from hypothesis import given
from hypothesis import strategies as st

from tramgac_agent.drop import BackupRun
from tramgac_agent.sources.base import SourceFailed
from tramgac_agent.sources.pgbackrest import archived_of, found_of, parse, runs_of

CASES = Path(__file__).parent / "cases/pgbackrest"


def configure(server: Server, name: str, *lines: str) -> str:
    folder = server.folder
    places = [f"{key}-path={folder}/{key.partition('-')[0]}" for key in ("repo1", "log", "lock")]
    text = [
        "[global]",
        *places,
        "start-fast=y",
        "compress-level=1",
        "repo1-retention-full=9",
        *lines,
        "[his]",
        f"pg1-path={folder}/data",
        f"pg1-socket-path={folder}",
        "pg1-user=tramgac",
    ]
    (folder / name).write_text("\n".join([*text, ""]))
    return str(folder / name)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with one full and one differential backup."""
    with archived_server() as server:
        config = configure(server, "pgbackrest.conf")
        pgbackrest = ("pgbackrest", f"--config={config}", "--stanza=his")
        push = " ".join(pgbackrest)
        server.sql(f"ALTER SYSTEM SET archive_command = '{push} archive-push %p'")
        server.sql("SELECT pg_reload_conf()")
        server.run(*pgbackrest, "stanza-create")
        server.run(*pgbackrest, "--type=full", "backup")
        server.run(*pgbackrest, "--type=diff", "backup")
        yield server


def visit(
    server: Server,
    folder: Path,
    *,
    config: str = "pgbackrest.conf",
    stanza: str = "his",
    more: str = "",
) -> list[Any]:
    return look(
        f"""source = "pgbackrest"
        config = "{server.folder}/{config}"
        [[series]]
        id = "{SERIES}"
        stanza = "{stanza}"
        {more}""",
        folder,
    )


def test_a_real_catalogue(server: Server, tmp_path: Path) -> None:
    """Backups counted, the newest with times and size, the newest archived WAL dated."""
    psql = json.dumps(["psql", "-XAtqw", "-h", str(server.folder), "-U", "tramgac", "postgres"])
    state = state_of(visit(server, tmp_path, more=f"psql = {psql}"))

    assert (state.state, state.problem, state.snapshots, state.locks) == ("ok", "", 2, 0)
    assert state.newest_id is not None
    assert re.fullmatch(r"\d{8}-\d{6}F_\d{8}-\d{6}D", state.newest_id)
    assert state.bytes is not None
    assert state.bytes > 10_000_000
    for moment in (state.newest_unix_ms, state.newest_end_unix_ms, state.archived_unix_ms):
        assert moment is not None
        assert abs(moment / 1000 - time.time()) < 300
    assert (state.files, state.tool_version) == (None, "2.45")


def test_each_backup_is_told_as_a_run_that_was_complete(server: Server, tmp_path: Path) -> None:
    """In two visits and with the same bytes, so that none is lost and none counts twice."""
    visits = [visit(server, tmp_path) for _ in range(3)]
    runs = [[one for one in records if isinstance(one, BackupRun)] for records in visits]

    assert [len(told) for told in runs] == [2, 2, 0]
    assert runs[0] == runs[1]
    assert {(one.outcome, one.exit_code, one.tool) for one in runs[0]} == {
        ("complete", 0, "pgbackrest")
    }


def test_looking_writes_nothing(server: Server, tmp_path: Path) -> None:
    """Neither in the repository nor beside it."""

    def changes() -> dict[str, int]:
        found = (
            path for name in ("repo1", "log", "lock") for path in (server.folder / name).rglob("*")
        )
        return {str(path): path.stat().st_mtime_ns for path in found}

    before = changes()
    visit(server, tmp_path)

    assert changes() == before


def test_a_backup_that_expired_too_early_is_missed(server: Server, tmp_path: Path) -> None:
    """Only where the file says how long none may disappear."""
    config = f"--config={server.folder}/pgbackrest.conf"
    server.run("pgbackrest", config, "--stanza=his", "--type=diff", "backup")
    promised = tmp_path / "promised"
    promised.mkdir()
    before = state_of(visit(server, promised, more="keep_days = 7"))
    state_of(visit(server, tmp_path))
    server.run("pgbackrest", config, "--stanza=his", f"--set={before.newest_id}", "expire")

    assert state_of(visit(server, promised, more="keep_days = 7")).vanished == 1
    assert state_of(visit(server, tmp_path)).vanished == 0


def test_why_a_real_repository_cannot_be_read(server: Server, tmp_path: Path) -> None:
    """A wrong key, no such stanza, no such repository, no such host, a wrong file: each told."""
    configure(server, "cipher.conf", "repo1-cipher-type=aes-256-cbc", "repo1-cipher-pass=wrong")
    configure(server, "absent.conf")
    text = (server.folder / "absent.conf").read_text()
    (server.folder / "absent.conf").write_text(text.replace("/repo1\n", "/nowhere\n"))
    configure(server, "remote.conf", "repo1-host=127.0.0.1", "repo1-host-port=9")
    states = {
        name: state_of(visit(server, tmp_path, config=f"{name}.conf")).state
        for name in ("cipher", "absent", "remote", "no-such-file")
    }
    states["stanza"] = state_of(visit(server, tmp_path, stanza="other")).state

    assert states == {
        "cipher": "blind_auth",
        "absent": "missing",
        "remote": "blind_unreachable",
        "no-such-file": "blind_tool",
        "stanza": "missing",
    }


def recorded(name: str, repo: int = 0) -> tuple[str, int]:
    """Problem and number of backups of a recorded answer, or why there are none."""
    try:
        found = found_of(parse((CASES / f"{name}.json").read_text()), "his", repo)
    except SourceFailed as failure:
        return type(failure).__name__ + " " + failure.state, 0
    return found.problem, len(found.backups)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ok", ("", 2)),
        ("no-backup", ("", 0)),
        ("page-error", ("page_errors", 1)),
        ("no-stanza-data", ("missing_stanza_data", 0)),
        ("no-stanza", ("SourceFailed missing", 0)),
        ("permission", ("SourceFailed blind_auth", 0)),
        ("cipher", ("SourceFailed blind_auth", 0)),
        ("unreachable", ("SourceFailed blind_unreachable", 0)),
        ("damaged", ("Damaged blind_tool", 0)),
    ],
)
def test_recorded_answers(name: str, expected: tuple[str, int]) -> None:
    """The exit code was 0 in every one of them."""
    assert recorded(name) == expected


def test_a_status_that_is_not_known_is_never_good() -> None:
    """A later version may mean anything by it."""
    text = (CASES / "ok.json").read_text().replace('"code": 0', '"code": 42')
    assert '"code": 42' in text

    with pytest.raises(SourceFailed) as failed:
        found_of(parse(text), "his")

    assert failed.value.state == "blind_tool"


def test_one_repository_of_several() -> None:
    """Each has its own backups and its own trouble; together they are `mixed`."""
    assert recorded("two-repositories") == ("mixed", 2)
    assert recorded("two-repositories", 1) == ("", 2)
    assert recorded("two-repositories", 2) == ("SourceFailed blind_unreachable", 0)
    assert recorded("two-repositories", 3) == ("SourceFailed missing", 0)


def test_a_running_backup_is_a_lock_and_no_verdict() -> None:
    """The backups that are there are there."""
    found = found_of(parse((CASES / "running.json").read_text()), "his")

    assert (found.locked, found.problem, len(found.backups)) == (True, "", 1)


def test_a_backup_with_damaged_pages_is_not_complete() -> None:
    """It is kept all the same, and the exit code was 0."""
    found = found_of(parse((CASES / "page-error.json").read_text()), "his")

    assert [one.outcome for one in runs_of(SERIES, found)] == ["partial"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1795312068095 false\n", (1_795_312_068_095, False)),
        ("1795312068095 true\n", (1_795_312_068_095, True)),
        ("0 true", (None, True)),
        ("", (None, False)),
        ("psql: error", (None, False)),
        ("9" * 40 + " false", (None, False)),
    ],
)
def test_the_time_of_the_newest_archived_wal(text: str, expected: tuple[int | None, bool]) -> None:
    """What is no time is not known; archiving that fails since is a problem of its own."""
    assert archived_of(text) == expected


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["name", "status", "backup", "repo", "code"]), inner)
    ),
)


@given(st.text() | _JSON.map(json.dumps))
def test_garbage_is_blind_and_nothing_else(text: str) -> None:
    """Whatever comes instead of a list: an outcome, not an exception."""
    with pytest.raises(SourceFailed):
        found_of(parse(text), "his")
