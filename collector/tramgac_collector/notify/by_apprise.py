"""``python -m tramgac_collector.notify.by_apprise``: one message, told by JSON on stdin.

A process of its own: apprise is large, and a channel that hangs can be ended. It answers with
JSON on stdout; the address, which may hold a password, appears in no message.
"""

import json
import logging
import sys
from typing import Any

import apprise

_LONGEST = 150


class _Words(logging.Handler):
    """The last complaint of a channel, which apprise only logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.last = record.getMessage()


def deliver(task: dict[str, Any]) -> dict[str, Any]:
    """Send ``title`` and ``body`` to ``url``.

    Returns:
        ``ok``; ``proof``, which channel took it; ``error``; ``final`` when the address is wrong.
    """
    logger, words = logging.getLogger("apprise"), _Words()
    logger.addHandler(words)
    logger.propagate = False
    channel = apprise.Apprise.instantiate(task["url"], suppress_exceptions=True)
    if channel is None:
        return {"ok": False, "proof": "", "error": "apprise cannot use the address", "final": True}
    name = str(channel.service_name)
    ok = bool(channel.notify(body=task["body"], title=task["title"], body_format="text"))
    # A complaint may repeat the address; with its secrets it goes nowhere.
    secrets = [part for part in (channel.user, channel.password, task["url"]) if part]
    said = words.last[:_LONGEST]
    if any(secret in said for secret in secrets):
        said = ""
    error = "" if ok else (said or f"{name} did not take it")
    return {"ok": ok, "proof": f"{name} took it" if ok else "", "error": error, "final": False}


def main() -> int:
    """Read, send, answer."""
    sys.stdout.write(json.dumps(deliver(json.load(sys.stdin))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
