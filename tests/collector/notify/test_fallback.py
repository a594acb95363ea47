"""An Alertmanager that does not take alerts is gone past, once, and not told again afterwards."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from helpers.mail_sink import MailSink, mail_sink
from helpers.telling import MINUTE, Desk, desk

from tramgac_collector.notify.alertmanager import post, trial_alert
from tramgac_collector.notify.settings import NotifySection

NOTE = "Alertmanager không trả lời; tin này được gửi thẳng."


class Ear(ThreadingHTTPServer):
    """Looks like Alertmanager: can be deaf, and refuses alerts of some incidents."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.deaf = False
        self.bad: set[str] = set()
        self.told: list[dict[str, Any]] = []
        self.calls = 0

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def incidents(self) -> set[str]:
        """Of which it was told."""
        return {one["labels"].get("incident", "") for one in self.told}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        ear = self.server
        assert isinstance(ear, Ear)
        ear.calls += 1
        alerts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = [one for one in alerts if one["labels"].get("incident") in ear.bad]
        if not ear.deaf and not refused:
            # That the collector tells goes with every list; it is no incident.
            ear.told += [one for one in alerts if one["labels"]["alertname"] != "CollectorTells"]
        self._say(503 if ear.deaf else 400 if refused else 200)

    def do_GET(self) -> None:
        self._say(200)

    def _say(self, status: int) -> None:
        body = b"[]"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Something that answers as Alertmanager."""
    with Ear() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """A mail server."""
    with mail_sink() as running:
        yield running


@contextmanager
def both(folder: Path, ear: Ear, sink: MailSink) -> Iterator[Desk]:
    settings = NotifySection(alertmanager=(ear.url,), urls=(sink.url,))
    with desk(folder, settings) as one:
        yield one


@pytest.fixture
def fed(tmp_path: Path, ear: Ear, sink: MailSink) -> Iterator[Desk]:
    """A desk with an Alertmanager and a channel of its own."""
    with both(tmp_path, ear, sink) as one:
        yield one


def states(room: Desk) -> set[tuple[str, str, str, str]]:
    return set(room.notifications())


def test_five_minutes_of_silence_and_people_are_told(fed: Desk, ear: Ear, sink: MailSink) -> None:
    """Straight, once, saying why; the recovery too; Alertmanager is not told of it afterwards."""
    ear.deaf = True
    number = fed.open()
    for _ in range(4):
        fed.after(60)
    assert sink.mails == []
    for _ in range(5):
        fed.after(30)
    assert sink.subjects() == ["[Trạm Gác] Mất liên lạc cơ sở: Bệnh viện Uông Bí, Cơ sở chính"]
    assert NOTE in sink.text()
    assert fed.incident(number).told_ms

    ear.deaf = False
    for _ in range(20):
        fed.after(60)
    assert ear.told == []
    fed.close(number)
    fed.after(20)
    fed.after(60)

    assert [one[11:17] for one in sink.subjects()] == ["Mất li", "Đã hết"]
    assert NOTE not in sink.text()
    assert ear.told == []
    assert states(fed) == {
        ("down", "alertmanager", "dropped", "told_straight"),
        ("down", "default", "sent", ""), ("recovered", "default", "sent", ""),
    }  # fmt: skip


def test_an_alertmanager_known_to_be_deaf_costs_no_more_time(
    fed: Desk, ear: Ear, sink: MailSink
) -> None:
    """It is asked all the time: what opens in its absence is told after the usual hold."""
    ear.deaf = True
    for _ in range(7):
        fed.after(60)
    fed.open()
    fed.after(20)
    fed.after(1)

    assert len(sink.mails) == 1


def test_what_alertmanager_was_told_is_not_told_again(fed: Desk, ear: Ear, sink: MailSink) -> None:
    """Its own are its own while it is away; only what got worse meanwhile is news."""
    number = fed.open(severity="medium")
    fed.after(20)
    assert ear.incidents() == {str(number)}
    ear.deaf = True
    for _ in range(12):
        fed.after(60)
    assert sink.mails == []
    fed.change(number, severity="critical")
    for _ in range(3):
        fed.after(60)
    assert [one[11:19] for one in sink.subjects()] == ["Nặng hơn"]
    ear.told.clear()
    ear.deaf = False
    for _ in range(3):
        fed.after(60)

    assert {one["labels"]["severity"] for one in ear.told} == {"medium"}
    assert len(sink.mails) == 1


def test_alertmanager_back_before_a_mail_went_out_tells_it(
    fed: Desk, ear: Ear, sink: MailSink
) -> None:
    """Both roads were closed; the first that opens is taken, and only that one."""
    ear.deaf = sink.refuses = True
    number = fed.open()
    for _ in range(9):
        fed.after(60)
    ear.deaf = False
    for _ in range(16):
        fed.after(60)
    sink.refuses = False
    fed.after(900)

    assert ear.incidents() == {str(number)}
    assert sink.mails == []
    assert ("down", "default", "dropped", "alertmanager_answers") in states(fed)


def test_without_a_channel_of_its_own_it_goes_on_trying(tmp_path: Path, ear: Ear) -> None:
    """Nobody to tell straight: the alert waits for Alertmanager."""
    ear.deaf = True
    with desk(tmp_path, NotifySection(alertmanager=(ear.url,))) as room:
        number = room.open()
        for _ in range(10):
            room.after(60)
        assert states(room) == {("down", "alertmanager", "waiting", "retry")}
        ear.deaf = False
        room.after(900)
        assert ear.incidents() == {str(number)}


def test_one_refused_alert_holds_up_no_other(fed: Desk, ear: Ear, sink: MailSink) -> None:
    """The bad one stands as failed with what was said, and people hear of it straight."""
    numbers = [fed.open(node=f"bv-uong-bi/main/h{n}") for n in range(9)]
    bad = numbers[4]
    ear.bad = {str(bad)}
    fed.after(20)
    fed.after(1)

    assert ear.incidents() == {str(one) for one in numbers if one != bad}
    assert ("down", "alertmanager", "failed", "refused") in states(fed)
    assert len(sink.mails) == 1
    assert f"#{bad} site_unreachable" in sink.text()
    assert "Alertmanager từ chối tin này" in sink.text()


def test_many_bad_alerts_are_found_in_few_calls(ear: Ear) -> None:
    """Halved until each stands alone, and bounded where nothing is good."""
    alerts = [trial_alert(MINUTE * n) for n in range(500)]
    for number, alert in enumerate(alerts):
        alert["labels"]["incident"] = str(number)
    ear.bad = {"7", "250", "499"}
    said = post([ear.url], alerts)
    assert said.ok
    assert {of for of, _why in said.refused} == ear.bad
    assert len(ear.told) == 497
    assert ear.calls < 80
    ear.bad = {str(number) for number in range(500)}
    ear.calls = 0

    assert not post([ear.url], alerts).ok
    assert ear.calls < 500
