"""restic: snapshots, locks and sizes of one repository, read without ever taking a lock."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from tramgac_agent.drop import Record
from tramgac_agent.restic import memory as memories
from tramgac_agent.restic.adapter import ResticPy
from tramgac_agent.restic.failure import ResticFailed
from tramgac_agent.restic.repository import state_of_series
from tramgac_agent.restic.runner import Runner
from tramgac_agent.restic.settings import ProbeSettings
from tramgac_agent.restic.shim import install
from tramgac_agent.restic.visit import Visit as ResticVisit
from tramgac_agent.sources.base import Source, SourceSettings, Visit

log = logging.getLogger(__name__)


class ResticSource(Source[ProbeSettings]):
    """One or two opens of the repository a visit, and at most one costly question more."""

    name: ClassVar[str] = "restic"
    settings_type: ClassVar[type[SourceSettings]] = ProbeSettings

    def look(self, visit: Visit) -> Iterable[Record]:
        """One state a series.

        Raises:
            OSError: The state folder is not writable.
        """
        settings = self.settings
        environment = settings.environment(visit.environment)
        binary = install(visit.state_folder)
        address = settings.repository or settings.repository_file
        path = memories.memory_path(visit.state_folder, address)
        memory = memories.load(path)
        restic = ResticVisit(
            ResticPy(binary, environment, visit.budget),
            Runner(binary, environment, visit.budget),
            memory,
            settings.locks_folder,
        )
        try:
            look = restic.look(visit.now_ms)
        except ResticFailed as failure:
            log.warning("%s: %s", failure.state, failure)
            return self.blind(failure.state, visit, restic.tool_version)
        counted = restic.counts(settings.rules, look)
        look = replace(look, repository_bytes=restic.stored_bytes(visit.now_ms))
        memories.save(path, memory)
        return [
            state_of_series(rule, look, counted, settings.valid_seconds) for rule in settings.rules
        ]
