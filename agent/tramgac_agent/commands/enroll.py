"""``tramgac-agent enroll``: get this host's identity from the collector."""

import argparse

from tramgac_agent.config import load_config
from tramgac_agent.identity import ask
from tramgac_agent.identity import enroll as child


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    child.add_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Exit code 0 issued or already enrolled, 75 ask again later, 1 refused."""
    config = load_config(args.config)
    return ask.finish(lambda: child.enroll(config, child.wish_of(args)))
