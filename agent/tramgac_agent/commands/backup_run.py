"""``tramgac-agent backup-run -- CMD``: run a backup command and record how it went.

The backup always comes first: whatever is wrong with the recording, the command runs and its
exit code is ours.
"""

import argparse
import os
import re
import socket
import sys
import time
import uuid
from pathlib import Path

import msgspec

from tramgac_agent import drop
from tramgac_agent.backup import child
from tramgac_agent.backup.outcome import Tally, outcome_of
from tramgac_agent.backup.running import mark
from tramgac_agent.backup.tools import OTHER, Job
from tramgac_agent.backup.words import words_of
from tramgac_agent.drill import canary
from tramgac_proto.configfile import EXIT_USAGE

SERIES_VARIABLE = "TRAMGAC_BACKUP_SERIES"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--series",
        default=os.environ.get(SERIES_VARIABLE, ""),
        metavar="ID",
        help=f"facility/host/dataset@destination; else ${SERIES_VARIABLE}",
    )
    parser.add_argument("--drop", type=Path, default=drop.DEFAULT_FOLDER, help="the drop folder")
    parser.add_argument(
        "--canary", type=Path, metavar="PATH", help="plant a canary there first, for the drills"
    )
    parser.add_argument(
        "--canary-state",
        type=Path,
        default=canary.DEFAULT_STATE,
        metavar="DIR",
        help="where planted canaries are remembered",
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD ...")


def _complain(text: str) -> None:
    sys.stderr.write(f"tramgac-agent backup-run: {text}\n")
    sys.stderr.flush()


def _host() -> str:
    """This host's short name; what does not fit the record is left out."""
    return re.sub(r"[^A-Za-z0-9_-]", "", socket.gethostname().partition(".")[0])[:63]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class _Recorder:
    """Writes the start and the end of one run; never stands in the way of the backup."""

    def __init__(self, folder: Path, series: str, tool: str) -> None:
        self._folder = folder
        self._started_ms = _now_ms()
        self._fields: dict[str, object] = {
            "kind": "backup_run",
            "version": drop.VERSION,
            "series": series,
            "run_id": uuid.uuid4().hex,
            "tool": tool,
            "host": _host(),
            "started_unix_ms": self._started_ms,
        }

    def write_start(self) -> None:
        """Say that the run has begun."""
        self._write(outcome="running")

    def _write(self, **fields: object) -> None:
        try:
            drop.write(self._folder, msgspec.convert({**self._fields, **fields}, drop.BackupRun))
        except msgspec.ValidationError as error:
            _complain(f"this run is NOT recorded: {error}")
        except OSError as error:
            _complain(f"this run is NOT recorded: {self._folder}: {error.strerror}")

    def write_end(self, ended: child.Ended, job: Job, tally: Tally) -> None:
        """Say how it ended."""
        judged = outcome_of(job, ended, tally)
        counts: dict[str, object] = {}
        if tally.summary:
            counts = {
                "bytes": tally.size,
                "files": tally.files,
                "files_changed": tally.files_changed,
                "files_unmodified": tally.files_unmodified,
                "bytes_added": tally.bytes_added,
                "snapshot_id": tally.snapshot_id or None,
            }
        # A clock set back during the run must not cost the record.
        ended_ms = max(_now_ms(), self._started_ms)
        self._write(
            ended_unix_ms=ended_ms,
            exit_code=ended.exit_code,
            outcome=judged.outcome,
            reason=judged.reason,
            words=words_of(ended.complaints) if judged.reason else "",
            errors=tally.errors,
            missing_sources=tally.missing_sources,
            **counts,
        )


def _plant(args: argparse.Namespace) -> None:
    """Plant a canary, if one is wanted; the backup runs whether it could be or not."""
    if args.canary is None:
        return
    try:
        canary.plant(args.canary, args.series, args.canary_state)
    except (canary.NotPlanted, ValueError) as reason:
        _complain(f"no canary planted: {reason}")


def main(args: argparse.Namespace) -> int:
    """Run the command, record start and end, return the command's exit code."""
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        _complain("no command: tramgac-agent backup-run --series ID -- CMD ...")
        return EXIT_USAGE
    job = Job.of(command)
    tally = Tally(job.tool)
    recorder = _Recorder(args.drop, args.series, job.tool.name)
    recorder.write_start()
    _plant(args)
    with mark(args.drop, args.series):
        ended = child.run(
            command,
            stdout=tally.take_stdout if job.tells else None,
            stderr=None if job.tool is OTHER else tally.take_stderr,
        )
    if not ended.started:
        _complain(f"{command[0]}: cannot be run")
    recorder.write_end(ended, job, tally)
    return ended.exit_code
