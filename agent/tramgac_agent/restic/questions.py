"""Questions that cost an open of the repository each: one a visit, and the answer remembered."""

import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, TypeVar

import msgspec

from tramgac_agent.restic.adapter import ResticPy
from tramgac_agent.restic.failure import ResticFailed
from tramgac_agent.restic.memory import Memory
from tramgac_agent.restic.messages import parse_line
from tramgac_agent.restic.repository import Counts, Look, Rule, hex_id, newest_of
from tramgac_agent.restic.runner import Runner

T = TypeVar("T")

DAY_MS = 24 * 3600_000
_FORGOTTEN_MS = 3 * DAY_MS
_IDENTITY_EVERY_MS = 7 * DAY_MS
ID = re.compile(r"\A[0-9a-f]{64}\Z")

log = logging.getLogger(__name__)


class _Node(msgspec.Struct, frozen=True):
    """A line of ``ls --json``, of which there may be a million: no more than is needed."""

    type: str = ""
    size: Annotated[int, msgspec.Meta(ge=0)] = 0


_NODE = msgspec.json.Decoder(_Node)


def identity_of(runner: Runner) -> str:
    """Id of the repository, empty when it makes no sense.

    Raises:
        ResticFailed: It could not be read.
        Stopped: The runner had to stop.
    """
    entry = parse_line(" ".join(runner.lines("cat", "config")).encode()) or {}
    return hex_id(entry.get("id"))


class Questions:
    """Asks them in the order they are called; the rest wait for the next visit.

    Args:
        resticpy: For the stored size.
        runner: For everything else.
        memory: Read and filled.
        now_ms: Time of the visit.
    """

    def __init__(self, resticpy: ResticPy, runner: Runner, memory: Memory, now_ms: int) -> None:
        self._resticpy = resticpy
        self._runner = runner
        self._memory = memory
        self._now_ms = now_ms
        self._asked = False

    def counts(self, rules: Sequence[Rule], look: Look) -> dict[str, Counts]:
        """Counts of the newest snapshots that carry no summary (restic before 0.17)."""
        known = self._memory.counts
        newest = (newest_of(rule, look.snapshots, look.taken_ms) for rule in rules)
        bare = {one.id for one in newest if one is not None and one.counts is None and one.id}
        unknown = sorted(bare - known.keys())
        if unknown:
            found = self._ask("counts", 0, lambda: self._count(unknown[0]))
            if found is not None:
                known[unknown[0]] = (found.files, found.bytes)
        return {key: Counts(*known[key]) for key in bare & known.keys()}

    def repository_id(self, config: str) -> str | None:
        """Id of the repository.

        Args:
            config: SHA-256 of its config file; empty when that is not known, and then the
                id is asked again once a week.
        """
        memory = self._memory
        if memory.repository_id and memory.config == config:
            again = None
            if not config:
                again = self._ask("id", _IDENTITY_EVERY_MS, self._identity)
            memory.repository_id = again or memory.repository_id
        else:  # once in its life, whatever else is asked
            memory.repository_id = ""
            try:
                memory.repository_id = self._identity()
                memory.asked_ms["id"] = self._now_ms
            except ResticFailed as failure:
                log.warning("id of the repository unknown: %s", failure)
        memory.config = config
        return memory.repository_id or None

    def stored_bytes(self) -> int | None:
        """Size of the whole repository, asked once a day."""
        return self._number("stored_bytes", self._resticpy.stored_bytes)

    def keys(self) -> int | None:
        """How many keys open it, asked once a day."""
        return self._number("keys", lambda: len(self._ids("keys")))

    def names(self, look: Look, *, urgent: bool) -> frozenset[str] | None:
        """Ids of all snapshot files, readable or not; None when it was not asked.

        Asked when there are more or fewer than last time, and once a day.

        Raises:
            ResticFailed: It was urgent and could not be told. ``snapshots`` itself ends with
                exit code 0 and an empty list when it may not list (0.18, 0.19).
        """
        count = len(look.snapshots)
        if urgent:
            found: frozenset[str] | None = self._ids("snapshots")
        else:
            every_ms = DAY_MS if self._memory.listed == count else 0
            found = self._ask("names", every_ms, lambda: self._ids("snapshots"))
        if found is not None:
            self._memory.listed = count
        return found

    def damaged(self, look: Look, names: frozenset[str] | None) -> int:
        """Snapshots that are there and whose content makes no sense; one new one a visit.

        Raises:
            ResticFailed: One could not be read for another reason: then others were not either.
        """
        listed = {one.id for one in look.snapshots}
        known = set(self._memory.damaged) - listed
        if names is not None:
            known &= names
            for identity in sorted(names - listed - known)[:1]:
                if self._is_damaged(identity):
                    known.add(identity)
        self._memory.damaged = sorted(known)
        return len(known)

    def _is_damaged(self, identity: str) -> bool:
        try:
            self._runner.lines("cat", "snapshot", identity)
        except ResticFailed as failure:
            if failure.state not in ("blind_tool", "missing"):
                raise
            return failure.state == "blind_tool"
        return False  # written after the listing

    def _number(self, name: str, ask: Callable[[], int | None]) -> int | None:
        found = self._ask(name, DAY_MS, ask)
        if found is not None:
            self._memory.numbers[name] = (found, self._now_ms)
        value, told_ms = self._memory.numbers.get(name, (0, 0))
        return value if 0 <= self._now_ms - told_ms < _FORGOTTEN_MS else None

    def _ask(self, name: str, every_ms: int, ask: Callable[[], T]) -> T | None:
        """The answer; None when it is not time for it, another was asked, or restic failed."""
        age = self._now_ms - self._memory.asked_ms.get(name, 0)
        if self._asked or 0 <= age < every_ms:
            return None
        self._asked = True
        try:
            answer = ask()
        except ResticFailed as failure:
            log.warning("%s unknown: %s", name, failure)
            return None
        self._memory.asked_ms[name] = self._now_ms
        return answer

    def _ids(self, kind: str) -> frozenset[str]:
        return frozenset(one for one in self._runner.lines("list", kind) if ID.match(one))

    def _identity(self) -> str:
        return identity_of(self._runner)

    def _count(self, identity: str) -> Counts:
        """Files and bytes as a backup summary counts them; ``stats`` counts folders as files."""
        files = size = 0

        def take(line: bytes) -> None:
            nonlocal files, size
            with suppress(msgspec.DecodeError):
                node = _NODE.decode(line)
                if node.type == "file":
                    files += 1
                    size += node.size

        self._runner.stream(["--json", "ls", identity], take)
        return Counts(files, size)
