"""What the live state remembers of one agent."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tramgac_collector.live.streams import Place, Stream


class Agent:
    """One reporting agent.

    Attributes:
        rank: Order of first sight; the higher one is the newer agent.
        home: The host it speaks for, once it called.
        silent: Its values are hidden until it calls again.
        muted: A newer agent speaks for the same host.
        opened: Streams it ever had.
    """

    __slots__ = (
        "home",
        "last_seen_ms",
        "muted",
        "next_expiry_ms",
        "opened",
        "rank",
        "silent",
        "streams",
    )

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.home: Place | None = None
        self.silent = False
        self.muted = False
        self.opened = 0
        self.last_seen_ms = 0
        self.next_expiry_ms = sys.maxsize
        self.streams: dict[str, Stream] = {}

    def lines(self) -> int:
        """Number of lines it has on the page."""
        return sum(stream.size for stream in self.streams.values())

    def find_next_expiry(self) -> None:
        """Look up when the first of its streams expires."""
        self.next_expiry_ms = min(
            (stream.expires_ms for stream in self.streams.values()), default=sys.maxsize
        )
