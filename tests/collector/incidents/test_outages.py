"""Outages as they were known: cut to a span, re-labelled by late evidence, each minute once."""

from dataclasses import replace

from sqlalchemy import Engine

from tramgac_collector.incidents.codes import MINUTE
from tramgac_collector.incidents.ledger import outages
from tramgac_collector.incidents.model import Change, Detail, Event, Incident
from tramgac_collector.incidents.outages import (
    Entry,
    Outage,
    Record,
    Relabelled,
    known_of,
    minutes_by_cause,
    outage_of,
)
from tramgac_collector.incidents.store import apply

AT = 1_800_000_000_000
WHOLE = (AT - 600 * MINUTE, AT + 600 * MINUTE)


def entry(minute: int, kind: str, **info: str) -> Entry:
    return Entry(AT + minute * MINUTE, kind, info)


def record(*entries: Entry, closed: int | None = 60) -> Record:
    """A site, silent from minute 0, opened at minute 3."""
    opened = entry(3, "opened", since_ms=str(AT), cause="power_or_link")
    ended = None if closed is None else AT + closed * MINUTE
    return Record(
        number=1, node="bv/main", code="site_unreachable", facility="bv", site="main",
        opened_ms=AT + 3 * MINUTE, closed_ms=ended, cause="link", severity="high",
        inside=(),
        entries=(opened, *entries),
    )  # fmt: skip


CUT = record(
    entry(61, "better"),
    entry(66, "relabelled", **{"from": "power_or_link", "to": "link"}),
    entry(66, "closed", down="system:bv/his"),
    entry(75, "relabelled", **{"from": "link", "to": "power"}),
)


def known(one: Record, minute: int, span: tuple[int, int] = WHOLE) -> Outage:
    found = outage_of(one, span, AT + minute * MINUTE)
    assert found is not None
    return found


def test_an_outage_lasts_from_the_last_call_to_the_return() -> None:
    """Minutes count what people had to do without, not when it was noticed."""
    found = known(CUT, 70)

    assert (found.minutes, found.ongoing) == (60, False)
    assert (found.told_cause, found.cause) == ("power_or_link", "link")
    assert found.down == ("system:bv/his",)


def test_what_was_learnt_later_is_left_out() -> None:
    """A report of minute 30 knows neither end nor cause; one of minute 80 knows both causes."""
    early, late = known(CUT, 30), known(CUT, 80)

    assert (early.minutes, early.ongoing, early.cause) == (30, True, "power_or_link")
    assert early.relabelled == ()
    assert late.cause == "power"
    assert late.relabelled[-1] == Relabelled(AT + 75 * MINUTE, "link", "power")
    assert outage_of(CUT, WHOLE, AT + 2 * MINUTE) is None


def test_an_outage_is_cut_to_the_span() -> None:
    """Two reports that meet at midnight share its minutes and lose none."""
    middle = AT + 20 * MINUTE
    before, after = (WHOLE[0], middle), (middle, WHOLE[1])

    assert [known(CUT, 90, span).minutes for span in (before, after)] == [20, 40]
    assert outage_of(CUT, (AT + 100 * MINUTE, WHOLE[1]), WHOLE[1]) is None


def test_minutes_that_nobody_saw_are_said() -> None:
    """A service behind a dark site is neither up nor down in that time."""
    blind = record(entry(10, "unknown"), entry(40, "back"), closed=None)

    assert known(blind, 50).unknown_ms == 30 * MINUTE
    assert known(blind, 20).unknown_ms == 10 * MINUTE


def test_each_minute_counts_once() -> None:
    """Two incidents of a node and cause that overlap are added once, parts of others not at all."""
    one = known(CUT, 90)
    twin = replace(one, number=2, from_ms=AT + 30 * MINUTE, to_ms=AT + 90 * MINUTE)
    child = replace(one, number=3, parent=1, node="bv/other")

    assert minutes_by_cause([one, twin, child]) == {("bv/main", "power"): 90}


def test_the_store_gives_outages_back(engine: Engine) -> None:
    """Through the table: the facility's own, the carrier's with its part of it, nobody else's."""
    own = Incident(0, "bv/main", "site_unreachable", "bv", "main", AT, "high", "power_or_link")
    wide = Incident(
        0, "provider:cloud", "provider_down", "", "", AT, "critical", "",
        detail=Detail(inside=("system:bv/his", "system:other/his")),
    )  # fmt: skip
    disk = replace(own, node="bv/main/h1//srv", code="disk_filling")
    strange = replace(own, node="other/main", facility="other")
    said = {"since_ms": str(AT - 3 * MINUTE), "cause": "power_or_link"}
    with engine.begin() as connection:
        for one in (own, wide, disk, strange):
            apply(connection, [Change(one, Event.OPENED, said)], AT)
        later = AT + 10 * MINUTE
        ended = replace(own, number=1, closed_ms=later, cause="link")
        apply(connection, [Change(ended, Event.RELABELLED, {"to": "link"})], later)
        apply(connection, [Change(ended, Event.CLOSED)], later)
        found = outages(connection, "bv", *WHOLE, later)
        then = outages(connection, "bv", *WHOLE, later - 1)
        everywhere = outages(connection, "", *WHOLE, later)

    assert [(one.node, one.minutes, one.cause) for one in found] == [
        ("bv/main", 13, "link"),
        ("provider:cloud", 13, "power_or_link"),
    ]
    assert found[1].inside == ("system:bv/his",)
    assert then[0].cause == "power_or_link"
    assert then[0].ongoing
    assert len(everywhere) == 3


def test_code_and_severity_are_those_of_the_moment() -> None:
    """What turned into something graver later was not so grave in the report before."""
    one = replace(
        record(
            entry(20, "worse", **{"from": "service_partly_unreachable medium", "cause": "far_end"}),
            entry(40, "closed", why="removed_from_inventory"),
            closed=40,
        ),
        code="service_down", severity="critical", cause="removed_from_inventory",
    )  # fmt: skip
    told = [known_of(one, AT + minute * MINUTE) for minute in (2, 10, 30, 50)]

    assert [known and (known.code, known.severity, known.cause) for known in told] == [
        None,
        ("service_partly_unreachable", "medium", "power_or_link"),
        ("service_down", "critical", "far_end"),
        ("service_down", "critical", "removed_from_inventory"),
    ]


def test_a_part_is_one_only_while_it_was_known_to_be() -> None:
    """Taken in and released are read from the record, never from the row of today."""
    one = record(entry(20, "child_added", parent="7"), entry(30, "released"), closed=None)

    assert [known(one, minute).parent for minute in (10, 25, 35)] == [None, 7, None]
