"""The initiator's process: ``python -m tramgac_proto.throughput.initiator``.

Reads one lease token from standard input, runs the test, writes one line of JSON
(``session.Result``). A process of its own, so that nothing else in the agent disturbs the
measurement or is disturbed by it.
"""

import sys

import msgspec

from tramgac_proto.throughput.lease import MAX_TOKEN_BYTES, LeaseError
from tramgac_proto.throughput.session import Result, initiate


def main() -> int:
    """Run the test whose token stands on standard input."""
    token = sys.stdin.buffer.read(MAX_TOKEN_BYTES + 1)
    try:
        result = initiate(token)
    except LeaseError as error:
        result = Result(code=error.code)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
