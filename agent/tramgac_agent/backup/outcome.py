"""What a finished run was: the exit code first, then what the program said on the way.

A run is complete only when nothing speaks against it; everything doubtful is partial.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from tramgac_agent.backup.child import Ended
from tramgac_agent.backup.tools import OTHER, RESTIC, Job, Tool
from tramgac_agent.drop import Outcome
from tramgac_agent.restic.failure import state_of
from tramgac_agent.restic.messages import clean, count, parse_line

_SIGNALLED = range(129, 193)  # 128 + signal; 255 is an ordinary failure of ssh
_NOT_IN_TIME = 124  # of `timeout`
_NOT_STARTED = (126, 127)  # of a shell, `nice` and the like
_SNAPSHOT_ID = re.compile(r"\A[0-9a-f]{8,64}\Z")
# First match wins. "unable to create lock" alone may also mean a full disk.
_TEXTS: tuple[tuple[str, str], ...] = (
    ("already locked", "locked"),
    ("failed to create/acquire the lock", "locked"),
    ("error loading snapshot", "damaged_repository"),
    ("invalid data returned", "damaged_repository"),
    ("ciphertext verification failed", "damaged_repository"),
    ("integrity error", "damaged_repository"),
    ("directories/files do not exist", "missing_source"),
    ("no space left on device", "no_space"),
    ("quota exceeded", "no_space"),
    ("permission denied", "permission"),
    ("operation not permitted", "permission"),
    ("read-only file system", "permission"),
    ("unauthorized", "permission"),
    ("forbidden", "permission"),
    ("passphrase supplied in", "wrong_password"),
    ("unable to start the sftp session", "unreachable"),
    ("connection closed by remote host", "unreachable"),
    ("connection unexpectedly closed", "unreachable"),
    ("could not resolve hostname", "unreachable"),
)
_STATES = {
    "missing": "no_repository",
    "blind_auth": "wrong_password",
    "blind_unreachable": "unreachable",
}
# restic 0.18 exits 1 when it is stopped by somebody other than us.
_STOPPED = re.compile(r"signal (terminated|interrupt) received")


class Judged(NamedTuple):
    """What a run was.

    Attributes:
        reason: Code of why it is not complete; empty when it is.
    """

    outcome: Outcome
    reason: str = ""


@dataclass(slots=True)
class Tally:
    """What a program's output told so far; every line is looked at once and forgotten.

    Attributes:
        errors: Files that could not be read.
        missing_sources: Sources that were not there.
    """

    tool: Tool = RESTIC
    summary: bool = False
    files: int = 0
    size: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    bytes_added: int = 0
    snapshot_id: str = ""
    dry_run: bool = False
    errors: int = 0
    missing_sources: int = 0

    def take_stdout(self, line: bytes) -> None:
        """Look at one line of standard output."""
        if b'"summary"' in line:
            message = parse_line(line)
            if message is not None and message.get("message_type") == "summary":
                self._take_summary(message)

    def take_stderr(self, line: bytes) -> None:
        """Look at one line of standard error, where JSON and plain text mix."""
        message = parse_line(line) if b'"message' in line else None
        if message is None:
            self._take_text(clean(line))
        elif message.get("message_type") == "error":
            self.errors += 1
        elif message.get("type") == "log_message":  # borg --log-json
            self._take_text(str(message.get("message")))

    def _take_text(self, text: str) -> None:
        missing, unreadable = self.tool.missing, self.tool.unreadable
        if missing is not None and missing.search(text):
            self.missing_sources += 1
        elif unreadable is not None and unreadable.search(text):
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


def outcome_of(job: Job, ended: Ended, tally: Tally) -> Judged:
    """Judge a finished run."""
    code = ended.exit_code
    if code == 0:
        doubt = _doubt(job, tally)
        return Judged("partial", doubt) if doubt else Judged("complete")
    if job.timed and code == _NOT_IN_TIME:
        return Judged("interrupted", "not_in_time")
    text = clean(ended.complaints).lower()
    stopped = job.tool is RESTIC and _STOPPED.search(text) is not None
    if ended.signalled or code in _SIGNALLED or stopped:
        return Judged("interrupted", "signal")
    if not ended.started or (job.prefixed and code in _NOT_STARTED):
        return Judged("failed", "not_started")
    if code in job.tool.partial:
        return Judged("partial", _doubt(job, tally) or "unreadable_files")
    reason = _failure(job.tool, code, _from_fatal(text))
    if reason == "exit_code" and tally.missing_sources:
        reason = "missing_source"
    return Judged("blocked" if reason == "locked" else "failed", reason)


def _doubt(job: Job, tally: Tally) -> str:
    """The gravest of what speaks against a run that says it saved something."""
    doubts = {
        "saves_nothing": not job.saves,
        "dry_run": job.dry or tally.dry_run,
        "no_summary": job.tells and not tally.summary,
        # An unmounted share leaves an empty folder: exit 0 and a snapshot of nothing.
        "empty": job.tells and tally.files == 0,
        "missing_source": tally.missing_sources > 0,
        "unreadable_files": tally.errors > 0,
    }
    return next((reason for reason, holds in doubts.items() if holds), "")


def _from_fatal(text: str) -> str:
    """From restic's last ``Fatal:`` on: what stands before it is about single files."""
    fatal = max(text.rfind("fatal:"), text.rfind('"exit_error"'))
    return text[text.rfind("\n", 0, fatal) + 1 :] if fatal >= 0 else text


def _failure(tool: Tool, code: int, text: str) -> str:
    if code in tool.reasons:
        return tool.reasons[code]
    if tool is OTHER:
        return "exit_code"  # whose words these are, nobody knows
    found = next((reason for marker, reason in _TEXTS if marker in text), "")
    if not found and tool.saving:  # restic and borg: they open a repository
        found = _STATES.get(state_of(1, text), "")
    return found or "exit_code"
