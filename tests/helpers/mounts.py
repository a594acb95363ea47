"""Real mounts that go wrong on request: one that never answers, one that breaks."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MNT_DETACH = 2


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


@contextmanager
def mounted(target: Path, *options: str | Path) -> Iterator[Path]:
    """``mount OPTIONS TARGET`` for as long as the context lasts."""
    target.mkdir(exist_ok=True)
    _run("mount", *options, target)
    try:
        yield target
    finally:
        _run("umount", "--lazy", target)


@contextmanager
def hung_mount(target: Path) -> Iterator[Path]:
    """A FUSE file system whose server never says a word: statvfs on it hangs.

    Leaving the context ends the hang: every waiting caller gets ENOTCONN.
    """
    target.mkdir(exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    server = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0"
    try:
        if libc.mount(b"hung", os.fsencode(target), b"fuse.hung", 0, options.encode()):
            raise OSError(ctypes.get_errno(), "mount")
        yield target
    finally:
        os.close(server)
        libc.umount2(os.fsencode(target), _MNT_DETACH)


@dataclass(frozen=True)
class Ext4:
    """A small ext4 on a loop device."""

    path: Path
    device: str

    def break_it(self) -> None:
        """Make the kernel find an error, as it would find damage."""
        Path(f"/sys/fs/ext4/{self.device}/trigger_fs_error").write_text("test")


@contextmanager
def ext4(target: Path) -> Iterator[Ext4]:
    """A fresh ext4, mounted with ``errors=remount-ro`` as Debian does."""
    image = target.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(8 * 1024 * 1024)
    _run("mkfs.ext4", "-q", image)
    with mounted(target, "-o", "loop,errors=remount-ro", image):
        yield Ext4(target, _block_device(target))


def _block_device(path: Path) -> str:
    device = path.stat().st_dev
    return Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
