"""An acknowledgement is a silence of a real Alertmanager; a pair of them tells once."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.alertmanager import Alertmanager
from helpers.backup import until
from helpers.mail_sink import MailSink, mail_sink
from helpers.telling import Desk, desk

from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.notify.acks import acknowledge
from tramgac_collector.notify.alertmanager import call, stamp
from tramgac_collector.notify.settings import NotifySection


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """A mail server."""
    with mail_sink() as running:
        yield running


@pytest.fixture
def manager(tmp_path: Path, sink: MailSink) -> Iterator[Alertmanager]:
    """A running Alertmanager."""
    one = Alertmanager(tmp_path / "am", sink.port)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def fed(tmp_path: Path, manager: Alertmanager) -> Iterator[Desk]:
    """A desk that tells through it, in the world's time."""
    with desk(tmp_path, NotifySection(alertmanager=(manager.url,), resend_seconds=1.0)) as one:
        yield one


def turn(room: Desk) -> bool:
    """One turn, now."""
    room.now_ms = wall_ms()
    room.after(0)
    return True


def opened(room: Desk, sink: MailSink) -> int:
    number = room.open(opened_ms=wall_ms() - 60_000, severity="medium")
    until(lambda: turn(room) and sink.mails)
    return number


def taken_on(room: Desk, number: int, minutes: float) -> None:
    with room.engine.begin() as connection:
        acknowledge(
            connection, number, "alertmanager", how="link", now_ms=wall_ms(), minutes=minutes
        )


def test_an_acknowledgement_is_a_silence_until_it_ends(
    fed: Desk, manager: Alertmanager, sink: MailSink
) -> None:
    """Of that incident alone, until the acknowledgement ends; lifted so that its end is told."""
    number = opened(fed, sink)
    other = fed.open(opened_ms=wall_ms() - 60_000, facility="bv-ha-long", node="bv-ha-long/main")
    taken_on(fed, number, 60)
    until(lambda: turn(fed) and manager.silences())
    (silence,) = manager.silences()
    matchers = {one["name"]: one["value"] for one in silence["matchers"]}
    assert matchers == {"incident": str(number), "severity": "medium"}
    assert silence["comment"] == f"incident {number}: acknowledged by alertmanager"
    until(lambda: len(manager.alerts("SiteUnreachable")) == 2)
    held = manager.alerts("SiteUnreachable")
    quiet = {one["labels"]["incident"]: one["status"]["state"] for one in held}
    assert quiet == {str(number): "suppressed", str(other): "active"}
    fed.restart()
    for _ in range(3):
        turn(fed)
        time.sleep(1.0)  # its own turns, by the world's clock
    assert [one["id"] for one in manager.silences()] == [silence["id"]]

    fed.now_ms = wall_ms()
    fed.close(number)
    until(lambda: turn(fed) and "resolved SiteUnreachable 1" in sink.subjects())
    assert manager.silences() == []


def test_its_end_is_told_at_once(tmp_path: Path, manager: Alertmanager, sink: MailSink) -> None:
    """The silence is lifted with the recovery, not when silences are looked at next."""
    settings = NotifySection(alertmanager=(manager.url,), resend_seconds=60.0)
    with desk(tmp_path, settings) as room:
        number = opened(room, sink)
        taken_on(room, number, 60)
        room.restart()
        until(lambda: turn(room) and manager.silences())
        room.now_ms = wall_ms()
        room.close(number)
        until(lambda: turn(room) and len(sink.mails) == 2)
        assert manager.silences() == []


def test_what_gets_worse_breaks_the_silence(
    fed: Desk, manager: Alertmanager, sink: MailSink
) -> None:
    """Somebody has the lesser one in hand; the graver one is mailed."""
    number = opened(fed, sink)
    taken_on(fed, number, 60)
    until(lambda: turn(fed) and manager.silences())
    fed.change(number, severity="critical")
    until(lambda: turn(fed) and len(sink.mails) >= 2)

    assert "firing" in sink.subjects()[1]
    for _ in range(2):
        fed.restart()
        turn(fed)
    (silence,) = manager.silences()
    assert {one["value"] for one in silence["matchers"]} == {str(number), "medium"}


def test_a_person_s_own_silence_is_left_alone(
    fed: Desk, manager: Alertmanager, sink: MailSink
) -> None:
    """Only ours are made and ended by us."""
    number = opened(fed, sink)
    fed.close(number)
    body = {
        "matchers": [{"name": "incident", "value": "1", "isRegex": False, "isEqual": True}],
        "startsAt": stamp(wall_ms()), "endsAt": stamp(wall_ms() + 600_000),
        "createdBy": "an", "comment": "mine",
    }  # fmt: skip
    call(manager.url, "/api/v2/silences", body)
    for _ in range(2):
        fed.restart()
        turn(fed)

    assert [one["createdBy"] for one in manager.silences()] == ["an"]


def test_a_pair_tells_once_and_survives_one(tmp_path: Path, sink: MailSink) -> None:
    """Two in a cluster, both told of all: one mail; one dies, and the end is one mail as well."""
    first = Alertmanager(tmp_path / "one", sink.port, [])
    second = Alertmanager(tmp_path / "two", sink.port, [first])
    first.start()
    second.start()
    settings = NotifySection(alertmanager=(first.url, second.url), resend_seconds=1.0)
    try:
        with desk(tmp_path, settings) as room:
            until(lambda: all(b'"ready"' in one.get("/api/v2/status") for one in (first, second)))
            number = opened(room, sink)
            taken_on(room, number, 60)
            until(lambda: turn(room) and first.silences() and second.silences())
            assert first.silences()[0]["id"] == second.silences()[0]["id"]
            first.stop()
            time.sleep(2.5)  # its mail, had it one to send, and the other's, had it waited for it
            turn(room)
            assert sink.subjects() == ["firing SiteUnreachable 1"]
            room.now_ms = wall_ms()
            room.close(number)
            until(lambda: turn(room) and len(sink.mails) == 2)
            assert sink.subjects()[1] == "resolved SiteUnreachable 1"
            assert second.silences() == []
    finally:
        first.stop()
        second.stop()
