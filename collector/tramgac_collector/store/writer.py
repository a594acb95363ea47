"""The only writer of the ingest process: one thread, group commit, answers after the commit."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from tramgac_collector.store.records import Batch, store

T = TypeVar("T")

# How long the first batch of a group waits for company: it divides the price of a
# transaction and stays far below what an agent notices.
LINGER_SECONDS = 0.02
# One transaction, so that its length (and what waits behind it) stays bounded.
MAX_GROUP = 500
# After so many items in a row that the database itself refused, the rest are not tried.
_GIVE_UP_AFTER = 3

log = logging.getLogger(__name__)


class StoreUnavailable(Exception):  # noqa: N818 - a state of the store, not a bug
    """Nothing was stored: disk full, database gone, or the queue is full. Try again later."""


@dataclass(slots=True)
class Stored:
    """One batch is durable.

    Attributes:
        duplicates: Records of the whole group that were there already.
        group: Batches written in the same transaction.
        seconds: Length of that transaction.
    """

    duplicates: int
    group: int
    seconds: float


@dataclass(slots=True)
class _Item:
    batch: Batch | None = None
    job: Callable[[Connection], Any] | None = None
    loop: asyncio.AbstractEventLoop | None = None
    reply: "asyncio.Future[Stored] | None" = None
    done: "Future[Any] | None" = None
    result: Any = None
    error: Exception | None = None


@dataclass(slots=True)
class WriterStats:
    """Figures since the start; read without a lock, so they may be one commit old.

    Attributes:
        healthy: Whether the last transaction succeeded.
    """

    commits: int = 0
    failures: int = 0
    batches: int = 0
    duplicates: int = 0
    commit_seconds: list[float] = field(default_factory=list)
    last_error: str = ""
    healthy: bool = True

    def take_commit_times(self) -> list[float]:
        """Return, and forget, the length of each commit since the last call."""
        times, self.commit_seconds = self.commit_seconds, []
        return times


@dataclass(slots=True)
class _Group:
    """What one transaction wrote, per item."""

    items: list[_Item]
    duplicates: int = 0
    pending: list[Batch] = field(default_factory=list)

    def flush(self, connection: Connection) -> None:
        if self.pending:
            self.duplicates += store(connection, self.pending)
            self.pending = []


class Writer:
    """Writes batches and small jobs, in the order they were handed over.

    Args:
        engine: The store.
        max_queue: Items that may wait; ``submit`` refuses beyond.
        linger: Seconds a group waits for company.
    """

    def __init__(
        self, engine: Engine, *, max_queue: int = 4_000, linger: float = LINGER_SECONDS
    ) -> None:
        self._engine = engine
        self._max_queue = max_queue
        self._linger = linger
        self._connection: Connection | None = None
        self._queue: deque[_Item] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.stats = WriterStats()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> bool:
        """Write what is queued, then end; False when that took longer than ``timeout``."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def depth(self) -> int:
        """Items waiting."""
        return len(self._queue)

    def submit(self, batch: Batch) -> "asyncio.Future[Stored]":
        """Queue a batch; the future is done once it is durable.

        Raises:
            StoreUnavailable: The queue is full or the writer stops. The future raises the
                same when the transaction failed.
        """
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Stored] = loop.create_future()
        self._put(_Item(batch=batch, loop=loop, reply=reply))
        return reply

    def execute(self, job: Callable[[Connection], T]) -> "Future[T]":
        """Queue a function that writes at most 50 ms; its result comes after the commit.

        The function may run twice: a group that fails is tried again one by one. What it
        raises undoes its own writes alone and comes out of the future; the store's own
        failures come out as ``StoreUnavailable``.
        """
        done: Future[T] = Future()
        self._put(_Item(job=job, done=done))
        return done

    def _put(self, item: _Item) -> None:
        if self._stopping:
            raise StoreUnavailable("stopping")
        if len(self._queue) >= self._max_queue:
            raise StoreUnavailable("queue_full")
        self._queue.append(item)
        if not self._wake.is_set():
            self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._queue:
                if not self._stopping:
                    time.sleep(self._linger)
                count = min(len(self._queue), MAX_GROUP)
                self._write([self._queue.popleft() for _ in range(count)])
            if self._stopping and not self._queue:
                self._disconnect()
                return

    def _write(self, items: list[_Item]) -> None:
        error = self._attempt(items)
        if error is None:
            return
        if len(items) == 1:
            self._fail(items, error)
            return
        refused = 0
        for at, item in enumerate(items):
            error = self._attempt([item])
            if error is None:
                refused = 0
                continue
            self._fail([item], error)
            refused = refused + 1 if isinstance(error, OperationalError) else 0
            if refused >= _GIVE_UP_AFTER:
                self._fail(items[at + 1 :], error)
                return

    def _attempt(self, items: list[_Item]) -> Exception | None:
        """Write all of ``items`` in one transaction; on success answer them."""
        started = time.monotonic()
        group = _Group(items)
        try:
            # One connection for good: another one's page cache would be stale each time.
            if self._connection is None:
                self._connection = self._engine.connect()
            connection = self._connection
            with connection.begin():
                for item in items:
                    if item.batch is not None:
                        group.pending.append(item.batch)
                    elif item.job is not None:
                        group.flush(connection)
                        _perform(connection, item, item.job)
                group.flush(connection)
        except Exception as error:  # noqa: BLE001 - no fault may end the only writer
            self._disconnect()
            return error
        self._answer(group, time.monotonic() - started)
        return None

    def _disconnect(self) -> None:
        """Let go of the connection; after a fault the next attempt makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except SQLAlchemyError as error:
                log.debug("closing a broken connection: %s", error)

    def _answer(self, group: _Group, seconds: float) -> None:
        batches = sum(item.batch is not None for item in group.items)
        self.stats.commits += 1
        self.stats.batches += batches
        self.stats.duplicates += group.duplicates
        self.stats.commit_seconds.append(seconds)
        self.stats.healthy = True
        stored = Stored(group.duplicates, batches, seconds)
        for item in group.items:
            if item.done is not None and item.done.set_running_or_notify_cancel():
                if item.error is None:
                    item.done.set_result(item.result)
                else:
                    item.done.set_exception(item.error)
        _tell(group.items, lambda reply: reply.set_result(stored))

    def _fail(self, items: Sequence[_Item], error: Exception) -> None:
        self.stats.failures += len(items)
        self.stats.healthy = False
        self.stats.last_error = str(getattr(error, "orig", error))
        log.error("nothing stored for %d items: %s", len(items), self.stats.last_error)
        if not isinstance(error, SQLAlchemyError):
            log.error("and that was not the store's fault", exc_info=error)
        for item in items:
            if item.done is not None and item.done.set_running_or_notify_cancel():
                item.done.set_exception(StoreUnavailable("store_failed"))
        _tell(items, lambda reply: reply.set_exception(StoreUnavailable("store_failed")))


def _perform(connection: Connection, item: _Item, job: Callable[[Connection], Any]) -> None:
    """Run a job in a savepoint, so that its refusal leaves the rest of the group alone."""
    item.error = None
    try:
        with connection.begin_nested():
            item.result = job(connection)
    except SQLAlchemyError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a job raises is its caller's to handle
        item.error = error


def _tell(items: Sequence[_Item], settle: "Callable[[asyncio.Future[Stored]], None]") -> None:
    """Wake each loop once for all its futures, however many they are."""
    replies: dict[asyncio.AbstractEventLoop, list[asyncio.Future[Stored]]] = {}
    for item in items:
        if item.loop is not None and item.reply is not None:
            replies.setdefault(item.loop, []).append(item.reply)

    def settle_all(waiting: "list[asyncio.Future[Stored]]") -> None:
        for reply in waiting:
            if not reply.done():
                settle(reply)

    for loop, waiting in replies.items():
        try:
            loop.call_soon_threadsafe(settle_all, waiting)
        except RuntimeError:  # the loop is closed: nobody waits any more
            log.debug("loop closed before %d answers", len(waiting))
