"""One reading of a drop folder, and which files may be deleted afterwards."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from tramgac_agent.backup.evidence import observation_of
from tramgac_agent.checks.base import CheckFailed, Context, Observation
from tramgac_agent.clock import SYSTEM_CLOCK
from tramgac_agent.drop import DropFolder, Dropped, Maintenance
from tramgac_agent.maintenance import remember

log = logging.getLogger(__name__)


class Intake:
    """Files become observations now and are deleted only when the outbox has those."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = DropFolder(path)
        self._taken: dict[str, list[Dropped]] = {}
        # Taken, but not ours to delete: read again they would keep newer files waiting.
        self._stuck: set[str] = set()

    def observations(self, context: Context) -> Iterator[Observation]:
        """Yield one observation for each good file and one for all bad ones together.

        Raises:
            CheckFailed: ``unreadable``.
        """
        now_ms = SYSTEM_CLOCK.wall_ms()
        self._taken.clear()  # what was not settled is read again
        try:
            self._folder.ensure()
            reading = self._folder.read(now_ms, skip=self._stuck)
        except OSError as error:
            raise CheckFailed("unreadable", str(error)) from error
        for one in reading.taken:
            first = one.token not in self._taken
            self._taken.setdefault(one.token, []).append(one)
            if first:
                if isinstance(one.record, Maintenance):
                    remember(context.agent.state_dir, one.record, now_ms)
                yield observation_of(one, now_ms)
        for name, code in reading.refused:
            context.log.warning("refused %s: %s", name, code)
        if reading.refused:
            code = reading.refused[0][1]
            yield Observation(event=True, stream="refused", failure=f"refused_{code}")
        self._stuck = {name for name in self._stuck if (self._path / name).exists()}
        if self._stuck:
            context.log.warning("%d files cannot be deleted; remove them", len(self._stuck))
            yield Observation(stream="stuck", failure="not_deletable")

    def settle(self, observations: Sequence[Observation]) -> None:
        """Delete the files of these observations."""
        done = [file for one in observations for file in self._taken.pop(one.token, ())]
        try:
            self._stuck.update(self._folder.remove(done))
        except OSError as error:
            # They are read again; their token keeps the outbox from taking them twice.
            log.warning("cannot delete drop files: %s", error)
