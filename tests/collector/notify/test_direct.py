"""Told without Alertmanager: real mails to a real sink, a held clock, the store between turns."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.mail_sink import MailSink, mail_sink
from helpers.telling import INVENTORY, MINUTE, Desk, desk, write_roster

from tramgac_collector.notify import rows
from tramgac_collector.notify.acks import acknowledge
from tramgac_collector.notify.by_apprise import without
from tramgac_collector.notify.settings import NotifySection


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """A mail server."""
    with mail_sink() as running:
        yield running


@pytest.fixture
def plain(tmp_path: Path, sink: MailSink) -> Iterator[Desk]:
    """One address, no roster."""
    with desk(tmp_path, NotifySection(urls=(sink.url,))) as one:
        yield one


@pytest.fixture
def stored(tmp_path: Path, store_url: str, sink: MailSink) -> Iterator[Desk]:
    """One address, on each kind of store."""
    with desk(tmp_path, NotifySection(urls=(sink.url,)), store_url) as one:
        yield one


def test_one_incident_is_one_mail_and_its_end_another(stored: Desk, sink: MailSink) -> None:
    """However often the judge looks, and whoever restarts: told once, and over once."""
    number = stored.open(cause="power_link_or_server")
    for _ in range(3):
        stored.after(20)
    stored.restart()
    stored.after(3600)
    assert sink.subjects() == ["[Trạm Gác] Mất liên lạc cơ sở: Bệnh viện Uông Bí, Cơ sở chính"]
    assert "Nguyên nhân: chưa rõ: điện, đường truyền hay máy chủ" in sink.text()

    stored.close(number)
    for _ in range(3):
        stored.after(20)
    assert len(sink.mails) == 2
    assert sink.subjects()[1].startswith("[Trạm Gác] Đã hết: Mất liên lạc cơ sở")
    row = stored.incident(number)
    assert row.told_ms
    assert row.recovered_told_ms
    assert stored.events(number) == ["told", "told"]


def test_what_is_over_before_it_was_told_is_never_told(plain: Desk, sink: MailSink) -> None:
    """Neither that it was there nor that it is over."""
    number = plain.open()
    plain.after(5)
    plain.close(number)
    plain.after(60)

    assert sink.mails == []
    assert plain.notifications() == [("down", "default", "dropped", "over_before_told")]


def test_a_child_is_told_with_its_parent(plain: Desk, sink: MailSink) -> None:
    """One message for the cut; the recovery says what was down inside."""
    child = plain.open("service_down", node="system:bv-uong-bi/emr")
    plain.after(5)
    parent = plain.open()
    plain.change(child, parent_id=parent)
    plain.after(30)
    assert len(sink.mails) == 1
    plain.close(child)
    plain.close(parent)
    plain.after(30)

    assert len(sink.mails) == 2
    assert "Bên trong: Hệ thống ngừng (Bệnh viện Uông Bí, Bệnh án điện tử)" in sink.text()


def test_what_outlives_its_parent_is_told(plain: Desk, sink: MailSink) -> None:
    """The cut is over, the system inside is still down: that is news."""
    parent = plain.open()
    plain.open("service_down", node="system:bv-uong-bi/emr", parent_id=parent)
    plain.after(30)
    plain.close(parent)
    plain.after(30)

    assert {subject[11:].split(":")[0] for subject in sink.subjects()} == {
        "Mất liên lạc cơ sở",
        "Đã hết",
        "Hệ thống ngừng",
    }


def test_a_sink_that_is_down_is_tried_again(plain: Desk, sink: MailSink) -> None:
    """Half a minute later, then ever more slowly; told once when it is back."""
    sink.refuses = True
    number = plain.open()
    plain.after(20)
    assert plain.notifications() == [("down", "default", "waiting", "retry")]
    assert plain.incident(number).told_ms is None
    sink.refuses = False
    plain.after(10)
    assert sink.mails == []
    plain.after(30)

    assert len(sink.mails) == 1
    assert plain.incident(number).told_ms == plain.now_ms


def test_many_at_once_are_few_messages(plain: Desk, sink: MailSink) -> None:
    """Incidents of one facility that come together go together, the gravest first."""
    plain.open("disk_filling", node="bv-uong-bi/main/his/var", severity="medium")
    plain.open("service_down", node="system:bv-uong-bi/emr", severity="critical")
    plain.after(20)

    assert sink.subjects() == ["[Trạm Gác] 2 sự cố: Bệnh viện Uông Bí, Bệnh án điện tử, …"]


def test_what_gets_worse_is_told_again(plain: Desk, sink: MailSink) -> None:
    """Once, when its severity rises above that of which people know."""
    number = plain.open("disk_filling", node="bv-uong-bi/main/his/var", severity="medium")
    plain.after(20)
    plain.change(number, severity="high")
    plain.after(20)
    plain.after(20)

    assert [subject[11:].split(":")[0] for subject in sink.subjects()] == [
        "Ổ đĩa sắp đầy",
        "Nặng hơn",
    ]


ROSTER = """
people:
  - {{id: an, name: Nguyễn Văn An, channels: [{{id: mail, url: "{url}"}}],
     quiet: {{start: "22:00", end: "06:00"}}}}
  - {{id: binh, name: Trần Thị Bình, language: en, channels: [{{id: mail, url: "{url}"}}]}}
