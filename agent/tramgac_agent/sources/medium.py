"""How far from its source a repository lies, as far as this host can measure it.

Nothing on a network or FUSE mount is touched: one that hangs would take the probe with it.
"""

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tramgac_agent.drop.records import Medium
from tramgac_agent.host.mountinfo import Mount, parse_mountinfo

_NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "afs", "lustre"),
        *("fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.davfs2"),
        *("fuse.glusterfs", "fuse.cephfs"),
    }
)
# A folder lent by the machine that runs this one, or by a program: it may lie anywhere.
_LENT = frozenset({"9p", "virtiofs", "vboxsf", "fuse.vmhgfs-fuse", "autofs"})
_REMOTE = frozenset({"sftp", "ssh", "rest", "s3", "gs", "azure", "b2", "swift"})
_MAX_LINKS = 40
_MAX_LAYERS = 8
_NEAREST_FIRST: tuple[Medium, ...] = ("same_device", "same_machine", "unknown", "elsewhere")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where to read about mounts and disks.

    Attributes:
        block: Links from device numbers and names to devices, as ``/sys/dev/block`` has them.
        names: The same by name, as ``/sys/class/block``.
    """

    mountinfo: Path = Path("/proc/self/mountinfo")
    block: Path = Path("/sys/dev/block")
    names: Path = Path("/sys/class/block")


def folder_of(address: str) -> Path | None:
    """The absolute folder a repository's address names, None for any other address."""
    path = Path(address.removeprefix("local:"))
    return path if path.is_absolute() else None


def is_on_disk(path: Path, machine: Machine | None = None) -> bool:
    """Whether ``path`` is on a file system of this machine, and on no network's or lent one."""
    try:
        text = (machine or Machine()).mountinfo.read_text("utf-8", "surrogateescape")
    except OSError:
        return False
    mount = _mount_of(path, {one.mountpoint: one for one in parse_mountinfo(text)})
    return mount is not None and _kind(mount) == "local"


def medium_of_address(
    address: str, sources: Sequence[Path], machine: Machine | None = None
) -> Medium:
    """The same for an address such as ``/srv/r``, ``rest:https://h/``, ``ssh://u@h/r``, ``u@h:r``.

    An ``rclone:`` remote may be anything, this disk included.
    """
    folder = folder_of(address)
    if folder is not None:
        return medium_of(folder, sources, machine)
    host = _host_of(address)
    if host is None:
        return "unknown"
    here = host in {"localhost", "::1", socket.gethostname()} or host.startswith("127.")
    return "same_machine" if here else "elsewhere"


def medium_of(
    repository: Path | None, sources: Sequence[Path], machine: Machine | None = None
) -> Medium:
    """How far ``repository`` lies from the nearest of ``sources``, paths of this host.

    ``same_device`` is the same file system or the same whole disk below partitions, LVM, RAID
    and encryption. Two virtual disks count as two: the host below them cannot be seen.
    """
    if repository is None or not sources:
        return "unknown"
    machine = machine or Machine()
    try:
        text = machine.mountinfo.read_text("utf-8", "surrogateescape")
    except OSError:
        return "unknown"
    mounts = {mount.mountpoint: mount for mount in parse_mountinfo(text)}
    place = _mount_of(repository, mounts)
    if place is None:
        return "unknown"
    found = {_between(place, _mount_of(source, mounts), machine) for source in sources}
    return next(medium for medium in _NEAREST_FIRST if medium in found)


def _between(place: Mount, source: Mount | None, machine: Machine) -> Medium:
    if source is None or {_kind(place), _kind(source)} & {"lent"}:
        return "unknown"
    if place.device == source.device:
        return "same_device"
    if _kind(place) == _kind(source) == "network":
        # Two shares of one server may well be one disk.
        return "same_machine" if _server(place) == _server(source) else "elsewhere"
    if "network" in {_kind(place), _kind(source)}:
        return "elsewhere"
    disks = _disks(place, machine) & _disks(source, machine)
    return "same_device" if disks else "same_machine"


def _kind(mount: Mount) -> str:
    if mount.fstype in _NETWORK:
        return "network"
    return "lent" if mount.fstype in _LENT or mount.fstype.startswith("fuse.") else "local"


def _server(mount: Mount) -> str:
    source = mount.source.lower().rpartition("@")[2]
    return source.lstrip("/").split("/")[0].partition(":")[0]


def _mount_of(path: Path, mounts: dict[str, Mount]) -> Mount | None:
    """The mount that holds ``path``, links followed as long as they lead over local mounts."""
    todo = list(path.parts[1:])
    at = Path("/")
    links = 0
    while todo:
        mount = _nearest(at / todo[0], mounts)
        if mount is None or _kind(mount) != "local":
            return mount
        at = at / todo.pop(0)
        target = _target(at)
        if target is not None:
            links += 1
            if links > _MAX_LINKS:
                return None
            start = target if target.is_absolute() else at.parent / target
            todo = [*start.parts[1:], *todo]
            at = Path("/")
        elif at.name == "..":
            at = at.parent.parent
    return _nearest(at, mounts)


def _target(path: Path) -> Path | None:
    try:
        return path.readlink()
    except (OSError, ValueError):
        return None


def _nearest(path: Path, mounts: dict[str, Mount]) -> Mount | None:
    for one in (path, *path.parents):
        if str(one) in mounts:
            return mounts[str(one)]
    return None


def _disks(mount: Mount, machine: Machine) -> frozenset[str]:
    """Whole disks below a mount, by their place in sysfs; empty when that cannot be told."""
    device = machine.block / mount.device
    if not device.exists() and mount.source.startswith("/dev/"):
        # btrfs and others number their volumes by themselves.
        device = machine.names / Path(mount.source).resolve().name
    return frozenset(_whole(device, _MAX_LAYERS)) if device.exists() else frozenset()


def _whole(device: Path, layers: int) -> Iterable[str]:
    device = device.resolve()
    if (device / "partition").exists():
        device = device.parent
    below = list((device / "slaves").iterdir()) if (device / "slaves").is_dir() else []
    if not below or not layers:
        yield str(device)
    for one in below:
        yield from _whole(one, layers - 1)


def _host_of(address: str) -> str | None:
    """Host in a remote address, empty when it names none; None when it is no such address."""
    scheme, colon, rest = address.partition(":")
    if scheme not in _REMOTE:
        # borg's and rsync's user@host:path
        given = colon and "@" in scheme and "/" not in scheme
        return scheme.rpartition("@")[2].lower() if given else None
    if scheme == "sftp" and not rest.startswith("//"):
        return rest.partition(":")[0].rpartition("@")[2].lower()
    if scheme not in {"sftp", "ssh", "rest", "s3"}:
        return ""
    if rest.startswith("http+unix:"):
        return "localhost"
    try:
        return urlsplit(rest if "//" in rest else f"//{rest}").hostname or ""
    except ValueError:
        return None
