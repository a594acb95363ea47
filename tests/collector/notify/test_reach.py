"""A channel works by what it took last, and by nothing else."""

from pathlib import Path

from helpers.mail_sink import mail_sink
from helpers.telling import MINUTE, Desk, desk

from tramgac_collector.notify.reach import look, unreachable
from tramgac_collector.notify.roster import roster_of
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.store.engine import reading


def state(room: Desk) -> tuple[str, int]:
    """Of the only channel, and how many people have none."""
    people = roster_of(room.config.notify).people
    with reading(room.engine) as connection:
        (one,) = look(connection, people)
    return one.state, len(unreachable(people, [one]))


def test_a_channel_is_judged_by_its_last_message(tmp_path: Path) -> None:
    """Untried, then works, fails while it refuses, and works again when it took what waited."""
    with mail_sink() as sink, desk(tmp_path, NotifySection(urls=(sink.url,))) as room:
        assert state(room) == ("untried", 0)
        room.open()
        room.after(20)
        assert state(room) == ("works", 0)
        sink.refuses = True
        room.now_ms += MINUTE
        room.open(facility="bv-ha-long", node="bv-ha-long/main")
        room.after(20)
        assert state(room) == ("fails", 1)
        sink.refuses = False
        room.after(60)
        assert state(room) == ("works", 0)
