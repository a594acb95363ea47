"""The throughput check: when it asks, what it asks for, and what it says of the answer."""

import subprocess
import time
from pathlib import Path

import msgspec
import pytest
from helpers.lan import neighbour
from helpers.leasedesk import MEGABIT, NO_CARD, check, collector, context, granting, refusing
from helpers.leases import responder
from helpers.onecheck import observe, values

from tramgac_agent.checks.base import NotApplicable, Observation
from tramgac_agent.checks.throughput import (
    MIN_PACE,
    Memory,
    ThroughputCheck,
    ThroughputSettings,
    first_pace,
)
from tramgac_agent.host.card import NetworkCard
from tramgac_agent.throughput import desk
from tramgac_proto.configfile import convert
from tramgac_proto.v1 import fleet_pb2

pytestmark = pytest.mark.alone

TRIES = 5  # on a machine too busy to keep a pace, which the check says of itself


def result_of(one: Observation) -> fleet_pb2.ThroughputResult:
    assert isinstance(one.detail, fleet_pb2.ThroughputResult)
    return one.detail


def test_a_path_is_measured_both_ways(tmp_path: Path) -> None:
    """Two leases, two tests, two results with pace, bytes and verdict; the rate is remembered."""
    ctx = context(tmp_path)
    with responder(tmp_path) as address, collector(ctx.agent.leases, granting(address)) as seen:
        for _ in range(TRIES):
            send, receive = check("hub", expect=10).run(ctx)
            if not send.failure and not receive.failure:
                break

    assert [wish.direction for wish in seen[:2]] == ["send", "receive"]
    for one, way in ((send, "send"), (receive, "receive")):
        detail = result_of(one)
        assert (detail.target, detail.direction, detail.proves) == ("hub", way, "floor")
        assert detail.verdict == "held", detail
        assert detail.bytes == 400_000
        assert detail.pace_bytes_per_second == 8 * MEGABIT
        assert detail.rate_bytes_per_second == pytest.approx(8 * MEGABIT, rel=0.02)
        assert detail.seconds <= 1.0
        assert one.event
        assert one.stream == f"throughput:hub:{way}"
    shown = values([send], target="hub", direction="send", proves="floor")
    assert shown == {
        "path_throughput_bytes_per_second": result_of(send).rate_bytes_per_second,
        "path_throughput_pace_bytes_per_second": 8 * MEGABIT,
        "path_throughput_test_bytes": 400_000,
        "path_throughput_held": 1.0,
    }
    memory = msgspec.json.decode((tmp_path / "throughput.json").read_bytes(), type=Memory)
    assert set(memory.proven) == {"hub/send", "hub/receive"}


def test_a_slower_path_is_said_not_to_hold_and_is_asked_for_less_next_time(tmp_path: Path) -> None:
    """A cable of 10 Mbit/s that should carry 100 is told at its rate; then the pace comes down."""
    with neighbour() as there:
        for words in (
            ["tc", "qdisc", "add", "dev", there.interface],
            ["tc", "-n", there.namespace, "qdisc", "add", "dev", there.far_interface],
        ):
            shape = ["root", "tbf", "rate", "10mbit", "burst", "16kb", "latency", "50ms"]
            subprocess.run([*words, *shape], check=True)
        ctx = context(tmp_path)
        inside = ["ip", "netns", "exec", there.namespace]
        with (
            responder(tmp_path, f"{there.far}:0", inside) as address,
            collector(ctx.agent.leases, granting(address)) as seen,
        ):
            first = list(check("hub").run(ctx))
            second = list(check("hub").run(ctx))

    true_rate = 10 * MEGABIT * 1448 / 1514
    for one in first:
        assert result_of(one).verdict == "not_held", result_of(one)
        assert result_of(one).end_reason in {"queue_grew", "slower", "loss"}
        assert result_of(one).rate_bytes_per_second == pytest.approx(true_rate, rel=0.03)
        assert not one.failure
        assert values([one])["path_throughput_held"] == 0.0
    assert [wish.pace_bytes_per_second for wish in seen[:2]] == [80 * MEGABIT] * 2
    for wish in seen[2:]:
        assert wish.pace_bytes_per_second == pytest.approx(0.8 * 2 * true_rate, rel=0.03)
    assert [result_of(one).verdict for one in second] == ["not_held"] * 2


