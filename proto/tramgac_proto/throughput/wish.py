"""What the agent tells the initiator's process besides the lease; light, for the resident agent."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wish:
    """How the initiator wants its test.

    Attributes:
        guards: IPv4 addresses for the sentinel, the best first; the responder comes last.
        guard_port: TCP port of theirs where ICMP is not answered; 0 without one.
        engine: own | iperf3
        offset_ms: Collector's clock minus this host's.
    """

    guards: tuple[str, ...] = ()
    guard_port: int = 0
    engine: str = "own"
    offset_ms: int = 0


def words(wish: Wish) -> list[str]:
    """The command line that makes this process run a test as wished."""
    found = [sys.executable, "-m", "tramgac_proto.throughput.initiator"]
    for address in wish.guards:
        found += ["--guard", address]
    found += ["--guard-port", str(wish.guard_port), "--engine", wish.engine]
    return [*found, f"--clock-offset-ms={wish.offset_ms}"]
