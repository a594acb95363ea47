"""Everything that can be wrong with a backup, once each, beside a good one.

Real restic, ``backup-run``, probe, checks and drills; their reports go through a real agent's
drop folder over mTLS to a real collector, and its page says what is wrong. Every series has the
same good past, so that without its one fault it would be ``ok``.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.backup import AGENT, until
from helpers.backup_story import FILES, Story, change, good_past
from helpers.restic_repository import exclusive_lock
from helpers.restic_versions import restics
from helpers.stack import GENEROUS, Stack, poll

HOST = "h1"
_DAY_MS = 86_400_000
# Runs that do not end by themselves.
RUNNING: list["subprocess.Popen[bytes]"] = []
_DATASET = """
      - id: {name}
        host: h1
        rpo_hours: {rpo}
        hung_hours: {hung}
        destinations: [{{id: nas, kind: local}}]
"""


def nothing(_: Story) -> None:
    """Leave it good."""


def partial(story: Story) -> None:
    """A file that nobody may read."""
    assert story.back_up("/proc/self/mem") == 3


def missing_source(story: Story) -> None:
    """A share that is not mounted any more, below 0.19 no reason for restic to fail."""
    story.back_up(str(story.tree.parent / "not-mounted"))
    story.look()


def empty_mount(story: Story) -> None:
    """The mount point is there, what was mounted is not."""
    shutil.rmtree(story.tree)
    story.tree.mkdir()
    assert story.back_up() == 0
    story.look()


def wrong_password(story: Story) -> None:
    """Somebody changed the password file."""
    story.repository.password_file.write_text("another one")
    story.look()


def unreachable(story: Story) -> None:
    """Nobody listens where the repository was."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    story.settings |= {"repository": f"rest:http://127.0.0.1:{port}/", "deadline_seconds": 5}
    story.look()


def live_lock(story: Story) -> None:
    """Another restic works exclusively while the backup should run."""
    with exclusive_lock(story.repository):
        assert story.back_up() != 0


def stale_lock(story: Story) -> None:
    """A restic that was killed has left its lock."""
    with exclusive_lock(story.repository) as holder:
        holder.kill()
        holder.wait()
    story.look()


def _data_pack(story: Story) -> Path:
    """The largest pack: it holds file contents, not trees."""
    packs = [path for path in (story.repository.path / "data").rglob("*") if path.is_file()]
    return max(packs, key=lambda path: path.stat().st_size)


def flipped_byte(story: Story) -> None:
    """The structure is whole, one byte of the data is not."""
    pack = _data_pack(story)
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[len(data) // 3] ^= 0xFF
    pack.write_bytes(data)
    story.verify("metadata")
    story.verify("slice")
    story.verify("slice")


def deleted_pack(story: Story) -> None:
    """A file of the repository is gone; a backup would still exit 0."""
    _data_pack(story).unlink()
    assert story.back_up() == 0
    story.look()
    story.verify("metadata")


def truncated_snapshot(story: Story) -> None:
    """One snapshot file is cut short: the listing goes on, backups do not."""
    path = max((story.repository.path / "snapshots").iterdir(), key=lambda one: one.name)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:20])
    story.look()


def future_date(story: Story) -> None:
    """A snapshot that claims to be from next year would look fresh until then."""
    year = time.gmtime().tm_year + 1
    assert story.back_up("--time", f"{year}-11-11 11:11:11") == 0
    story.look()


def vanished(story: Story) -> None:
    """Somebody removed snapshots that nothing lets go yet."""
    story.look()  # the probe knows a repository by its place, and this copy is at a new one
    story.ask("forget", "--keep-last", "1", "--group-by", "")
    story.look()


