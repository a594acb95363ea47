"""What a finished run was: the exit code first, then what restic said on the way.

A run is complete only when nothing speaks against it; everything doubtful is partial.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from tramgac_agent.drop import Outcome
from tramgac_agent.restic.messages import clean, count, parse_line

EXIT_PARTIAL = 3  # "at least one source file could not be read"
EXIT_LOCKED = 11  # since 0.17
_SIGNALLED = range(129, 193)  # 128 + signal; 255 is an ordinary failure of ssh
# restic's global flags that take the next word.
_VALUE_FLAGS = frozenset(
    [
        "-r",
        "--repo",
        "--repository-file",
        "-p",
        "--password-file",
        "--password-command",
        "--key-hint",
        "--cacert",
        "--tls-client-cert",
        "--cache-dir",
        "--limit-upload",
        "--limit-download",
        "-o",
        "--option",
        "--compression",
        "--pack-size",
        "--retry-lock",
        "--http-user-agent",
        "--stuck-request-timeout",
    ]
)
_PREFIX_WORDS = 8  # `sudo -u USER nice -n 10 ...` before the program itself
_LOCKED = re.compile(r"unable to create lock|already locked")
# Before 0.19 restic says this and exits 0 while other sources remain.
_SKIPPED = "does not exist, skipping"
_SNAPSHOT_ID = re.compile(r"\A[0-9a-f]{8,64}\Z")


@dataclass(slots=True)
class Tally:
    """What restic's output told so far; every line is looked at once and forgotten.

    Attributes:
        errors: Files that could not be read and sources that were not there.
    """

    summary: bool = False
    files: int = 0
    size: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    bytes_added: int = 0
    snapshot_id: str = ""
    dry_run: bool = False
    errors: int = 0
    locked: bool = False

    def take_stdout(self, line: bytes) -> None:
        """Look at one line of standard output."""
        if b'"summary"' in line:
            message = parse_line(line)
            if message is not None and message.get("message_type") == "summary":
                self._take_summary(message)

    def take_stderr(self, line: bytes) -> None:
        """Look at one line of standard error, where JSON and plain text mix."""
        text = clean(line)
        self.locked = self.locked or _LOCKED.search(text) is not None
        if _SKIPPED in text:
            self.errors += 1
        elif '"error"' in text:
            message = parse_line(line)
            if message is not None and message.get("message_type") == "error":
                self.errors += 1

    def _take_summary(self, message: dict[str, object]) -> None:
        self.summary = True
        self.files = count(message, "total_files_processed")
        self.size = count(message, "total_bytes_processed")
        self.files_changed = count(message, "files_changed")
        self.files_unmodified = count(message, "files_unmodified")
        self.bytes_added = count(message, "data_added")
        self.dry_run = message.get("dry_run") is True
        found = message.get("snapshot_id")
        if isinstance(found, str) and _SNAPSHOT_ID.match(found):
            self.snapshot_id = found


@dataclass(frozen=True, slots=True)
class Job:
    """The command as far as it matters here.

    Attributes:
        tool: ``restic`` or ``other``.
        saves: False for a restic command that saves nothing, such as ``forget``.
        tells: restic was asked for JSON, so its summary can be expected.
    """

    tool: str
    saves: bool = True
    tells: bool = False

    @classmethod
    def of(cls, command: Sequence[str]) -> "Job":
        """Recognise restic, also behind ``nice`` or ``sudo``."""
        names = [PurePath(word).name for word in command[:_PREFIX_WORDS]]
        if "restic" not in names:
            return cls("other")
        asked = _asked_of_restic(command[names.index("restic") + 1 :])
        tells = asked == "backup" and "--json" in command
        return cls("restic", asked in {"backup", "copy"}, tells)


def _asked_of_restic(words: Sequence[str]) -> str:
    """Restic's own command: not a flag's value (``-r backup``), not an argument (``--tag backup``).

    A flag that is not known here, with a value of its own, makes a run that saves look like one
    that does not: wrong on the safe side.
    """
    rest = iter(words)
    for word in rest:
        if word in _VALUE_FLAGS:
            next(rest, "")
        elif not word.startswith("-"):
            return word
    return ""


def outcome_of(job: Job, exit_code: int, tally: Tally, *, signalled: bool) -> Outcome:
    """Judge a finished run.

    Args:
        job: What was run.
        exit_code: As a shell would say it.
        tally: What restic told on the way.
        signalled: A signal ended the command, or it ended after one was passed on to it.
    """
    if exit_code == 0:
        return "complete" if _is_whole(job, tally) else "partial"
    if signalled or exit_code in _SIGNALLED:
        return "interrupted"
    if job.tool == "restic":
        if exit_code == EXIT_LOCKED or tally.locked:
            return "blocked"
        if exit_code == EXIT_PARTIAL:
            return "partial"
    return "failed"


def _is_whole(job: Job, tally: Tally) -> bool:
    if tally.errors or tally.dry_run or not job.saves:
        return False
    # An unmounted share leaves an empty folder: exit 0 and a snapshot of nothing.
    return not job.tells or (tally.summary and tally.files > 0)
