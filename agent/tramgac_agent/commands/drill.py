"""``tramgac-agent drill SERIES`` and ``tramgac-agent drill --due``: restore to prove it.

Runs as whoever may read the repository. Exit codes: 0 passed, or nothing was due; 1 not
passed; 75 inconclusive; 78 bad configuration.
"""

import argparse
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import msgspec

from tramgac_agent import drop
from tramgac_agent.drill import canary, plan
from tramgac_agent.drill.key import with_key
from tramgac_agent.drill.progress import progress_for
from tramgac_agent.drill.report import Job, run, sentence
from tramgac_agent.restic.settings import ProbeSettings, SeriesRule
from tramgac_agent.sources.settings import read_source, state_folder
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, ConfigError

DEFAULT_CONFIG = Path("/etc/tramgac/probe.d")
EXIT_INCONCLUSIVE = 75
_DAY_MS = 86_400_000
# The worst of several, worst first.
_WORST = (EXIT_CONFIG, EXIT_FAILED, EXIT_INCONCLUSIVE)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Series:
    """A declared series and the probe file it stands in."""

    probe: ProbeSettings
    rule: SeriesRule
    state: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("series", nargs="?", default="", help="facility/host/dataset@destination")
    kinds = parser.add_mutually_exclusive_group()
    for kind, text in (
        ("canary", "find the newest canary"),
        ("sample", "read some files back and compare them (the default)"),
        ("full", "restore everything to the scratch folder"),
    ):
        kinds.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, help=text)
    kinds.add_argument(
        "--key", type=Path, metavar="FILE", help="try the recovery key in FILE; nothing is restored"
    )
    kinds.add_argument("--due", action="store_true", help="do whatever is due, for the timer")
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, help="a probe file, or a folder of them"
    )
    parser.add_argument("--drop", type=Path, default=drop.DEFAULT_FOLDER, help="the drop folder")
    parser.add_argument("--json", action="store_true", help="print each result as one JSON object")


def main(args: argparse.Namespace) -> int:
    """Do one drill, or all that are due."""
    if bool(args.series) == args.due:
        raise CommandFailed("name one series, or say --due")
    signal.signal(signal.SIGTERM, _leave)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    if args.due:
        return _do_due(args)
    found = [one for one in _all(args.config, strict=True) if one.rule.id == args.series]
    if not found:
        raise ConfigError(f"{args.config}: no restic probe file declares `{args.series}`")
    if args.key is not None:
        probe = with_key(found[0].probe, args.key, os.environ)
        return _do(replace(found[0], probe=probe), "key", args)
    return _do(found[0], args.kind or "sample", args)


def _leave(number: int, _frame: FrameType | None) -> None:
    """Leave through every ``finally``: restic is ended and the scratch folder emptied.

    The children are told here already, since one may just be starting and not known yet.
    """
    for children in Path("/proc/self/task").glob("*/children"):
        for child in children.read_text().split():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(int(child), signal.SIGTERM)
    raise SystemExit(128 + number)


def _files(config: Path) -> list[Path]:
    if config.is_dir():
        return sorted(config.glob("*.toml"))
    return [config]


def _all(config: Path, *, strict: bool) -> Iterator[_Series]:
    """Every series of every restic repository.

    Raises:
        ConfigError: A file is wrong, or there is none; only the latter unless ``strict``.
    """
    files = _files(config)
    if not files:
        raise ConfigError(f"{config}: no probe file (*.toml)")
    for path in files:
        try:
            settings = read_source(path).settings
            if isinstance(settings, ProbeSettings):
                state = state_folder(settings, os.environ)
                yield from (_Series(settings, rule, state) for rule in settings.series)
        except ConfigError as error:
            if strict:
                raise
            log.error("configuration: %s", error)  # noqa: TRY400 - the text says it all


def _do_due(args: argparse.Namespace) -> int:
    codes = set()
    for one in _all(args.config, strict=False):
        settings = one.rule.drill
        if settings is None or not settings.is_open(_now_ms()):
            continue
        _plant_if_due(one)
        done = plan.load(one.state).get(one.rule.id, {})
        for kind in plan.due(settings, done, _now_ms()):
            if settings.is_open(_now_ms()):
                codes.add(_do(one, kind, args))
    return next((code for code in _WORST if code in codes), EXIT_OK)


def _plant_if_due(one: _Series) -> None:
    """A canary for backups that are not run by ``backup-run``, which plants its own."""
    settings = one.rule.drill
    if settings is None or not settings.canary or not settings.canary_days:
        return
    folder = Path(settings.canary_state or one.state)
    newest = max((it.unix_ms for it in canary.planted(folder, one.rule.id) if it.placed), default=0)
    if 0 <= _now_ms() - newest < settings.canary_days * _DAY_MS / 2:
        return
    try:
        canary.plant(Path(settings.canary), one.rule.id, folder)
    except canary.NotPlanted as reason:
        log.warning("%s: no canary planted: %s", one.rule.id, reason)


def _do(one: _Series, kind: drop.DrillKind, args: argparse.Namespace) -> int:
    """One drill, reported; gives its exit code."""
    progress = progress_for(by_hand=not args.due)
    job = Job(
        kind=kind,
        probe=one.probe,
        rule=one.rule,
        state_folder=one.state,
        drop_folder=args.drop,
        started_by="schedule" if args.due else "hand",
        progress=progress,
    )
    try:
        record, text = run(job)
    finally:
        progress.close()
    plan.remember(one.state, record)
    line = msgspec.json.encode(record).decode() if args.json else sentence(record, text)
    print(line, flush=True)  # noqa: T201 - the terminal is the purpose
    try:
        drop.write(args.drop, record)
    except OSError as error:
        raise CommandFailed(f"{args.drop}: NOT recorded: {error.strerror}") from error
    if record.passed:
        return EXIT_OK
    if record.failure == "config":
        return EXIT_CONFIG
    return EXIT_FAILED if record.conclusive else EXIT_INCONCLUSIVE


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
