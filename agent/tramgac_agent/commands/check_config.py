"""``tramgac-agent check-config``: is the file usable, and what does it switch on?"""

import argparse
import sys
from pathlib import Path

from tramgac_agent.config import DEFAULT_PATH, load_config
from tramgac_proto.configfile import EXIT_OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)


def main(args: argparse.Namespace) -> int:
    """Load the file; a fault ends with exit code 78 and names file, key and fix."""
    config = load_config(args.config)
    checks = ", ".join(sorted(config.checks)) or "none"
    sys.stdout.write(f"{config.path}: usable; checks: {checks}\n")
    return EXIT_OK
