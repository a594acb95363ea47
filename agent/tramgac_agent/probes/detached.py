"""Calls that may never return, kept off the thread that asks for them."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Detached(Generic[T]):
    """Runs each call in a daemon thread of its own; at most one outstanding per key.

    An executor would not do: the interpreter joins its threads on exit, and a few calls
    that hang would use up a shared pool.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outstanding: dict[str, Future[T]] = {}

    def submit(self, key: str, call: Callable[[], T]) -> Future[T]:
        """Start ``call``, or join the one of the same key that has not come back yet."""
        with self._lock:
            known = self._outstanding.get(key)
            if known is not None:
                return known
            future: Future[T] = Future()
            self._outstanding[key] = future
        thread = threading.Thread(
            target=self._work, args=(key, call, future), name=f"probe {key}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # the system has no thread left to give
            self._forget(key)
            future.set_exception(error)
        return future

    def _work(self, key: str, call: Callable[[], T], future: Future[T]) -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._forget(key)
            future.set_exception(error)
        else:
            self._forget(key)
            future.set_result(result)

    def _forget(self, key: str) -> None:
        with self._lock:
            del self._outstanding[key]
