"""Which hour which test may run, and when a refused one should ask again."""

import datetime as dt
import time

import msgspec
import pytest
from helpers.conducting import MEGABIT, Office, result_of, wish
from helpers.lan_site import owner, tree

from tramgac_collector.config import ThroughputSection
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.lan.calendar import ZONE
from tramgac_proto.throughput.lease import MAX_PACE
from tramgac_proto.v1 import fleet_pb2

HOUR = 3_600_000
INVENTORY = msgspec.convert(tree() | {"clinic": {}}, Inventory)


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


MORNING, NIGHT = at("2026-09-21T09:00"), at("2026-09-21T23:00")


@pytest.fixture
def office() -> Office:
    return Office(INVENTORY)


def code(answer: fleet_pb2.LeaseClaims | fleet_pb2.LeaseRefusal) -> str:
    return answer.code if isinstance(answer, fleet_pb2.LeaseRefusal) else "granted"


def loaded(ratio: float | None) -> fleet_pb2.LeaseRequest:
    request = wish("h0")
    if ratio is not None:
        request.load_ratio = ratio
    return request


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (None, "clinic_hours"), (0.0, "granted"), (0.29, "granted"), (0.3, "clinic_hours"),
        (-1.0, "clinic_hours"), (float("nan"), "clinic_hours"),
    ],
)  # fmt: skip
def test_in_clinic_hours_only_a_quiet_link_is_tested(
    office: Office, ratio: float | None, expected: str
) -> None:
    """The agent has to have measured its link's load; not known is not quiet."""
    assert code(office.ask(owner(6), loaded(ratio), MORNING)) == expected
    assert code(office.ask(owner(7), wish("h1"), at("2026-09-21T12:30"))) == "granted"
    assert code(office.ask(owner(7), wish("h1"), at("2027-01-01T09:00"))) == "granted"


def test_after_the_clinic_not_all_ask_at_once(office: Office) -> None:
    """They are told to come in the half hour after it, each at its own minute."""
    for number in range(6, 50):
        office.ask(owner(number), loaded(None), MORNING)
    waits = [refusal.retry_after_ms for _, refusal in office.refusals]

    assert min(waits) >= 3 * HOUR
    assert max(waits) <= 3.5 * HOUR
    assert len({wait // 60_000 for wait in waits}) > 15


def capacity(
    office: Office, now_ms: int, rtt: float = 0.0, pace: float = 0.0
) -> fleet_pb2.LeaseClaims:
    request = wish("h0", proves="capacity")
    request.rtt_seconds = rtt
    request.pace_bytes_per_second = pace
    answer = office.ask(owner(6), request, now_ms)
    assert isinstance(answer, fleet_pb2.LeaseClaims), answer
    return answer


def test_a_capacity_test_is_for_the_night(office: Office) -> None:
    """By day it is refused until the window opens; a quiet link changes nothing."""
    request = loaded(0.0)
    request.proves = "capacity"
    answer = office.ask(owner(6), request, MORNING)

    assert isinstance(answer, fleet_pb2.LeaseRefusal)
    assert answer.code == "not_night"
    assert 13 * HOUR <= answer.retry_after_ms <= 13.5 * HOUR
    assert capacity(office, NIGHT).proves == "capacity"


def test_a_capacity_test_is_unpaced_and_bounded() -> None:
    """Half a second of the expected rate, at least; never above the configured bytes."""
    claims = capacity(Office(INVENTORY), NIGHT)
    assert claims.pace_bytes_per_second == MAX_PACE
    assert claims.max_bytes == 0.5 * 1000 * MEGABIT
    assert claims.max_seconds == 3.0
    slower = capacity(Office(INVENTORY), NIGHT, pace=10 * MEGABIT)
    assert slower.pace_bytes_per_second == 10 * MEGABIT
    hostile = capacity(Office(INVENTORY), NIGHT, pace=float("nan"))
    assert hostile.pace_bytes_per_second == MAX_PACE

    small = Office(INVENTORY, ThroughputSection(max_bytes=5_000_000))
    assert capacity(small, NIGHT).max_bytes == 5_000_000


@pytest.mark.parametrize(("rtt", "share"), [(0.01, 0.5), (0.08, 0.64), (-5.0, 0.8), (99.0, 0.8)])
def test_a_long_path_gets_more_bytes(rtt: float, share: float) -> None:
    """Eight times what fits into it; a round trip that cannot be is the longest there is."""
    claims = capacity(Office(INVENTORY), NIGHT, rtt)

    assert claims.max_bytes == pytest.approx(min(100_000_000, share * 125_000_000), rel=1e-3)


def test_a_measured_capacity_is_not_due_for_a_week(office: Office) -> None:
    """Unless the floor is missed three times; the other direction has its own."""
    claims = capacity(office, NIGHT)
    office.desk.ended(owner(6), result_of(claims, "measured"), NIGHT + 5_000)
    request = wish("h0", proves="capacity")
    answer = office.ask(owner(6), request, NIGHT + 24 * HOUR)
    assert isinstance(answer, fleet_pb2.LeaseRefusal)
    assert answer.code == "not_due"
    assert answer.retry_after_ms >= 5 * 24 * HOUR

    for day in range(3):
        floor = office.ask(owner(6), wish("h0"), NIGHT + (25 + day) * HOUR)
        assert isinstance(floor, fleet_pb2.LeaseClaims)
        office.desk.ended(owner(6), result_of(floor, "not_held"), NIGHT + (25 + day) * HOUR)
    other = wish("h0", "receive", "capacity")
    assert code(office.ask(owner(6), other, NIGHT + 28 * HOUR)) == "granted"
    assert code(office.ask(owner(6), request, NIGHT + 29 * HOUR)) == "granted"


def test_a_spent_budget_says_until_when(office: Office) -> None:
    """Not asked again before enough of it is a day old."""
    office = Office(INVENTORY, ThroughputSection(site_bytes_per_day=5_000_000))
    assert code(office.ask(owner(6), wish("h0"), NIGHT)) == "granted"
    answer = office.ask(owner(6), wish("h0"), NIGHT + HOUR)

    assert isinstance(answer, fleet_pb2.LeaseRefusal)
    assert answer.code == "budget_spent"
    assert 23 * HOUR <= answer.retry_after_ms <= 23.5 * HOUR


def test_no_wait_is_longer_than_the_field(office: Office) -> None:
    """Capacity once in ten years is configured: the answer is a week, not a failed report."""
    office = Office(INVENTORY, ThroughputSection(capacity_days=3650))
    claims = capacity(office, NIGHT)
    office.desk.ended(owner(6), result_of(claims, "measured"), NIGHT)
    answer = office.ask(owner(6), wish("h0", proves="capacity"), NIGHT + HOUR)

    assert isinstance(answer, fleet_pb2.LeaseRefusal)
    assert (answer.code, answer.retry_after_ms) == ("not_due", 7 * 24 * HOUR)


def test_an_endless_request_costs_little(office: Office) -> None:
    """What is echoed and remembered of it is short, and it does not hold up the others."""
    before = time.process_time()
    answer = office.ask(owner(6), wish("x" * 4_000_000, "y" * 4_000_000), NIGHT)

    assert isinstance(answer, fleet_pb2.LeaseRefusal)
    assert answer.ByteSize() < 500
    assert time.process_time() - before < 0.5
