"""Checks on disks that fail, go away, run full, or hold another repository than before."""

import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.backup import drop_folder, script
from helpers.rest_server import rest_server
from helpers.restic_repository import Repository
from helpers.verifying import verify_config, verify_one

from tramgac_agent.drop import IntegrityCheck
from tramgac_agent.restic.checking import DAMAGED, result_of
from tramgac_agent.restic.verifier import Verifier
from tramgac_agent.sources.settings import read_source

FATAL = "Fatal: repository contains errors"


# As 0.14 says of a sector that cannot be read; seen with a file whose reading fails like that.
UNREADABLE = (
    f"pack ab failed to download: StreamPack: ReadFull: read /r/ab: input/output error\n{FATAL}"
)


def test_what_a_disk_of_this_machine_cannot_read_is_damage() -> None:
    """A network share says the same when it is away, and may be whole."""
    assert result_of(1, UNREADABLE).failure == "blind_unreachable"
    assert result_of(1, UNREADABLE, on_disk=True).failure == DAMAGED


def unreadable(tmp_path: Path, slice_number: int) -> Path:
    """A restic that finds a sector of one slice that cannot be read."""
    text = f'case "$*" in *check*subset={slice_number}/*) echo "{UNREADABLE}" >&2; exit 1;; esac'
    return script(tmp_path / "unreadable", f'{text}; exec restic "$@"')


def test_a_slice_that_cannot_be_read_holds_up_no_other(filled: Repository, tmp_path: Path) -> None:
    """It is tried again a week later; all the others have their turn."""
    with rest_server(filled.path) as server:
        place = f"rest:http://127.0.0.1:{server.port}/"
        fake = str(unreadable(tmp_path, 1))
        config = verify_config(tmp_path, filled, {"slices": 3}, repository=place, restic=fake)
        records = [verify_one(config) for _ in range(4)]

    assert [(one["scope"], one.get("slice"), one.get("failure")) for one in records] == [
        ("metadata", None, None),
        ("data", 1, "blind_unreachable"),
        ("data", 2, None),
        ("data", 3, None),
    ]


def test_a_sector_that_cannot_be_read_here_is_found(filled: Repository, tmp_path: Path) -> None:
    """The disk itself answers, so it is no matter of reaching it."""
    config = verify_config(tmp_path, filled, restic=str(unreadable(tmp_path, 1)))

    assert verify_one(config, "--now", "slice")["failure"] == DAMAGED


def test_a_disk_that_went_away_meanwhile_is_not_damaged(filled: Repository, tmp_path: Path) -> None:
    """Unmounted or unplugged, each pack that is looked for seems lost."""
    text = f"mv {filled.path} {filled.path}.away; echo 'pack ab: does not exist' >&2"
    fake = script(
        tmp_path / "fake",
        f'case "$*" in *check*) {text}; echo \'{FATAL}\' >&2; exit 1;; esac; exec restic "$@"',
    )
    record = verify_one(verify_config(tmp_path, filled, restic=str(fake)))

    assert (record["failure"], record["conclusive"]) == ("blind_unreachable", False)


def test_another_repository_at_the_same_place_is_read_from_the_start(
    filled: Repository, tmp_path: Path
) -> None:
    """What was read of the one before says nothing of it."""
    config = verify_config(tmp_path, filled, {"slices": 2})
    before = [verify_one(config) for _ in range(3)][-1]
    shutil.rmtree(filled.path)
    filled.restic("init")
    after = [verify_one(config, "--now", "slice"), verify_one(config)]

    assert before["slices_read"] == 2
    assert after[0]["slices_read"] == 1
    assert after[1]["scope"] == "metadata"


def test_a_check_never_fills_the_disk_of_its_cache(
    filled: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of it belongs to the server that works there."""
    settings = read_source(verify_config(tmp_path, filled)).settings
    state = tmp_path / "space"
    state.mkdir()
    verifier = Verifier(settings, settings.verify, state, drop_folder(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    (record,) = verifier.work("metadata", time.time_ns() // 1_000_000)

    assert isinstance(record, IntegrityCheck)
    assert (record.failure, record.conclusive) == ("no_space", False)
