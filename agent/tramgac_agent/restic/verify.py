"""``python -m tramgac_agent.restic.verify --config FILE``: one check of a repository, if due.

Reads ``[verify]`` of the probe file and does one thing a start: the structure, or one slice of
the data. It never takes a lock, never runs beside a backup and makes way for one that begins.
Exit codes: 0 reported or nothing to do; 75 reported that time ran out; 1 nothing could be
reported; 78 bad configuration.
"""

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tramgac_agent import drop
from tramgac_agent.restic.settings import ProbeSettings
from tramgac_agent.restic.verifier import Asked, Verifier, only_one
from tramgac_agent.sources.settings import read_source, state_folder
from tramgac_proto.configfile import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, ConfigError

EXIT_TIMEOUT = 75

log = logging.getLogger(__name__)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tramgac_agent.restic.verify", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--drop", type=Path, default=drop.DEFAULT_FOLDER)
    parser.add_argument(
        "--now",
        choices=("metadata", "slice", "immutability"),
        help="do this now, due or not, whatever the window",
    )
    parser.add_argument("--json", action="store_true", help="say on standard output as well")
    return parser.parse_args(argv)


def _verifier(config: Path, folder: Path, asked: Asked | None) -> Verifier:
    """Everything that can be wrong with the file is said here.

    Raises:
        ConfigError: Names file, key and fix.
        OSError: There is no place to remember anything.
    """
    settings = read_source(config).settings
    if not isinstance(settings, ProbeSettings):
        raise ConfigError(f"{config}: verify: only for source `restic`")
    if settings.verify is None:
        raise ConfigError(f"{config}: verify: no such table; without it nothing is checked")
    if asked == "slice" and not settings.verify.slices:
        raise ConfigError(f"{config}: verify.slices: is 0: data is never read")
    state = state_folder(settings, os.environ)
    verifier = Verifier(settings, settings.verify, state, folder)
    wanted = settings.verify.probe_immutability or asked == "immutability"
    if wanted and verifier.server is None:
        raise ConfigError(f"{config}: verify.probe_immutability: only for `rest:` repositories")
    return verifier


def _work(verifier: Verifier, asked: Asked | None, folder: Path) -> list[drop.Record]:
    records = verifier.work(asked, time.time_ns() // 1_000_000)
    for record in records:
        drop.write(folder, record)
    verifier.remember()
    return records


def main(argv: Sequence[str] | None = None) -> int:
    """Do what is due and write one drop file a record."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.INFO)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends restic, too
    args = _arguments(argv)
    try:
        verifier = _verifier(args.config, args.drop, args.now)
        with only_one(verifier.folder) as alone:
            records = _work(verifier, args.now, args.drop) if alone else []
    except ConfigError as error:
        log.error("configuration: %s", error)  # noqa: TRY400 - the text says it all
        return EXIT_CONFIG
    except OSError as error:
        log.error("cannot report: %s", error)  # noqa: TRY400 - the text says it all
        return EXIT_FAILED
    if args.json:
        sys.stdout.buffer.writelines(msgspec.json.encode(record) + b"\n" for record in records)
    timeout = any(getattr(record, "failure", "") == "deadline" for record in records)
    return EXIT_TIMEOUT if timeout else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
