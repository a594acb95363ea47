"""What the doctor finds wrong with a judge and its messages, on both stores."""

import pytest
from sqlalchemy import Engine, insert

from tramgac_collector.judge import checkup
from tramgac_collector.store.schema import judge_health, notifications

NOW = 1_800_000_000_000
SECOND = 1_000


def _fares(engine: Engine, **parts: tuple[int, int]) -> list[str]:
    """Complaints about parts of which each began and ended a step so many seconds ago."""
    rows: list[dict[str, object]] = [
        {
            "part": name, "turn_ms": NOW - turn * SECOND, "done_ms": NOW - done * SECOND,
            "seconds": 1.5, "failures": 7,
        }
        for name, (turn, done) in parts.items()
    ]  # fmt: skip
    with engine.begin() as connection:
        if rows:
            connection.execute(insert(judge_health), rows)
        return [one.text for one in checkup.judging(connection, NOW)]


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        ({"rules": (5, 5), "facts": (5, 30)}, []),
        ({}, ["no turn yet"]),
        ({"rules": (300, 300), "facts": (300, 300)}, ["300 s ago"]),
        ({"rules": (5, 5), "incidents": (5, 400)}, ["incidents fails each turn, 7 times"]),
        ({"rules": (5, 5), "facts": (5, 100)}, ["ingest writes no facts"]),
    ],
)
def test_a_judge_that_does_not_work_is_found(
    engine: Engine, parts: dict[str, tuple[int, int]], wrong: list[str]
) -> None:
    """Silent, failing in one part, or judging old facts: each is said; a working one is well."""
    found = _fares(engine, **parts)

    assert len(found) == len(wrong)
    assert all(part in text for part, text in zip(wrong, found, strict=True))


def test_messages_that_did_not_leave_are_counted(engine: Engine) -> None:
    """Failed within a day, by channel, and those whose time has come long ago."""
    common: dict[str, object] = {"stage": "down", "recipient": "lan", "digest": "x"}
    rows: list[dict[str, object]] = [
        {**common, "channel": "mail", "state": "failed", "made_ms": NOW - 1, "next_ms": None},
        {**common, "channel": "mail", "state": "failed", "made_ms": NOW - 2, "next_ms": None},
        {**common, "channel": "sms", "state": "failed", "made_ms": 1, "next_ms": None},
        {**common, "channel": "sms", "state": "sent", "made_ms": NOW, "next_ms": None},
        {**common, "channel": "sms", "state": "waiting", "made_ms": NOW, "next_ms": NOW},
        {**common, "channel": "sms", "state": "waiting", "made_ms": NOW, "next_ms": NOW - 10**6},
    ]
    with engine.begin() as connection:
        connection.execute(insert(notifications), rows)
        found = [one.text for one in checkup.deliveries(connection, NOW)]

    assert found == [
        "2 messages by mail failed within a day",
        "1 messages wait though their time has come",
    ]
