"""A protected tree, its backup in a real repository, and drills through the front door."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.backup import SERIES, drop_folder, dropped
from helpers.restic_repository import Repository, template

from tramgac_agent.__main__ import COMMANDS
from tramgac_proto.commandline import run


@dataclass
class Drilling:
    """Everything one test of a drill needs.

    Attributes:
        restic: Program to back up and to drill with.
        table: ``[series.drill]``.
    """

    folder: Path
    scratch: Path
    repository: Repository
    restic: str = "restic"
    table: dict[str, object] = field(default_factory=dict)

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def drop(self) -> Path:
        return drop_folder(self.folder)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def config(self) -> Path:
        """The probe file as it is now."""
        head = {
            "repository": str(self.repository.path),
            "password_file": str(self.repository.password_file),
            "state_dir": str(self.state),
            "cache_dir": str(self.folder / "cache"),
            "restic": self.restic,
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in head.items()]
        lines += ["[[series]]", f'id = "{SERIES}"', "[series.drill]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in self.table.items()]
        path = self.folder / "probe.toml"
        path.write_text("\n".join([*lines, ""]))
        return path

    def backup(self, *words: str, cwd: Path | None = None) -> None:
        """Back the tree up, with restic itself."""
        subprocess.run(
            [self.restic, "backup", *(words or [str(self.tree)])],
            env=self.repository.environment,
            check=True,
            capture_output=True,
            timeout=60,
            cwd=cwd,
        )

    def argv(self, *words: str) -> list[str]:
        return ["drill", *words, "--config", str(self.config), "--drop", str(self.drop)]

    def drill(self, *words: str) -> int:
        """``tramgac-agent drill``; gives the exit code."""
        before = signal.getsignal(signal.SIGTERM)
        try:
            return run("tramgac-agent", COMMANDS, self.argv(*words))
        finally:
            signal.signal(signal.SIGTERM, before)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """The same as a process of its own, left running."""
        return subprocess.Popen(
            [sys.executable, "-m", "tramgac_agent", *self.argv(*words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    @property
    def last(self) -> dict[str, Any]:
        """The newest drill in the drop folder, defaults left out."""
        return [one for one in dropped(self.drop) if one["kind"] == "drill"][-1]

    @property
    def left_behind(self) -> list[str]:
        return [path.name for path in self.scratch.iterdir()]


@contextmanager
def drilling(folder: Path, restic: str = "restic") -> Iterator[Drilling]:
    """A tree of a few files and an empty repository; the scratch folder is open to ``nobody``.

    The database server of a proof must not be root, and may not enter pytest's own folders.
    """
    with tempfile.TemporaryDirectory(prefix="tg-drill-", dir="/var/tmp") as scratch:
        Path(scratch).chmod(0o755)
        tree = folder / "tree"
        (tree / "sub").mkdir(parents=True)
        for number in range(6):
            (tree / "sub" / f"benh-nhan-{number}.dat").write_bytes(os.urandom(2000 + number))
        (tree / "large.bin").write_bytes(os.urandom(300_000))
        (tree / "empty").touch()
        (tree / "link").symlink_to("large.bin")
        table: dict[str, object] = {"scratch": scratch, "canary": str(tree / ".tramgac-canary")}
        yield Drilling(folder, Path(scratch), template().copy_to(folder), restic, table)


def largest_pack(repository: Repository) -> Path:
    """The file that holds most of the content."""
    pack = max((repository.path / "data").glob("*/*"), key=lambda path: path.stat().st_size)
    pack.chmod(0o600)
    return pack


def flip_byte(path: Path, at: int = 1000) -> None:
    """Change one byte where it stands."""
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(bytes(data))
