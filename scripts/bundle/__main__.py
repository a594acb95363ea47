"""``python -m bundle {make|keys|prove|packages} ...``."""

import argparse
import sys

from bundle import keys, make, packages, prove
from bundle.problem import BundleError

_COMMANDS = {"make": make, "keys": keys, "prove": prove, "packages": packages}


def main() -> int:
    """Run one; what a person can mend is one line."""
    parser = argparse.ArgumentParser(prog="scripts/bundle")
    several = parser.add_subparsers(required=True)
    for name, module in _COMMANDS.items():
        one = several.add_parser(name, description=module.__doc__)
        module.add_arguments(one)
        one.set_defaults(main=module.main)
    args = parser.parse_args()
    try:
        code: int = args.main(args)
    except BundleError as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
