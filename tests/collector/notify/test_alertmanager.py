"""Told through a real Alertmanager, which mails to a real sink."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.alertmanager import Alertmanager
from helpers.backup import until
from helpers.mail_sink import MailSink, mail_sink
from helpers.telling import Desk, desk
from sqlalchemy import insert

from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.store.schema import rule_results


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """A mail server."""
    with mail_sink() as running:
        yield running


@pytest.fixture
def manager(tmp_path: Path, sink: MailSink) -> Iterator[Alertmanager]:
    """A running Alertmanager."""
    one = Alertmanager(tmp_path, sink.port)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def fed(tmp_path: Path, manager: Alertmanager) -> Iterator[Desk]:
    """A desk that tells through it; its clock must be the world's, which Alertmanager knows."""
    with desk(tmp_path, NotifySection(alertmanager=(manager.url,), resend_seconds=1.0)) as one:
        one.now_ms = wall_ms() - 60_000
        yield one


def test_one_cut_is_one_mail_whatever_restarts(
    fed: Desk, manager: Alertmanager, sink: MailSink
) -> None:
    """Told again every turn, mailed once; still once after both restarted; over once."""
    number = fed.open(opened_ms=wall_ms() - 60_000, cause="power_link_or_server")
    fed.after(60)
    until(lambda: sink.mails)
    assert fed.notifications() == [("down", "alertmanager", "sent", "")]
    assert fed.incident(number).told_ms
    manager.stop()
    fed.after(0)
    fed.restart()
    manager.start()
    fed.after(5)
    until(lambda: manager.alerts("SiteUnreachable"))
    fed.after(5)
    time.sleep(1.5)  # several of its group intervals
    assert sink.subjects() == ["firing SiteUnreachable 1"]
    assert "Nguyên nhân: chưa rõ" in sink.text()

    fed.now_ms = wall_ms()
    fed.close(number)
    fed.after(1)
    until(lambda: len(sink.mails) == 2)
    fed.after(5)
    assert sink.subjects()[1] == "resolved SiteUnreachable 1"
    assert fed.incident(number).recovered_told_ms


def test_alertmanager_that_is_away_is_told_later(fed: Desk, manager: Alertmanager) -> None:
    """Nothing counts as told until it took it."""
    manager.stop()
    number = fed.open(opened_ms=wall_ms() - 60_000)
    fed.after(60)
    assert fed.incident(number).told_ms is None
    assert fed.notifications() == [("down", "alertmanager", "waiting", "retry")]
    manager.start()
    fed.after(35)

    assert fed.incident(number).told_ms
    assert [one["labels"]["incident"] for one in manager.alerts("SiteUnreachable")] == [str(number)]


def test_alertmanager_hears_that_the_collector_tells(fed: Desk, manager: Alertmanager) -> None:
    """Also while nothing is wrong; four turns after the last word it does not count any more."""
    fed.now_ms = wall_ms()
    fed.after(0)
    until(lambda: manager.alerts("CollectorTells"))
    (here,) = manager.alerts("CollectorTells")
    assert here["labels"] == {"alertname": "CollectorTells", "severity": "none"}
    until(lambda: not manager.alerts("CollectorTells"), 30)


def test_a_regulatory_gap_is_there_to_be_seen_and_mails_nobody(
    fed: Desk, manager: Alertmanager, sink: MailSink
) -> None:
    """With clause, mark and severity `none`; it ends when the gap does."""
    row = {
        "facility": "bv-uong-bi", "rule": "vn.tt13.backup", "status": "fail", "reason": "refuted",
        "advisory": True, "coverage": 1.0, "since_ms": wall_ms() - 60_000,
        "pack_version": "vn.tt13 1", "evaluated_ms": 1,
    }  # fmt: skip
    with fed.engine.begin() as connection:
        connection.execute(insert(rule_results).values(row))
    fed.now_ms = wall_ms() - 10_000
    fed.after(0)
    gap = manager.alerts("RegulatoryGap")[0]
    assert gap["labels"]["severity"] == "none"
    assert gap["labels"]["advisory"] == "yes"
    with fed.engine.begin() as connection:
        connection.execute(rule_results.delete())
    fed.after(6)

    until(lambda: not manager.alerts("RegulatoryGap"))
    assert sink.mails == []
