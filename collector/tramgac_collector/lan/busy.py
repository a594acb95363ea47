"""Whether a test may run beside the clinic's traffic: its own card, and what switches have told.

The inventory does not say which port carries which uplink: the ports between switches of a site
are taken together.
"""

from collections.abc import Callable, Iterator

from tramgac_collector.facts.devices import PORT_FINDINGS, PORT_USE
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.facts.mapping import part_of
from tramgac_collector.inventory.model import Placed
from tramgac_collector.lan.segments import Route
from tramgac_collector.model import Owner
from tramgac_proto.v1 import fleet_pb2

# Below this share of the link in use a floor test may run in clinic hours.
QUIET_SHARE = 0.3
_DIRECTIONS = ("receive", "transmit")

Get = Callable[[str, str], Fact | None]
"""The current fact of a name and a subject, expired or not."""


def nothing_known(_name: str, _subject: str) -> Fact | None:
    """No fact at all."""
    return None


def is_quiet(request: fleet_pb2.LeaseRequest) -> bool:
    """Whether the initiator has just seen its own card little used; not known is not quiet."""
    return request.HasField("load_ratio") and 0 <= request.load_ratio < QUIET_SHARE


def is_busy(route: Route, get: Get, now_ms: int) -> bool:
    """Whether a port between switches on the way is known to be in use; not known is not busy.

    Args:
        route: Of the test; one that stays in its segment crosses nothing.
        get: The facts at hand.
        now_ms: What expired before says nothing.
    """
    if len(route.locks) == 1:
        return False
    facts = (fact for end in route.ends for fact in _of(end, get))
    return any(fact.expires_ms > now_ms and _in_use(fact) for fact in facts)


def _of(end: Placed, get: Get) -> Iterator[Fact]:
    for device in end.site.devices:
        place = Owner("", end.facility.id, end.site.id, device.id)
        for port in device.uplinks:
            found = [get(PORT_FINDINGS["overloaded"].name, part_of(place, port))]
            found += [get(PORT_USE.name, part_of(place, port, way)) for way in _DIRECTIONS]
            yield from filter(None, found)


def _in_use(fact: Fact) -> bool:
    return fact.value is not None and fact.value >= QUIET_SHARE
