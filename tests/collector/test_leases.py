"""The lease office: who may test which path when, and what it may cost."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from helpers.leases import KEY, PUBLIC
from sqlalchemy import Engine

from tramgac_collector.config import CollectorSection, Config, ListenSection, ThroughputSection
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.leases import (
    DAY_MS,
    LIFETIME_MS,
    Grant,
    LeaseOffice,
    insert_grant,
    own_address,
    read_grants,
)
from tramgac_collector.model import Owner
from tramgac_collector.store.engine import open_engine, upgrade
from tramgac_proto.throughput.lease import read_unverified, verify
from tramgac_proto.v1 import fleet_pb2

NOW = 1_790_000_000_000
MEGABIT = 125_000


def _hospital(name: str) -> dict[str, object]:
    def host(identity: str, **more: object) -> dict[str, object]:
        return {"id": identity, "address": "192.0.2.7", "expect_mbps": 1000, **more}

    return {
        "id": name,
        "code": "01",
        "sites": [
            {
                "id": "main",
                "hosts": [
                    host("his"),
                    host("hub", responder=True, expect_mbps=100),
                    host("lab", responder=True, address="2001:db8::7", responder_port=9000),
                    host("mute"),
                    {"id": "bare", "address": "192.0.2.8", "responder": True},
                    {"id": "bare2"},
                ],
            },
            {"id": "branch", "hosts": [host("desk", responder=True), host("pc")]},
            {"id": "annex", "hosts": [host("store"), host("shelf", responder=True)]},
        ],
    }


INVENTORY = msgspec.convert({"facilities": [_hospital("a"), _hospital("b")]}, Inventory)


def owner(host: str = "his", site: str = "main", facility: str = "a") -> Owner:
    return Owner(f"id-of-{host}", facility, site, host)


def wish(target: str = "hub", megabits: float = 80, **more: str) -> fleet_pb2.LeaseRequest:
    return fleet_pb2.LeaseRequest(
        target=target,
        direction=more.get("direction", "send"),
        proves=more.get("proves", "floor"),
        pace_bytes_per_second=megabits * MEGABIT,
    )


class Office:
    """An office with everything it told others."""

    def __init__(self, **throughput: float) -> None:
        config = Config(throughput=msgspec.convert(throughput, ThroughputSection))
        self.counts: Counter[str] = Counter()
        self.grants: list[Grant] = []
        self.desk = LeaseOffice(
            KEY, INVENTORY, config, persist=self.grants.append, count=self.count
        )

    def count(self, code: str) -> None:
        self.counts[code] += 1

    def ask(
        self, request: fleet_pb2.LeaseRequest, who: Owner | None = None, now_ms: int = NOW
    ) -> fleet_pb2.LeaseClaims | None:
        tokens = self.desk.grant(who or owner(), [request], now_ms)
        return read_unverified(tokens[0]) if tokens else None

    def code(self, request: fleet_pb2.LeaseRequest, who: Owner | None = None) -> str:
        assert self.ask(request, who) is None
        (code,) = self.counts
        return code


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_lease_names_both_ends_and_its_price(office: Office) -> None:
    """What comes out is signed, addressed, and no dearer than 0.4 s at the pace."""
    (token,) = office.desk.grant(owner(), [wish()], NOW)
    claims = verify(token, PUBLIC, NOW, "a/main/hub")

    assert claims.address == "192.0.2.7:8445"
    assert claims.initiator == "id-of-his"
    assert claims.pace_bytes_per_second == 80 * MEGABIT
    assert claims.max_bytes == 4_000_000
    assert claims.max_seconds == 1.0
    assert office.counts == {"granted": 1}


def test_the_pace_is_clipped_to_what_is_declared(office: Office) -> None:
    """However much is asked for, it is 80 % of the slower end."""
    claims = office.ask(wish(megabits=9000))

    assert claims
    assert claims.pace_bytes_per_second == 80 * MEGABIT


def test_a_slower_wish_stays_slower(office: Office) -> None:
    """The agent may ask for less than is declared."""
    claims = office.ask(wish(megabits=8))

    assert claims
    assert claims.pace_bytes_per_second == 8 * MEGABIT


def test_the_configured_ceiling_holds() -> None:
    """`max_bytes` and `max_seconds` bound every lease."""
    claims = Office(max_bytes=1_000_000, max_seconds=0.5).ask(wish())

    assert claims
    assert claims.max_bytes == 1_000_000
    assert claims.max_seconds == 0.5


def test_an_ipv6_responder_is_addressed_so_that_it_can_be_dialled(office: Office) -> None:
    """Brackets around the address, its own port behind it."""
    claims = office.ask(wish("lab"))

    assert claims
    assert claims.address == "[2001:db8::7]:9000"


@pytest.mark.parametrize(
    ("request_", "who", "code"),
    [
        (wish("nobody"), owner(), "unknown_target"),
        (wish("his"), owner(), "unknown_target"),
        (wish("mute"), owner(), "no_responder"),
        (wish(), owner("stranger"), "unknown_initiator"),
        (wish(), owner("his", "branch"), "unknown_initiator"),
        (wish(), owner("his", facility="c"), "unknown_initiator"),
        (wish("bare"), owner("bare2"), "no_expectation"),
        (wish(direction="both"), owner(), "unknown_direction"),
        (wish(proves="capacity"), owner(), "capacity_not_offered"),
        (wish(megabits=0), owner(), "bad_pace"),
        (wish(megabits=float("nan")), owner(), "bad_pace"),
        (wish(megabits=-5), owner(), "bad_pace"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_declared_is_refused(
    office: Office, request_: fleet_pb2.LeaseRequest, who: Owner, code: str
) -> None:
    """Each refusal is counted under its own reason."""
    assert office.code(request_, who) == code


def test_one_test_per_site_at_a_time(office: Office) -> None:
    """A second host of the site waits until the first one's lease has run out by itself."""
    assert office.ask(wish())
    assert office.ask(wish("hub"), owner("mute")) is None
    assert office.ask(wish("hub"), owner("mute"), NOW + LIFETIME_MS - 1) is None
    assert office.ask(wish("hub"), owner("mute"), NOW + LIFETIME_MS)
    assert office.counts == {"granted": 2, "site_busy": 2}