def test_without_a_lease_the_test_is_skipped_and_said_to_be(tmp_path: Path) -> None:
    """No grant: one bounded wait for the whole run, asked again with each report meanwhile."""
    ctx = context(tmp_path, 80.5)
    with collector(ctx.agent.leases, lambda _: []) as seen:
        observations = list(check("hub", "lab").run(ctx))

    assert {(wish.target, wish.direction) for wish in seen} == {("hub", "send")}
    assert {one.failure for one in observations} == {"skipped_no_lease"}
    assert not any(one.samples or one.detail for one in observations)
    assert not any(one.stream.startswith("throughput:") for one in observations)
    assert ctx.agent.leases.take_wishes() == []


def test_a_refusal_is_said_and_not_asked_about_again_too_soon(tmp_path: Path) -> None:
    """The collector's reason becomes the code, at once; before its time nobody asks again."""
    ctx = context(tmp_path)
    began = time.monotonic()
    with collector(ctx.agent.leases, refusing(ctx.agent.leases, "clinic_hours", 3_600_000)) as seen:
        first = list(check("hub").run(ctx))
        second = list(check("hub").run(ctx))

    assert time.monotonic() - began < 10
    assert [one.failure for one in first] == ["skipped_clinic_hours"] * 2
    assert [one.failure for one in second] == ["skipped_not_yet"] * 2
    assert len(seen) == 2


def test_a_short_refusal_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy segment costs a moment, not the test."""
    monkeypatch.setattr(desk, "_LOOK_SECONDS", 0.05)
    ctx = context(tmp_path)
    refuse = refusing(ctx.agent.leases, "segment_busy", 200)
    grant = granting("127.0.0.1:1")
    asked: list[str] = []

    def answer(wish: fleet_pb2.LeaseRequest) -> list[bytes]:
        asked.append(wish.direction)
        return grant(wish) if asked.count(wish.direction) > 1 else refuse(wish)

    with collector(ctx.agent.leases, answer):
        observations = list(check("hub").run(ctx))

    assert [one.failure for one in observations] == ["unreachable"] * 2
    assert asked == ["send", "send", "receive", "receive"]


def test_a_busy_card_leaves_the_test_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above 30 % of what card or path carry nobody is even asked for a lease."""
    monkeypatch.setattr(NetworkCard, "load", lambda *_: 0.31)
    ctx = context(tmp_path)
    with collector(ctx.agent.leases, granting("127.0.0.1:1")) as seen:
        observations = list(check("hub").run(ctx))

    assert [one.failure for one in observations] == ["skipped_link_busy"] * 2
    assert seen == []


