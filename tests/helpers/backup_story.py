"""A backup series with a past: real runs, looks, checks and drills, copied for each scenario."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from helpers.backup import AGENT
from helpers.restic_repository import PASSWORD, Repository, template

FILES = 120
RUNS = 6
_LINES = 60
# The tree is copied for each scenario: what restic would call a change of every file is none.
_SAME = ("--ignore-inode", "--ignore-ctime")


@dataclass
class Story:
    """One series in a folder of its own; the tree is at the same place for all.

    Attributes:
        reports: Drop folder of this series alone.
        series_extra: TOML of its ``[[series]]`` table.
    """

    series: str
    root: Path
    tree: Path
    restic: str
    series_extra: str = ""
    settings: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the folders."""
        self.reports.mkdir(parents=True, exist_ok=True)

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def repository(self) -> Repository:
        return Repository(self.root / "repository", self.root / "password")

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.repository.environment}

    @property
    def probe_file(self) -> Path:
        """Written anew each time it is asked for, so that ``settings`` may change."""
        values = {
            "repository": str(self.repository.path),
            "password_file": str(self.repository.password_file),
            "restic": self.restic,
            "state_dir": str(self.root / "probe-state"),
            "cache_dir": str(self.root / "cache"),
            "deadline_seconds": 30,
        } | self.settings
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        path = self.root / "probe.toml"
        table = f'[[series]]\nid = "{self.series}"\n{self.series_extra}\n'
        path.write_text("\n".join([*lines, "[verify]", "slices = 2", "slice_hours = 0", table]))
        return path

    def run(self, *words: str, series: str = "") -> int:
        """``backup-run`` of any command; returns its exit code."""
        ours = ["backup-run", "--series", series or self.series, "--drop", str(self.reports)]
        return subprocess.run(
            [*AGENT, *ours, "--", *words],
            env=self.environment, check=False, capture_output=True, timeout=60,
        ).returncode  # fmt: skip

    def back_up(self, *more: str, source: Path | None = None) -> int:
        """One recorded restic backup of the tree."""
        where = str(source or self.tree)
        return self.run(self.restic, "backup", "--json", *_SAME, *more, where)

    def ask(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """Restic itself."""
        return subprocess.run(
            [self.restic, *words], env=self.environment, check=True, capture_output=True, timeout=60
        )

    def _ours(self, *words: str) -> int:
        return subprocess.run(
            [sys.executable, *words, "--config", str(self.probe_file), "--drop", str(self.reports)],
            env=self.environment, check=False, capture_output=True, timeout=120,
        ).returncode  # fmt: skip

    def look(self) -> int:
        """What the hourly probe does."""
        return self._ours("-m", "tramgac_agent.sources.probe")

    def verify(self, what: str) -> int:
        """``metadata`` or ``slice``."""
        return self._ours("-m", "tramgac_agent.restic.verify", "--now", what)

    def drill(self, kind: str) -> int:
        """``canary``, ``sample`` or ``full``."""
        return self._ours("-m", "tramgac_agent", "drill", self.series, f"--{kind}")

    def records(self) -> Iterator[Path]:
        """What was reported so far, in order."""
        return iter(sorted(self.reports.glob("*.json")))

    def branch(self, name: str) -> "Story":
        """The same past under another dataset's name, the tree as it was at its end."""
        facility, host, _ = self.series.split("/")
        series = f"{facility}/{host}/{name}@nas"
        root = self.root.parent / name
        shutil.copytree(self.root, root, symlinks=True)
        for path in root.glob("reports/*.json"):
            record = json.loads(path.read_text())
            record["series"] = series
            if "drill_id" in record:
                record["drill_id"] = f"{name}-{record['drill_id']}"[:64]
            path.write_text(json.dumps(record))
        for path in root.glob("probe-state/*"):
            if path.suffix == ".json":
                # What the tools remember is kept by series or by repository address.
                text = path.read_text().replace(self.series, series)
                path.write_text(text.replace(str(self.root), str(root)))
        shutil.rmtree(self.tree)
        shutil.copytree(self.root / "tree-as-it-was", self.tree)
        return Story(series, root, self.tree, self.restic, self.series_extra, dict(self.settings))

    def hand_over(self, drop: Path) -> None:
        """Put everything into the agent's drop folder, under names of its own."""
        for path in self.records():
            name = self.series.rpartition("/")[2]
            temporary = drop / f".{name}-{path.name}.tmp"
            shutil.copy(path, temporary)
            temporary.chmod(0o640)
            temporary.rename(drop / f"{name}-{path.name}")


def _write(path: Path, number: int) -> None:
    path.write_text("".join(f"{number} {line} {number * line}\n" for line in range(_LINES)))


def change(tree: Path, count: int) -> None:
    """Give the first ``count`` files new content and another size."""
    for path in sorted(tree.iterdir())[:count]:
        path.write_text(path.read_text() + f"changed {path.stat().st_mtime_ns}\n")


def good_past(series: str, root: Path, tree: Path, restic: str) -> Story:
    """A series with complete runs, a check, all data read and a sample restored."""
    root.mkdir(parents=True)
    story = Story(series, root, tree, restic)
    empty = template()
    shutil.copytree(empty.path, story.repository.path)
    story.repository.password_file.write_text(PASSWORD)
    tree.mkdir()
    for number in range(FILES):
        _write(tree / f"record-{number:03d}", number)
    for _ in range(RUNS):
        change(tree, 2)
        if story.back_up():
            raise AssertionError("the good backup failed")
    codes = (
        story.look(),
        story.verify("metadata"),
        story.verify("slice"),
        story.verify("slice"),
        story.drill("sample"),
    )
    if any(codes):
        raise AssertionError(f"the good series is not good: {codes}")
    shutil.copytree(tree, root / "tree-as-it-was")
    return story
