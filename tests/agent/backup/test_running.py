"""The mark of a running backup: there while it runs, gone with it, never in its way."""

import os
import subprocess
from pathlib import Path

from helpers.backup import SERIES, drop_folder, kill, start_backup_run, until

from tramgac_agent import drop
from tramgac_agent.backup.running import is_running, mark

OTHER = "bv-hue/his01/pictures@nas"
NOBODY = 65534


def test_a_mark_is_seen_while_it_is_held(tmp_path: Path) -> None:
    """Only for its own series, and again and again by whoever looks."""
    assert not is_running(tmp_path, SERIES)
    with mark(tmp_path, SERIES):
        assert is_running(tmp_path, SERIES)
        assert is_running(tmp_path, SERIES)
        assert not is_running(tmp_path, OTHER)
    assert not is_running(tmp_path, SERIES)


def test_overlapping_runs_share_the_mark(tmp_path: Path) -> None:
    """It is gone when the last of them has ended."""
    with mark(tmp_path, SERIES):
        with mark(tmp_path, SERIES):
            pass
        assert is_running(tmp_path, SERIES)
    assert not is_running(tmp_path, SERIES)


def test_a_backup_run_is_marked_until_it_is_killed(tmp_path: Path) -> None:
    """Even SIGKILL, and even if the command lives on, leaves no mark behind."""
    folder = drop_folder(tmp_path)
    running = start_backup_run(folder, "sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 60")
    until(lambda: is_running(folder, SERIES))
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    running.kill()
    running.wait(20)
    try:
        assert not is_running(folder, SERIES)
    finally:
        kill(int((tmp_path / "pid").read_text()))
        running.communicate(timeout=20)


def test_without_a_folder_or_with_a_stranger_in_the_way_the_work_goes_on(tmp_path: Path) -> None:
    """A missing folder, a link and a lock held by somebody else only cost the mark."""
    with mark(tmp_path / "no", SERIES):
        assert not is_running(tmp_path / "no", SERIES)
    with mark(tmp_path, SERIES):
        (place,) = tmp_path.iterdir()
    place.unlink()
    place.symlink_to(tmp_path / "elsewhere")
    with mark(tmp_path, SERIES):
        assert not (tmp_path / "elsewhere").exists()
    place.unlink()
    place.touch()
    with subprocess.Popen(["flock", "--exclusive", place, "sleep", "60"]) as holder:
        until(lambda: is_running(tmp_path, SERIES))
        with mark(tmp_path, SERIES):
            holder.terminate()


def test_another_user_may_hold_the_mark_too(tmp_path: Path) -> None:
    """The file is for the group, whatever the umask of whoever came first."""
    folder = drop_folder(tmp_path)
    os.chown(folder, 0, NOBODY)
    folder.chmod(drop.FOLDER_MODE)
    before = os.umask(0o077)
    try:
        with mark(folder, SERIES):
            (place,) = folder.iterdir()
    finally:
        os.umask(before)
    assert place.stat().st_mode & 0o777 == 0o660

    # Relative to the folder: the way to it is closed to others.
    words = ["sh", "-c", f"exec 9<{place.name}; flock --shared 9; exec sleep 60"]
    with subprocess.Popen(words, cwd=folder, user=NOBODY, group=NOBODY) as holder:
        until(lambda: is_running(folder, SERIES))
        holder.terminate()
    assert not is_running(folder, SERIES)


def test_the_reader_of_the_folder_leaves_marks_alone(tmp_path: Path) -> None:
    """However old: deleting a held one would let the next look miss it."""
    folder = drop_folder(tmp_path)
    with mark(folder, SERIES):
        (place,) = folder.iterdir()
        os.utime(place, (1, 1))
        assert drop.DropFolder(folder).read(1) == drop.Reading((), ())
        assert is_running(folder, SERIES)
