"""When the daily list of regulatory gaps goes to whom: once a day each, whatever restarts."""

from collections.abc import Container, Iterator

from sqlalchemy import Engine

from tramgac_collector.inventory.model import Inventory
from tramgac_collector.notify import rows
from tramgac_collector.notify.digest import digest_message, read_standing, today
from tramgac_collector.notify.message import Message
from tramgac_collector.notify.packwords import PackWords
from tramgac_collector.notify.pipeline import Notification
from tramgac_collector.notify.roster import Roster, Target
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.store.engine import reading

DIGEST = "digest"
# After a start the judge first looks at everything again.
_SETTLE_MS = 120_000
_LOOK_MS = 30_000


class Daily:
    """Looks twice a minute whether a digest is due.

    Args:
        engine: The store.
        settings: At what time.
    """

    def __init__(self, engine: Engine, settings: NotifySection) -> None:
        self._engine = engine
        self._settings = settings
        self._words = PackWords()
        self._looked_ms = 0
        self._first_ms = 0

    def due(
        self, roster: Roster, inventory: Inventory, now_ms: int, flying: Container[int]
    ) -> Iterator[tuple[Notification, Message]]:
        """Digests to send now."""
        # The clock may have been set back.
        self._first_ms = min(self._first_ms or now_ms, now_ms)
        settling = now_ms - self._first_ms < _SETTLE_MS
        if settling or 0 <= now_ms - self._looked_ms < _LOOK_MS:
            return
        self._looked_ms = now_ms
        date = today(self._settings.digest_at, now_ms)
        waiting = [] if date is None else self._waiting(f"gaps:{date}", roster, now_ms)
        waiting = [one for one in waiting if one.id not in flying]
        if not waiting:
            return
        with reading(self._engine) as connection:
            standing = read_standing(connection, self._words.read(connection))
        message = digest_message(standing, inventory, now_ms)
        yield from ((one, message) for one in waiting)

    def _waiting(self, digest: str, roster: Roster, now_ms: int) -> list[Notification]:
        with reading(self._engine) as connection:
            known = rows.digests(connection, digest)
            judged = rows.anything_judged(connection)
        if not judged:
            return []
        targets = [
            Target(person.id, channel.id)
            for person in roster.people
            if person.digest
            for channel in person.channels
            if channel.form == "full"
        ]
        there = {one.target for one in known}
        new = [
            Notification(None, DIGEST, target, now_ms, now_ms, digest=digest)
            for target in targets
            if target not in there
        ]
        if new:
            with self._engine.begin() as connection:
                known += rows.add(connection, new)
        return [
            one
            for one in known
            if one.state == "waiting" and one.next_ms <= now_ms and one.target in targets
        ]