duty: [{{people: [an]}}]
escalation: [{{after_minutes: 30, people: [binh]}}]
"""


@pytest.fixture
def staffed(tmp_path: Path, sink: MailSink) -> Iterator[Desk]:
    """Somebody on duty, somebody to follow."""
    roster = write_roster(tmp_path, ROSTER.format(url=sink.url))
    with desk(tmp_path, NotifySection(roster=roster, ack_minutes=60)) as one:
        yield one


def test_nobody_answers_so_the_next_is_asked(staffed: Desk, sink: MailSink) -> None:
    """After half an hour, once; both hear that it is over, each in their language."""
    number = staffed.open()
    staffed.after(20)
    staffed.after(29 * 60)
    assert [row[1] for row in staffed.notifications()] == ["an"]
    staffed.after(120)
    staffed.after(120)
    staffed.close(number)
    staffed.after(20)

    assert [row[:3] for row in staffed.notifications()] == [
        ("down", "an", "sent"), ("escalation:1:0", "binh", "sent"),
        ("recovered", "an", "sent"), ("recovered", "binh", "sent"),
    ]  # fmt: skip
    assert sink.subjects()[1].startswith("[Trạm Gác] Nobody answered: Site unreachable")


def test_an_acknowledgement_stops_escalation_and_expires(staffed: Desk) -> None:
    """Quiet while somebody has it in hand; then the clock begins again with a reminder."""
    number = staffed.open()
    staffed.after(20)
    with staffed.engine.begin() as connection:
        acknowledge(
            connection, number, "an", how="cli", now_ms=staffed.now_ms,
            minutes=staffed.config.notify.ack_minutes,
        )  # fmt: skip
    staffed.after(59 * 60)
    assert [row[0] for row in staffed.notifications()] == ["down"]
    staffed.after(120)
    assert [row[0] for row in staffed.notifications()] == ["down", "reminder:1"]
    staffed.after(30 * 60)

    assert [row[0] for row in staffed.notifications()][2:] == ["escalation:1:1"]


def test_quiet_hours_hold_lesser_incidents(staffed: Desk, sink: MailSink) -> None:
    """At night a filling disk waits until six; a dead site does not."""
    staffed.now_ms += 14 * 60 * MINUTE
    staffed.open("disk_filling", node="bv-uong-bi/main/his/var", severity="medium")
    staffed.after(60)
    assert staffed.notifications() == [("down", "an", "waiting", "quiet_hours")]
    staffed.open()
    staffed.after(60)
    assert len(sink.mails) == 1
    staffed.now_ms += 7 * 60 * MINUTE
    staffed.after(0)

    assert staffed.notifications()[0] == ("down", "an", "sent", "")


def test_a_complaint_never_repeats_a_secret() -> None:
    """Token and password of an address are cut out of what a channel says; names stay."""
    url = "tgram://123456:AAF-token%2Bx/98765?to=mail.example.org"

    assert without(url, "bot AAF-token%2Bx, AAF-token+x at mail.example.org for 98765") == (
        "bot …, … at mail.example.org for …"
    )


def test_what_was_delivered_while_the_store_is_away_is_kept(
    plain: Desk, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail went out, its record could not be written: no second mail for it."""
    number = plain.open()
    plain.after(5)
    plain.now_ms += 15_000
    plain.notifier.step(plain.now_ms, INVENTORY)
    plain.notifier.outbound.settle(30)
    with monkeypatch.context() as broken:
        broken.setattr(rows, "save", away)
        with pytest.raises(OSError, match="away"):
            plain.notifier.step(plain.now_ms, INVENTORY)
    plain.after(5)
    plain.after(5)

    assert len(sink.mails) == 1
    assert plain.incident(number).told_ms


def away(*_values: object) -> None:
    raise OSError("away")


def test_more_children_than_one_look_takes_stay_with_their_parent(
    plain: Desk, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pages are looked at: the cut is one message, not one for each child."""
    monkeypatch.setattr(rows, "_PAGE", 2)
    children = [plain.open("agent_silent", node=f"bv-uong-bi/main/h{n}") for n in range(3)]
    plain.now_ms += MINUTE
    parent = plain.open()
    for child in children:
        plain.change(child, parent_id=parent)
    plain.after(20)

    assert len(sink.mails) == 1
    assert {row[2] for row in plain.notifications()} == {"sent"}
    assert plain.incident(parent).told_ms
