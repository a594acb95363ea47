r"""What restic prints, line by line, in every version from 0.14 to 0.19.

Its output mixes JSON and plain text on both streams, and progress with ``\x1b[2K`` and
``\r`` before either; a zero is left out of the JSON altogether.
"""

import json
import re
from typing import Any

# Longer than any line restic prints, except a hostile one.
MAX_LINE_BYTES = 1024 * 1024
_ERASE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")


def clean(line: bytes) -> str:
    """Text of one line without control sequences; bad UTF-8 becomes replacement marks."""
    return _ERASE.sub("", line.decode("utf-8", "replace")).strip()


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The JSON object in ``line``, or None when it holds something else."""
    text = clean(line[:MAX_LINE_BYTES])
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def count(message: dict[str, Any], key: str) -> int:
    """A counter of ``message``; absent means zero, since restic omits zeros."""
    value = message.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return 0
    return min(int(value), 2**53) if value != float("inf") else 0
