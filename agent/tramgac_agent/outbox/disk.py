"""The outbox file and its troubles: damaged, disk full, read-only; and the ways back."""

import contextlib
import logging
import os
import sqlite3
import time
from pathlib import Path

from tramgac_agent.clock import Clock
from tramgac_agent.outbox import database, thinning
from tramgac_agent.outbox.gaps import Loss
from tramgac_agent.outbox.model import OutboxLimits, State
from tramgac_agent.outbox.store import Store

RETRY_SECONDS = 5.0
_FULL_SHARE = 0.8
_BALLASTS_FLOOR = 8
_AGE_CHECK_SECONDS = 3600.0
_CORRUPT_KEPT = 2
_DAY_MS = 86_400_000

log = logging.getLogger(__name__)


class Disk:
    """Holds the store on disk while it can be used.

    Attributes:
        state: See ``OutboxStats.state``.
        lost: Measurements given up since the start, by reason.
    """

    def __init__(self, path: Path, limits: OutboxLimits, clock: Clock) -> None:
        self.state: State = "ok"
        # Epoch and last number before a write of unknown outcome.
        self._doubt: tuple[str, int] | None = None
        # What must be written into the next file.
        self._losses: list[Loss] = []
        self.lost: dict[str, int] = {}
        self._path = path
        self._limits = limits
        self._clock = clock
        self._store: Store | None = None
        self._ballast = path.with_suffix(".ballast")
        self._retry_at = 0.0
        self._age_check_at = 0.0
        self._asides = 0

    def usable(self) -> Store | None:
        """The store, opened if need be; None while the disk cannot be used."""
        attempts = 2
        while self._store is None and attempts and time.monotonic() >= self._retry_at:
            attempts -= 1
            self._open()
        return self._store

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._store = Store(self._path, self._clock)
            if self._doubt and self._doubt[0] == self._store.epoch:
                self._store.take_back(self._doubt[1])
            self._doubt = None
            self._store.audit()
            self._store.write_off(self._losses)
            self._losses.clear()
        except sqlite3.Error as error:
            self.trouble(error)
        except OSError as error:
            self._block("readonly", error)

    def tokens(self) -> list[tuple[str, str]]:
        """What the file remembers of sources, though it cannot be written; empty if unreadable."""
        try:
            with contextlib.closing(database.connect_readonly(self._path)) as connection:
                return database.tokens(connection)
        except sqlite3.Error as error:
            log.warning("outbox: what was taken before is not known: %s", error)
            return []

    def trouble(self, error: sqlite3.Error, before: tuple[str, int] | None = None) -> None:
        """Do what the error asks for; afterwards the store is usable, or blocked for a while.

        Args:
            error: What SQLite said.
            before: Epoch and last number before a write that failed. It may be on the disk
                all the same, when only its fsync failed, while its records go another way.
        """
        kind = database.trouble_of(error, self._path.parent)
        if kind == "corrupt":
            self._move_aside(error)
        elif kind == "disk_full" and self._release_ballast():
            log.warning("outbox: disk full, ballast released: %s", error)
            self._make_room()
        else:
            self._doubt = self._doubt or before
            self._block(kind, error)

    def _block(self, state: State, error: Exception) -> None:
        self.close()
        self._retry_at = time.monotonic() + RETRY_SECONDS
        self._say(state, f": {error}")

    def _say(self, state: State, why: str = "") -> None:
        if state != self.state:
            log.log(
                logging.INFO if state == "ok" else logging.ERROR,
                "outbox: %s -> %s%s",
                self.state,
                state,
                why,
            )
            self.state = state

    def _move_aside(self, error: sqlite3.Error) -> None:
        """Keep the damaged file for a person to look at, and start a new epoch."""
        self.close()
        now = self._clock.wall_ms()
        aside = self._path.with_name(f"{self._path.name}.corrupt-{now}")
        lost = database.waiting_in(self._path)
        try:
            self._path.replace(aside)
            wal, shm = (self._path.with_name(f"{self._path.name}-{one}") for one in ("wal", "shm"))
            if wal.exists():
                wal.replace(aside.with_name(f"{aside.name}-wal"))
            shm.unlink(missing_ok=True)
            self._forget_old_asides()
        except OSError as failure:
            self._block("readonly", failure)
        if self._path.exists():
            return  # still there, to be counted when it goes
        log.error(
            "outbox: damaged (%s): moved aside as %s with about %d records, new epoch",
            *(error, aside.name, lost),
        )
        self._losses.append(Loss("corrupt", lost, (), now, now))
        self.count("corrupt", lost)
        self._asides += 1
        if self._asides > _CORRUPT_KEPT:
            # A disk that damages every new file: go on in memory and try again later.
            self._block("corrupt", error)

    def _forget_old_asides(self) -> None:
        found = self._path.parent.glob(f"{self._path.name}.corrupt-*")
        asides = sorted(one for one in found if not one.name.endswith("-wal"))
        for one in asides[:-_CORRUPT_KEPT]:
            one.unlink(missing_ok=True)
            one.with_name(f"{one.name}-wal").unlink(missing_ok=True)

    def _release_ballast(self) -> bool:
        try:
            self._ballast.unlink()
        except OSError:
            return False
        return True

    def keep_ballast(self) -> None:
        """Put the ballast back when there is ample room for it."""
        size = self._limits.ballast_bytes
        if not size or self._ballast.exists():
            return
        if database.free_bytes(self._path.parent) < 4 * size:
            return
        try:
            # Not zeros: a compressing file system would hold nothing back.
            self._ballast.write_bytes(os.urandom(size))
        except OSError as error:
            self._release_ballast()
            log.warning("outbox: no ballast: %s", error)

    def _make_room(self) -> None:
        """With the ballast's space: sparser points, and a shorter log."""
        store = self._store
        if store is None:
            return
        try:
            target = database.live_bytes(store.connection) * _FULL_SHARE
            self._count_all(thinning.thin(store, int(target), thinning.SPARSER_STEPS))
            store.checkpoint()
        except sqlite3.Error as error:
            log.warning("outbox: no room made: %s", error)

    def settle_down(self, store: Store) -> None:
        """After a good write: keep the bounds, say the state, mind the ballast."""
        size = database.live_bytes(store.connection)
        bound = self._bound(size)
        full = size > bound
        self._asides = 0
        if full:
            self._count_all(
                thinning.thin(
                    store,
                    int(bound * _FULL_SHARE),
                    (*thinning.POINT_STEPS, thinning.EVENT_STEP),
                )
            )
        if time.monotonic() >= self._age_check_at:
            self._age_check_at = time.monotonic() + _AGE_CHECK_SECONDS
            old = self._clock.wall_ms() - int(self._limits.max_age_days * _DAY_MS)
            self.count("thinned", thinning.thin_older(store, old))
        # Thinned to 80 %, it stays "full" until a good part has been delivered.
        still = self.state == "full" and size > bound / 2
        self._say("full" if full or still else "ok")
        self.keep_ballast()

    def _bound(self, own_bytes: int) -> int:
        """Most bytes the outbox may use now.

        The share of free space has a floor: others filling the disk must not thin the
        evidence of it away.
        """
        free = database.free_bytes(self._path.parent) + own_bytes
        share = int(free * self._limits.max_free_share)
        floor = _BALLASTS_FLOOR * self._limits.ballast_bytes
        return min(self._limits.max_bytes, max(share, floor))

    def _count_all(self, lost: dict[str, int]) -> None:
        for reason, number in lost.items():
            self.count(reason, number)

    def count(self, reason: str, number: int) -> None:
        """Add to what was lost since the start."""
        if number:
            self.lost[reason] = self.lost.get(reason, 0) + number

    def close(self) -> None:
        """Close the file; what waits stays."""
        if self._store is not None:
            with contextlib.suppress(sqlite3.Error):  # closing is all that is left to do
                self._store.close()
            self._store = None
