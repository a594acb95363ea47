"""Retries come one after another; what was spent is forgotten after a day."""

from tramgac_collector.lan.turns import LONGEST_MS, SLOT_MS, Turns, share_of

NOW = 1_790_000_000_000
SEGMENT = ("segment:f/s",)


def wish(number: int) -> tuple[str, str, str, str]:
    return f"agent-{number}", "hub", "send", "floor"


def test_those_who_wait_get_turns_one_slot_apart() -> None:
    """Forty agents that ask at once do not ask at once again."""
    turns = Turns()
    given = [turns.promise(wish(one), SEGMENT, NOW + 20_000, NOW) for one in range(40)]

    assert given == [NOW + 20_000 + SLOT_MS * one for one in range(40)]


def test_asking_early_neither_loses_nor_gains() -> None:
    """The same turn is told again; only once it is over there is another."""
    turns = Turns()
    first = turns.promise(wish(1), SEGMENT, NOW + 20_000, NOW)

    assert turns.promise(wish(1), SEGMENT, NOW + 20_000, NOW + 5_000) == first
    assert turns.promise(wish(2), SEGMENT, NOW + 20_000, NOW) == first + SLOT_MS
    assert turns.promise(wish(1), SEGMENT, first, first) == first + 2 * SLOT_MS


def test_other_segments_do_not_wait() -> None:
    """A queue is of one segment; who needs two stands in both."""
    turns = Turns()
    for number in range(5):
        turns.promise(wish(number), SEGMENT, NOW, NOW)

    assert turns.promise(wish(9), ("segment:f/t",), NOW, NOW) == NOW
    assert turns.promise(wish(8), (*SEGMENT, "segment:f/t"), NOW, NOW) == NOW + 5 * SLOT_MS


def test_a_long_queue_is_spread_over_an_hour() -> None:
    """Nobody is sent away for days, and those beyond the hour do not come together."""
    turns = Turns()
    given = [turns.promise(wish(one), SEGMENT, NOW, NOW) for one in range(400)]
    late = given[200:]

    assert max(given) <= NOW + 2 * LONGEST_MS
    assert len({at // 60_000 for at in late}) > 40


def test_shares_are_even_and_always_the_same() -> None:
    """A name decides, so a restart changes nothing."""
    shares = [share_of(f"agent-{number}/hub/send/floor") for number in range(1000)]

    assert share_of("agent-1/hub/send/floor") == shares[1]
    assert all(60 < sum(low <= s < low + 0.1 for s in shares) < 140 for low in (0, 0.3, 0.6, 0.9))
