"""``tramgac-agent check NAME``: one run by hand; prints, stores nothing."""

import argparse
import dataclasses
import json
import logging
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import msgspec
from google.protobuf.json_format import MessageToDict

from tramgac_agent.checks import CHECKS, load
from tramgac_agent.checks.base import AgentView, Check, Context, LeaseDesk, Observation
from tramgac_agent.config import DEFAULT_PATH, Config, load_config
from tramgac_agent.runner import Outcome, measure, report_of
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_FAILED, EXIT_OK, ConfigError, convert

_END_SECONDS = 6.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", choices=sorted(CHECKS), help="the check to run")
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--debug", action="store_true", help="add the log and the config in force")


class _Lines(logging.Handler):
    """Keeps what the check logs, for ``--debug``."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname.lower()}: {record.getMessage()}")


def _settings(name: str, path: Path) -> Check[Any]:
    kind = load(name)
    if path == DEFAULT_PATH and not path.exists():
        return kind(convert({}, kind.settings_type, f"[checks.{name}] (no {path})"))
    config: Config = load_config(path)
    if name not in config.checks:
        raise ConfigError(f"{path}: [checks.{name}] is absent or switched off")
    return kind(config.checks[name])


def _as_dict(one: Observation) -> dict[str, Any]:
    result = dataclasses.asdict(dataclasses.replace(one, detail=None))
    if one.detail is not None:
        result["detail"] = {
            type(one.detail).__name__: MessageToDict(one.detail, preserving_proto_field_name=True)
        }
    return {key: value for key, value in result.items() if value or key == "samples"}


def _verdict(outcome: Outcome) -> str:
    if not outcome.applicable:
        return "nothing to measure (--debug says why)"
    if outcome.success:
        return "ok"
    return f"FAILED: {outcome.code}" if outcome.code else "FAILED in part"


def _text(outcome: Outcome, observations: list[Observation]) -> str:
    lines = [f"{outcome.check}: {_verdict(outcome)} in {outcome.seconds:.3f} s"]
    for one in observations:
        head = " ".join(filter(None, (one.subject, one.stream, one.failure)))
        lines += [f"  [{head}]"] if head else []
        for sample in one.samples:
            labels = ",".join(f'{k}="{v}"' for k, v in sample.labels.items())
            lines.append(f"  {sample.name}{{{labels}}} {sample.value:g}")
    return "\n".join(lines)


def _run(check: Check[Any], log: logging.Logger) -> Outcome:
    """Run with a folder of its own, so that a run by hand never touches the daemon's memory."""
    with tempfile.TemporaryDirectory(prefix="tramgac-check-") as folder:
        state = Path(folder)
        context = Context(
            log=log,
            state_dir=state,
            stop=threading.Event(),
            deadline_seconds=check.settings.deadline_seconds or check.deadline_seconds,
            agent=AgentView(state, "", LeaseDesk()),
        )
        done: list[Outcome] = []
        worker = threading.Thread(target=lambda: done.append(measure(check, context)), daemon=True)
        worker.start()
        try:
            worker.join(context.deadline_seconds)
        finally:
            context.stop.set()  # also on Ctrl-C: children of the check must not stay behind
            worker.join(_END_SECONDS)
        if not done:
            raise CommandFailed(f"{check.name}: no result within {context.deadline_seconds:g} s")
        return done[0]


def main(args: argparse.Namespace) -> int:
    """Run the check and print what it would have reported."""
    check = _settings(args.name, args.config)
    log = logging.getLogger(f"tramgac_agent.check.{args.name}")
    lines = _Lines()
    log.addHandler(lines)
    log.setLevel(logging.DEBUG if args.debug else logging.INFO)
    outcome = _run(check, log)
    observations = report_of(outcome)
    if args.json:
        result: dict[str, Any] = {
            "check": outcome.check,
            "success": outcome.success,
            "applicable": outcome.applicable,
            "failure": outcome.code,
            "seconds": round(outcome.seconds, 6),
            "observations": [_as_dict(one) for one in observations],
        }
        if args.debug:
            result |= {"log": lines.lines, "config": msgspec.to_builtins(check.settings)}
        sys.stdout.write(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(_text(outcome, observations) + "\n")
        if args.debug:
            in_force = json.dumps(msgspec.to_builtins(check.settings), ensure_ascii=False)
            sys.stdout.write("\n".join(["log:", *lines.lines, "config:", in_force]) + "\n")
    return EXIT_OK if outcome.success else EXIT_FAILED
