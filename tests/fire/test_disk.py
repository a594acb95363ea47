"""The agent's own disk is full, read-only or torn: it says so, goes on, and counts its losses."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from helpers.mounts import ext4, mounted
from helpers.stack import Stack, poll

from tramgac_agent.checks.base import Observation, Sample

SMALL_BALLAST = "[outbox]\nballast_mebibytes = 0.0625\n"
MakeStack = Callable[..., Stack]


@pytest.fixture
def tiny(make_stack: MakeStack, tmp_path: Path) -> Iterator[Stack]:
    """A stack whose agent's state folder is a file system of 1 MiB."""
    (tmp_path / "h1").mkdir()
    with mounted(tmp_path / "h1", "-t", "tmpfs", "-o", "size=1m", f"fire-{os.getpid()}"):
        stack = make_stack()
        stack.write_agent("h1", outbox=SMALL_BALLAST)
        yield stack
        stack.close()


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Take all the space there is, and whatever is freed, until the context ends."""
    hog, over = folder / "hog", threading.Event()

    def eat() -> None:
        with hog.open("ab", buffering=0) as file:
            while not over.wait(0.02):
                for size in (65536, 4096, 512, 1):
                    with suppress(OSError):
                        while True:
                            file.write(b"x" * size)

    eater = threading.Thread(target=eat)
    eater.start()
    try:
        yield
    finally:
        over.set()
        eater.join()
        hog.unlink()


def started_once(stack: Stack) -> bool:
    """Whether the agent runs, and is the one that was started first."""
    return stack.running["h1"].poll() is None and stack.log("h1").count("daemon running ") == 1


def doctor(stack: Stack) -> dict[str, bool]:
    """What ``tramgac-agent doctor`` thinks of each part."""
    said = stack.command(
        "tramgac_agent", "doctor", "--json", "--config", str(stack.root / "h1.toml"), check=False
    )
    return {one["what"]: one["ok"] for one in json.loads(said)}


def test_a_full_disk_is_told_and_what_it_costs_is_counted(tiny: Stack) -> None:
    """Ballast first, then memory; the centre goes on seeing the host; then the disk again.

    What was sent from memory to a collector that died before it answered is lost: a gap
    record says so. Nothing else is, and nothing is stored twice.
    """
    folder = tiny.root / "h1"
    tiny.start_agent()
    tiny.wait_ticks(5)
    with full(folder):
        # On the full disk itself.
        tiny.wait_uplink(outbox_state="disk_full")
        assert not doctor(tiny)["outbox"]
        assert not (folder / "outbox.ballast").exists()
        during = len(tiny.handed_ticks())
        poll(lambda: tiny.value("tramgac_tick_last"), lambda v: (v or 0) > during, 20, "seen")
        tiny.running["ingest"].send_signal(signal.SIGSTOP)
        # Longer than the pause between two calls: one is under way, unanswered.
        hung = len(tiny.handed_ticks())
        poll(lambda: len(tiny.handed_ticks()), lambda n: n > hung + 10, 20, "a call hangs")
    poll(lambda: tiny.log("h1"), lambda text: "disk_full -> ok" in text, 20, "the disk is back")
    tiny.kill("ingest")
    tiny.start_collector()
    lost = poll(tiny.lost, lambda found: "disk_full" in found, 60, "the loss on /metrics")
    missing = tiny.check_ticks(len(tiny.handed_ticks()) + 3)
    assert len(missing) <= lost["disk_full"] <= 40
    # A full disk may have had old values of the checks thinned too; ticks are events.
    assert set(tiny.gaps()) - {"thinned"} == {"disk_full"}
    tiny.wait_uplink(outbox_state="ok")
    assert (folder / "outbox.ballast").exists(), "for the next time"
    assert started_once(tiny)
    assert tiny.log("h1").count("-> disk_full") == 1, "told once"


def test_a_disk_that_breaks_while_in_use_and_is_repaired(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    """ext4 finds damage and refuses writes; the host stays visible; repaired, it goes on."""
    folder = tmp_path / "h1"
    # While the disk is away, its empty mount point must not pass for it.
    empty = mounted(folder, "-t", "tmpfs", "-o", "ro", f"fire-{os.getpid()}")
    with empty, ext4(folder) as disk:
        stack = make_stack()
        stack.write_agent("h1", outbox=SMALL_BALLAST)
        stack.start_agent()
        stack.wait_ticks(5)
        disk.break_it()
        poll(lambda: stack.log("h1"), lambda text: "ok -> readonly" in text, 20, "told in the log")
        poll(
            lambda: stack.value("tramgac_check_success"), lambda v: v == 0, 20, "tick cannot write"
        )
        assert not doctor(stack)["state"]
        subprocess.run(["umount", folder], check=True)
        subprocess.run(["mount", "-o", "loop", folder.with_suffix(".img"), folder], check=True)
        stack.wait_uplink(outbox_state="ok")
        # A call that was under way when the disk came back may be counted as lost.
        assert len(stack.check_ticks(len(stack.handed_ticks()) + 5)) <= 5
        assert started_once(stack)
        stack.close()


def test_an_agent_started_on_a_read_only_disk_works(tiny: Stack) -> None:
    """No crash, no restart loop: it reports through memory, and keeps when it can again."""
    folder = tiny.root / "h1"
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    tiny.start_agent()
    poll(lambda: tiny.value("tramgac_check_success"), lambda v: v == 0, 20, "it reports")
    assert not doctor(tiny)["state"]
    subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
    tiny.wait_uplink(outbox_state="ok")
    assert tiny.check_ticks(5) == set()
    assert tiny.gaps() == {}
    assert started_once(tiny)


def fill_outbox(stack: Stack, count: int) -> None:
    """Let ``count`` wide records wait in the stopped agent's outbox."""
    box = stack.outbox()
    labels = [{"check": f"check{place}"} for place in range(60)]
    wide = tuple(Sample("tramgac_check_duration_seconds", 1.0, one) for one in labels)
    box.append("disk", [Observation(wide, stream="wide")] * count, valid_seconds=600)
    box.close()


