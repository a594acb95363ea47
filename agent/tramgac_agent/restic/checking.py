"""One ``restic check``, and what its end says of the repository; damage only if restic says so.

restic's exit code is 1 for damage and for much else, and its words go to standard error: plain
before 0.18, one JSON object a line since. What it says of packs, trees and index is damage,
unless its reason is the way to the repository: a network that fails half-way makes it say
"repository contains errors" as well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tramgac_agent.drop.records import Code
from tramgac_agent.restic.failure import ResticFailed, state_of
from tramgac_agent.restic.messages import count, parse_line
from tramgac_agent.restic.polite import Stopped
from tramgac_agent.restic.runner import Runner
from tramgac_agent.restic.slices import Work
from tramgac_agent.restic.wrapper import DEADLINE_PASSED

DAMAGED = "damaged"
_DAMAGE_EXIT = 1
_LOCKED_EXIT = 11
_VERDICTS = ("repository contains errors", "loadindex returned errors")
# Advice, headings and attempts that may yet succeed: no errors.
_NOISE = re.compile(
    r"\A(error for tree [0-9a-f]+:\Z|the repository |restic repair|damaged pack files"
    r"|using temporary cache|fatal:|signal |load\(|.*retrying after )"
)
# Troubles of this host, not of the repository.
_OWN = re.compile(
    r"no space left on device|too many open files|cannot allocate memory|context canceled"
)
_WAY = frozenset({"blind_auth", "blind_unreachable"})
# Of a disk of this machine that is damage; a network share says the same when it is away.
_UNREADABLE = "input/output error"


@dataclass(frozen=True, slots=True)
class Result:
    """How a check ended.

    Attributes:
        failure: Code of ``IntegrityCheck``; empty when nothing is wrong.
        errors: What restic counted, or how many it named.
        begun: restic got as far as reading, whatever came of it.
    """

    failure: Code = ""
    errors: int = 0
    begun: bool = False

    @property
    def conclusive(self) -> bool:
        """Whether this says something of the repository."""
        return self.failure in {"", DAMAGED}


def words_of(work: Work, slices: int) -> list[str]:
    """What restic is told to do."""
    words = ["--json", "check"]  # before 0.18 it answers in plain text all the same
    return [*words, f"--read-data-subset={work.slice}/{slices}"] if work.slice else words


def check(runner: Runner, work: Work, slices: int, *, on_disk: bool = False) -> Result:
    """Check once; whatever comes of it. ``on_disk`` as for ``result_of``."""
    counted = 0

    def take(line: bytes) -> None:
        nonlocal counted
        message = parse_line(line)
        if message and message.get("message_type") == "summary":
            counted = count(message, "num_errors")

    try:
        runner.stream(words_of(work, slices), take)
    except Stopped as stopped:
        return Result(stopped.reason)
    except ResticFailed as failed:
        return result_of(failed.exit_code, failed.text, counted, on_disk=on_disk)
    return Result(begun=True)


def result_of(exit_code: int, text: str, counted: int = 0, *, on_disk: bool = False) -> Result:
    """What a check that did not end with 0 says.

    Args:
        exit_code: Looked at first: the summary counts an error when it could not even begin.
        text: End of standard error.
        counted: From the summary; 0 when there was none.
        on_disk: The repository lies on a disk of this machine.
    """
    if exit_code == DEADLINE_PASSED:
        return Result("blind_unreachable" if state_of(1, text) in _WAY else "deadline", begun=True)
    if exit_code == _LOCKED_EXIT:
        return Result("lock_seen")
    lines = list(_lines(text))
    if exit_code == _DAMAGE_EXIT and any(verdict in text.lower() for verdict in _VERDICTS):
        errors = [one for one in lines if not (_NOISE.match(one) or _OWN.search(one))]
        states = [state_of(1, line) for line in errors]
        damage = sum(state not in _WAY for state in states)
        damage += on_disk * sum(_UNREADABLE in line for line in errors)
        if damage:
            return Result(DAMAGED, min(max(damage, counted), 2**32 - 1), begun=True)
        return Result(states[0] if states else "blind_tool", begun=True)
    return Result(state_of(exit_code, text))


def _lines(text: str) -> Iterator[str]:
    """Single lines in lower case, whether plain or in JSON."""
    for line in text.splitlines():
        message = parse_line(line.encode())
        said = str(message.get("message", "")) if message else line
        yield from (one.strip().lower() for one in said.splitlines() if one.strip())
