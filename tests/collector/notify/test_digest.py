"""The daily list of regulatory gaps: once a day, both languages, nobody paged."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.mail_sink import MailSink, mail_sink
from helpers.telling import INVENTORY, MINUTE, NINE, Desk, desk
from sqlalchemy import insert

from tramgac_collector.notify import digest
from tramgac_collector.notify.digest import digest_message, read_standing, rule_words
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.rules.library import Library
from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import rule_results

HOUR = 60 * MINUTE
DAY = 24 * HOUR


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """A mail server."""
    with mail_sink() as running:
        yield running


@pytest.fixture
def morning(tmp_path: Path, sink: MailSink) -> Iterator[Desk]:
    """A desk at six in the morning."""
    with desk(tmp_path, NotifySection(urls=(sink.url,))) as one:
        one.now_ms = NINE - 3 * HOUR
        one.after(0)
        yield one


def judged(room: Desk, rule: str, status: str = "fail", **values: Any) -> None:
    row = {
        "facility": "bv-uong-bi", "rule": rule, "status": status, "reason": "refuted",
        "advisory": False, "coverage": 1.0, "since_ms": NINE - 5 * DAY, "pack_version": "1",
        "evaluated_ms": NINE, "detail": json.dumps(values.pop("detail", {})), **values,
    }  # fmt: skip
    with room.engine.begin() as connection:
        connection.execute(insert(rule_results).values(row))


def test_the_digest_comes_once_a_day_at_seven(morning: Desk, sink: MailSink) -> None:
    """Not before, once for the day whatever restarts, and again on the next day."""
    judged(morning, "vn.tt13.some_rule")
    morning.after(50 * 60)
    assert sink.mails == []
    morning.after(15 * 60)
    morning.after(60)
    morning.restart()
    for _ in range(3):
        morning.after(150)
    assert sink.subjects() == [
        "[Trạm Gác] 22/11/2026: 1 tồn tại ở 1 cơ sở / 1 gaps in 1 facilities"
    ]
    morning.after(DAY / 1000)

    assert len(sink.mails) == 2


def test_a_digest_that_could_not_be_delivered_comes_later(morning: Desk, sink: MailSink) -> None:
    """The same morning, once."""
    judged(morning, "vn.tt13.some_rule")
    sink.refuses = True
    morning.after(HOUR / 1000)
    sink.refuses = False
    for _ in range(3):
        morning.after(60)

    assert len(sink.mails) == 1
    assert [row[:3] for row in morning.notifications()] == [("digest", "default", "sent")]


def test_a_digest_says_what_is_missing_by_which_clause(morning: Desk) -> None:
    """Both languages; advisory, own defaults, accepted and blind rules are marked; no verdict."""
    words = rule_words(Library.read().packs)
    law = next(one for one in words if one.startswith("vn.tt13."))
    ours = next(one for one, said in words.items() if said.product)
    judged(morning, law, advisory=True)
    judged(morning, ours, "partial", detail={"overlay": {"kind": "accepted"}})
    judged(morning, "vn.future.rule", detail={"preview": True})
    judged(morning, "vn.blind", "unknown")
    due = NINE + 39 * DAY + 15 * HOUR
    judged(morning, "vn.deadline", "unknown", reason="due_soon", detail={"due_ms": due})
    with reading(morning.engine) as connection:
        standing = read_standing(connection, words)
    body = digest_message(standing, INVENTORY, NINE).body

    assert [one.rule for one in standing.gaps] == sorted([law, ours])
    assert body.count(words[law].clause) == 2
    for said in (
        words[law].text[0], words[law].text[1], "Bệnh viện Uông Bí (1 yêu cầu chưa đủ bằng chứng)",
        "advisory, text not yet compared", "mặc định của sản phẩm, không phải luật",
        "accepted for a while", "hạn chót 31/12/2026, còn 40 ngày", "due 31/12/2026, 40 days left",
    ):  # fmt: skip
        assert said in body
    assert "future" not in body
    assert "compliant" not in body.lower()


def test_the_owner_of_an_accepted_gap_hears_that_it_ends(morning: Desk) -> None:
    """From thirty days before on; a number of the facility's own is marked as one."""
    near, far = NINE + 20 * DAY, NINE + 40 * DAY
    judged(morning, "a", detail={"overlay": {"kind": "accepted", "until_ms": near}})
    judged(morning, "b", detail={"overlay": {"kind": "accepted", "until_ms": far}})
    judged(morning, "c", detail={"overlay": {"kind": "excused", "until_ms": near}})
    judged(morning, "d", detail={"tailored": [{"param": "grace", "value": "4h"}]})
    with reading(morning.engine) as connection:
        body = digest_message(read_standing(connection, {}), INVENTORY, NINE).body

    assert body.count("tell its owner: accepted until 12/12/2026") == 1
    assert body.count("báo chủ quản: hết hạn chấp nhận ngày 12/12/2026") == 1
    assert body.count("tell its owner") == 1
    assert body.count("by the facility's own number") == 1


def test_no_gap_is_said_as_what_it_is(morning: Desk) -> None:
    """Never as a seal."""
    judged(morning, "vn.blind", "pass_observed")
    with reading(morning.engine) as connection:
        standing = read_standing(connection, {})
    body = digest_message(standing, INVENTORY, NINE).body

    assert "Không phát hiện tồn tại trong phạm vi bằng chứng hiện có." in body
    assert "No gap observed in the evidence at hand." in body


def test_what_is_left_out_is_counted_for_each_facility(
    morning: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each facility keeps its worst lines, the one that misses most comes first."""
    monkeypatch.setattr(digest, "_MOST_LINES", 12)
    for number in range(30):
        advisory = number != 17
        judged(morning, f"vn.a{number:02}", facility="bv-ha-long", advisory=advisory)
    for number in range(4):
        judged(morning, f"vn.b{number}", status="fail" if number == 3 else "partial")
    with reading(morning.engine) as connection:
        standing = read_standing(connection, {})
    body = digest_message(standing, INVENTORY, NINE).body.partition("Regulatory gaps")[0]
    first, second = body.split("\n\n")[1:3]

    assert first.startswith("Bệnh viện Hạ Long\n- vn.a17 ")
    assert first.count("\n- vn.") == 9
    assert "và 21 dòng nữa" in first
    assert second.startswith("Bệnh viện Uông Bí\n- vn.b3 ")
    assert second.count("\n- vn.") == 3
    assert "và 1 dòng nữa" in second


def test_what_was_not_read_is_counted(morning: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is cut never looks whole."""
    monkeypatch.setattr(digest, "_MOST_GAPS", 3)
    for number in range(5):
        judged(morning, f"vn.a{number}")
    with reading(morning.engine) as connection:
        message = digest_message(read_standing(connection, {}), INVENTORY, NINE)

    assert "2 gaps more were not read" in message.body
    assert "3+ tồn tại" in message.subject


def test_a_list_of_days_ago_is_not_today_s(morning: Desk, sink: MailSink) -> None:
    """The rules fail at every turn: no gap then is none observed today."""
    judged(morning, "vn.tt13.some_rule", status="pass_observed", evaluated_ms=NINE - 3 * DAY)
    morning.after(65 * 60)
    morning.after(60)
    (subject,) = sink.subjects()
    assert subject.endswith(
        "chưa đánh giá lại từ 19/11/2026 09:00 / not judged since 19/11/2026 09:00"
    )
    assert "No gap observed" not in sink.text()
    assert "Tell whoever runs the centre." in sink.text()
