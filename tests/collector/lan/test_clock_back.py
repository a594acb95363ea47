"""The centre's clock was ahead and is set right: tests go on, and none overlap."""

import msgspec
import pytest
from helpers.conducting import Office, wish
from helpers.lan_site import owner, tree
from helpers.leases import KEY

from tramgac_collector.config import Config, ThroughputSection
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.lan.budget import DAY_MS
from tramgac_collector.lan.conductor import Conductor
from tramgac_collector.lan.history import RETRY_MS, Past
from tramgac_collector.lan.ledger import Entry
from tramgac_proto.v1 import fleet_pb2

NIGHT = 1_795_363_200_000  # 23:00 in Viet Nam
AHEAD = NIGHT + 365 * DAY_MS
INVENTORY = msgspec.convert(tree(), Inventory)
# Two tests of 4 MB fit.
SECTION = ThroughputSection(site_bytes_per_day=8_000_000)


def code(office: Office, proves: str, now_ms: int) -> str:
    answer = office.ask(owner(6), wish("h0", proves=proves), now_ms)
    return answer.code if isinstance(answer, fleet_pb2.LeaseRefusal) else "granted"


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_was_a_year_ahead_stops_no_test_for_a_year(restarted: bool) -> None:  # noqa: FBT001
    """What it holds it holds for as long as any lease; what was spent is spent for a day."""
    office = Office(INVENTORY, SECTION)
    assert code(office, "floor", AHEAD) == "granted"
    if restarted:
        past = [Past(one.initiator, one.target, one.direction, one.proves, AHEAD, "held")
                for one in office.grants]  # fmt: skip
        office.desk = Conductor(KEY, INVENTORY, Config(throughput=SECTION), office)
        office.desk.restore([Entry(one) for one in office.grants], past)

    assert code(office, "floor", NIGHT) == "segment_busy"
    assert code(office, "floor", NIGHT + 34_000) == "segment_busy"
    assert code(office, "floor", NIGHT + 36_000) == "granted"
    assert code(office, "floor", NIGHT + 72_000) == "budget_spent"
    assert code(office, "floor", NIGHT + DAY_MS + 72_000) == "granted"


def test_a_capacity_test_of_next_year_is_due_again() -> None:
    """As if it had been made when the clock was set right."""
    office = Office(INVENTORY)
    assert code(office, "capacity", AHEAD) == "granted"
    assert code(office, "capacity", NIGHT + 36_000) == "not_due"
    assert code(office, "capacity", NIGHT + RETRY_MS + 4 * 3_600_000) == "granted"


def test_a_clock_that_stumbles_forgets_nothing() -> None:
    """A second back, as synchronisation does: who tests holds the way as before."""
    office = Office(INVENTORY)
    assert code(office, "floor", NIGHT) == "granted"
    assert code(office, "floor", NIGHT - 1_000) == "segment_busy"
    assert code(office, "floor", NIGHT + 25_000) == "segment_busy"
    assert code(office, "floor", NIGHT + 27_000) == "granted"
