"""``python -m tramgac_collector.notify.by_apprise``: one message, told by JSON on stdin.

A process of its own: apprise is large, and a channel that hangs can be ended. It answers with
JSON on stdout; the address, which may hold a password, appears in no message.
"""

import json
import logging
import re
import sys
from typing import Any
from urllib.parse import unquote

import apprise

_LONGEST = 150
_SECRET = 4
_NAME = re.compile(r"localhost|mailtos?|https?|jsons?|[\w.-]+\.[a-z]{2,}")


class _Words(logging.Handler):
    """The last complaint of a channel, which apprise only logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.last = record.getMessage()


def without(url: str, text: str) -> str:
    """A complaint without what may be a secret of the address: whatever is long and no name."""
    for part in re.split(r"[/?&=:@]+", url):
        if len(part) >= _SECRET and not _NAME.fullmatch(part):
            text = text.replace(part, "…").replace(unquote(part), "…")
    return text


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
    # A chat refuses what is too long for it; the daily list can be.
    channel.overflow_mode = apprise.OverflowMode.SPLIT
    name = str(channel.service_name)
    ok = bool(channel.notify(body=task["body"], title=task["title"], body_format="text"))
    error = "" if ok else (without(task["url"], words.last)[:_LONGEST] or f"{name} did not take it")
    return {"ok": ok, "proof": f"{name} took it" if ok else "", "error": error, "final": False}


def check(task: dict[str, Any]) -> dict[str, Any]:
    """Which addresses of ``usable`` a channel can be made of; nothing is sent."""
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    made = (apprise.Apprise.instantiate(url, suppress_exceptions=True) for url in task["usable"])
    return {"usable": [one is not None for one in made]}


def main() -> int:
    """Read, send, answer."""
    task = json.load(sys.stdin)
    sys.stdout.write(json.dumps(check(task) if "usable" in task else deliver(task)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
