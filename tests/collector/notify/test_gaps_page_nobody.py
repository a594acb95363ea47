"""A regulatory gap pages nobody, whatever its text, its status and its reason."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.mail_sink import MailSink, mail_sink
from helpers.telling import INVENTORY, MINUTE, NINE, Desk, desk
from sqlalchemy import insert

from tramgac_collector.notify.alertmanager import Alert
from tramgac_collector.notify.keepalive import KeepAlive
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.pack import Deadline, Pack, Rule
from tramgac_collector.rules.status import Status
from tramgac_collector.store.schema import rule_results

REASONS = ("refuted", "not_shown", "conflict", "due_soon", "passed", "not_covered")


def _rows() -> Iterator[tuple[Pack, Rule | Deadline]]:
    for pack in Library.read().packs:
        yield from ((pack, rule) for rule in pack.rules)
        yield from ((pack, one) for one in pack.deadlines)


ROWS = tuple(_rows())


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """A mail server."""
    with mail_sink() as running:
        yield running


@pytest.fixture
def full(tmp_path: Path, sink: MailSink) -> Iterator[Desk]:
    """Every rule of every pack with every kind of result; it is six in the morning."""
    with desk(tmp_path, NotifySection(urls=(sink.url,))) as one:
        one.now_ms = NINE - 180 * MINUTE
        kinds = itertools.cycle(itertools.product(Status, REASONS))
        rows = [
            {
                "facility": facility, "rule": rule.id, "status": status.value, "reason": reason,
                "advisory": pack.text_status(rule) not in {"official", "seen_copy"},
                "coverage": 1.0, "since_ms": NINE - 300 * MINUTE, "pack_version": "1",
                "evaluated_ms": NINE, "detail": json.dumps({"due_ms": NINE}),
            }
            for facility in ("bv-uong-bi", "bv-ha-long")
            for pack, rule in ROWS
            for status, reason in [next(kinds)]
        ]  # fmt: skip
        with one.engine.begin() as connection:
            connection.execute(insert(rule_results), rows)
        yield one


def alerts_of(room: Desk) -> list[Alert]:
    """Everything Alertmanager would hear of in an hour, beside that the collector is there."""
    settings = NotifySection(alertmanager=("http://127.0.0.1:1",))
    alive = KeepAlive(room.engine, settings, lambda *_: "")
    return [
        alert
        for minute in range(60)
        for alerts in alive.due(INVENTORY, NINE + minute * MINUTE)
        for alert in alerts
        if alert["labels"]["alertname"] != "CollectorTells"
    ]


def test_alertmanager_hears_of_gaps_with_severity_none_only(full: Desk) -> None:
    """Each is marked as advisory exactly where nobody compared its text."""
    labels = [one["labels"] for one in alerts_of(full)]
    advisory = {
        row.id: "no" if pack.text_status(row) in {"official", "seen_copy"} else "yes"
        for pack, row in ROWS
    }

    assert {one["severity"] for one in labels} == {"none"}
    assert {one["alertname"] for one in labels} == {"RegulatoryGap"}
    assert {one["status"] for one in labels} == {"fail", "partial"}
    assert [one for one in labels if one["advisory"] != advisory[one["rule"]]] == []
    assert {one["advisory"] for one in labels} == {"yes", "no"}


def test_people_are_told_once_a_day_and_in_no_other_way(full: Desk, sink: MailSink) -> None:
    """All morning nothing but the one list is sent, nor anything that waits."""
    for _ in range(20):
        full.after(540)

    assert [row[:1] + row[2:3] for row in full.notifications()] == [("digest", "sent")]
    # A very long list is split by the channel.
    assert {one.startswith("[Trạm Gác] 22/11/2026: ") for one in sink.subjects()} == {True}
