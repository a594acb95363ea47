"""What every proof has: the place of the content, a bounded child process, and its result."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tramgac_agent.drill.settings import DrillSettings
from tramgac_agent.drill.tally import DrillFailed
from tramgac_agent.restic.runner import Budget

_GRACE_SECONDS = 5.0
_MAX_OUTPUT_BYTES = 8 * 1024 * 1024
# A proof never sees the repository's secrets.
_PASSED = ("PATH", "HOME", "USER", "LOGNAME", "TZ")


@dataclass(frozen=True, slots=True)
class ProofResult:
    """What the content stood.

    Attributes:
        count: Things that stood it.
        failure: Code as in ``Drill.failure``; empty when it passed.
    """

    count: int
    failure: str = ""

    @property
    def passed(self) -> bool:
        """Whether it did."""
        return not self.failure


@dataclass(frozen=True, slots=True)
class Task:
    """What a proof is given.

    Attributes:
        work: An empty private folder on the same volume; deleted afterwards.
        places: Where ``proof_path`` may stand below the restored folder.
        facts: For a hook's environment.
    """

    settings: DrillSettings
    work: Path
    budget: Budget
    places: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def locate(restored: Path, task: Task) -> Path:
    """The file or folder to look at, reached without a link that could lead elsewhere.

    Raises:
        DrillFailed: ``proof_failed``: it was not restored.
    """
    for place in task.places:
        path = restored / place.lstrip("/")
        if path.exists() and path.resolve() == restored.resolve() / place.lstrip("/"):
            return path
    raise DrillFailed("proof_failed", "`proof_path` is not in the snapshot")


def program(name: str) -> str:
    """Absolute path of ``name``.

    Raises:
        DrillFailed: ``proof_tool_missing``, inconclusive.
    """
    found = shutil.which(name)
    if found is None:
        # Debian keeps the server's own programs off the PATH.
        versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
        known = sorted(
            versions, key=lambda one: float(one.parts[4]) if one.parts[4].isdigit() else 0
        )
        if not known:
            raise DrillFailed("proof_tool_missing", f"no program {name}", conclusive=False)
        found = str(known[-1])
    return found


def run(
    argv: Sequence[str],
    task: Task,
    *,
    source: IO[bytes] | int = subprocess.DEVNULL,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, str, str]:
    """Run a program to its end, behind every other; nothing of it is left afterwards.

    Args:
        argv: Program and arguments.
        task: Its time and working folder.
        source: Its input.
        environment: Beside a few harmless variables of ours.

    Returns:
        Exit code, and the ends of what it said on standard output and error.

    Raises:
        DrillFailed: ``deadline`` or ``proof_tool_missing``, inconclusive.
    """
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                [*behind_everybody(), *argv],
                env={**passed, "LC_ALL": "C.UTF-8", **(environment or {})},
                cwd=task.work,
                stdin=source,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
        except OSError as error:
            raise DrillFailed("proof_tool_missing", conclusive=False) from error
        try:
            code = process.wait(task.budget.left)
        except subprocess.TimeoutExpired as error:
            raise DrillFailed("deadline", conclusive=False) from error
        finally:
            end(process)
        return code, _end_of(output), _end_of(errors)


def behind_everybody() -> list[str]:
    """Prefix that gives way to every other process, where the machine has the means."""
    nice = shutil.which("nice")
    return [nice, "-n", "19"] if nice else []


def end(process: subprocess.Popen[bytes]) -> None:
    """End a child with all of its own: first asked, then not."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_GRACE_SECONDS)


def _end_of(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _MAX_OUTPUT_BYTES))
    return stream.read().decode("utf-8", "replace")


def number(text: str) -> int:
    """The number on the last line of ``text``; 0 when there is none."""
    lines = text.split()
    with suppress(ValueError, IndexError, OverflowError):
        return max(0, min(int(float(lines[-1])), 2**53))
    return 0