def test_a_card_that_fills_while_the_lease_is_waited_for_gives_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quiet, asked, granted, then a copy begins: nothing is sent, and the collector hears it."""
    # First the long look; then the short one, which sees the copy going there and not back.
    looks = iter([0.02, 0.31, 0.05])
    monkeypatch.setattr(NetworkCard, "load", lambda *_: next(looks))
    ctx = context(tmp_path)
    with collector(ctx.agent.leases, granting("127.0.0.1:1")):
        busy, quiet = check("hub").run(ctx)

    assert (busy.failure, quiet.failure) == ("skipped_link_busy", "unreachable")
    assert busy.event
    assert busy.samples == ()
    assert not busy.stream.startswith("throughput:")
    told = result_of(busy)
    assert (told.verdict, told.end_reason, told.bytes) == ("refused", "link_busy", 0)
    assert len(told.lease_id) == 16
    assert told.load_before_ratio == pytest.approx(0.31)


def test_a_slow_line_behind_a_fast_card_sets_the_pace(tmp_path: Path) -> None:
    """1 Gbit/s at both ends and a declared uplink of 100 Mbit/s: never more than 80 are sent."""
    target = {"name": "hub", "expect_mbps": 1000, "uplink_mbps": 100, "interface": NO_CARD}
    one = ThroughputCheck(convert({"targets": [target], "hours": []}, ThroughputSettings, "test"))
    ctx = context(tmp_path)
    with collector(ctx.agent.leases, granting("127.0.0.1:1")) as seen:
        list(one.run(ctx))

    assert {wish.pace_bytes_per_second for wish in seen} == {80 * MEGABIT}


def test_a_lease_for_another_path_is_not_used_for_this_one(tmp_path: Path) -> None:
    """A late grant of another target waits for its own turn."""
    ctx = context(tmp_path)
    grants: list[fleet_pb2.LeaseRequest] = []

    def mixed_up(wish: fleet_pb2.LeaseRequest) -> list[bytes]:
        grants.append(wish)
        other = fleet_pb2.LeaseRequest()
        other.CopyFrom(wish)
        other.target = "lab"
        return [*granting("127.0.0.1:1")(other), *granting("127.0.0.1:1")(wish)]

    with collector(ctx.agent.leases, mixed_up):
        observations = list(check("hub", "lab").run(ctx))

    assert [result_of(one).target for one in observations] == ["hub", "hub", "lab", "lab"]
    assert [wish.target for wish in grants] == ["hub", "hub"]


def test_a_lease_that_came_too_late_is_thrown_away(tmp_path: Path) -> None:
    """What was filed before the run began has expired and is not shown to anybody."""
    ctx = context(tmp_path, 80.5)
    stale = granting("127.0.0.1:1")
    for way in ("send", "receive"):
        ctx.agent.leases.grant(stale(fleet_pb2.LeaseRequest(target="hub", direction=way)))

    assert {one.failure for one in check("hub").run(ctx)} == {"skipped_no_lease"}


def test_a_refusal_is_reported_under_its_reason(tmp_path: Path) -> None:
    """A closed port gives a result without values, and no rate is remembered."""
    ctx = context(tmp_path)
    with collector(ctx.agent.leases, granting("127.0.0.1:1")):
        observations = list(check("hub").run(ctx))

    assert [result_of(one).verdict for one in observations] == ["refused", "refused"]
    assert [one.failure for one in observations] == ["unreachable", "unreachable"]
    assert values(observations) == {}
    assert b'"proven":{}' in (tmp_path / "throughput.json").read_bytes()


def test_garbage_for_a_lease_harms_nothing(tmp_path: Path) -> None:
    """A token that cannot be read is left aside."""
    ctx = context(tmp_path, 80.5)
    with collector(ctx.agent.leases, lambda _: [b"\xff\xff\xff"]):
        assert {one.failure for one in check("hub").run(ctx)} == {"skipped_no_lease"}


def test_a_lease_for_more_than_was_asked_is_not_used(tmp_path: Path) -> None:
    """The collector may slow a test down; it cannot make this host flood its network."""
    ctx = context(tmp_path, 80.5)
    faster = granting("127.0.0.1:1")

    def wide(wish: fleet_pb2.LeaseRequest) -> list[bytes]:
        more = fleet_pb2.LeaseRequest()
        more.CopyFrom(wish)
        more.pace_bytes_per_second *= 2
        return faster(more)

    with collector(ctx.agent.leases, wide):
        assert {one.failure for one in check("hub").run(ctx)} == {"skipped_no_lease"}


def test_a_disk_that_keeps_nothing_costs_no_result(tmp_path: Path) -> None:
    """What was measured is reported; only the memory of it is lost."""
    ctx = context(tmp_path / "gone")
    with collector(ctx.agent.leases, granting("127.0.0.1:1")):
        observations = list(check("hub").run(ctx))

    assert [one.failure for one in observations] == ["unreachable", "unreachable"]


def test_without_targets_there_is_nothing_to_measure(tmp_path: Path) -> None:
    """An empty list is no failure."""
    with pytest.raises(NotApplicable):
        observe(check(), tmp_path)


@pytest.mark.parametrize(
    ("expect", "link", "proven", "pace"),
    [
        (12.5e6, None, None, 10e6),
        (12.5e6, 1.25e6, None, 1e6),
        (12.5e6, 125e6, 1e6, 1.6e6),
        (12.5e6, 125e6, 10e6, 10e6),
        (12.5e6, 125e6, 0.0, MIN_PACE),
    ],
)
def test_the_pace_starts_from_the_lowest_of_what_is_known(
    expect: float, link: float | None, proven: float | None, pace: float
) -> None:
    """Declared, card, and twice the last rate; a dead path is still tried a little."""
    assert first_pace(expect, link, proven) == pytest.approx(pace)


def test_a_repaired_path_climbs_back() -> None:
    """From a tenth of its rate a path is at full pace again after five held tests."""
    proven = 1.25e6
    for _ in range(5):
        proven = first_pace(12.5e6, None, proven)

    assert proven == 10e6
