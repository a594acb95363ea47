"""The little that the pages write: logins, refusals, acknowledgements; each a short transaction."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from tramgac_collector.identity.register import note
from tramgac_collector.store.engine import open_engine, reading
from tramgac_collector.web.store import StoreSilentError

# Somebody who tries doors must not fill the audit trail, nor hide others who try.
_NOTES_PER_MINUTE = 10
# All strangers share a name: the noisy one must not use up what is noted of the others.
_NOTES_PER_PLACE = 3
_MOST_ACTORS = 1_000

log = logging.getLogger(__name__)


class Desk:
    """Reads and writes what belongs to people, not to hosts.

    Args:
        url: SQLAlchemy URL.
        now_ms: The centre's clock.
    """

    def __init__(self, url: str, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self._engine = open_engine(url)
        database = self._engine.url.database
        name = self._engine.dialect.name
        # SQLite would make an empty file of a name that is not there yet.
        self._file = Path(database) if name == "sqlite" and database else None
        self._noted: dict[tuple[str, str, str], deque[float]] = {}
        self._left_out = 0
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read only.

        Raises:
            StoreSilentError: There is no store, or it does not answer.
        """
        with self._guarded(), reading(self._engine) as connection:
            yield connection

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """One transaction, committed at the end.

        Raises:
            StoreSilentError: There is no store, or it does not answer.
        """
        with self._guarded(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        if self._file is not None and not self._file.exists():
            raise StoreSilentError(f"{self._file}: no such file")
        try:
            yield
        except SQLAlchemyError as error:
            raise StoreSilentError(str(error)) from error

    def note_refusal(
        self, actor: str, action: str, subject: str, detail: str, *, place: str = ""
    ) -> None:
        """Write a refusal to the audit trail: ten a minute of one actor and action.

        How many were left out stands beside the next that is written. ``place`` is where a
        stranger comes from: three of the ten are for each.
        """
        with self._lock:
            noisy = place and not self._room((actor, action, place), _NOTES_PER_PLACE)
            if noisy or not self._room((actor, action, ""), _NOTES_PER_MINUTE):
                self._left_out += 1
                return
            left_out, self._left_out = self._left_out, 0
        log.warning("%s: %s %s (%s)", action, actor, subject, detail)
        more = f"; {left_out} more were refused before" if left_out else ""
        try:
            with self.changing() as connection:
                note(connection, self.now_ms(), (actor, action, subject), detail + more)
        except StoreSilentError:
            log.warning("the refusal cannot be noted", exc_info=True)

    def _room(self, whose: tuple[str, str, str], most: int) -> bool:
        now = time.monotonic()
        if len(self._noted) > _MOST_ACTORS:
            self._noted.clear()
        times = self._noted.setdefault(whose, deque())
        while times and now - times[0] >= 60:  # noqa: PLR2004 - a minute
            times.popleft()
        if len(times) >= most:
            return False
        times.append(now)
        return True

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
