"""What a recovery says of the time it was dark, and of what was down inside."""

import json
from dataclasses import replace

import pytest
from helpers.telling import INVENTORY, NINE

from tramgac_collector.notify.message import Topic, compose
from tramgac_collector.notify.pipeline import RECOVERED, Incident

MINUTE = 60_000


def over(**detail: object) -> str:
    """The text after half an hour that was told 150 s after the last call."""
    incident = Incident(
        id=1,
        node="bv-uong-bi/main",
        code="site_unreachable",
        facility="bv-uong-bi",
        site="main",
        opened_ms=NINE,
        severity="high",
        closed_ms=NINE + 30 * MINUTE,
        cause="link",
        detail=json.loads(json.dumps(detail)),
    )
    return compose([Topic(incident, RECOVERED)], INVENTORY, "vi").body


def test_a_silence_counts_from_the_last_call_not_from_the_alarm() -> None:
    """150 s before it was held to be one; a time that makes no sense is not believed."""
    text = over(since_ms=NINE - 150_000)

    assert "Từ lúc: 22/11/2026 08:57:30" in text
    assert "Kéo dài: 32 phút" in text
    assert "Từ lúc: 22/11/2026 09:00:00" in over(since_ms=NINE + MINUTE)
    assert "Từ lúc: 22/11/2026 09:00:00" in over(since_ms="soon")


def test_what_really_was_down_is_not_lost_among_what_was_only_dark() -> None:
    """A site of 20 hosts: the one system that was down has a line of its own."""
    dark = [f"bv-uong-bi/main/may-{number}" for number in range(20)]
    text = over(inside=dark, down=["system:bv-uong-bi/emr"])

    assert "Đã thật sự ngừng: Bệnh viện Uông Bí, Bệnh án điện tử\n" in text
    assert "và 10 nữa" in text
    assert "Đã thật sự ngừng" not in over(inside=dark)


@pytest.mark.parametrize("cause", ["removed_from_inventory", "not_reported"])
def test_what_is_only_out_of_sight_is_not_said_to_be_over(cause: str) -> None:
    """A slip in the inventory must not read as good news, least of all in a subject or an SMS."""
    gone = Incident(
        1, "bv-uong-bi/main", "site_unreachable", "bv-uong-bi", "main", NINE, "high",
        closed_ms=NINE + MINUTE, cause=cause,
    )  # fmt: skip
    well = replace(gone, id=2, cause="link")
    for topics in ([gone], [gone, well], [well, gone]):
        message = compose([Topic(one, RECOVERED) for one in topics], INVENTORY, "vi")
        assert "Thôi theo dõi: " in message.subject
        assert message.sms.startswith("Thôi theo dõi: ")
        assert len(message.sms) <= 70
        assert message.body.count("Đã hết") == len(topics) - 1
    assert "Đã hết" in compose([Topic(well, RECOVERED)], INVENTORY, "vi").subject
