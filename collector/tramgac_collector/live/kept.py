"""Series that one part of the collector keeps in step with what it knows."""

from collections.abc import Mapping

from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner

# Name, place and labels.
Key = tuple[str, Owner, tuple[tuple[str, str], ...]]
Lines = Mapping[Key, float]


class Kept:
    """Shows what changed and takes off what is no more.

    Args:
        live: Where they are shown.
    """

    def __init__(self, live: LiveState) -> None:
        self._live = live
        self._shown: Lines = {}

    def show(self, lines: Lines) -> None:
        """Everything that is to be shown from now on."""
        for key in self._shown.keys() | lines.keys():
            value = lines.get(key)
            if value != self._shown.get(key):
                self._live.derived(*key, value)
        self._shown = lines


def place(facility: str, site: str = "", host: str = "") -> Owner:
    """Of what a line is, where no agent tells it; a part that is empty gets no label."""
    return Owner("", facility, site, host)
