"""``tramgac-collector serve``: receive, store and show until told to stop."""

import argparse
import logging
import sys
from pathlib import Path

from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_collector.serve import children
from tramgac_collector.supervise import Supervisor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, help="collector.toml")


def main(args: argparse.Namespace) -> int:
    """Run the children until SIGTERM or SIGINT."""
    config = load_config(args.config)
    logging.basicConfig(
        level=config.collector.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Supervisor(children(config, args.config.resolve())).run()
