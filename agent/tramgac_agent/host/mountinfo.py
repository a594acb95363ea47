"""Mounts of this host, from ``/proc/PID/mountinfo`` (proc(5)), and which of them are disks."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# What the kernel shows as files but stores nowhere (after node_exporter's list).
PSEUDO_FSTYPES = frozenset(
    (
        "autofs",
        "binder",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devfs",
        "devpts",
        "devtmpfs",
        "efivarfs",
        "fuse.gvfsd-fuse",
        "fuse.lxcfs",
        "fuse.portal",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nsfs",
        "overlay",
        "proc",
        "procfs",
        "pstore",
        "resctrl",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "smackfs",
        "sysfs",
        "tracefs",
    )
)
# ext4 since 6.15 says the last two after an error and after a shutdown; statvfs says neither.
_REFUSES_WRITES = frozenset({"ro", "emergency_ro", "shutdown"})
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo.

    Attributes:
        device: ``major:minor`` of the file system.
        root: Which part of the file system is mounted; ``/`` is all of it.
        options: Of this mount.
        super_options: Of the file system; ``emergency_ro`` and ``shutdown`` show only here.
        source: Device or server; may be any word.
    """

    device: str
    root: str
    mountpoint: str
    options: frozenset[str]
    fstype: str
    super_options: frozenset[str]
    source: str = ""

    @property
    def readonly(self) -> bool:
        """Whether writes are refused, for whatever reason the kernel tells."""
        return not _REFUSES_WRITES.isdisjoint(self.options | self.super_options)


def parse_mountinfo(text: str) -> list[Mount]:
    """Return the mounts in file order; lines that are no mount are left out."""
    mounts = []
    for line in text.split("\n"):
        left, dash, right = line.partition(" - ")
        fields, tail = left.split(" "), right.split(" ")
        if not dash or len(fields) < 6 or len(tail) < 3:  # noqa: PLR2004 - proc(5)
            continue
        mounts.append(
            Mount(
                device=fields[2],
                root=_unescape(fields[3]),
                mountpoint=_unescape(fields[4]),
                options=frozenset(fields[5].split(",")),
                fstype=tail[0],
                super_options=frozenset(tail[2].split(",")),
                source=_unescape(tail[1]),
            )
        )
    return mounts


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda octal: chr(int(octal[1], 8)), text)


def storage(mounts: Iterable[Mount]) -> list[Mount]:
    """Keep what stores something, each file system once, by mount point.

    The root is always kept: in a container it is an overlay. A later mount on the same point
    hides the earlier one. Of a file system mounted several times the most complete mount
    counts, then the one nearest to the root.
    """
    visible = {mount.mountpoint: mount for mount in mounts}
    best: dict[str, Mount] = {}
    for mount in sorted(visible.values(), key=_precedence):
        if mount.fstype not in PSEUDO_FSTYPES or mount.mountpoint == "/":
            best.setdefault(mount.device, mount)
    return sorted(best.values(), key=lambda mount: mount.mountpoint)


def _precedence(mount: Mount) -> tuple[bool, int, str]:
    return (mount.root != "/", len(mount.mountpoint), mount.mountpoint)
