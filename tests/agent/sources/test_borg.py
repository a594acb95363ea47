"""borg: what real repositories show, why not, and that looking changes nothing."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers.backup import script, until
from helpers.looking import SERIES, look, state_of
from hypothesis import given
from hypothesis import strategies as st

from tramgac_agent.drop import RepositoryState
from tramgac_agent.sources.base import SourceFailed
from tramgac_agent.sources.borglist import parse, parse_info, refusal_of
from tramgac_proto.configfile import ConfigError

CASES = Path(__file__).parent / "cases/borg"
PASSPHRASE = "a made-up passphrase"


@dataclass(frozen=True)
class Borg:
    """A repository, its owner's own cache, and the probe's folder."""

    path: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "BORG_BASE_DIR": str(self.folder / "owner"),
            "BORG_PASSPHRASE": PASSPHRASE,
            "BORG_SELFTEST": "disabled",
        }

    def borg(self, *words: str) -> str:
        return subprocess.run(
            ["borg", *words],
            env=self.environment,
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    def create(self, name: str, *more: str) -> None:
        self.borg("create", *more, f"{self.path}::{name}", "source")

    def look(self, *lines: str, series: str = "", seconds: float = 30.0) -> list[Any]:
        text = "\n".join(
            [
                'source = "borg"',
                f"repository = {json.dumps(str(self.path))}",
                f'passphrase_file = "{self.folder}/passphrase"',
                *lines,
                "[[series]]",
                f'id = "{SERIES}"',
                series,
            ]
        )
        return look(text, self.folder, seconds=seconds)

    def state(self, *lines: str, series: str = "") -> RepositoryState:
        return state_of(self.look(*lines, series=series))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty encrypted repository, made once."""
    folder = tmp_path_factory.mktemp("borg")
    made = Borg(folder / "repository", folder)
    made.borg("init", "-e", "repokey", str(made.path))
    return made.path


@pytest.fixture
def borg(template: Path, tmp_path: Path) -> Borg:
    shutil.copytree(template, tmp_path / "repository")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a").write_bytes(b"one")
    (tmp_path / "source/b").write_bytes(b"two two")
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    return Borg(tmp_path / "repository", tmp_path)


