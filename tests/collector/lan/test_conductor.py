"""The test conductor: who may test which path when, and what it may cost."""

from collections import Counter

import msgspec
import pytest
from helpers.leases import KEY, PUBLIC

from tramgac_collector.config import CollectorSection, Config, ListenSection, ThroughputSection
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.lan.budget import DAY_MS
from tramgac_collector.lan.conductor import LIFETIME_MS, Conductor, own_address
from tramgac_collector.lan.ledger import Ending, Grant
from tramgac_collector.model import Owner
from tramgac_proto.throughput.lease import CLOCK_TOLERANCE_MS, read_unverified, verify
from tramgac_proto.v1 import fleet_pb2

# A Monday, 21:13 in Viet Nam: no clinic, no night.
NOW = 1_790_000_000_000
MEGABIT = 125_000
HELD_MS = LIFETIME_MS + CLOCK_TOLERANCE_MS + 1_000


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
    """A conductor with everything it told others."""

    def __init__(self, **throughput: float) -> None:
        config = Config(throughput=msgspec.convert(throughput, ThroughputSection))
        self.counts: Counter[str] = Counter()
        self.grants: list[Grant] = []
        self.endings: list[Ending] = []
        self.refusals: list[fleet_pb2.LeaseRefusal] = []
        self.desk = Conductor(KEY, INVENTORY, config, self)

    def granted(self, grant: Grant) -> None:
        self.grants.append(grant)

    def ended(self, ending: Ending) -> None:
        self.endings.append(ending)

    def refused(self, owner: Owner, refusal: fleet_pb2.LeaseRefusal, now_ms: int) -> None:
        assert owner.agent_id
        assert now_ms
        self.refusals.append(refusal)

    def count(self, code: str) -> None:
        self.counts[code] += 1

    def ask(
        self, request: fleet_pb2.LeaseRequest, who: Owner | None = None, now_ms: int = NOW
    ) -> fleet_pb2.LeaseClaims | None:
        answer = self.desk.grant(who or owner(), [request], now_ms)
        assert len(answer.tokens) + len(answer.refusals) == 1
        return read_unverified(answer.tokens[0]) if answer.tokens else None

    def code(self, request: fleet_pb2.LeaseRequest, who: Owner | None = None) -> str:
        assert self.ask(request, who) is None
        (code,) = self.counts
        return code


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_lease_names_both_ends_and_its_price(office: Office) -> None:
    """What comes out is signed, addressed, and no dearer than 0.4 s at the pace."""
    (token,) = office.desk.grant(owner(), [wish()], NOW).tokens
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
        (wish(proves="capacity"), owner(), "not_night"),
        (wish(proves="luck"), owner(), "unknown_proof"),
        (wish(megabits=0), owner(), "bad_pace"),
        (wish(megabits=float("nan")), owner(), "bad_pace"),
        (wish(megabits=-5), owner(), "bad_pace"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_declared_is_refused(
    office: Office, request_: fleet_pb2.LeaseRequest, who: Owner, code: str
) -> None:
    """Each refusal is counted under its own reason, which the agent is told with a wait."""
    assert office.code(request_, who) == code
    (refusal,) = office.refusals
    assert (refusal.target, refusal.code) == (request_.target, code)
    assert refusal.retry_after_ms > 0


def test_one_test_per_segment_at_a_time(office: Office) -> None:
    """A second host of the segment waits until the first one's lease is surely over."""
    assert office.ask(wish())
    assert office.ask(wish("hub"), owner("mute")) is None
    assert office.ask(wish("hub"), owner("mute"), NOW + HELD_MS - 1) is None
    assert office.ask(wish("hub"), owner("mute"), NOW + HELD_MS)
    assert office.counts == {"granted": 2, "segment_busy": 2}


def test_both_ends_are_taken(office: Office) -> None:
    """A test between two sites keeps both quiet, and only those."""
    assert office.ask(wish("desk"))
    assert office.ask(wish("shelf"), owner("pc", "branch")) is None
    assert office.ask(wish("shelf"), owner("store", "annex"))
    assert office.ask(wish(), owner(facility="b"))


def test_the_centre_is_tested_by_one_site_at_a_time(office: Office) -> None:
    """The collector counts as a segment; its own is nobody's budget."""
    claims = office.ask(wish("collector"))

    assert claims
    assert claims.responder == "collector"
    assert office.ask(wish("collector"), owner(facility="b")) is None
    assert office.ask(wish("collector"), owner(facility="b"), NOW + HELD_MS)
    assert office.counts["collector_busy"] == 1


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
    assert office.ask(wish(), now_ms=NOW + DAY_MS + HELD_MS) is None
    assert office.counts["budget_spent"] == 3


def test_one_call_gets_one_test(office: Office) -> None:
    """Several wishes in one report are not run side by side, and only four are looked at."""
    answer = office.desk.grant(owner(), [wish() for _ in range(50)], NOW)

    assert len(answer.tokens) == 1
    assert office.counts == {"granted": 1, "segment_busy": 3}


def test_another_inventory_counts_from_the_next_wish_on(office: Office) -> None:
    """A host that was taken out gets no lease any more."""
    office.desk.set_inventory(Inventory())

    assert office.code(wish()) == "unknown_initiator"


def result(claims: fleet_pb2.LeaseClaims, verdict: str = "held") -> fleet_pb2.ThroughputResult:
    return fleet_pb2.ThroughputResult(
        lease_id=claims.id,
        target=claims.target,
        direction=claims.direction,
        proves=claims.proves,
        verdict=verdict,
        bytes=4_000_000,
    )


def test_a_result_frees_the_way_at_once(office: Office) -> None:
    """The next test need not wait until the lease has run out."""
    claims = office.ask(wish())
    assert claims
    office.desk.ended(owner(), result(claims), NOW + 3_000)

    assert office.ask(wish("hub"), owner("mute"), NOW + 3_000)
    (ending,) = office.endings
    assert (ending.verdict, ending.bytes, ending.at_ms) == ("held", 4_000_000, NOW + 3_000)


def test_a_test_that_ends_before_it_can_frees_nothing_yet(office: Office) -> None:
    """Said at once it counts from the end of the longest test that began in time."""
    claims = office.ask(wish())
    assert claims
    office.desk.ended(owner(), result(claims), NOW + 1)

    assert office.ask(wish("hub"), owner("mute"), NOW + 2_999) is None
    assert office.ask(wish("hub"), owner("mute"), NOW + 3_000)
    assert [one.at_ms for one in office.endings] == [NOW + 3_000]


def test_a_word_nobody_knows_frees_nothing(office: Office) -> None:
    """Until the lease can be used no more; a second word does not change that."""
    claims = office.ask(wish())
    assert claims
    office.desk.ended(owner(), result(claims, "finished"), NOW + 3_000)
    office.desk.ended(owner(), result(claims), NOW + 3_001)

    assert office.ask(wish("hub"), owner("mute"), NOW + HELD_MS - 1) is None
    assert office.ask(wish("hub"), owner("mute"), NOW + HELD_MS)


def test_nobody_ends_the_test_of_another(office: Office) -> None:
    """Only who was granted the lease can give it back; a made-up verdict is not kept."""
    claims = office.ask(wish())
    assert claims
    office.desk.ended(owner("mute"), result(claims, "x" * 100), NOW + 3_000)

    assert office.ask(wish("hub"), owner("mute"), NOW + 3_000) is None
    assert [one.verdict for one in office.endings] == ["other"]


def test_an_old_result_does_not_free_a_newer_test(office: Office) -> None:
    """The report of a test that expired comes while another runs."""
    first = office.ask(wish())
    assert first
    assert office.ask(wish("hub"), owner("mute"), NOW + HELD_MS)
    office.desk.ended(owner(), result(first), NOW + HELD_MS + 1)

    assert office.ask(wish(), now_ms=NOW + HELD_MS + 2) is None


def test_both_ends_begin_together(office: Office) -> None:
    """A lease is valid from a moment that lies ahead when it arrives."""
    claims = office.ask(wish())

    assert claims
    assert claims.not_before_unix_ms == NOW + 2_000
    assert claims.expires_unix_ms == NOW + LIFETIME_MS
    assert office.grants[0].starts_ms == claims.not_before_unix_ms


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
