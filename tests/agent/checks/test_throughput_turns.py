"""Whose turn it is to be tested, and when."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from helpers.leasedesk import check, collector, context, granting

from tramgac_agent.checks import throughput
from tramgac_agent.checks.throughput import Memory, ThroughputCheck, ThroughputSettings, _count
from tramgac_agent.host.card import NetworkCard
from tramgac_agent.host.windows import parse_window, share_of
from tramgac_proto.configfile import ConfigError, convert

ALL_DAY = ("00:00-12:00", "12:00-00:00")
ZONE = timezone(timedelta(hours=7))


def at(clock: str, day: int = 2) -> datetime:
    hour, minute = clock.split(":")
    return datetime(2026, 3, day, int(hour), int(minute), tzinfo=ZONE)


def due(one: ThroughputCheck, memory: Memory, now: datetime) -> list[str]:
    """Whose turn it is; each of them has it."""
    found = one._due(memory, "his", now)
    for turn in found:
        _count(memory, turn)
    return [turn.key for turn in found]


def test_a_target_is_tested_once_in_each_window() -> None:
    """Inside the window until it is done, outside never, the next day again."""
    one, memory = check("hub", hours=("06:00-07:00",)), Memory()
    assert due(one, memory, at("05:59")) == []
    assert due(one, memory, at("06:55")) == ["hub/floor"]
    memory.done["hub/floor"] = memory.tries["hub/floor"][0]

    assert due(one, memory, at("06:58")) == []
    assert due(one, memory, at("07:00")) == []
    assert due(one, memory, at("06:55", day=3)) == ["hub/floor"]


def test_capacity_is_asked_for_at_night_and_by_day_never() -> None:
    """Only inside its own hours, and only where the target wants it."""
    one, memory = check("hub", hours=("06:00-07:00",), capacity_hours=("01:00-04:00",)), Memory()

    assert due(one, memory, at("03:59")) == ["hub/capacity"]
    assert due(one, memory, at("06:55")) == ["hub/floor"]
    assert due(one, memory, at("12:00")) == []


def test_a_skipped_target_is_tried_three_times_in_a_window() -> None:
    """Without a lease it is tried again, but not for ever."""
    one, memory = check("hub", hours=("06:00-07:00",)), Memory()
    tries = [due(one, memory, at(f"06:{minute}")) for minute in range(50, 60)]

    assert tries == [["hub/floor"]] * 3 + [[]] * 7


def test_hosts_take_turns_within_a_window() -> None:
    """Each begins at its own minute, always the same, spread over three quarters of it."""
    window = parse_window("22:00-02:00")
    starts = {
        next(
            minute
            for minute in range(240)
            if window.occurrence(at("22:00") + timedelta(minutes=minute), share_of(f"h{number}"))
        )
        for number in range(200)
    }

    assert len(starts) > 90
    assert max(starts) <= 180
    assert window.occurrence(at("01:59", day=3)) == window.occurrence(at("22:00")) != ""


@pytest.mark.parametrize("text", ["6:00-07:00", "06:00", "24:00-01:00", "06:00-06:00", "x"])
def test_a_wrong_window_is_refused_when_the_file_is_read(text: str) -> None:
    """A mistyped time does not silently switch the test off."""
    with pytest.raises(ConfigError, match=r"HH:MM-HH:MM|no length"):
        convert({"hours": [text]}, ThroughputSettings, "agent.toml")


def test_a_run_that_is_over_early_costs_the_others_no_try(tmp_path: Path) -> None:
    """Time for one target a run: each has its turn before the first has its second."""
    one = check("hub", "lab", "ward")
    reached = []
    for _ in range(4):
        ctx = context(tmp_path, 80.5)
        with collector(ctx.agent.leases, lambda _: []) as seen:
            said = list(one.run(ctx))
        assert [told.failure for told in said] == ["skipped_no_lease"] * 6
        reached += sorted({wish.target for wish in seen})

    assert reached == ["hub", "lab", "ward", "hub"]


def test_a_try_is_counted_when_the_turn_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run never came to has all its tries left in the window."""
    monkeypatch.setattr(throughput, "share_of", lambda _name: 0.0)
    ctx = context(tmp_path, 80.5)
    with collector(ctx.agent.leases, lambda _: []):
        list(check("hub", "lab", hours=ALL_DAY).run(ctx))
    memory = msgspec.json.decode((tmp_path / "throughput.json").read_bytes(), type=Memory)

    assert memory.turns == ["hub/floor"]
    assert [tries for _, tries in memory.tries.values()] == [1]


def test_a_lease_given_back_is_no_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that filled while the lease was waited for: tried, and not done for this window."""
    monkeypatch.setattr(throughput, "share_of", lambda _name: 0.0)
    looks = iter([0.0, 0.9, 0.9])
    monkeypatch.setattr(NetworkCard, "load", lambda *_: next(looks))
    ctx = context(tmp_path)
    with collector(ctx.agent.leases, granting("127.0.0.1:1")):
        said = list(check("hub", hours=ALL_DAY).run(ctx))
    memory = msgspec.json.decode((tmp_path / "throughput.json").read_bytes(), type=Memory)

    assert [one.failure for one in said] == ["skipped_link_busy"] * 2
    assert [tries for _, tries in memory.tries.values()] == [1]
    assert memory.done == {}
