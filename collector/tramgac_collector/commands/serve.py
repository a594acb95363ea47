"""``tramgac-collector serve``: receive, store and show until told to stop."""

import argparse
import logging
import sys
from pathlib import Path

from tramgac_collector.commands.check_config import check_all
from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_collector.serve import children
from tramgac_collector.supervise import Supervisor
from tramgac_proto.configfile import ConfigError
from tramgac_proto.privatefile import private_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, help="collector.toml")


def main(args: argparse.Namespace) -> int:
    """Run the children until SIGTERM or SIGINT."""
    config = load_config(args.config)
    try:
        check_all(config)
    except ConfigError as error:
        raise ConfigError(f"{args.config}: {error}") from None
    logging.basicConfig(
        level=config.collector.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    private_folder(config.state_dir)
    return Supervisor(children(config, args.config.resolve())).run()
