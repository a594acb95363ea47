"""The read-only restic lets reading pass, refuses the rest, and always comes back."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from helpers.backup import gone, script, until

from tramgac_agent.restic.shim import install
from tramgac_agent.restic.wrapper import command_of


def environment(restic: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "TRAMGAC_RESTIC_BINARY": str(restic), **more}


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    return install(tmp_path)


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """A restic that prints its arguments and how it was scheduled."""
    return script(tmp_path / "restic", 'echo "$@"; nice; ionice')


@pytest.mark.parametrize(
    "words",
    [
        ["version"],
        ["snapshots"],
        ["--json", "--repo", "r", "--password-file", "p", "snapshots"],
        ["--repo=r", "--no-cache", "stats", "--mode", "raw-data"],
        ["list", "locks"],
        ["cat", "lock", "0" * 64],
        ["--json", "ls", "0" * 64],
        ["find", "backup"],
        ["check"],
        ["--json", "check", "--read-data-subset=7/30"],
        ["dump", "0" * 64, "/srv/canary"],
        ["restore", "0" * 64, "--target", "/scratch", "--verify"],
        ["restore", "0" * 64, "--target=/scratch", "--include=/a"],
    ],
)
def test_reading_passes_without_a_lock(shim: Path, echo: Path, words: list[str]) -> None:
    """``--no-lock`` is always there, and the process steps back behind all others."""
    result = subprocess.run(
        [shim, *words], env=environment(echo), capture_output=True, text=True, check=True
    )
    said, niceness, io_class = result.stdout.splitlines()

    assert said == " ".join(["--no-lock", *words])
    assert niceness == "19"
    assert io_class.startswith("idle")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["backup", "/"],
        ["forget", "--prune"],
        ["--json", "prune"],
        ["unlock"],
        ["unlock", "--remove-all"],
        ["check", "--read-data"],
        ["check", "--read-data-subset=5%"],
        ["check", "--read-data-subset", "1/2"],
        ["check", "--check-unused"],
        ["check", "--no-lock=false"],
        ["check", "--option=local.layout=s3legacy"],
        ["snapshots", "--no-lock=0"],
        ["snapshots", "--cleanup-cache"],
        ["snapshots", "-qo", "sftp.command=evil"],
        ["restore", "latest"],
        ["restore", "latest", "--target", "/"],
        ["restore", "latest", "--target=/../"],
        ["restore", "latest", "--target", "relative"],
        ["restore", "latest", "--target", "/scratch", "-t", "/"],
        ["restore", "latest", "--target", "/scratch", "--delete"],
        ["dump", "latest", "/a", "--target", "/etc/passwd"],
        ["restore", "0" * 64, "--target", "/scratch/../."],
        ["init"],
        ["tag", "--add", "a"],
        ["rewrite", "--forget"],
        ["repair", "index"],
        ["rebuild-index"],
        ["recover"],
        ["migrate"],
        ["copy"],
        ["cache", "--cleanup"],
        ["mount", "/mnt"],
        ["key", "list"],
        ["--repo", "snapshots", "backup", "/"],
        ["-r", "version", "prune"],
        ["--verbose", "backup"],
        ["--cache-dir", "snapshots", "forget"],
        ["snapshots", "--password-command", "sh -c evil"],
        ["snapshots", "-o", "sftp.command=evil"],
        ["-osftp.command=evil", "snapshots"],
        ["cat", "masterkey"],
        ["cat", "key", "0"],
        ["cat"],
    ],
)
def test_everything_else_is_refused_before_restic_starts(
    shim: Path, echo: Path, words: list[str]
) -> None:
    """Exit code 2; a flag's value is never taken for the command, nor the reverse."""
    result = subprocess.run([shim, *words], env=environment(echo), capture_output=True, check=False)

    assert result.returncode == 2
    assert result.stdout == b""
    assert command_of(words) == ""


@pytest.mark.parametrize("code", [0, 1, 10, 11, 12])
def test_the_exit_code_is_restics_own(shim: Path, tmp_path: Path, code: int) -> None:
    """Whatever it means in the version at hand is judged elsewhere."""
    fake = script(tmp_path / "restic", f"exit {code}")
    result = subprocess.run([shim, "snapshots"], env=environment(fake), check=False)

    assert result.returncode == code


def test_no_restic_is_127(shim: Path, tmp_path: Path) -> None:
    """As a shell would say it."""
    result = subprocess.run(
        [shim, "version"], env=environment(tmp_path / "none"), capture_output=True, check=False
    )

    assert result.returncode == 127


@pytest.mark.parametrize("heeds_sigterm", [True, False])
def test_the_deadline_ends_restic(shim: Path, tmp_path: Path, *, heeds_sigterm: bool) -> None:
    """Asked first, killed after the grace time; 124 either way."""
    trap = "" if heeds_sigterm else "trap '' TERM;"
    fake = script(
        tmp_path / "restic", f"{trap} echo $$ >{tmp_path}/pid; while :; do sleep 0.1; done"
    )
    limits = {"TRAMGAC_RESTIC_DEADLINE_SECONDS": "0.3", "TRAMGAC_RESTIC_GRACE_SECONDS": "0.3"}
    begun = time.monotonic()
    result = subprocess.run(
        [shim, "snapshots"], env=environment(fake, **limits), capture_output=True, check=False
    )

    assert result.returncode == 124
    assert time.monotonic() - begun >= 0.3
    until(lambda: gone(int((tmp_path / "pid").read_text())))


def test_a_signal_to_the_wrapper_reaches_restic(shim: Path, tmp_path: Path) -> None:
    """Ending the wrapper does not leave restic behind."""
    fake = script(tmp_path / "restic", f"echo $$ >{tmp_path}/pid; exec sleep 60")
    running = subprocess.Popen([shim, "snapshots"], env=environment(fake))
    pid = tmp_path / "pid"
    until(lambda: pid.exists() and pid.read_text() != "")
    running.send_signal(signal.SIGTERM)

    assert running.wait(20) == 143
    until(lambda: gone(int(pid.read_text())))


def test_a_signal_restic_does_not_heed_ends_it_after_the_grace_time(
    shim: Path, tmp_path: Path
) -> None:
    """The deadline may be hours away: a backup that begins does not wait for it."""
    fake = script(
        tmp_path / "restic", f"trap '' TERM; echo $$ >{tmp_path}/pid; while :; do sleep 0.1; done"
    )
    running = subprocess.Popen(
        [shim, "check"], env=environment(fake, TRAMGAC_RESTIC_GRACE_SECONDS="0.2")
    )
    pid = tmp_path / "pid"
    until(lambda: pid.exists() and pid.read_text() != "")
    running.send_signal(signal.SIGTERM)

    assert running.wait(20) == 124
    until(lambda: gone(int(pid.read_text())))


def test_the_shim_is_written_once_and_repaired(tmp_path: Path) -> None:
    """Only its owner may run it; a damaged one is replaced."""
    path = install(tmp_path)
    first = path.stat().st_ino
    assert install(tmp_path).stat().st_ino == first
    path.write_text("damaged")

    assert "wrapper.py" in install(tmp_path).read_text()
    assert path.stat().st_mode & 0o777 == 0o700
