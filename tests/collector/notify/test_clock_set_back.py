"""A centre's clock that was ahead and is set back: what was told goes on, what waits is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.mail_sink import MailSink, mail_sink
from helpers.telling import desk, send_here, write_roster

from tramgac_collector.notify import step
from tramgac_collector.notify.acks import BY_LINK, MOST_PER_HOUR, acknowledge, running
from tramgac_collector.notify.alertmanager import Alert
from tramgac_collector.notify.pipeline import Delivery
from tramgac_collector.notify.settings import NotifySection

YEAR_MS = 365 * 86_400_000


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """A mail server."""
    with mail_sink() as running:
        yield running


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Names of the alerts of each call to an Alertmanager that takes everything."""
    calls: list[list[str]] = []

    def post(_addresses: object, alerts: list[Alert]) -> Delivery:
        calls.append([one["labels"]["alertname"] for one in alerts])
        return Delivery(ok=True)

    monkeypatch.setattr(step, "post", post)
    return calls


def test_alertmanager_goes_on_hearing_of_what_holds(
    tmp_path: Path, posted: list[list[str]]
) -> None:
    """Else it takes the alert for over after four minutes, and says that all is well."""
    settings = NotifySection(alertmanager=("http://127.0.0.1:9",), resend_seconds=60.0)
    with desk(tmp_path, settings) as room:
        room.open(opened_ms=room.now_ms - 3 * YEAR_MS)
        room.after(60)
        room.now_ms -= 2 * YEAR_MS
        posted.clear()
        for _ in range(4):
            room.after(60)
    assert [call for call in posted if "SiteUnreachable" in call] != []


def test_what_was_opened_ahead_of_the_clock_is_told(tmp_path: Path, sink: MailSink) -> None:
    """It is not held until the year it was opened in comes again."""
    with desk(tmp_path, NotifySection(urls=(sink.url,))) as room:
        room.open()
        room.now_ms -= YEAR_MS
        room.after(60)
        assert len(sink.mails) == 1


def test_what_failed_ahead_of_the_clock_is_tried_again(tmp_path: Path, sink: MailSink) -> None:
    """Its next try is never further off than the longest pause."""
    with desk(tmp_path, NotifySection(urls=(sink.url,))) as room:
        well, answers = send_here, [Delivery(ok=False, error="no")]
        room.notifier = step.Notifier(
            room.engine, room.config, lambda one: answers.pop() if answers else well(one)
        )
        room.open(opened_ms=room.now_ms - 2 * YEAR_MS)
        room.after(60)
        assert room.notifications() == [("down", "default", "waiting", "retry")]
        room.now_ms -= YEAR_MS
        room.after(60)
        assert len(sink.mails) == 1


def test_an_acknowledgement_ahead_of_the_clock_has_ended(tmp_path: Path, sink: MailSink) -> None:
    """Nobody works on it for a year: they are reminded, and the next person is asked."""
    people = """
people:
  - {id: lan, name: Lan, channels: [{id: mail, url: "%s"}]}
  - {id: minh, name: Minh, channels: [{id: mail, url: "%s"}]}
duty: [{people: [lan]}]
escalation: [{after_minutes: 30, people: [minh]}]
"""
    roster = write_roster(tmp_path, people % (sink.url, sink.url))
    with desk(tmp_path, NotifySection(roster=roster)) as room:
        number = room.open(opened_ms=room.now_ms - 2 * YEAR_MS)
        room.after(60)
        with room.engine.begin() as connection:
            acknowledge(connection, number, "lan", how="cli", now_ms=room.now_ms, minutes=240)
        room.now_ms -= 3_600_000
        room.after(60)
        assert [one[0] for one in room.notifications()] == ["down"]
        room.now_ms -= YEAR_MS
        room.after(60)
        told = {one[:3] for one in room.notifications()}
    assert told >= {("reminder:1", "lan", "sent"), ("escalation:1:1", "minh", "sent")}


def test_a_link_answered_ahead_of_the_clock_may_answer_again(tmp_path: Path) -> None:
    """What it said in a year that has not come holds no more; the next answer does."""
    with desk(tmp_path, NotifySection()) as room:
        number = room.open(opened_ms=room.now_ms - 2 * YEAR_MS)

        def answered() -> int:
            with room.engine.begin() as connection:
                return acknowledge(
                    connection, number, "lan", how=BY_LINK, now_ms=room.now_ms, minutes=60
                )

        for _ in range(MOST_PER_HOUR):
            ahead = answered()
            room.now_ms += 3_600_000
        room.now_ms -= YEAR_MS
        now = answered()
        with room.engine.connect() as connection:
            held = running(connection, [number], room.now_ms)

    assert ahead > room.now_ms + YEAR_MS // 2
    assert now == room.now_ms + 3_600_000
    assert [one.expires_ms for one in held[number]] == [now]
