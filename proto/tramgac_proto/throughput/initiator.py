"""The initiator's process: ``python -m tramgac_proto.throughput.initiator``.

Reads one lease token from standard input, runs the test, writes one line of JSON
(``session.Result``). A process of its own, so that nothing else in the agent disturbs the
measurement or is disturbed by it.
"""

import argparse
import sys
from collections.abc import Sequence

import msgspec

from tramgac_proto.throughput.initiation import initiate
from tramgac_proto.throughput.lease import MAX_TOKEN_BYTES, LeaseError
from tramgac_proto.throughput.session import ENGINES, Result
from tramgac_proto.throughput.wish import Wish


def _wish(argv: Sequence[str] | None) -> Wish:
    parser = argparse.ArgumentParser(prog="tramgac-initiator", description=__doc__)
    parser.add_argument("--guard", action="append", default=[], help="neighbour to ask meanwhile")
    parser.add_argument("--guard-port", type=int, default=0, help="its TCP port, without ICMP")
    parser.add_argument("--engine", choices=sorted(ENGINES.values()), default="own")
    parser.add_argument("--clock-offset-ms", type=int, default=0, help="collector minus own clock")
    args = parser.parse_args(argv)
    return Wish(tuple(args.guard), args.guard_port, args.engine, args.clock_offset_ms)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the test whose token stands on standard input."""
    wish = _wish(argv)
    token = sys.stdin.buffer.read(MAX_TOKEN_BYTES + 1)
    try:
        result = initiate(token, wish)
    except LeaseError as error:
        result = Result(code=error.code)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
