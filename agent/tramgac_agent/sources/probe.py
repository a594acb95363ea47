"""``python -m tramgac_agent.sources.probe --config FILE``: look once, report, end.

Runs as whoever may read the backups, in a unit or child of its own, and reports only through
the drop folder. Exit codes: 0 reported, also that a repository is blind; 75 reported that a
source did not come back in time; 1 nothing could be reported; 78 bad configuration.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tramgac_agent import drop
from tramgac_agent.restic.runner import Budget
from tramgac_agent.sources.base import Source, SourceFailed, Visit
from tramgac_agent.sources.settings import read_source, state_folder
from tramgac_proto.configfile import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, ConfigError

EXIT_TIMEOUT = 75

log = logging.getLogger(__name__)


def probe(source: Source[Any], visit: Visit) -> list[drop.Record]:
    """Look once; every series is reported, whatever happens.

    Raises:
        OSError: The state folder is not writable.
    """
    try:
        return list(source.look(visit))
    except SourceFailed as failure:
        log.warning("%s", failure)
        return source.blind(failure.state, visit)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tramgac_agent.sources.probe", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--drop", type=Path, default=drop.DEFAULT_FOLDER)
    return parser.parse_args(argv)


def _report(source: Source[Any], state: Path, folder: Path) -> list[drop.Record]:
    """Look, write what was seen into ``folder``, and only then remember it.

    Raises:
        OSError: It can be neither reported nor remembered.
    """
    later: list[Callable[[], None]] = []
    budget = Budget(source.settings.deadline_seconds)
    visit = Visit(time.time_ns() // 1_000_000, state, os.environ, budget, later)
    records = probe(source, visit)
    for record in records:
        drop.write(folder, record)
    for save in later:
        save()
    return records


def main(argv: Sequence[str] | None = None) -> int:
    """Look once and write one drop file a record."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.INFO)
    args = _arguments(argv)
    try:
        source = read_source(args.config)
        records = _report(source, state_folder(source.settings, os.environ), args.drop)
    except ConfigError as error:
        log.error("configuration: %s", error)  # noqa: TRY400 - the text says it all
        return EXIT_CONFIG
    except OSError as error:
        log.error("cannot report: %s", error)  # noqa: TRY400 - the text says it all
        return EXIT_FAILED
    timeout = any(getattr(one, "state", "") == "blind_timeout" for one in records)
    return EXIT_TIMEOUT if timeout else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