def contents(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, size and time of change of everything in a folder."""
    found = ((path, path.stat()) for path in folder.rglob("*"))
    return {str(path): (one.st_ino, one.st_size, one.st_mtime_ns) for path, one in found}


def test_a_readable_repository(borg: Borg) -> None:
    """Archives counted, the newest by its time, with files, bytes and end as borg has them."""
    borg.create("his-old", "--timestamp", "2020-02-02T02:02:02")
    borg.create("his-new")
    state = borg.state(series=f'paths = ["{borg.folder}/source"]')

    assert state.medium == "same_device"
    assert (state.state, state.snapshots, state.files, state.bytes) == ("ok", 2, 2, 10)
    assert state.newest_unix_ms is not None
    assert abs(state.newest_unix_ms / 1000 - time.time()) < 120
    assert state.newest_end_unix_ms is not None
    assert 0 <= state.newest_end_unix_ms - state.newest_unix_ms < 60_000
    assert state.oldest_unix_ms == 1_580_608_922_000  # --timestamp takes UTC
    assert (state.months, state.locks, state.tool_version) == (1, 0, "1.2.4")
    assert f"id = {state.repository_id}" in (borg.path / "config").read_text()


def test_an_archive_from_the_future_is_never_the_newest(borg: Borg) -> None:
    """It would look fresh for months."""
    borg.create("his-old", "--timestamp", "2020-02-02T02:02:02")
    borg.create("his-new", "--timestamp", "2040-02-02T02:02:02")
    state = borg.state()

    assert state.future_dated
    assert state.newest_unix_ms == 1_580_608_922_000


def test_a_series_takes_its_own_archives_only(borg: Borg) -> None:
    """By name and by host; one that has none is readable and empty."""
    borg.create("his-1")
    borg.create("pacs-1")
    host = os.uname().nodename

    assert borg.state(series='archives = "his-*"').snapshots == 1
    assert borg.state(series=f'archives = "*-1"\nhost = "{host}"').snapshots == 2
    other = borg.state(series='host = "elsewhere"')
    assert (other.state, other.snapshots, other.newest_id) == ("ok", 0, None)


def test_an_archive_that_was_there_and_is_too_young_to_go_is_missed_once(borg: Borg) -> None:
    """Deleting is an attack or a wrong prune; it is told in the first visit that misses it."""
    borg.create("his-1")
    borg.create("his-2")
    before = borg.state().vanished
    borg.borg("delete", f"{borg.path}::his-2")
    first, second = borg.state(), borg.state()

    assert (before, first.vanished, second.vanished) == (0, 1, 0)
    assert first.vanished_newest_unix_ms is not None


def test_looking_changes_nothing_and_costs_one_info_an_archive(borg: Borg) -> None:
    """Neither the repository nor the owner's cache is touched; counts are remembered."""
    borg.create("his-1")
    calls = borg.folder / "looking-state/calls"
    counted = script(borg.folder / "counted", f'echo "$@" >>{calls}; exec borg "$@"')
    before = contents(borg.path) | contents(borg.folder / "owner")
    for _ in range(2):
        assert borg.state(f'borg = "{counted}"').files == 2
    words = calls.read_text().splitlines()

    assert contents(borg.path) | contents(borg.folder / "owner") == before
    assert sum(" info " in line for line in words) == 1
    assert all("--bypass-lock" in line for line in words if line != "--version")
    assert PASSPHRASE not in calls.read_text()
    assert str(borg.path) not in calls.read_text()


@contextmanager
def writer(borg: Borg) -> Iterator[subprocess.Popen[bytes]]:
    """A borg that holds the repository for writing and waits for input."""
    process = subprocess.Popen(
        ["borg", "create", f"{borg.path}::held", "-"], env=borg.environment, stdin=subprocess.PIPE
    )
    try:
        until(lambda: (borg.path / "lock.exclusive").exists() or process.poll() is not None)
        yield process
    finally:
        process.communicate(timeout=30)


def test_a_lock_is_shown_and_does_not_keep_us_out(borg: Borg) -> None:
    """A running backup is no reason not to look, and looking takes no lock."""
    borg.create("his-1")
    with writer(borg):
        state = borg.state()
        others = [one.name for one in (borg.path / "lock.exclusive").iterdir()]

    assert (state.state, state.snapshots, state.locks) == ("ok", 1, 1)
    assert state.stale_locks is None
    assert state.oldest_lock_unix_ms is not None
    assert len(others) == 1
    assert sorted(borg.borg("list", "--short", str(borg.path)).split()) == ["held", "his-1"]


def test_an_index_behind_its_data_is_never_repaired_by_us(
    borg: Borg, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while another borg commits: then nothing is told, and not a byte is written."""
    monkeypatch.setattr("tramgac_agent.sources.borg._COMMIT_SECONDS", 0.01)
    borg.create("his-1")
    old = {path.name: path.read_bytes() for path in borg.path.glob("*.[0-9]*")}
    borg.create("his-2")
    for path in borg.path.glob("*.[0-9]*"):
        path.unlink()
    for name, data in old.items():
        (borg.path / name).write_bytes(data)
    before = contents(borg.path)
    (blind,) = borg.look()
    lock = borg.path / "lock.exclusive"
    lock.mkdir()
    committing = borg.look()
    lock.rmdir()

    assert (blind.state, blind.problem) == ("blind_tool", "")
    assert committing == []
    assert contents(borg.path) == before
    assert len(borg.borg("list", "--short", str(borg.path)).split()) == 2


def test_no_backup_fails_because_we_look(borg: Borg) -> None:
    """Backups one after the other, and we look all the time: each of them succeeds."""
    done = borg.folder / "done"
    loop = f"for i in 1 2 3 4; do borg create {borg.path}::run-$i source || exit 1; done; :>{done}"
    backups = subprocess.Popen(["sh", "-c", loop], env=borg.environment, cwd=borg.folder)
    states = set()
    while backups.poll() is None:
        states |= {one.state for one in borg.look()}

    assert backups.returncode == 0
    assert done.exists()
    assert states <= {"ok"}
    assert borg.state().snapshots == 4


def wrong_passphrase(borg: Borg) -> None:
    (borg.folder / "passphrase").write_text("wrong")


def no_passphrase(borg: Borg) -> None:
    (borg.folder / "passphrase").unlink()


def no_repository(borg: Borg) -> None:
    shutil.rmtree(borg.path)


def empty_mount(borg: Borg) -> None:
    shutil.rmtree(borg.path)
    borg.path.mkdir()


def hung(borg: Borg) -> None:
    script(borg.folder / "borg", "sleep 300")


def nonsense(borg: Borg) -> None:
    script(borg.folder / "borg", "echo nonsense")


@pytest.mark.parametrize(
    ("spoil", "state"),
    [
        (wrong_passphrase, "blind_auth"),
        (no_passphrase, "blind_auth"),
        (no_repository, "missing"),
        (empty_mount, "missing"),
        (hung, "blind_timeout"),
        (nonsense, "blind_tool"),
    ],
)
def test_why_a_repository_cannot_be_read(
    borg: Borg, spoil: Callable[[Borg], None], state: str
) -> None:
    """A wrong key is told from a missing repository and from a tool that does not answer."""
    spoil(borg)
    own = borg.folder / "borg"
    lines = [f'borg = "{own}"'] if own.exists() else []
    found = state_of(borg.look(*lines, seconds=3.0 if spoil is hung else 30.0))

    assert (found.state, found.snapshots) == (state, None)


def test_borg_never_waits_for_an_answer(borg: Borg) -> None:
    """Neither for a repository without encryption nor for one that was moved."""
    plain = Borg(borg.folder / "plain", borg.folder)
    plain.borg("init", "-e", "none", str(plain.path))
    borg.create("his-1")
    moved = Borg(borg.path.rename(borg.folder / "moved"), borg.folder)

    assert plain.state().state == "blind_tool"
    assert plain.state("unencrypted = true").state == "ok"
    assert moved.state().state == "ok"  # our memory of a place goes with its address


def test_damage_that_borg_itself_finds_is_told(borg: Borg) -> None:
    """A repository without its data is not readable, and not just blind."""
    borg.create("his-1")
    for path in (borg.path / "data/0").iterdir():
        path.unlink()
    state = borg.state()

    assert (state.state, state.problem) == ("blind_tool", "damaged")


def test_a_server_that_refuses_is_unreachable(borg: Borg) -> None:
    """Nothing listens there; that is neither a missing repository nor a wrong key."""
    address = "ssh://127.0.0.1:9/repository"
    text = f'source = "borg"\nrepository = "{address}"\nserver_read_only = true\n'

    found = look(f'{text}[[series]]\nid = "{SERIES}"\n', borg.folder)

    assert state_of(found).state == "blind_unreachable"


def test_a_server_is_asked_only_where_borg_cannot_write_there(borg: Borg) -> None:
    """Over ssh borg's other half repairs an index as it lists, where nothing of ours holds it."""
    borg.create("his-1")
    old = {path: path.read_bytes() for path in borg.path.iterdir() if "." in path.name}
    borg.create("his-2")
    for path in borg.path.iterdir():
        if "." in path.name:
            path.unlink()
    for path, content in old.items():
        path.write_bytes(content)
    ssh = script(borg.folder / "ssh", 'shift; exec "$@"')
    subprocess.run(
        ["borg", "list", "--bypass-lock", f"ssh://his01{borg.path}"],
        env=borg.environment | {"BORG_RSH": str(ssh), "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"},
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert not any(path.exists() for path in old)  # that is why

    text = f'source = "borg"\nrepository = "ssh://his01{borg.path}"\n'
    with pytest.raises(ConfigError, match="server_read_only"):
        look(f'{text}[[series]]\nid = "{SERIES}"\n', borg.folder)


@pytest.mark.parametrize("path", sorted(CASES.glob("failed-*.txt")), ids=lambda path: path.stem)
def test_recorded_failures(path: Path) -> None:
    """The first line of each case says what its log means."""
    expected, _, errors = path.read_text().partition("\n")
    refused = refusal_of(errors)

    assert (
        f"{refused.state}{' damaged' * refused.damaged}{' repairs' * refused.repairs}" == expected
    )


def test_recorded_lists() -> None:
    """A list of 1.2, with a checkpoint that is no archive, and a time with an offset."""
    listing = parse((CASES / "list.json").read_text())

    assert [(one.name, one.start_ms) for one in listing.archives] == [
        ("his-2026-11-20T01", 1_795_311_832_000),
        ("his-2026-11-21T01", 1_795_311_833_000),
        ("offset", 1_795_286_633_500),
    ]
    assert parse_info((CASES / "info.json").read_text()) == (3, 15000, 1_795_311_833_000)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["archives", "repository", "id", "name", "start", "stats", "end"]),
            inner,
        )
    ),
)


@given(st.text() | _JSON.map(json.dumps))
def test_garbage_is_blind_and_nothing_else(text: str) -> None:
    """Whatever comes instead of a list: an outcome, not an exception."""
    for read in (parse, parse_info):
        with pytest.raises(SourceFailed):
            read(text)
    refusal_of(text)
