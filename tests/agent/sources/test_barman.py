"""barman: a real catalogue of a real server, and what its answers mean."""

import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from helpers.backup import script, until
from helpers.looking import SERIES, look, state_of
from helpers.pgarchive import Server, archived_server
from helpers.postgres import as_server
from hypothesis import given
from hypothesis import strategies as st

from tramgac_agent.drop import BackupRun
from tramgac_agent.sources.barman import parse, parse_check, runs_of
from tramgac_agent.sources.base import SourceFailed

CASES = Path(__file__).parent / "cases/barman"


def configure(server: Server) -> str:
    folder = server.folder
    programs = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
    text = f"""[barman]
        barman_home = {folder}/barman
        configuration_files_directory = {folder}/barman.d
        log_file = {folder}/barman.log
        barman_user = nobody
        [his]
        description = his
        conninfo = host={folder} user=tramgac dbname=postgres
        streaming_conninfo = host={folder} user=tramgac
        backup_method = postgres
        streaming_archiver = on
        slot_name = barman
        create_slot = auto
        immediate_checkpoint = true
        path_prefix = {programs.stdout.strip()}
        """
    config = folder / "barman.conf"
    config.write_text("\n".join(line.strip() for line in text.splitlines()) + "\n")
    return str(config)


@contextmanager
def receiving(server: Server, config: str) -> Iterator[None]:
    """The stream of WAL that barman wants to see before it backs up."""
    server.run("barman", "-c", config, "receive-wal", "--create-slot", "his")
    stream = subprocess.Popen(
        as_server("barman", "-c", config, "receive-wal", "his"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=server.folder,
    )
    try:
        yield
    finally:
        server.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
        stream.wait(30)


def has_wal(server: Server) -> bool:
    """Whether WAL has arrived; the server closes one more file as long as none has."""
    server.sql("SELECT pg_logical_emit_message(false, 'x', 'x')", "SELECT pg_switch_wal()")
    server.run("barman", "-c", f"{server.folder}/barman.conf", "archive-wal", "his")
    return any((server.folder / "barman/his/wals").rglob("0*"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with one backup."""
    with archived_server(archive_mode="off") as server:
        server.run("mkdir", f"{server.folder}/barman", f"{server.folder}/barman.d")
        config = configure(server)
        with receiving(server, config):
            until(lambda: has_wal(server), 40)
            # Without waiting it is WAITING_FOR_WALS until barman's own cron looks again.
            server.run("barman", "-c", config, "backup", "--wait", "--wait-timeout=40", "his")
        yield server


@pytest.fixture(autouse=True)
def not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as the source can see; `as_owner` makes it true for barman."""
    monkeypatch.setattr("tramgac_agent.sources.barman.os.geteuid", lambda: 1)


def as_owner(folder: Path) -> str:
    """A barman that runs as its own user, whoever we are."""
    return str(script(folder / "barman", f'exec {shlex.join(as_server("barman"))} "$@"'))


def visit(server: Server, folder: Path, *lines: str, name: str = "his") -> list[Any]:
    text = [
        'source = "barman"',
        f'config = "{server.folder}/barman.conf"',
        *([] if any("barman =" in line for line in lines) else [f'barman = "{as_owner(folder)}"']),
        *lines,
        "[[series]]",
        f'id = "{SERIES}"',
        f'server = "{name}"',
    ]
    return look("\n".join(text), folder)


def test_a_real_catalogue(server: Server, tmp_path: Path) -> None:
    """The backup is counted and told as a run; that the WAL stream ended is a problem."""
    records = visit(server, tmp_path)
    state = state_of(records)
    (run,) = [one for one in records if isinstance(one, BackupRun)]

    assert (state.state, state.snapshots) == ("ok", 1)
    assert state.problem == "receive_wal_running"
    assert state.tool_version == "3.4.0"
    assert state.bytes is not None
    assert state.bytes > 10_000_000
    assert (run.outcome, run.exit_code, run.bytes) == ("complete", 0, state.bytes)
    assert run.run_id == run.snapshot_id == state.newest_id
    for moment in (state.newest_unix_ms, state.newest_end_unix_ms, run.ended_unix_ms):
        assert moment is not None
        assert abs(moment / 1000 - time.time()) < 300


def test_without_check_only_the_list_speaks(server: Server, tmp_path: Path) -> None:
    """Who does not want a connection to the server every hour can do without."""
    assert state_of(visit(server, tmp_path, "check = false")).problem == ""


def test_a_database_that_is_down_does_not_hide_its_backups(server: Server, tmp_path: Path) -> None:
    """That is when they are needed."""
    config = server.folder / "barman.conf"
    text = config.read_text()
    config.write_text(text.replace(f"host={server.folder}", "host=127.0.0.1 port=9"))
    state = state_of(visit(server, tmp_path))
    config.write_text(text)

    assert (state.state, state.snapshots, state.problem) == ("ok", 1, "postgresql")


def test_an_empty_list_is_believed_only_where_the_folder_can_be_read(
    server: Server, tmp_path: Path
) -> None:
    """The list is empty, with exit code 0, also when the folder is not there."""
    home = server.folder / "barman/his"
    away = home.rename(home.with_name("away"))
    missing = state_of(visit(server, tmp_path))
    server.run("mkdir", "-p", f"{home}/base")
    empty = state_of(visit(server, tmp_path))
    shutil.rmtree(home)
    away.rename(home)

    assert (missing.state, missing.snapshots) == ("missing", None)
    assert (empty.state, empty.snapshots, empty.newest_id) == ("ok", 0, None)


def test_why_a_real_catalogue_cannot_be_read(server: Server, tmp_path: Path) -> None:
    """No such server, no such file, no such program, one that hangs."""
    no_file = visit(Server(tmp_path), tmp_path)
    hung = script(tmp_path / "hung", "sleep 300")
    text = f'barman = "{hung}"\ndeadline_seconds = 2'

    assert state_of(visit(server, tmp_path, name="other")).state == "missing"
    assert state_of(no_file).state == "blind_tool"
    assert state_of(visit(server, tmp_path, 'barman = "no-such-program"')).state == "blind_tool"
    config = f'source = "barman"\n{text}\n[[series]]\nid = "{SERIES}"\nserver = "his"\n'
    assert state_of(look(config, tmp_path, seconds=2.0)).state == "blind_timeout"


def test_barman_is_never_run_as_root(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock files would be root's, and the next backup would fail."""
    monkeypatch.setattr("tramgac_agent.sources.barman.os.geteuid", lambda: 0)
    state = state_of(visit(server, tmp_path))

    assert (state.state, state.snapshots) == ("blind_tool", None)


def test_recorded_lists_become_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed backup failed, a begun one runs, and the time zone is the machine's own."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    runs = {one.run_id: one for one in runs_of(SERIES, parse(case("list"), "his"))}
    good = runs["20261122T014852"]
    failed = runs["20261122T014948"]

    assert (good.started_unix_ms, good.ended_unix_ms) == (1_795_312_132_000, 1_795_312_146_000)
    assert (failed.outcome, failed.exit_code, failed.reason) == ("failed", 1, "exit_code")
    assert failed.started_unix_ms == failed.ended_unix_ms == 1_795_312_188_000
    assert runs["20261122T014950"].outcome == "running"
    assert [one.outcome for one in runs_of(SERIES, parse(case("waiting"), "his"))] == ["running"]
    monkeypatch.undo()
    time.tzset()


def case(name: str) -> str:
    return (CASES / f"{name}.json").read_text()


def test_recorded_checks() -> None:
    """Complaints become codes; age and failed backups are judged elsewhere."""
    assert parse_check(case("check-failing"), "his") == "receive_wal_running"
    assert parse_check(case("check-old-only"), "his") == ""
    assert parse(case("empty"), "his") == ()
    with pytest.raises(SourceFailed):
        parse(case("unknown-server"), "nowhere")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["his", "backup_id", "status", "size_bytes"]), inner)
    ),
)


def _entry(identity: str) -> str:
    return json.dumps({"his": [{"backup_id": identity, "status": "DONE"}]})


@given(st.text() | _JSON.map(json.dumps) | st.text(max_size=64).map(_entry))
def test_garbage_is_blind_and_nothing_else(text: str) -> None:
    """Whatever comes instead of a list: an outcome, not an exception."""
    for read in (parse, parse_check):
        with suppress(SourceFailed):
            read(text, "his")
