"""A test conductor with a held clock, and everything it told others."""

from collections import Counter
from typing import TYPE_CHECKING

from helpers.leases import KEY

from tramgac_collector.config import Config, ThroughputSection
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.lan.conductor import Conductor
from tramgac_collector.lan.ledger import Ending, Grant
from tramgac_collector.model import Owner
from tramgac_proto.throughput.lease import read_unverified
from tramgac_proto.v1 import fleet_pb2

if TYPE_CHECKING:
    from tramgac_collector.facts.ledger import Fact

MEGABIT = 125_000


class Office:
    """A conductor and its book.

    Attributes:
        refusals: With whom they were told to.
        facts: What is known of the ports on the way; a test may add some.
    """

    def __init__(self, inventory: Inventory, section: ThroughputSection | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.grants: list[Grant] = []
        self.endings: list[Ending] = []
        self.refusals: list[tuple[Owner, fleet_pb2.LeaseRefusal]] = []
        config = Config(throughput=section or ThroughputSection())
        self.facts: dict[tuple[str, str], Fact] = {}
        self.desk = Conductor(KEY, inventory, config, self, lambda *key: self.facts.get(key))

    def granted(self, grant: Grant) -> None:
        """Remember it."""
        self.grants.append(grant)

    def ended(self, ending: Ending) -> None:
        """Remember it."""
        self.endings.append(ending)

    def refused(self, owner: Owner, refusal: fleet_pb2.LeaseRefusal, now_ms: int) -> None:
        """Remember it."""
        if not now_ms:
            raise AssertionError("refused at no time")
        self.refusals.append((owner, refusal))

    def count(self, code: str) -> None:
        """Count it."""
        self.counts[code] += 1

    def ask(
        self, who: Owner, request: fleet_pb2.LeaseRequest, now_ms: int
    ) -> fleet_pb2.LeaseClaims | fleet_pb2.LeaseRefusal:
        """What one request gets."""
        answer = self.desk.grant(who, [request], now_ms)
        if answer.tokens:
            return read_unverified(answer.tokens[0])
        return answer.refusals[0]


def wish(target: str, direction: str = "send", proves: str = "floor") -> fleet_pb2.LeaseRequest:
    """A request for a test at 80 Mbit/s, of an agent that cannot say how busy its card is."""
    return fleet_pb2.LeaseRequest(
        target=target, direction=direction, proves=proves, pace_bytes_per_second=80 * MEGABIT
    )


def result_of(claims: fleet_pb2.LeaseClaims, verdict: str) -> fleet_pb2.ThroughputResult:
    """What the initiator reports of a test."""
    return fleet_pb2.ThroughputResult(
        lease_id=claims.id,
        target=claims.target,
        direction=claims.direction,
        proves=claims.proves,
        verdict=verdict,
        bytes=claims.max_bytes,
    )
