"""restic: snapshots, locks and sizes of one repository, read without ever taking a lock."""

import logging
import socket
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import msgspec

from tramgac_agent.drop import Record
from tramgac_agent.drop.records import Medium
from tramgac_agent.restic import local
from tramgac_agent.restic import memory as memories
from tramgac_agent.restic.adapter import ResticPy
from tramgac_agent.restic.failure import ResticFailed
from tramgac_agent.restic.losses import losses, something_is_missing
from tramgac_agent.restic.questions import Questions
from tramgac_agent.restic.repository import Look, Rule, newest_of, state_of_series
from tramgac_agent.restic.runner import Runner
from tramgac_agent.restic.settings import ProbeSettings
from tramgac_agent.restic.shim import install
from tramgac_agent.restic.visit import Visit as ResticVisit
from tramgac_agent.sources.base import Source, SourceSettings, Visit
from tramgac_agent.sources.folders import within
from tramgac_agent.sources.medium import folder_of, medium_of_address
from tramgac_agent.sources.months import months_of
from tramgac_agent.sources.vanished import Seen

_MAX_PATHS = 100

log = logging.getLogger(__name__)


class ResticSource(Source[ProbeSettings]):
    """One or two opens of the repository a visit, and at most one costly question more."""

    name: ClassVar[str] = "restic"
    settings_type: ClassVar[type[SourceSettings]] = ProbeSettings

    def look(self, visit: Visit) -> Iterable[Record]:
        """One state a series.

        Raises:
            OSError: The state folder is not writable.
            SourceFailed: The repository's folder does not answer or may not be read.
        """
        settings = self.settings
        address = settings.address
        folder = folder_of(address)
        # Before restic: it goes on trying for a minute where it may not read.
        files = within(visit.budget.left, lambda: local.read(folder)) if folder else None
        path = memories.memory_path(visit.state_folder, address or settings.repository_file)
        memory = memories.load(path)
        environment = settings.environment(visit.environment)
        binary = install(visit.state_folder)
        resticpy = ResticPy(binary, environment, visit.budget)
        runner = Runner(binary, environment, visit.budget)
        restic = ResticVisit(resticpy, runner, memory, files)
        questions = Questions(resticpy, runner, memory, visit.now_ms)
        try:
            look = restic.look(visit.now_ms)
            states = self._states(look, questions, memory, files)
        except ResticFailed as failure:
            log.warning("%s: %s", failure.state, failure)
            return self.blind(failure.state, visit, restic.tool_version)
        visit.keep(lambda: memories.save(path, memory))
        return states

    def _states(
        self, look: Look, questions: Questions, memory: memories.Memory, files: local.Files | None
    ) -> list[Record]:
        rules = self.settings.rules
        counted = questions.counts(rules, look)
        identity = questions.repository_id(files.config if files else "")
        if files is not None:
            names: frozenset[str] | None = files.snapshots
            damaged, keys = files.unreadable([one.id for one in look.snapshots]), files.keys
        else:
            urgent = something_is_missing(rules, look, memory)
            names = questions.names(look, urgent=urgent)
            damaged, keys = questions.damaged(look, names), questions.keys()
        lost = losses(rules, look, names, memory)
        look = replace(
            look,
            repository_bytes=questions.stored_bytes(),
            repository_id=identity,
            damaged=damaged,
            keys=keys,
        )
        return [
            msgspec.structs.replace(
                state_of_series(rule, look, counted, self.settings.valid_seconds),
                **_vanished(lost[rule.series]),
                months=_months(rule, look),
                medium=_medium(self.settings.address, rule, look),
            )
            for rule in rules
        ]


def _vanished(lost: Seen) -> dict[str, int | None]:
    newest_ms = max((start_ms for start_ms, _ in lost.values()), default=None)
    return {"vanished": len(lost), "vanished_newest_unix_ms": newest_ms}


def _months(rule: Rule, look: Look) -> int:
    times = (one.start_ms for one in look.snapshots if rule.matches(one))
    return months_of((one for one in times if one), look.taken_ms)


def _medium(address: str, rule: Rule, look: Look) -> Medium:
    """Known only for what this very host saves: paths of another one say nothing here."""
    newest = newest_of(rule, look.snapshots, look.taken_ms)
    host = rule.host or (newest.host if newest else "")
    if host != socket.gethostname():
        return "unknown"
    paths = rule.paths or (sorted(newest.paths) if newest else ())
    sources = [Path(one) for one in paths[:_MAX_PATHS] if one.startswith("/")]
    return medium_of_address(address, sources)