def size_drop(story: Story) -> None:
    """Most of the data is not there any more."""
    for path in sorted(story.tree.iterdir())[: FILES * 3 // 4]:
        path.unlink()
    assert story.back_up() == 0
    story.look()


def change_shock(story: Story) -> None:
    """Nearly every file changed at once, as when something encrypts them."""
    change(story.tree, FILES)
    assert story.back_up() == 0
    story.look()


def _aged(story: Story, days: int) -> None:
    """Shift what was reported into the past."""
    for path in story.records():
        record = json.loads(path.read_text())
        for key, value in record.items():
            if key.endswith("_unix_ms"):
                record[key] = value - days * _DAY_MS
        path.write_text(json.dumps(record))


def late(story: Story) -> None:
    """The last run was three days ago."""
    _aged(story, 3)


def never_ran(story: Story) -> None:
    """Declared, and nobody ever backed it up."""
    for path in story.records():
        path.unlink()


def hung_run(story: Story) -> None:
    """A run that began and does not end; the test ends it."""
    command = [*AGENT, "backup-run", "--series", story.series, "--drop", str(story.reports)]
    RUNNING.append(subprocess.Popen([*command, "--", "sleep", "600"], start_new_session=True))
    before = len(list(story.records()))
    until(lambda: len(list(story.records())) > before)


def failed_drill(story: Story) -> None:
    """The backup runs and lists well, and cannot be restored."""
    pack = _data_pack(story)
    pack.chmod(0o600)
    pack.write_bytes(os.urandom(pack.stat().st_size))
    story.drill("sample")


@dataclass(frozen=True)
class Scenario:
    """What happens to a good series, and what must be said of it."""

    happens: Callable[[Story], None]
    state: str
    reason: str
    rpo_hours: float = 24
    hung_hours: float = 12


SCENARIOS = {
    # The first two need time to pass: the collector looks again every minute.
    "never-ran": Scenario(never_ran, "late", "never_ran", rpo_hours=0.001),
    "hung-run": Scenario(hung_run, "failed", "run_hung", hung_hours=0.0005),
    "good": Scenario(nothing, "ok", ""),
    "partial": Scenario(partial, "partial", "run_partial"),
    "missing-source": Scenario(missing_source, "partial", "missing_source"),
    "empty-mount": Scenario(empty_mount, "partial", "empty_source"),
    "wrong-password": Scenario(wrong_password, "blind", "blind_auth"),
    "unreachable": Scenario(unreachable, "blind", "blind_unreachable"),
    "live-lock": Scenario(live_lock, "blocked", "run_blocked"),
    "stale-lock": Scenario(stale_lock, "blocked", "stale_lock"),
    "flipped-byte": Scenario(flipped_byte, "failed", "data_damaged"),
    "deleted-pack": Scenario(deleted_pack, "failed", "metadata_damaged"),
    "truncated-snapshot": Scenario(truncated_snapshot, "failed", "snapshot_damaged"),
    "future-date": Scenario(future_date, "suspicious", "future_dated"),
    "vanished": Scenario(vanished, "suspicious", "vanished"),
    "size-drop": Scenario(size_drop, "suspicious", "size_drop"),
    "change-shock": Scenario(change_shock, "suspicious", "change_shock"),
    "late": Scenario(late, "late", "rpo_passed"),
    "failed-drill": Scenario(failed_drill, "failed", "drill_failed"),
}


VERSIONS = ("debian", "trixie")


def _declare(stack: Stack) -> None:
    rows = "".join(
        _DATASET.format(name=f"{name}-{version}", rpo=one.rpo_hours, hung=one.hung_hours)
        for name, one in SCENARIOS.items()
        for version in VERSIONS
    )
    path = stack.root / "inventory.yml"
    path.write_text(path.read_text() + f"    datasets:{rows}")


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Stack]:
    """A collector that knows every series, and one agent that reads its drop folder."""
    checks = "[checks.drop]\ninterval_seconds = 1\n"
    stack = Stack(tmp_path / "centre", hosts=(HOST,), agent_checks=checks, collector_extra=GENEROUS)
    try:
        _declare(stack)
        stack.start_collector()
        stack.enroll(HOST)
        stack.start_agent(HOST)
        until((stack.root / HOST / "drop").is_dir)
        yield stack
    finally:
        stack.close()


def said(stack: Stack) -> dict[str, tuple[str, set[str]]]:
    """State and reasons of each dataset, as the page shows them."""
    found: dict[str, tuple[str, set[str]]] = {}
    for key in stack.metrics():
        name = key.partition('series="')[2].partition('"')[0].rpartition("/")[2].partition("@")[0]
        state, reasons = found.get(name, ("", set()))
        if key.startswith("tramgac_backup_state{"):
            state = key.partition('state="')[2].partition('"')[0]
        elif key.startswith("tramgac_backup_finding{"):
            reasons.add(key.partition('reason="')[2].partition('"')[0])
        else:
            continue
        found[name] = (state, reasons)
    return found


def _end_hung_runs() -> None:
    while RUNNING:
        run = RUNNING.pop()
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another disk than the tree: a copy beside its original is no copy."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_each_fault_has_a_state_and_a_reason_of_its_own(
    centre: Stack, tmp_path: Path, elsewhere: Path
) -> None:
    """On two restics: a good series is ok; each fault is told as what it is, none of them is ok."""
    try:
        for version in VERSIONS:
            place = elsewhere / version
            past = good_past(f"bv-test/{HOST}/past@nas", place / "past", tmp_path / version,
                             restics()[version])  # fmt: skip
            for name, scenario in SCENARIOS.items():
                story = past.branch(f"{name}-{version}")
                scenario.happens(story)
                story.hand_over(centre.root / HOST / "drop")

        # A new inventory has every series judged at once, not at the next full minute.
        inventory = centre.root / "inventory.yml"
        inventory.write_text(inventory.read_text() + "# read again\n")
        centre.collector_command("inventory", "import")

        def wrong() -> dict[str, tuple[str, set[str]]]:
            states = said(centre)
            return {
                f"{name}-{version}": states.get(f"{name}-{version}", ("", set()))
                for name, one in SCENARIOS.items()
                for version in VERSIONS
                if not _told(states.get(f"{name}-{version}"), one)
            }

        poll(wrong, lambda left: not left, 100, "each scenario told as it is")
    finally:
        _end_hung_runs()
    good = [name for name, (state, _) in said(centre).items() if state == "ok"]
    assert sorted(good) == [f"good-{version}" for version in VERSIONS]


def _told(said: tuple[str, set[str]] | None, scenario: Scenario) -> bool:
    if said is None:
        return False
    state, reasons = said
    return state == scenario.state and (scenario.reason in reasons or not scenario.reason)
