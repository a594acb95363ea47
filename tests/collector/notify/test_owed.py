"""What is owed to somebody is told: recoveries, the newest of very many, and after a storm."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.mail_sink import MailSink, mail_sink
from helpers.telling import INVENTORY, MINUTE, Desk, desk, send_here, write_roster
from sqlalchemy import insert, select, update

from tramgac_collector.notify import rows
from tramgac_collector.notify.acks import acknowledge
from tramgac_collector.notify.digest import digest_message, read_standing
from tramgac_collector.notify.message import Message
from tramgac_collector.notify.outbound import Envelope, send_by_apprise
from tramgac_collector.notify.pipeline import Delivery
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.notify.step import Notifier
from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import incidents, notifications, storms


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """A mail server."""
    with mail_sink() as running:
        yield running


TWO = """
people:
  - {{id: an, name: An, channels: [{{id: quick, url: "{url}"}}, {{id: slow, url: "{url}&x=1"}}]}}
"""


class _Held:
    """A channel whose deliveries wait for a word, and can end without one."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.unsure = False

    def send(self, envelope: Envelope) -> Delivery:
        """By a mail, the slow one when it may."""
        if "x=1" in envelope.url and not envelope.message.subject.count("Đã hết"):
            assert self.go.wait(30)
            if self.unsure:
                return Delivery(ok=False, error="no end after 60 s", unsure=True)
        return send_here(envelope)


@pytest.fixture
def slow(tmp_path: Path, sink: MailSink) -> Iterator[tuple[Desk, _Held]]:
    """One person with a quick and a slow channel."""
    held = _Held()
    roster = write_roster(tmp_path, TWO.format(url=sink.url))
    with desk(tmp_path, NotifySection(roster=roster)) as room:
        room.notifier.close()
        room.notifier = Notifier(room.engine, room.config, held.send)
        yield room, held
        held.go.set()


def turn(room: Desk, seconds: float = 0, settle: float = 0.5) -> None:
    room.now_ms += int(seconds * 1000)
    for _ in range(2):
        room.notifier.step(room.now_ms, INVENTORY)
        room.notifier.outbound.settle(settle)


def told(room: Desk) -> set[tuple[str, str, str]]:
    with reading(room.engine) as connection:
        return {
            (row.stage, row.channel, row.state) for row in connection.execute(select(notifications))
        }


@pytest.mark.parametrize("unsure", [False, True])
def test_a_recovery_follows_what_was_still_on_its_way(
    slow: tuple[Desk, _Held], *, unsure: bool
) -> None:
    """The quick channel was told both; the slow one hears of the end as well, also when unsure."""
    room, held = slow
    held.unsure = unsure
    number = room.open()
    turn(room, 20)
    room.close(number)
    turn(room, 20)
    assert ("recovered", "quick", "sent") in told(room)
    assert ("recovered", "slow", "sent") not in told(room)
    held.go.set()
    for _ in range(3):
        turn(room, 1, 30)

    assert ("recovered", "slow", "sent") in told(room)
    assert ("down", "slow", "dropped" if unsure else "sent") in told(room)


def test_a_crash_in_the_middle_of_a_message_leaves_its_recovery_owed(
    slow: tuple[Desk, _Held],
) -> None:
    """Whether the message arrived nobody knows; that it is over is said."""
    room, _held = slow
    number = room.open()
    turn(room, 20)
    room.close(number)
    room.restart()
    for _ in range(3):
        room.after(1)

    assert ("recovered", "slow", "sent") in told(room)


def test_a_channel_that_hangs_is_not_taken_for_one_that_refused() -> None:
    """Ended after its time, nobody knows whether it was delivered."""
    delivery = send_by_apprise(Envelope("json://127.0.0.1:1/x", Message("a", "b", "c")), 0.01)

    assert (delivery.ok, delivery.unsure) == (False, True)


