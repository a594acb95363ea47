"""What a drill asks restic: snapshots, a listing, one file, everything.

Every failure comes out as ``DrillFailed``. Only what restic really says of its data is
``damaged``; and only while the repository as such can still be opened.
"""

import hashlib
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tramgac_agent.drill.tally import DrillFailed
from tramgac_agent.restic.failure import ResticFailed
from tramgac_agent.restic.messages import clean
from tramgac_agent.restic.repository import Snapshot, snapshot_of
from tramgac_agent.restic.runner import Runner
from tramgac_agent.restic.wrapper import DEADLINE_PASSED

# Words of 0.14 to 0.19 about content that is not what was once saved.
_DAMAGED = re.compile(
    rb"ciphertext verification failed|invalid data returned|not found in (repository|index)"
    rb"|unexpected content in|invalid file size"
    rb"|(Load|ReadFull|ReadAt)\(<(data|index|snapshot)/[^>]*>.{0,60}?"
    rb"(: .{0,4000}?no such file|does not exist|unexpected EOF|too short|hash|invalid)",
    re.IGNORECASE,
)
# 0.14 asks for a lost file again and again for a quarter of an hour.
_RETRIED = re.compile(
    rb"Load\(<(?:data|index|snapshot)/[^\n]*retrying after[^\n]*"
    rb"(?:no such file|does not exist|unexpected EOF)"
)
_RETRIES = 3
_NO_SPACE = re.compile(rb"no space left on device|disk quota exceeded", re.IGNORECASE)
_NOT_THERE = b"not found in snapshot"
# `restore` goes on after it, and may say thousands of harmless things more.
_LEFT_OUT = b"ignoring error for "
_ATTRIBUTES_ONLY = re.compile(rb"There were \d+ errors")
_MAX_SNAPSHOTS = 100_000
_HEAD_LINES = 100


class Node(msgspec.Struct, frozen=True):
    """A line of ``ls --json``.

    Attributes:
        mtime: RFC 3339 with nanoseconds, as restic writes it.
    """

    type: str = ""
    path: str = ""
    size: int = 0
    mtime: str = ""


class _Enough(Exception):  # noqa: N818 - ends a listing early
    """No more of it is needed."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was read of one file."""

    sha256: bytes
    size: int
    seconds: float


_NODE = msgspec.json.Decoder(Node)
_SNAPSHOTS = msgspec.json.Decoder(list[dict[str, object]])


class Repository:
    """One repository, read through the wrapper."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._lost = False

    def version(self) -> str:
        """Version of restic, e.g. ``0.14.0``; empty when it says something else."""
        found = re.match(r"restic (\S{1,32}) ", " ".join(self._run_lines("version")))
        return found[1] if found else ""

    def try_key(self) -> None:
        """Open the repository with the password at hand.

        Raises:
            DrillFailed: ``wrong_key``: it is none of the repository's; or as restic failed.
        """
        try:
            self._runner.lines("cat", "config")
        except ResticFailed as failure:
            if failure.key_refused:
                raise DrillFailed("wrong_key") from failure
            raise _blind(failure) from failure

    def snapshots(self) -> list[Snapshot]:
        """All snapshots."""
        parts: list[bytes] = []
        self._run(["--json", "snapshots"], parts.append)
        text = b"".join(parts).strip()
        try:
            found = _SNAPSHOTS.decode(text) if text not in {b"", b"null"} else []
        except (msgspec.DecodeError, RecursionError) as error:
            raise DrillFailed("blind_tool", "unusable output", conclusive=False) from error
        return [snapshot_of(one) for one in found[-_MAX_SNAPSHOTS:]]

    def listing(self, identity: str, take: Callable[[Node], None]) -> None:
        """Hand every node of a snapshot to ``take``, one at a time."""

        def line(text: bytes) -> None:
            try:
                take(_NODE.decode(text))
            except msgspec.DecodeError:
                # The line of the snapshot itself, and whatever a later version adds.
                return

        self._run(["--json", "ls", identity], line)

    def listing_head(self, identity: str) -> None:
        """Read the first lines of a listing: the content can be opened. Nothing is kept.

        Without the cache, which would hide what the repository has lost.
        """
        lines = 0

        def line(_text: bytes) -> None:
            nonlocal lines
            lines += 1
            if lines > _HEAD_LINES:
                raise _Enough

        with suppress(_Enough):
            self._run(["--no-cache", "--json", "ls", identity], line)

    def dump(self, identity: str, path: str) -> Content | None:
        """Read one file without writing it anywhere; None when the snapshot has none there.

        Args:
            identity: Full id of a snapshot.
            path: Absolute, as listed.
        """
        digest, size = hashlib.sha256(), 0

        def take(piece: bytes) -> None:
            nonlocal size
            digest.update(piece)
            size += len(piece)

        begun = time.monotonic()
        try:
            self._ask(["dump", identity, path], take, pieces=True)
        except ResticFailed as failure:
            if _NOT_THERE in failure.text.encode():
                return None
            raise self._told(failure) from failure
        return Content(digest.digest(), size, time.monotonic() - begun)

    def restore(self, identity: str, target: Path) -> float:
        """Restore everything below ``target`` and verify it; gives the seconds of the first.

        Without the cache, which would hide what the repository has lost. That owners or
        attributes could not be set does not fail it: the content is counted
        afterwards.
        """
        begun = time.monotonic()
        written = 0.0

        def line(text: bytes) -> None:
            nonlocal written
            if clean(text).startswith("verifying files in"):
                written = time.monotonic() - begun

        words = ["--no-cache", "restore", identity, "--verify", "--target", str(target)]
        try:
            self._ask(words, line)
        except ResticFailed as failure:
            told = self._told(failure)
            attributes = _ATTRIBUTES_ONLY.search(failure.text.encode())
            if told.code != "blind_tool" or not attributes:
                raise told from failure
        return written or time.monotonic() - begun

    def _run(self, words: list[str], take: Callable[[bytes], None]) -> None:
        try:
            self._ask(words, take)
        except ResticFailed as failure:
            raise self._told(failure) from failure

    def _run_lines(self, *words: str) -> list[str]:
        found: list[str] = []
        self._run(list(words), lambda line: found.append(clean(line)))
        return found

    def _ask(
        self, words: list[str], take: Callable[[bytes], None], *, pieces: bool = False
    ) -> None:
        self._lost = False
        self._runner.stream(words, take, pieces=pieces, enough=self._is_enough)

    def _is_enough(self, errors: bytes) -> bool:
        """Whether to go on makes no sense; keeps in mind what later errors would push out."""
        self._lost = self._lost or any(
            line.startswith(_LEFT_OUT) and _DAMAGED.search(line) for line in errors.splitlines()
        )
        return _is_hopeless(errors)

    def _told(self, failure: ResticFailed) -> DrillFailed:
        """What a failure means; a lost file means nothing while everything is out of reach."""
        text = failure.text.encode()
        if _NO_SPACE.search(text):
            return DrillFailed("no_space", conclusive=False)
        if self._lost or _DAMAGED.search(text) or _is_hopeless(text):
            try:
                self._runner.lines("cat", "config")
            except ResticFailed as unreachable:
                return _blind(unreachable)
            return DrillFailed("damaged")
        return _blind(failure)


def _is_hopeless(errors: bytes) -> bool:
    return len(_RETRIED.findall(errors)) >= _RETRIES


def _blind(failure: ResticFailed) -> DrillFailed:
    code = "deadline" if failure.exit_code == DEADLINE_PASSED else failure.state
    return DrillFailed(code, conclusive=False)
