"""Sending, beside the judge: a channel that hangs holds nobody up."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, NamedTuple, TypeVar

from tramgac_collector.notify.message import Message
from tramgac_collector.notify.pipeline import Delivery

Key = TypeVar("Key")
SEND_SECONDS = 60.0
_THREADS = 4
_LONGEST_ERROR = 200

log = logging.getLogger(__name__)


class Envelope(NamedTuple):
    """A message for one apprise address."""

    url: str
    message: Message
    sms: bool = False

    def task(self) -> dict[str, str]:
        """What is to be sent, for the process that sends it."""
        message = self.message
        return {
            "url": self.url,
            "title": "" if self.sms else message.subject,
            "body": message.sms if self.sms else message.body,
        }


def send_by_apprise(envelope: Envelope, seconds: float = SEND_SECONDS) -> Delivery:
    """Hand a message to apprise, in a process that can be ended if it hangs."""
    try:
        answer = _ask(envelope.task(), seconds)
    except subprocess.TimeoutExpired:
        return Delivery(ok=False, error=f"no end after {seconds:.0f} s", unsure=True)
    except OSError as error:
        return Delivery(ok=False, error=f"apprise cannot be started: {error.strerror}")
    except ValueError as error:
        return Delivery(ok=False, error=str(error))
    return Delivery(
        ok=answer["ok"],
        proof=answer["proof"],
        error=answer["error"][:_LONGEST_ERROR],
        final=answer["final"],
    )


def usable(urls: Sequence[str], seconds: float = SEND_SECONDS) -> list[bool]:
    """Which addresses apprise can make a channel of; none of them, if it cannot be asked.

    Nothing is sent.
    """
    if not urls:
        return []
    try:
        found: list[bool] = _ask({"usable": list(urls)}, seconds)["usable"]
    except (OSError, ValueError, subprocess.TimeoutExpired):
        log.exception("apprise cannot look at addresses")
        return [False] * len(urls)
    return found


def _ask(task: Mapping[str, object], seconds: float) -> dict[str, Any]:
    """What the process that knows apprise answers.

    The addresses go by stdin: a command line is for everybody to read.

    Raises:
        ValueError: It gave no answer.
    """
    argv = [sys.executable, "-P", "-m", "tramgac_collector.notify.by_apprise"]
    done = subprocess.run(
        argv, input=json.dumps(task).encode(), capture_output=True, timeout=seconds,
        check=False, env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise ValueError(f"apprise ended with status {done.returncode}") from None
    return answer


class Outbound(Generic[Key]):
    """Runs deliveries in a few threads and hands back how they ended."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="notify")
        self._running: dict[Future[Delivery], Key] = {}

    def submit(self, key: Key, work: Callable[[], Delivery]) -> None:
        """Start one delivery."""
        self._running[self._pool.submit(work)] = key

    def take(self) -> list[tuple[Key, Delivery]]:
        """What has ended since the last look."""
        ended = [one for one in self._running if one.done()]
        return [(self._running.pop(one), _result(one)) for one in ended]

    def settle(self, seconds: float) -> None:
        """Wait until everything has ended, at most so long."""
        wait(list(self._running), timeout=seconds)

    def close(self) -> None:
        """Start nothing more; what runs is ended with the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _result(future: "Future[Delivery]") -> Delivery:
    error = future.exception()
    if error is None:
        return future.result()
    return Delivery(ok=False, error=f"{type(error).__name__}: {error}"[:_LONGEST_ERROR])
