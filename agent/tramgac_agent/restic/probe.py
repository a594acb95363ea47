"""``python -m tramgac_agent.restic.probe --config FILE``: look at one repository, report, end.

Runs as the repository's owner, in a unit or child of its own, and reports only through the
drop folder. Exit codes: 0 reported, also of a blind repository; 75 reported that restic did
not come back in time; 1 nothing could be reported; 78 bad configuration.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tramgac_agent import drop
from tramgac_agent.restic import memory as memories
from tramgac_agent.restic.adapter import ResticPy
from tramgac_agent.restic.failure import ResticFailed
from tramgac_agent.restic.repository import blind_state, state_of_series
from tramgac_agent.restic.runner import Budget, Runner
from tramgac_agent.restic.settings import ProbeSettings, load_settings
from tramgac_agent.restic.shim import install
from tramgac_agent.restic.visit import Visit
from tramgac_proto.configfile import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, ConfigError

EXIT_TIMEOUT = 75

log = logging.getLogger(__name__)


def probe(settings: ProbeSettings, state_folder: Path) -> list[drop.RepositoryState]:
    """Look once; one state a series, whatever happens.

    Raises:
        OSError: The state folder is not writable.
    """
    now_ms = time.time_ns() // 1_000_000
    budget = Budget(settings.deadline_seconds)
    environment = settings.environment(os.environ)
    binary = install(state_folder)
    path = memories.memory_path(state_folder, settings.repository or settings.repository_file)
    memory = memories.load(path)
    visit = Visit(
        ResticPy(binary, environment, budget),
        Runner(binary, environment, budget),
        memory,
        settings.locks_folder,
    )
    try:
        look = visit.look(now_ms)
    except ResticFailed as failure:
        log.warning("%s: %s", failure.state, failure)
        return [
            blind_state(
                rule.series, failure.state, now_ms, settings.valid_seconds, visit.tool_version
            )
            for rule in settings.rules
        ]
    counted = visit.counts(settings.rules, look)
    look = replace(look, repository_bytes=visit.stored_bytes(now_ms))
    memories.save(path, memory)
    return [state_of_series(rule, look, counted, settings.valid_seconds) for rule in settings.rules]


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tramgac_agent.restic.probe", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--drop", type=Path, default=drop.DEFAULT_FOLDER)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Look once and write one drop file a series."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.INFO)
    args = _arguments(argv)
    try:
        settings = load_settings(args.config)
        folder = settings.state_folder(os.environ)
    except ConfigError as error:
        log.error("configuration: %s", error)  # noqa: TRY400 - the text says it all
        return EXIT_CONFIG
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        states = probe(settings, folder)
        for state in states:
            drop.write(args.drop, state)
    except OSError as error:
        log.error("cannot report: %s", error)  # noqa: TRY400 - the text says it all
        return EXIT_FAILED
    return EXIT_TIMEOUT if any(one.state == "blind_timeout" for one in states) else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