def test_both_ends_sites_are_taken(office: Office) -> None:
    """A test between two sites keeps both quiet, and only those."""
    assert office.ask(wish("desk"))
    assert office.ask(wish("shelf"), owner("pc", "branch")) is None
    assert office.ask(wish("shelf"), owner("store", "annex"))
    assert office.ask(wish(), owner(facility="b"))


def test_the_centre_is_tested_by_one_site_at_a_time(office: Office) -> None:
    """The collector's own line is a site like any other; its budget is each site's own."""
    claims = office.ask(wish("collector"))

    assert claims
    assert claims.responder == "collector"
    assert office.ask(wish("collector"), owner(facility="b")) is None
    assert office.ask(wish("collector"), owner(facility="b"), NOW + LIFETIME_MS)


def test_a_collector_without_responder_says_so() -> None:
    """With `responder = false` nobody is sent to a closed port."""
    assert Office(responder=False).code(wish("collector")) == "no_responder"


def test_the_daily_budget_of_a_site_is_kept() -> None:
    """Two tests of 4 MB fit into 10 MB, the third waits until the first is a day old."""
    office = Office(site_bytes_per_day=10_000_000)
    hour = DAY_MS // 24
    assert office.ask(wish(), now_ms=NOW)
    assert office.ask(wish(), now_ms=NOW + hour)
    assert office.ask(wish(), now_ms=NOW + 2 * hour) is None
    assert office.ask(wish("shelf"), owner("store", "annex"), NOW + 2 * hour)
    assert office.ask(wish(), now_ms=NOW + DAY_MS - 1) is None
    assert office.ask(wish(), now_ms=NOW + DAY_MS)
    assert office.ask(wish(), now_ms=NOW + DAY_MS + LIFETIME_MS) is None
    assert office.counts["budget_spent"] == 3


def test_one_call_gets_one_test(office: Office) -> None:
    """Several wishes in one report are not run side by side, and only four are looked at."""
    tokens = office.desk.grant(owner(), [wish() for _ in range(50)], NOW)

    assert len(tokens) == 1
    assert office.counts == {"granted": 1, "site_busy": 3}


def test_another_inventory_counts_from_the_next_wish_on(office: Office) -> None:
    """A host that was taken out gets no lease any more."""
    office.desk.set_inventory(Inventory())

    assert office.code(wish()) == "unknown_initiator"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    upgrade(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()


def test_a_restart_forgets_neither_lease_nor_budget(engine: Engine) -> None:
    """What was written down brings back the site's turn and its spending."""
    before = Office()
    assert before.ask(wish())
    with engine.begin() as connection:
        insert_grant(connection, before.grants[0])
        insert_grant(connection, replace(before.grants[0], id="0" * 32))

    after = Office(site_bytes_per_day=10_000_000)
    with engine.connect() as connection:
        after.desk.restore(read_grants(connection, NOW - DAY_MS))
    assert after.ask(wish()) is None
    assert after.ask(wish(), now_ms=NOW + LIFETIME_MS) is None
    assert after.counts == {"site_busy": 1, "budget_spent": 1}


@pytest.mark.parametrize(
    ("listen", "names", "address"),
    [
        ("192.0.2.1:8445", ("gac.example",), "192.0.2.1:8445"),
        ("0.0.0.0:8445", ("localhost", "127.0.0.1", "gac.example"), "gac.example:8445"),
        ("[::]:8445", ("2001:db8::1",), "[2001:db8::1]:8445"),
        ("0.0.0.0:8445", ("localhost", "127.0.0.1"), "localhost:8445"),
    ],
)
def test_agents_are_sent_where_they_can_reach_the_centre(
    listen: str, names: tuple[str, ...], address: str
) -> None:
    """The listening address if there is one, else the first name that others can use."""
    config = Config(
        collector=CollectorSection(names=names), listen=ListenSection(throughput=listen)
    )

    assert own_address(config) == address
