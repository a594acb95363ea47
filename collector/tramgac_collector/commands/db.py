"""``tramgac-collector db upgrade``: bring the store's schema up to date."""

import argparse
from pathlib import Path

from tramgac_collector.commands._store import looking
from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_proto.configfile import EXIT_OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("action", choices=["upgrade"], help="apply every missing revision")
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, help="collector.toml")


def main(args: argparse.Namespace) -> int:
    """Upgrade; `serve` does the same at its start."""
    config = load_config(args.config)
    with looking(config):
        pass
    print("schema is up to date")  # noqa: T201 - the answer to the person at the terminal
    return EXIT_OK
