"""Recovery keys tried on real restic repositories of two versions, through the command."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.backup import SERIES, dropped
from helpers.drilling import Drilling, drilling, flip_byte, largest_pack
from helpers.restic_repository import PASSWORD
from helpers.restic_versions import restics

VERSIONS = restics()
OTHER = "the one in the safe"


@pytest.fixture(params=sorted(VERSIONS))
def each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Drilling]:
    """One of each restic, with a backup."""
    with drilling(tmp_path, VERSIONS[request.param]) as found:
        found.backup()
        yield found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Drilling]:
    """The installed restic, with a backup."""
    with drilling(tmp_path) as found:
        found.backup()
        yield found


def key(drilling: Drilling, password: str) -> Path:
    """A recovery key in a file of its own."""
    path = drilling.folder / "safe"
    path.write_text(f"{password}\n")
    return path


def test_a_second_key_that_opens_the_repository_passes(each: Drilling) -> None:
    """The record says that a key was tried by hand, on which snapshot, and nothing restored."""
    safe = key(each, OTHER)
    each.repository.restic("key", "add", "--new-password-file", str(safe))

    assert each.drill(SERIES, "--key", str(safe)) == 0
    last = each.last
    assert (last["scope"], last["started_by"], last["passed"]) == ("key", "hand", True)
    assert len(last["snapshot_id"]) == 64
    assert not {"files", "files_expected", "bytes", "digest", "failure"} & last.keys()


def test_a_key_that_opens_nothing_fails(
    each: Drilling, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is conclusive, whatever right passwords lie about; no password is told anywhere."""
    monkeypatch.setenv("RESTIC_PASSWORD", PASSWORD)
    monkeypatch.setenv("RESTIC_PASSWORD_COMMAND", f"echo {PASSWORD}")
    safe = key(each, OTHER)

    assert each.drill(SERIES, "--key", str(safe)) == 1
    assert each.last["failure"] == "wrong_key"
    assert "conclusive" not in each.last
    out = "".join(capfd.readouterr())
    assert "key drill FAILED: wrong_key" in out
    assert OTHER not in out + str(dropped(each.drop))


def test_the_same_password_from_another_place_passes(bench: Drilling) -> None:
    """The copy in the safe is tried though the file of every night is gone."""
    safe = key(bench, PASSWORD)
    bench.repository.password_file.unlink()

    assert bench.drill(SERIES, "--key", str(safe)) == 0
    assert bench.drill("--due") == 75
    assert [one["scope"] for one in dropped(bench.drop) if one["passed"]] == ["key"]


def test_the_file_in_use_is_refused(
    bench: Drilling, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By whatever name: to open with it once more proves nothing, and nothing is recorded."""
    used, link, twin = bench.repository.password_file, bench.folder / "l", bench.folder / "t"
    link.symlink_to(used)
    os.link(used, twin)
    monkeypatch.chdir(bench.folder)

    for name in (str(used), str(link), str(twin), used.name):
        assert bench.drill(SERIES, "--key", name) == 78
        assert "every backup uses" in capsys.readouterr().err
    assert dropped(bench.drop) == []


def test_what_is_no_key_is_refused(bench: Drilling, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there, an empty one, a folder, a pipe: wrong use, not a wrong key."""
    (bench.folder / "empty").touch()
    os.mkfifo(bench.folder / "pipe")

    for name in ("gone", "empty", "tree", "pipe"):
        assert bench.drill(SERIES, "--key", str(bench.folder / name)) == 78
        assert name in capsys.readouterr().err
    assert dropped(bench.drop) == []


def test_what_keeps_us_from_looking_says_nothing_of_the_key(bench: Drilling) -> None:
    """A repository that is out of reach is blind, as for every drill."""
    bench.repository.path.rename(bench.folder / "elsewhere")

    assert bench.drill(SERIES, "--key", str(key(bench, PASSWORD))) == 75
    assert (bench.last["failure"], bench.last["conclusive"]) == ("missing", False)


def test_a_key_without_content_proves_nothing(bench: Drilling) -> None:
    """The right key and a listing that cannot be read: damaged, not passed."""
    for pack in (bench.repository.path / "data").glob("*/*"):
        if pack != largest_pack(bench.repository):
            flip_byte(pack, 40)

    assert bench.drill(SERIES, "--key", str(key(bench, PASSWORD))) == 1
    assert bench.last["failure"] == "damaged"


def test_a_long_listing_is_not_read_to_its_end(bench: Drilling) -> None:
    """Some of it is enough, and restic is ended."""
    for number in range(3_000):
        (bench.tree / "sub" / f"{number:0200}").touch()
    bench.backup()

    assert bench.drill(SERIES, "--key", str(key(bench, PASSWORD))) == 0
    assert not Path(f"/proc/self/task/{os.getpid()}/children").read_text()


def test_a_key_is_tried_by_hand_only(bench: Drilling, capsys: pytest.CaptureFixture[str]) -> None:
    """The timer never does, and what it remembers is left alone."""
    safe = str(key(bench, PASSWORD))

    with pytest.raises(SystemExit):
        bench.drill("--due", "--key", safe)
    assert "not allowed with" in capsys.readouterr().err
    assert bench.drill(SERIES, "--key", safe) == 0
    assert not (bench.state / "drills.json").exists()
