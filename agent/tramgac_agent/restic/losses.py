"""Which snapshots of each series are gone since the last look."""

from collections.abc import Sequence

from tramgac_agent.restic.memory import Memory
from tramgac_agent.restic.repository import Look, Rule, Snapshot
from tramgac_agent.sources.vanished import Backup, Seen, gone, remembered

# Of all series of a repository together.
_MAX_SEEN = 5_000


def something_is_missing(rules: Sequence[Rule], look: Look, memory: Memory) -> bool:
    """Whether the listing lacks a snapshot that should be there, or shows none at all.

    Then it must be told whether the file is gone or only could not be read.
    """
    present = _present(look)
    return not look.snapshots or any(_gone(rule, look, memory, present) for rule in rules)


def losses(
    rules: Sequence[Rule], look: Look, names: frozenset[str] | None, memory: Memory
) -> dict[str, Seen]:
    """What vanished, by series, counted once: from now on ``memory`` knows what is here now.

    Args:
        rules: The declared series.
        look: Of this visit.
        names: Snapshot files that are there, readable or not; None when not asked.
        memory: Of the last look; renewed.
    """
    names = names or frozenset()
    present = _present(look) | names
    found = {rule.series: _gone(rule, look, memory, present) for rule in rules}
    listed = {one.id for one in look.snapshots}
    limit = _MAX_SEEN // max(1, len(rules))
    seen = {}
    for rule in rules:
        mine = (_backup(one) for one in look.snapshots if rule.matches(one))
        before = memory.seen.get(rule.series, {})
        unread = {key: before[key] for key in before.keys() & (names - listed)}
        seen[rule.series] = unread | remembered(mine, rule.keep_days, look.taken_ms, limit)
    memory.seen = seen
    return found


def _present(look: Look) -> frozenset[str]:
    """A rewritten snapshot has a new id and names the first one it was made from."""
    return frozenset(text for one in look.snapshots for text in (one.id, one.original) if text)


def _gone(rule: Rule, look: Look, memory: Memory, present: frozenset[str]) -> Seen:
    return gone(memory.seen.get(rule.series, {}), present, rule.keep_days, look.taken_ms)


def _backup(snapshot: Snapshot) -> Backup:
    return Backup(snapshot.id, snapshot.start_ms, snapshot.original or snapshot.id)
