"""`scripts/bundle/keys`: the pair of keys that signs bundles."""

import argparse
from pathlib import Path

from bundle.problem import BundleError
from tramgac_collector.rules.pack import PackError
from tramgac_collector.rules.signing import make_key


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only where."""
    parser.add_argument("file", type=Path, help="private key to write; FILE.pub is the public one")


def main(args: argparse.Namespace) -> int:
    """Write both; never over a key that is there."""
    try:
        public = make_key(args.file)
    except PackError as error:
        raise BundleError(str(error)) from error
    print(f"{args.file}: keep it secret, off the centre, with a copy in a safe")
    print(f"{public}: pin it in the inventory as tramgac-bundle.pub")
    return 0
