"""However the demonstration ends, nothing of it stays; and it takes nobody's folder."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.backup import until

ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 120.0


def _argv(folder: Path) -> list[str]:
    return [sys.executable, "-m", "demo", "--size", "small", "--port", "0", "--folder", str(folder)]


_ENV = {**os.environ, "PYTHONPATH": f"{ROOT / 'scripts'}:{ROOT / 'tests'}"}


@contextmanager
def _started(folder: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as told:
        demo = subprocess.Popen(_argv(folder), stdout=told, stderr=told, env=_ENV, cwd=ROOT)
    try:
        yield demo
    finally:
        demo.kill()
        demo.wait()


def _refused(folder: Path) -> str:
    """What a start there says, which must not succeed."""
    done = subprocess.run(
        _argv(folder), capture_output=True, text=True, env=_ENV, cwd=ROOT, check=False,
        timeout=_SECONDS,
    )  # fmt: skip
    assert done.returncode == 1
    return done.stderr


def _of(folder: Path) -> set[str]:
    """Programs at work there, by what they were started as."""
    found = set()
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = one.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/" in words:
            found.add(words)
    return found


def test_nothing_outlives_a_kill_and_no_second_one_takes_its_folder(tmp_path: Path) -> None:
    """While it runs its folder is its own; killed without a chance to clean up, all of it ends."""
    folder, log = tmp_path / "state", tmp_path / "said"
    with _started(folder, log) as demo:
        until(lambda: "it runs on" in log.read_text(), seconds=_SECONDS)
        programs = _of(folder)
        assert all(any(word in one for one in programs) for word in (
            "tramgac_collector", "prometheus.yml", "alertmanager.yml",
        ))  # fmt: skip
        assert "already" in _refused(folder)
        assert _of(folder) == programs
        demo.kill()
        until(lambda: not _of(folder), seconds=30)


def test_a_stop_while_it_starts_is_heard(tmp_path: Path) -> None:
    """Terminated before it is up, it leaves in the ordinary way with all it had started."""
    folder = tmp_path / "state"
    with _started(folder, tmp_path / "said") as demo:
        until(lambda: _of(folder), seconds=_SECONDS)
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 0
        assert not _of(folder)


def test_a_strangers_folder_is_left_as_it_is(tmp_path: Path) -> None:
    """What is no demonstration's state is not removed for one."""
    mine = tmp_path / "mine" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("kept")
    assert "left as it is" in _refused(mine.parent)
    assert mine.read_text() == "kept"
