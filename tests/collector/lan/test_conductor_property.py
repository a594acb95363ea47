"""Whatever is asked in whatever order: nothing is loaded twice at once, no budget is exceeded."""

from dataclasses import dataclass

import msgspec
from helpers.conducting import Office, result_of, wish
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_collector.config import ThroughputSection
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.lan.ledger import Ending, Entry, Grant, overlaps
from tramgac_collector.model import Owner
from tramgac_proto.v1 import fleet_pb2

NOW = 1_790_000_000_000
DAY = 86_400_000
BUDGET = 20_000_000
HOSTS, SEGMENTS = 8, 4


@dataclass(frozen=True)
class Step:
    """Somebody asks, some time after the step before, and may report soon after."""

    after_ms: int
    host: int
    target: int
    direction: str
    reports_after_ms: int | None


steps = st.builds(
    Step,
    st.sampled_from([0, 0, 1, 1_000, 10_000, 26_000, 3_600_000]),
    st.integers(0, 2 * HOSTS - 1),
    st.integers(0, 2 * HOSTS),
    st.sampled_from(["send", "receive"]),
    st.one_of(st.none(), st.sampled_from([0, 3_000, 40_000])),
)
places = st.lists(st.integers(-1, SEGMENTS - 1), min_size=2 * HOSTS, max_size=2 * HOSTS)
uplinks = st.lists(st.sets(st.integers(0, SEGMENTS - 1), min_size=1), min_size=0, max_size=3)


def build(where: list[int], shared: list[set[int]], *, segmented: bool) -> Inventory:
    """Two sites of eight hosts, all of them responders, the second perhaps without segments."""
    sites = []
    for number in range(2):
        split = segmented or number == 0
        hosts = [
            {
                "id": f"h{one}", "address": "192.0.2.1", "expect_mbps": 100, "responder": True,
                "segment": f"s{where[one]}" if split and where[one] >= 0 else "",
            }
            for one in range(number * HOSTS, (number + 1) * HOSTS)
        ]  # fmt: skip
        site: dict[str, object] = {"id": f"site{number}", "hosts": hosts, "wan_mbps": 50}
        if split:
            site["segments"] = [{"id": f"s{one}"} for one in range(SEGMENTS)]
            site["uplinks"] = [
                {"id": f"u{at}", "segments": [f"s{one}" for one in sorted(group)]}
                for at, group in enumerate(shared)
            ]
        sites.append(site)
    tree = {"clinic": {"hours": []}, "facilities": [{"id": "f", "code": "1", "sites": sites}]}
    return msgspec.convert(tree, Inventory)


def segments_loaded(grant: Grant, inventory: Inventory) -> set[str]:
    """By hand from the inventory, in none of the conductor's words."""
    found: set[str] = set()
    for host in {grant.initiator, grant.target} - {"collector"}:
        placed = inventory.place_of("f", host)
        assert placed
        names = [placed.host.segment] if placed.host.segment else []
        names = names or [one.id for one in placed.site.segments] or ["all"]
        found |= {f"{placed.site.id}:{name}" for name in names}
    return found


def crosses(grant: Grant, inventory: Inventory) -> set[str]:
    """The shared uplinks on the way, by hand, where both ends' segments are declared."""
    places = [inventory.place_of("f", one) for one in (grant.initiator, grant.target)]
    if places[1] is not None and places[0] and places[0].host.segment == places[1].host.segment:
        return set()
    return {
        f"{placed.site.id}:{uplink.id}"
        for placed in places
        if placed is not None and placed.host.segment
        for uplink in placed.site.uplinks
        if placed.host.segment in uplink.segments
    }


def play(office: Office, plan: list[Step]) -> list[Entry]:
    """Do the steps; return the ledger as the store would have it."""
    reports: list[tuple[int, Owner, fleet_pb2.ThroughputResult]] = []
    now = NOW
    for step in plan:
        now += step.after_ms
        for due in [one for one in reports if one[0] <= now]:
            reports.remove(due)
            office.desk.ended(due[1], due[2], due[0])
        who = Owner(f"h{step.host}", "f", f"site{step.host // HOSTS}", f"h{step.host}")
        target = "collector" if step.target == 2 * HOSTS else f"h{step.target}"
        answer = office.ask(who, wish(target, step.direction), now)
        if isinstance(answer, fleet_pb2.LeaseClaims):
            if step.reports_after_ms is not None:
                reports.append((now + step.reports_after_ms, who, result_of(answer, "held")))
        else:
            assert answer.retry_after_ms > 0
    ended: dict[str, Ending] = {one.id: one for one in reversed(office.endings)}
    return [
        Entry(grant, ended[grant.id].at_ms if grant.id in ended else None)
        for grant in office.grants
    ]


@given(places, uplinks, st.booleans(), st.lists(steps, max_size=60))
@settings(max_examples=120, deadline=None)
def test_nothing_is_loaded_twice_at_once(
    where: list[int],
    shared: list[set[int]],
    segmented: bool,  # noqa: FBT001 - drawn
    plan: list[Step],
) -> None:
    """Random LANs, requests, deaths and reports: neither ledger nor map finds two at once."""
    inventory = build(where, shared, segmented=segmented)
    office = Office(inventory, ThroughputSection(site_bytes_per_day=BUDGET))
    entries = play(office, plan)

    assert overlaps(entries) == []
    for number, one in enumerate(entries):
        for other in entries[number + 1 :]:
            if one.grant.granted_ms <= other.grant.granted_ms < one.free_ms:
                for load in (segments_loaded, crosses):
                    assert not load(one.grant, inventory) & load(other.grant, inventory)
    for site in ("site0", "site1"):
        for end in entries:
            day = range(end.grant.granted_ms - DAY + 1, end.grant.granted_ms + 1)
            spent = [
                one.grant.max_bytes
                for one in entries
                if one.grant.granted_ms in day
                and any(name.startswith(site) for name in segments_loaded(one.grant, inventory))
            ]
            assert sum(spent) <= BUDGET