def test_the_newest_of_very_many_is_told(
    tmp_path: Path, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands that everybody knows of do not keep the next one waiting."""
    monkeypatch.setattr(rows, "_PAGE", 3)
    with desk(tmp_path, NotifySection(urls=(sink.url,))) as room:
        for number in range(7):
            room.open("agent_silent", node=f"bv-uong-bi/main/h{number}")
        room.after(20)
        assert len(sink.mails) == 1
        newest = room.open("agent_silent", node="bv-ha-long/main/his", facility="bv-ha-long")
        room.after(20)
        assert len(sink.mails) == 2
        assert room.incident(newest).told_ms


def test_a_wild_clock_stops_nobody(tmp_path: Path, sink: MailSink) -> None:
    """A time beyond every calendar in one row: all are told, it as well."""
    with desk(tmp_path, NotifySection(urls=(sink.url,))) as room:
        wild = room.open(opened_ms=9 * 10**17, facility="bv-ha-long", node="bv-ha-long/main")
        good = room.open()
        room.after(20)
        assert room.incident(good).told_ms
        assert room.incident(wild).told_ms


ROSTER = """
people:
  - {{id: an, name: An, channels: [{{id: bad, url: "nosuch://x"}}]}}
  - {{id: binh, name: Bình, channels: [{{id: mail, url: "{url}"}}]}}
duty: [{{people: [an]}}]
"""


def test_when_no_channel_of_those_on_duty_can_be_used_others_hear(
    tmp_path: Path, sink: MailSink
) -> None:
    """A mistyped address must not swallow a silent hospital."""
    roster = write_roster(tmp_path, ROSTER.format(url=sink.url))
    with desk(tmp_path, NotifySection(roster=roster)) as room:
        room.open()
        for _ in range(3):
            room.after(20)
        assert [row[:3] for row in room.notifications()] == [
            ("down", "an", "failed"), ("down", "binh", "sent"),
        ]  # fmt: skip


def test_what_gets_worse_is_told_though_it_was_acknowledged(tmp_path: Path, sink: MailSink) -> None:
    """Somebody has it in hand, but not this."""
    with desk(tmp_path, NotifySection(urls=(sink.url,))) as room:
        number = room.open("disk_filling", node="bv-uong-bi/main/his/var", severity="medium")
        room.after(20)
        with room.engine.begin() as connection:
            acknowledge(connection, number, "default", how="link", now_ms=room.now_ms, minutes=60)
        room.change(number, severity="high")
        room.after(20)
        assert [row[0] for row in room.notifications()] == ["down", "worse:high"]


def declare(room: Desk, hours: float) -> None:
    with room.engine.begin() as connection:
        connection.execute(
            insert(storms).values(
                facilities=json.dumps(["bv-uong-bi"]), reason="Bão số 9", decided_by="GĐ",
                citation="", from_ms=room.now_ms, until_ms=room.now_ms + int(hours * 60 * MINUTE),
                entered_ms=room.now_ms, entered_by="cli",
            )
        )  # fmt: skip


def test_a_storm_holds_pages_of_its_facilities_back(tmp_path: Path, sink: MailSink) -> None:
    """A row with its reason for each; what is critical, and every other facility, is told."""
    with desk(tmp_path, NotifySection(urls=(sink.url,))) as room:
        declare(room, 2)
        first = room.open()
        second = room.open("path_loss", severity="medium", node="bv-uong-bi/hai/lis")
        room.after(60)
        assert {row[2:] for row in room.notifications()} == {("waiting", "storm")}
        assert sink.mails == []
        with reading(room.engine) as connection:
            daily = digest_message(read_standing(connection, {}), INVENTORY, room.now_ms)
        assert "Storm mode: 2 open incidents are not told" in daily.body
        room.open("service_down", severity="critical", node="system:bv-uong-bi/emr")
        room.open(facility="bv-ha-long", node="bv-ha-long/main")
        room.after(60)
        assert len(sink.mails) == 2
        room.close(second)
        room.after(60)
        assert ("down", "default", "dropped", "storm") in room.notifications()
        room.after(2 * 3_600)
        assert len(sink.mails) == 3
        assert room.incident(first).told_ms
        with room.engine.begin() as connection:
            connection.execute(update(incidents).values(closed_ms=room.now_ms))
        room.after(20)
        recovered = [row for row in room.notifications() if row[0] == "recovered"]
        assert len(recovered) == 3


def test_what_a_channel_answers_cannot_stop_the_store(
    tmp_path: Path, store_url: str, sink: MailSink
) -> None:
    """PostgreSQL takes no NUL: told again at every turn, nobody would be told anything else."""
    with desk(tmp_path, NotifySection(urls=(sink.url,)), store_url) as room:
        answers = [Delivery(ok=True, proof="took\x00it\ud800")]
        room.notifier = Notifier(
            room.engine, room.config, lambda one: answers.pop() if answers else send_here(one)
        )
        first = room.open()
        room.after(20)
        room.open(node="bv-ha-long/main", facility="bv-ha-long")
        room.after(20)
        assert room.incident(first).told_ms
        assert len(sink.mails) == 1
