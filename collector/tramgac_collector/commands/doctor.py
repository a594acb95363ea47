"""``tramgac-collector doctor``: what keeps the centre from working, and the way out."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_collector.doctor import look
from tramgac_proto.configfile import EXIT_FAILED, EXIT_OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def main(args: argparse.Namespace) -> int:
    """Look at everything; exit code 1 when something needs a person."""
    findings = list(look(load_config(args.config)))
    if args.json:
        text = json.dumps([asdict(finding) for finding in findings], ensure_ascii=False)
        sys.stdout.write(text + "\n")
    else:
        for one in findings:
            state = "ok      " if one.ok else "problem "
            fix = f"; {one.fix}" if one.fix else ""
            sys.stdout.write(f"{state} {one.what}: {one.text}{fix}\n")
    return EXIT_OK if all(one.ok for one in findings) else EXIT_FAILED
