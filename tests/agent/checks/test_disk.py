"""Disk: recorded mount tables, and real file systems that fill, hang and break."""

import errno
import json
import math
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from helpers.mounts import ext4, hung_mount, mounted
from helpers.onecheck import observe, values
from helpers.outboxes import everything, open_box
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_agent.checks.base import AgentView, CheckFailed, LeaseDesk, NotApplicable
from tramgac_agent.checks.disk import DiskCheck, DiskSettings
from tramgac_agent.host.mountinfo import parse_mountinfo, storage
from tramgac_agent.host.statfs import StatfsDesk, usage_of
from tramgac_agent.runner import Runner
from tramgac_proto.configfile import convert
from tramgac_proto.v1 import fleet_pb2

CASES = Path(__file__).parent / "cases" / "disk"


def check_of(**tree: tuple[str, ...]) -> DiskCheck:
    check = DiskCheck(convert(tree, DiskSettings, "test"))
    check.hang_seconds = 0.5
    return check


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_of_a_mount_table_exactly_what_stores_something_is_kept(case: str) -> None:
    """Pseudo file systems and second mounts go; network, pool and container roots stay."""
    text = (CASES / case / "mountinfo").read_text()

    found = [[m.mountpoint, m.fstype, m.readonly] for m in storage(parse_mountinfo(text))]

    assert found == json.loads((CASES / case / "expected.json").read_text())


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_no_mount_table_upsets_the_parser(text: str) -> None:
    """Lines that are no mounts are left out."""
    assert len(parse_mountinfo(text)) <= text.count("\n") + 1


def test_the_figures_are_those_of_df(tmp_path: Path) -> None:
    """Size, free space and percentage of the real root agree with what people see."""
    line = subprocess.run(
        ["df", "-P", "-B1", "/"], check=True, capture_output=True, text=True
    ).stdout.splitlines()[1]
    _, size, _, avail, percent, _ = line.split()

    seen = values(observe(check_of(), tmp_path), mountpoint="/")

    assert seen["filesystem_size_bytes"] == int(size)
    assert seen["filesystem_avail_bytes"] == pytest.approx(int(avail), rel=0.02)
    assert math.ceil(100 * seen["filesystem_used_ratio"]) == pytest.approx(
        int(percent.rstrip("%")), abs=1
    )
    assert seen["filesystem_hung"] == 0
    assert seen["filesystem_readonly"] == 0


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 99))
def test_usage_is_a_share_or_absent(blocks: int, free: int, avail: int, files: int) -> None:
    """The ratio lies in 0..1, reserved blocks belong to neither side, no inodes is no figure."""
    free, avail = min(free, blocks), min(avail, free, blocks)
    answer = os.statvfs_result((4096, 4096, blocks, free, avail, files, files, files, 0, 255))

    usage = usage_of(answer)

    if blocks - free + avail:
        assert usage.used_ratio == (blocks - free) / (blocks - free + avail)
        assert 0 <= usage.used_ratio <= 1
    else:
        assert usage.used_ratio is None
    assert usage.files == (files or None)
    assert (usage.files_free is None) == (files == 0)


def test_a_file_system_without_inode_limit_has_no_inode_figures(tmp_path: Path) -> None:
    """A real mount with a blank in its name and no inode limit: absent, not 100 % full."""
    options = ("-t", "tmpfs", "-o", "size=1m,nr_inodes=0", "none")
    with mounted(tmp_path / "no limit", *options) as target:
        seen = values(observe(check_of(exclude_fstypes=()), tmp_path), mountpoint=str(target))

    assert seen["filesystem_size_bytes"] == 1024 * 1024
    assert "filesystem_files" not in seen
    assert "filesystem_files_free" not in seen


def test_a_hung_mount_hides_and_delays_no_other(tmp_path: Path) -> None:
    """It says hung, the root is measured, and it is never asked twice at a time."""
    check = check_of()
    with hung_mount(tmp_path / "hung") as target:
        label = str(target)
        began = time.monotonic()
        first = observe(check, tmp_path)
        waited = time.monotonic() - began
        asking = [t for t in threading.enumerate() if t.name == f"statvfs {target}"]
        again = observe(check, tmp_path)
        asking_again = [t for t in threading.enumerate() if t.name == f"statvfs {target}"]

    assert waited >= check.hang_seconds
    for seen in (first, again):
        assert values(seen, mountpoint=label) == {
            "filesystem_readonly": 0,
            "filesystem_hung": 1,
        }
        assert values(seen, mountpoint="/")["filesystem_size_bytes"] > 0
    assert asking_again == asking
    assert len(asking) == 1
    asking[0].join(10)
    assert not asking[0].is_alive()


