"""Space, inodes, write refusal and recorded errors of every file system that stores something."""

import errno
import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tramgac_agent.checks.base import (
    Check,
    CheckFailed,
    CheckSettings,
    Context,
    NotApplicable,
    Observation,
    Sample,
)
from tramgac_agent.host.changes import ChangeMemory
from tramgac_agent.host.mountinfo import Mount, parse_mountinfo, storage
from tramgac_agent.host.statfs import StatfsDesk, usage_of
from tramgac_proto.limits import MAX_LABEL_VALUE_CHARS

# Nine series each; the rest of the agent needs its share of the series table too.
MAX_MOUNTS = 64
# A user's own FUSE mount refuses everybody else; a path may be hidden by a later mount. Any other
# refusal (a stale handle, an I/O error, a dead FUSE process) means a disk that does not serve.
_NOT_OURS = frozenset({errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR})


class DiskSettings(CheckSettings, frozen=True, kw_only=True):
    """``[checks.disk]``.

    Attributes:
        exclude_mountpoints: Shell patterns; ``*`` crosses slashes.
        exclude_fstypes: Types left out besides those that store nothing. The root file
            system is measured whatever its type.
    """

    exclude_mountpoints: tuple[str, ...] = ()
    exclude_fstypes: tuple[str, ...] = ("tmpfs", "ramfs", "squashfs", "erofs", "iso9660", "udf")


class DiskCheck(Check[DiskSettings]):
    """One statvfs per file system, each in a thread of its own."""

    name = "disk"
    interval_seconds = 300.0
    deadline_seconds = 15.0
    settings_type = DiskSettings

    def __init__(self, settings: DiskSettings) -> None:
        super().__init__(settings)
        self.proc = Path("/proc")
        self.sys = Path("/sys")
        self.hang_seconds = 5.0
        self.desk = StatfsDesk()
        self._memory = ChangeMemory()

    def run(self, context: Context) -> Iterator[Observation]:
        """Measure every file system; one that hangs delays and hides no other.

        Raises:
            NotApplicable: No mount table, or nothing in it stores anything.
            CheckFailed: No file system gave an answer.
        """
        mounts = self._mounts(context)
        answers = self.desk.ask([m.mountpoint for m in mounts], self.hang_seconds)
        if all(isinstance(answer, OSError) for answer in answers.values()):
            raise CheckFailed("statvfs_failed", str(next(iter(answers.values()))))
        samples: list[Sample] = []
        broken = 0
        for mount in mounts:
            answer = answers[mount.mountpoint]
            if isinstance(answer, OSError):
                context.log.warning("%s: no figures: %s", mount.mountpoint, answer)
            labels = {"mountpoint": label_of(mount), "fstype": mount.fstype}
            samples += _samples(mount, answer, _errors(self.sys, mount), labels)
            if isinstance(answer, OSError) and answer.errno not in _NOT_OURS:
                broken += 1
        readonly = {f"{label_of(m)} {m.fstype}": "ro" if m.readonly else "rw" for m in mounts}
        token = self._memory.look(context.state_dir / "readonly.json", readonly, context.log)
        yield Observation(tuple(samples), event=bool(token), token=token)
        if broken:
            yield Observation(failure="statvfs_failed", stream="refused")

    def handed_over(self, observations: Sequence[Observation]) -> None:
        """Make no second event of the change."""
        if observations:
            self._memory.hand_over()

    def stored(self, observations: Sequence[Observation]) -> None:
        """Take a change between rw and ro as told."""
        if observations:
            self._memory.settle()

    def _mounts(self, context: Context) -> list[Mount]:
        mounts = [mount for mount in storage(self._table()) if self._wanted(mount)]
        if not mounts:
            raise NotApplicable("no file system that stores anything")
        fitting = [m for m in mounts if len(label_of(m)) <= MAX_LABEL_VALUE_CHARS][:MAX_MOUNTS]
        if len(fitting) < len(mounts):
            context.log.warning("%d file systems left out", len(mounts) - len(fitting))
        return fitting

    def _table(self) -> list[Mount]:
        """Mounts of the whole host that this process sees as well.

        Under systemd's sandbox the agent's own table shows everything read-only; process 1
        has the truth, unless ``hidepid`` hides it. What only process 1 sees cannot be
        asked: its path leads elsewhere here.
        """
        try:
            own = parse_mountinfo(_read(self.proc / "self/mountinfo"))
        except FileNotFoundError as error:
            raise NotApplicable("no mount table") from error
        try:
            host = parse_mountinfo(_read(self.proc / "1/mountinfo"))
        except OSError:
            return own
        seen = {(mount.device, mount.mountpoint) for mount in own}
        return [mount for mount in host if (mount.device, mount.mountpoint) in seen]

    def _wanted(self, mount: Mount) -> bool:
        if any(fnmatchcase(mount.mountpoint, glob) for glob in self.settings.exclude_mountpoints):
            return False
        return mount.mountpoint == "/" or mount.fstype not in self.settings.exclude_fstypes


def label_of(mount: Mount) -> str:
    """The mount point as a label: bytes that are no UTF-8 are shown escaped."""
    return mount.mountpoint.encode("utf-8", "backslashreplace").decode()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def _errors(sys: Path, mount: Mount) -> int | None:
    """Errors ext4 counts since the last fsck; kernels 6.12 to 6.14 show nothing else."""
    if mount.fstype != "ext4":
        return None
    block = (sys / "dev/block" / mount.device).resolve().name
    try:
        return int(_read(sys / "fs/ext4" / block / "errors_count"))
    except (OSError, ValueError):
        return None


def _samples(
    mount: Mount,
    answer: os.statvfs_result | OSError | None,
    errors: int | None,
    labels: dict[str, str],
) -> Iterator[Sample]:
    values: dict[str, float | None] = {
        "readonly": mount.readonly,
        "errors": errors,
        "hung": answer is None,
    }
    if isinstance(answer, os.statvfs_result) and answer.f_blocks:
        usage = usage_of(answer)
        values |= {
            "size_bytes": usage.size,
            "avail_bytes": usage.avail,
            "used_ratio": usage.used_ratio,
            "files": usage.files,
            "files_free": usage.files_free,
        }
    for name, value in values.items():
        if value is not None:
            yield Sample(f"tramgac_filesystem_{name}", float(value), labels)
