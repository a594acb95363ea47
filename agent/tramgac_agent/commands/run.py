"""``tramgac-agent run``: the resident agent."""

import argparse
import logging
import os
import sys
from pathlib import Path

from tramgac_agent.lean_start import hidden, start_again
from tramgac_proto.configfile import EXIT_OK

DEFAULT_PATH = Path("/etc/tramgac/agent.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)


def _quit(code: int) -> None:
    """End without waiting for a check that hangs in the kernel; everything is on disk by now."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(args: argparse.Namespace) -> int:
    """Run until told to stop."""
    start_again()
    with hidden():
        from tramgac_agent.config import load_config  # noqa: PLC0415 - only now, and lean
        from tramgac_agent.daemon import Daemon  # noqa: PLC0415

        config = load_config(args.config)
    logging.basicConfig(
        level=config.agent.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    Daemon(config).run()
    _quit(EXIT_OK)
    return EXIT_OK
