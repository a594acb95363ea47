"""In clinic hours no test crosses a line between switches that is known to be in use."""

import datetime as dt

import msgspec
import pytest
from helpers.conducting import Office, wish
from helpers.lan_site import owner, site

from tramgac_collector.facts.ledger import Fact
from tramgac_collector.facts.mapping import slots_of
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.lan.calendar import ZONE
from tramgac_collector.model import Owner
from tramgac_proto.v1 import fleet_pb2

MORNING = int(dt.datetime(2026, 9, 21, 9, tzinfo=ZONE).timestamp() * 1000)
NOON = MORNING + 3 * 3_600_000 + 1
SWITCH = Owner("", "bv", "main", "sw")
PORT = "Gi1/0/24"


@pytest.fixture
def office() -> Office:
    """Its site has one switch with one port to the next."""
    device = {"id": "sw", "kind": "switch", "address": "192.0.2.9", "uplinks": [PORT]}
    place = site() | {"devices": [device]}
    facility = {"id": "bv", "code": "01", "sites": [place]}
    return Office(msgspec.convert({"facilities": [facility]}, Inventory))


def ask(office: Office, number: int, now_ms: int = MORNING) -> str:
    """The host's own card is quiet."""
    request = wish("h0")
    request.load_ratio = 0.1
    answer = office.ask(owner(number), request, now_ms)
    return answer.code if isinstance(answer, fleet_pb2.LeaseRefusal) else "granted"


def knows(office: Office, name: str, value: float, expires_ms: int, **labels: str) -> None:
    """A fact under the subject that the collector makes of such a series."""
    pairs = tuple(sorted({"port": PORT, **labels}.items()))
    (slot,) = slots_of(SWITCH, [(f"tramgac_{name}", pairs)])
    office.facts[slot.key] = Fact(*slot.key, slot.kind.unit, value, expires_ms=expires_ms)


@pytest.mark.parametrize(
    ("name", "value", "labels", "expected"),
    [
        ("port_finding", 1.0, {"finding": "overloaded"}, "clinic_hours"),
        ("port_finding", 0.0, {"finding": "overloaded"}, "granted"),
        ("port_finding", 1.0, {"finding": "errors"}, "granted"),
        ("port_utilization_ratio", 0.3, {"direction": "receive"}, "clinic_hours"),
        ("port_utilization_ratio", 0.9, {"direction": "transmit"}, "clinic_hours"),
        ("port_utilization_ratio", 0.29, {"direction": "receive"}, "granted"),
    ],
)
def test_a_line_in_use_is_left_alone_while_patients_are_received(
    office: Office, name: str, value: float, labels: dict[str, str], expected: str
) -> None:
    """However quiet the host's own card is."""
    knows(office, name, value, MORNING + 1, **labels)
    assert ask(office, 7) == expected


def test_only_what_is_crossed_and_known_now_counts(office: Office) -> None:
    """Inside a segment, after clinic hours, and by old news, a test may run."""
    knows(office, "port_finding", 1.0, MORNING + 60_000, finding="overloaded")
    assert ask(office, 7) == "clinic_hours"
    assert ask(office, 6) == "granted"
    assert ask(office, 7, MORNING + 60_000) == "granted"
    knows(office, "port_finding", 1.0, NOON + 60_000, finding="overloaded")
    assert ask(office, 7, NOON) == "granted"