def test_a_mount_that_answers_again_is_no_longer_hung() -> None:
    """The late answer is thrown away and a fresh one asked for."""
    gate, asked = threading.Event(), []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        gate.wait(10)
        return os.statvfs("/")

    desk = StatfsDesk(statvfs)
    assert desk.ask(["/x"], 0.05) == {"/x": None}
    began = time.monotonic()
    assert desk.ask(["/x"], 30.0) == {"/x": None}
    assert time.monotonic() - began < 10
    gate.set()
    deadline = time.monotonic() + 10
    while desk.ask(["/x"], 5.0)["/x"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert asked == ["/x", "/x"]


def test_an_ext4_error_shows_as_read_only_and_as_an_event(tmp_path: Path) -> None:
    """The kernel's emergency stop is seen although statvfs denies it, and told once."""
    (tmp_path / "state").mkdir()
    with ext4(tmp_path / "data") as disk:
        label = str(disk.path)
        before = observe(check_of(), tmp_path / "state")
        disk.break_it()
        lost = observe(check_of(), tmp_path / "state", stored=False)
        check = check_of()
        told = observe(check, tmp_path / "state")
        after = observe(check, tmp_path / "state")

    assert values(before, mountpoint=label)["filesystem_readonly"] == 0
    assert values(before, mountpoint=label)["filesystem_errors"] == 0
    assert not before[0].event
    assert values(told, mountpoint=label)["filesystem_readonly"] == 1
    assert values(told, mountpoint=label)["filesystem_errors"] == 1
    assert told[0].event
    assert told[0].token == lost[0].token != ""
    assert not after[0].event


def test_a_mount_that_was_always_read_only_is_no_event(tmp_path: Path) -> None:
    """Installation media and snaps raise nothing; losing the right to write does."""
    check = check_of(exclude_fstypes=())
    with mounted(tmp_path / "iso", "-t", "tmpfs", "-o", "ro,size=1m", "none") as target:
        born = observe(check, tmp_path)
        subprocess.run(["mount", "-o", "remount,rw", target], check=True)
        opened = observe(check, tmp_path)
        subprocess.run(["mount", "-o", "remount,ro", target], check=True)
        closed = observe(check, tmp_path)

    assert values(born, mountpoint=str(target))["filesystem_readonly"] == 1
    assert [one[0].event for one in (born, opened, closed)] == [False, True, True]
    assert opened[0].token != closed[0].token


def test_patterns_and_types_leave_mounts_out_but_never_the_root_by_type(tmp_path: Path) -> None:
    """What is excluded has no series; the root goes only if its path is named."""
    own = Path("/proc/self/mountinfo").read_text()
    root = next(m.fstype for m in storage(parse_mountinfo(own)) if m.mountpoint == "/")

    assert values(observe(check_of(exclude_fstypes=(root,)), tmp_path), mountpoint="/")
    with pytest.raises(NotApplicable):
        observe(check_of(exclude_mountpoints=("/*",)), tmp_path)


def fake_proc(folder: Path, own: str, host: str | None) -> Path:
    for name, text in (("self", own), ("1", host)):
        if text is not None:
            (folder / name).mkdir(parents=True)
            (folder / name / "mountinfo").write_text(text)
    return folder


OWN = "1 0 254:0 / / ro - ext4 /dev/vda rw\n2 1 0:9 / /home ro - tmpfs none rw\n"
HOST = "1 0 254:0 / / rw - ext4 /dev/vda rw\n3 1 254:1 / /home rw - ext4 /dev/vdb rw\n"


def test_inside_a_sandbox_the_table_of_process_1_counts(tmp_path: Path) -> None:
    """The sandbox's own read-only view is not believed, nor a path that leads elsewhere."""
    check = check_of()
    check.proc = fake_proc(tmp_path / "both", OWN, HOST)
    seen = observe(check, tmp_path)
    hidden = check_of()
    hidden.proc = fake_proc(tmp_path / "hidepid", OWN, None)

    assert values(seen, mountpoint="/")["filesystem_readonly"] == 0
    assert not values(seen, mountpoint="/home")
    assert values(observe(hidden, tmp_path), mountpoint="/")["filesystem_readonly"] == 1


def test_a_mount_without_figures_leaves_the_others_theirs(tmp_path: Path) -> None:
    """A stale handle costs its own figures only; when all fail, so does the check."""

    def stale(path: str) -> os.statvfs_result:
        if path != "/":
            raise OSError(errno.ESTALE, "stale")
        return os.statvfs("/")

    def broken(path: str) -> os.statvfs_result:
        raise OSError(errno.EIO, path)

    table = "1 0 254:0 / / rw - ext4 /dev/vda rw\n2 1 0:9 / /pacs rw - nfs4 nas:/pacs rw\n"
    check = check_of()
    check.proc = fake_proc(tmp_path / "proc", table, table)
    check.desk = StatfsDesk(stale)
    seen = observe(check, tmp_path)
    check.desk = StatfsDesk(broken)

    assert values(seen, mountpoint="/pacs") == {"filesystem_readonly": 0, "filesystem_hung": 0}
    assert [one.failure for one in seen if one.failure] == ["statvfs_failed"]
    assert "filesystem_size_bytes" in values(seen, mountpoint="/")
    with pytest.raises(CheckFailed, match="statvfs_failed"):
        observe(check, tmp_path)


def test_a_disk_that_turned_read_only_stays_visible_when_it_is_the_agents_own(
    tmp_path: Path,
) -> None:
    """The change cannot be kept and is one event all the same; its values come with every run."""
    folder = tmp_path / "state"
    folder.mkdir()
    check = check_of()
    check.proc = fake_proc(tmp_path / "proc", HOST, None)
    with mounted(folder, "-t", "tmpfs", "-o", "size=4m", f"h11-{os.getpid()}"):
        view = AgentView(folder, "his", LeaseDesk())
        box = open_box(folder)
        Runner([check], box, view).run("disk")
        box.close()  # an open file would keep the mount busy
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        (check.proc / "self/mountinfo").write_text(HOST.replace("rw", "ro"))
        box = open_box(folder)
        for _ in range(3):
            Runner([check], box, view).run("disk")
        assert box.stats().state == "readonly"
        kinds = [one.record_class for one in everything(box) if len(one.observation.values) > 3]
        box.close()

    assert kinds == [fleet_pb2.RECORD_CLASS_EVENT, *[fleet_pb2.RECORD_CLASS_POINT] * 2]


def test_a_mount_that_is_not_for_the_agent_is_no_failure(tmp_path: Path) -> None:
    """A user's FUSE mount refuses everybody else; a path may be hidden by another mount."""

    def refuse(path: str) -> os.statvfs_result:
        if path != "/":
            raise OSError(errno.EACCES if path == "/home" else errno.ENOENT, path)
        return os.statvfs("/")

    check = check_of()
    check.proc = fake_proc(tmp_path / "proc", HOST, HOST + "4 1 0:9 / /x rw - ext4 /dev/x rw\n")
    check.desk = StatfsDesk(refuse)

    assert not [one.failure for one in observe(check, tmp_path) if one.failure]


def test_odd_names_and_numbers_of_mounts_stay_within_the_wire(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are escaped; a path too long, or the 65th mount, is left out."""
    lines = [f"9 1 8:{n} / /data{n:03} rw - ext4 /dev/x rw" for n in range(70)]
    lines += ["9 1 9:1 / /\udcff rw - ext4 /dev/x rw", f"9 1 9:2 / /{'a' * 300} rw - ext4 x rw"]
    check = check_of()
    check.proc = tmp_path / "proc"
    (check.proc / "self").mkdir(parents=True)
    (check.proc / "self/mountinfo").write_text("\n".join(lines[-2:]), errors="surrogateescape")
    check.desk = StatfsDesk(lambda _: os.statvfs("/"))
    odd = observe(check, tmp_path)
    (check.proc / "self/mountinfo").write_text("\n".join(lines[:70]))
    many = observe(check, tmp_path)

    assert {sample.labels["mountpoint"] for sample in odd[0].samples} == {"/\\udcff"}
    assert len({sample.labels["mountpoint"] for sample in many[0].samples}) == 64