def tear(path: Path) -> None:
    """Overwrite the middle half of a file."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(os.urandom(size // 2))


@pytest.mark.parametrize("when", ["stopped", "running"])
def test_a_torn_outbox_is_moved_aside_and_its_loss_counted(
    make_stack: MakeStack, when: str
) -> None:
    """A new epoch, the old file kept for a person, the number of lost records at the centre."""
    stack = make_stack(
        collector_extra="[limits]\ncalls_per_minute = 6000\nbacklog_bytes_per_second = 1000000\n"
    )
    stack.start_agent()
    stack.wait_ticks(3)
    stack.stop("h1")
    last = len(stack.handed_ticks())
    stack.running["ingest"].send_signal(signal.SIGSTOP)
    # More than SQLite keeps in memory, or a running agent would not even notice.
    fill_outbox(stack, 2_000)
    path = stack.root / "h1/outbox.db"
    if when == "stopped":
        tear(path)
        stack.start_agent()
    else:
        stack.start_agent()
        poll(lambda: "running" in stack.log("h1").rpartition("stopped")[2], bool, 20, "agent works")
        tear(path)
    stack.running["ingest"].send_signal(signal.SIGCONT)
    poll(lambda: list(path.parent.glob("outbox.db.corrupt-*")), bool, 40, "moved aside")
    lost = poll(stack.lost, lambda found: "corrupt" in found, 40, "the loss on /metrics")
    assert lost["corrupt"] >= 100
    stack.wait_uplink(state="ok", outbox_state="ok")
    # Which ticks the outbox had taken, only it knew: each life repeats the last one before.
    missing = stack.check_ticks(len(stack.handed_ticks()) + 3, twice=[last])
    assert len(missing) < 60
    assert len(stack.accounts()) == 2
    assert stack.running["h1"].poll() is None
    assert stack.log("h1").count("moved aside") == 1
