"""Telling directions apart, from packets made up: what was put in comes out."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramgac_agent.probes.oneway import LEAST_ANSWERS, Leg, one_way

MS = 1_000_000


def run(
    *,
    probes: int = 20,
    offset: int = 0,
    skew: float = 0.0,
    there: dict[int, int] | None = None,
    back: dict[int, int] | None = None,
    lost_there: frozenset[int] = frozenset(),
    lost_back: frozenset[int] = frozenset(),
) -> list[Leg]:
    """A run over a path of 1 ms each way, 200 ms apart, with extra delays and losses."""
    legs, arrived = [], 0
    for number in range(probes):
        sent = 10**12 + number * 200 * MS
        if number in lost_there:
            continue
        arrived += 1
        at = sent + MS + (there or {}).get(number, 0)
        away = at + 50_000
        returned = away + MS + (back or {}).get(number, 0)
        if number in lost_back:
            continue
        far = [offset + round(one * (1 + skew)) for one in (at, away)]
        legs.append(Leg(number, arrived, sent, far[0], far[1], returned))
    return legs


def test_which_way_packets_were_lost_is_told() -> None:
    """Three lost on the way there and one on the way back are told apart."""
    found = one_way(run(lost_there=frozenset({2, 5, 6}), lost_back=frozenset({9})))
    assert found.loss["send"] == pytest.approx(3 / 20)
    assert found.loss["receive"] == pytest.approx(1 / 17)


def test_what_was_lost_after_the_last_answer_is_blamed_on_no_direction() -> None:
    """Nobody knows which way the last ones went missing."""
    found = one_way(run(lost_back=frozenset(range(10, 20))))
    assert found.loss == {"send": 0.0, "receive": 0.0}


def test_a_reflector_that_forgot_the_run_proves_no_loss() -> None:
    """Its count begins anew when it restarts: fewer came than were answered."""
    legs = [leg._replace(arrived=1 + leg.sequence % 3) for leg in run()]
    assert one_way(legs).loss == {}


def test_nothing_answered_is_nothing_known() -> None:
    """Without an answer neither direction is known, good or bad."""
    assert one_way([]) == ({}, {}, None)


@pytest.mark.parametrize("way", ["send", "receive"])
@pytest.mark.parametrize("skew", [0.0, 600e-6, -600e-6])
def test_the_queue_is_found_in_its_direction_with_clocks_that_disagree(
    way: str, skew: float
) -> None:
    """Clocks hours apart and drifting by 0.6 ms a second do not hide or make a queue."""
    pick = random.Random(4)
    delays = {number: pick.randrange(0, 20 * MS) for number in range(2, 18)}
    extra = {"there" if way == "send" else "back": delays}
    found = one_way(run(offset=-7_200 * 10**9, skew=skew, **extra))  # type: ignore[arg-type]
    mean = math.fsum(delays.values()) / 20 / 1e9
    other = {"send": "receive", "receive": "send"}[way]
    assert found.queue[way] == pytest.approx(mean, rel=0.1)
    assert found.queue[other] < 0.0005
    assert found.dwell == pytest.approx(50e-6, rel=0.01)


def test_few_answers_say_nothing_of_queues() -> None:
    """The shortest of a handful is no measure of an empty path."""
    assert one_way(run(probes=LEAST_ANSWERS - 1)).queue == {}
    assert set(one_way(run(probes=LEAST_ANSWERS)).queue) == {"send", "receive"}


def test_a_clock_that_jumped_makes_no_queue() -> None:
    """A reflector whose steady clock was none: longer waits than any round trip prove nothing."""
    legs = [
        leg._replace(received_ns=leg.received_ns + 10**9, transmitted_ns=leg.transmitted_ns + 10**9)
        if 8 <= leg.sequence < 12
        else leg
        for leg in run()
    ]
    assert one_way(legs).queue == {}


_TIMES = st.integers(min_value=0, max_value=2**62)


@given(st.lists(st.builds(Leg, st.integers(0, 1023), st.integers(0, 2**32 - 1), *[_TIMES] * 4)))
def test_whatever_a_peer_answers_the_figures_stay_figures(legs: list[Leg]) -> None:
    """No answer, however false, makes a ratio out of range or a number that is none."""
    found = one_way(legs)
    assert all(0 <= ratio <= 1 for ratio in found.loss.values())
    assert all(math.isfinite(queue) and queue >= 0 for queue in found.queue.values())
