"""Days by which something must be done: which one counts, and what shows that it is done."""

from datetime import date, timedelta

from helpers.evidence import NOW

from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.judge.feed import FactsFeed
from tramgac_collector.rules.deadlines import Due, judge_deadline
from tramgac_collector.rules.given import Given, Papers, begin_ms
from tramgac_collector.rules.pack import Deadline, Pack, parse_pack
from tramgac_collector.rules.world import FactsWorld

PACK = """
pack:
  {id: t, version: 1.0.0, title: {vi: a, en: b}, legal_force: guidance, text_status: seen_copy}
deadlines:
  - id: t.day
    cite: {doc: d}
    text: {vi: a, en: b}
    next: {vi: a, en: b}
"""
DONE = "    done_by: ['doc:report']\n"


def deadline(when: str, done_by: str = DONE) -> tuple[Pack, Deadline]:
    """A pack with one."""
    pack = parse_pack(f"{PACK}    {when}\n{done_by}", "test")
    return pack, pack.deadlines[0]


def paper(issued: date, value: str = "true") -> Given:
    """Handed in."""
    at = begin_ms(issued)
    return Given(1, "bvdk", "", "doc:report", value, issued, None, "DIR", "", "", at, "t", None, "")


def due(
    what: tuple[Pack, Deadline], day: date, *papers: Given, answers: str = "kind: hospital"
) -> Due:
    """How it stands on a day."""
    inventory = parse_inventory(
        f"facilities: [{{id: bvdk, code: '1', answers: {{{answers}}}}}]", "test"
    )
    now_ms = begin_ms(day) + 36_000_000
    world = FactsWorld(FactsFeed(), inventory, Papers(papers, now_ms), now_ms)
    found = judge_deadline(*what, "bvdk", world, day)
    assert found is not None
    return found


def said(one: Due) -> tuple[str, str]:
    """Status and reason."""
    return one.result.status.value, one.result.reason


def test_a_day_comes_and_goes() -> None:
    """Open, then due soon by its lead time, then passed; never a pass without a paper."""
    one = deadline("on: 2026-12-31")

    assert said(due(one, date(2026, 1, 1))) == ("unknown", "open")
    assert said(due(one, date(2026, 12, 31))) == ("unknown", "due_soon")
    assert said(due(one, date(2027, 1, 1))) == ("unknown", "passed")
    assert due(one, NEW_YEAR).due_ms == begin_ms(date(2027, 1, 1))


NEW_YEAR = date(2026, 6, 1)


def test_a_paper_shows_it_done_and_a_no_that_it_is_not() -> None:
    """Before the day a "no" is no gap yet."""
    one = deadline("on: 2026-12-31")
    yes, no = paper(date(2026, 5, 1)), paper(date(2026, 5, 1), "false")

    assert said(due(one, NEW_YEAR, yes)) == ("pass_observed", "done")
    assert said(due(one, NEW_YEAR, no)) == ("unknown", "open")
    assert said(due(one, date(2027, 1, 1), no)) == ("fail", "passed")


def test_before_a_day_means_the_day_before() -> None:
    """The day itself is too late."""
    one = deadline("on: 2026-12-20\n    before: true")

    assert due(one, NEW_YEAR).last_day == date(2026, 12, 19)
    assert said(due(one, date(2026, 12, 20)))[1] == "passed"


def test_a_yearly_day_comes_again() -> None:
    """A missed one is shown for 90 days; last year's paper does not serve this year."""
    one = deadline("yearly: 12-20")
    last_year, this_year = paper(date(2025, 12, 1)), paper(date(2026, 12, 1))

    assert due(one, date(2026, 11, 22), last_year).on == date(2026, 12, 20)
    assert said(due(one, date(2026, 11, 22), last_year)) == ("unknown", "due_soon")
    assert said(due(one, date(2026, 12, 10), this_year)) == ("pass_observed", "done")
    assert due(one, date(2027, 1, 10)).on == date(2026, 12, 20)
    assert said(due(one, date(2027, 1, 10))) == ("unknown", "passed")
    assert due(one, date(2027, 1, 10), this_year).on == date(2027, 12, 20)
    assert due(one, date(2027, 4, 1)).on == date(2027, 12, 20)


def test_a_day_without_papers_is_only_told_of() -> None:
    """Nothing could ever show it done, so nobody is asked once it is over."""
    one = deadline("on: 2026-12-31", "")

    assert said(due(one, date(2026, 12, 30))) == ("unknown", "due_soon")
    assert said(due(one, date(2027, 1, 1))) == ("not_applicable", "over")
    yearly = deadline("yearly: 12-14", "")
    assert due(yearly, date(2026, 12, 15)).on == date(2027, 12, 14)


def test_whom_it_concerns_is_asked_and_not_guessed() -> None:
    """An answer that is missing is not known, and never "no"."""
    one = deadline("on: 2026-12-31\n    applies_if: facility.insurance == true")

    assert said(due(one, NEW_YEAR, answers="insurance: true"))[1] == "open"
    assert said(due(one, NEW_YEAR, answers="insurance: false"))[0] == "not_applicable"
    assert said(due(one, NEW_YEAR, answers="kind: hospital")) == (
        "unknown",
        "applicability_unknown",
    )


def test_what_was_entered_later_was_not_known_then() -> None:
    """As known at an earlier moment the paper is not there."""
    issued = date(2026, 5, 1)
    late = paper(issued)._replace(entered_ms=begin_ms(issued + timedelta(days=30)))
    papers = [late]

    assert Papers(papers, NOW).get("bvdk", "", "doc:report") is not None
    then = Papers(papers, begin_ms(issued + timedelta(days=10)))
    assert then.get("bvdk", "", "doc:report") is None
