"""How far a repository lies from its source: measured where it can be, else unknown."""

import socket
from pathlib import Path

import pytest
from helpers.mounts import mounted

from tramgac_agent.sources.medium import Machine, medium_of, medium_of_address

# Two partitions and two logical volumes on sda, another disk, shares, and a lent folder.
MOUNTS = """\
1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 8:2 / /srv rw - ext4 /dev/sda2 rw
3 1 253:0 / /lvm rw - ext4 /dev/mapper/vg-a rw
4 1 8:17 / /disk rw - xfs /dev/sdb1 rw
5 1 0:50 /a /pool/a rw - btrfs /dev/sda3 rw
6 1 0:51 /b /pool/b rw - btrfs /dev/sdb2 rw
7 1 0:60 / /nas rw - nfs4 nas:/export rw
8 1 0:61 / /nas2 rw - cifs //NAS/other rw
9 1 0:62 / /far rw - fuse.sshfs backup@far:/srv rw
10 1 0:63 / /vm\\040host rw - 9p host rw
11 1 0:64 / /near rw - nfs nas:/home rw
12 1 0:65 / /odd rw - fuse.something x rw
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """The files of a kernel with these mounts."""
    devices, block, names = tmp_path / "devices", tmp_path / "block", tmp_path / "names"
    parts = {"sda/sda1": "8:1", "sda/sda2": "8:2", "sda/sda3": "8:3", "sdb/sdb1": "8:17",
             "sdb/sdb2": "8:18"}  # fmt: skip
    for folder in (block, names):
        folder.mkdir()
    for part, number in {**parts, "dm-0": "253:0"}.items():
        device = devices / part
        device.mkdir(parents=True)
        (block / number).symlink_to(device)
        (names / device.name).symlink_to(device)
        if part in parts:
            (device / "partition").touch()
    (devices / "dm-0/slaves").mkdir()
    (devices / "dm-0/slaves/sda3").symlink_to(devices / "sda/sda3")
    (tmp_path / "mountinfo").write_text(MOUNTS)
    return Machine(tmp_path / "mountinfo", block, names)


@pytest.mark.parametrize(
    ("repository", "source", "medium"),
    [
        ("/srv/backup", "/srv/data", "same_device"),
        ("/srv/backup", "/var/lib/his", "same_device"),  # another partition of the disk
        ("/lvm/backup", "/srv/data", "same_device"),  # a logical volume on it
        ("/pool/a/backup", "/srv/data", "same_device"),  # btrfs numbers its volumes itself
        ("/disk/backup", "/srv/data", "same_machine"),
        ("/pool/b/backup", "/disk/data", "same_device"),
        ("/nas/backup", "/srv/data", "elsewhere"),
        ("/nas2/backup", "/srv/data", "elsewhere"),
        ("/far/backup", "/srv/data", "elsewhere"),
        ("/srv/backup", "/nas/data", "elsewhere"),
        ("/nas/backup", "/near/data", "same_machine"),  # two shares of one server
        ("/nas/backup", "/nas2/data", "same_machine"),
        ("/nas/backup", "/far/data", "elsewhere"),
        ("/vm host/backup", "/srv/data", "unknown"),
        ("/odd/backup", "/srv/data", "unknown"),
    ],
)
def test_devices_and_mounts_tell_how_far(
    machine: Machine, repository: str, source: str, medium: str
) -> None:
    """One disk below two partitions is one place; what a kernel cannot know is unknown."""
    assert medium_of(Path(repository), [Path(source)], machine) == medium


def test_the_nearest_source_counts(machine: Machine) -> None:
    """A copy that shares a disk with one of its sources is lost with it."""
    sources = [Path("/nas/data"), Path("/srv/data")]

    assert medium_of(Path("/srv/backup"), sources, machine) == "same_device"


def test_what_is_not_given_is_unknown(machine: Machine, tmp_path: Path) -> None:
    """No repository, no source, no list of mounts."""
    gone = Machine(tmp_path / "none", tmp_path, tmp_path)

    assert medium_of(None, [Path("/srv")], machine) == "unknown"
    assert medium_of(Path("/srv"), [], machine) == "unknown"
    assert medium_of(Path("/srv"), [Path("/srv")], gone) == "unknown"


def test_on_this_machine(tmp_path: Path) -> None:
    """The running kernel's own files; a link leads to where the data is."""
    (tmp_path / "link").symlink_to("/dev/shm")  # noqa: S108 - a file system of its own
    (tmp_path / "loop").symlink_to("loop")

    assert medium_of(tmp_path / "r", [tmp_path / "data"]) == "same_device"
    assert medium_of(tmp_path / "link/r", [tmp_path / "data"]) == "same_machine"
    assert medium_of(tmp_path / "x/../link/r", [Path("/dev/shm/y")]) == "same_device"  # noqa: S108 - as above
    assert medium_of(tmp_path / "loop/r", [tmp_path / "data"]) == "unknown"


def test_a_real_mount_is_another_place(tmp_path: Path) -> None:
    """A bind mount is the same device, another file system is not."""
    with mounted(tmp_path / "other", "-t", "tmpfs", "tmpfs") as other:
        assert medium_of(other / "r", [tmp_path / "data"]) == "same_machine"
        with mounted(tmp_path / "bound", "--bind", other) as bound:
            assert medium_of(bound / "r", [other / "data"]) == "same_device"


@pytest.mark.parametrize(
    ("address", "medium"),
    [
        ("rest:http://user:word@127.0.0.1:8000/", "same_machine"),
        ("rest:http://localhost/", "same_machine"),
        ("rest:https://nas.lan/his", "elsewhere"),
        ("rest:http+unix:///run/rest.socket:/r", "same_machine"),
        ("rest:http://[::1]:8000/", "same_machine"),
        ("rest:http://[broken", "unknown"),
        (f"sftp:backup@{socket.gethostname()}:/srv/r", "same_machine"),
        ("sftp:backup@nas:/srv/r", "elsewhere"),
        ("sftp://backup@nas:22//srv/r", "elsewhere"),
        ("s3:s3.example.com/bucket", "elsewhere"),
        ("s3:http://localhost:9000/bucket", "same_machine"),
        ("b2:bucket:path", "elsewhere"),
        ("ssh://borg@nas/./his", "elsewhere"),
        ("borg@nas:his", "elsewhere"),
        ("rclone:any:path", "unknown"),
        ("some/folder", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_address_tells_how_far(address: str, medium: str) -> None:
    """By its host alone: names are not looked up."""
    assert medium_of_address(address, [Path("/srv")]) == medium
