"""Which values are on the page: one stream each, no series from two streams."""

from collections import defaultdict

from tramgac_collector.live.fragments import Block, Page
from tramgac_collector.live.layout import Group, Layout
from tramgac_collector.live.text import spell

Place = tuple[str, str, str]


class Stream:
    """The newest observation of one kind from one agent.

    Attributes:
        serial: Which of two streams is newer: rank of the agent, then of the stream.
        layout: ``None`` after the check failed: remembered, but nothing to show.
        blocks: Where each of the layout's groups stands on the page; empty while hidden.
    """

    __slots__ = ("blocks", "event_ms", "expires_ms", "layout", "serial", "values")

    def __init__(self, serial: tuple[int, int]) -> None:
        self.serial = serial
        self.layout: Layout | None = None
        self.values: tuple[float, ...] = ()
        self.blocks: tuple[Block, ...] = ()
        self.event_ms = 0
        self.expires_ms = 0

    @property
    def size(self) -> int:
        """Number of lines it has on the page."""
        return self.layout.size if self.layout is not None and self.blocks else 0


def _fragment(group: Group, words: tuple[str, ...]) -> bytes:
    return (group.template % words[group.start : group.stop]).encode()


class Streams:
    """Puts streams on the page and takes them off. The caller holds the page's lock."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._slots: dict[Place, int] = {}
        # Who shows lines of a family for a place: nearly always one or a few streams.
        self._claims: defaultdict[tuple[Place, str], list[Stream]] = defaultdict(list)

    def slot(self, place: Place) -> int:
        """Return the number of a place; places near each other share blocks."""
        return self._slots.setdefault(place, len(self._slots))

    def show(self, stream: Stream) -> list[Stream] | None:
        """Put a hidden stream on the page.

        Returns:
            The older streams that had to leave because they named the same series, or
            ``None`` when a newer stream shows one of them already.
        """
        layout = stream.layout
        if layout is None:
            return []
        rivals = self._rivals(stream, layout)
        if any(rival.serial > stream.serial for rival in rivals):
            return None
        for rival in rivals:
            self.hide(rival)
        slot = self.slot(layout.place)
        words = spell(stream.values)
        blocks = []
        for group in layout.groups:
            block = self._page.block(group.family, slot)
            self._page.put(block, stream, _fragment(group, words))
            self._claims[layout.place, group.family].append(stream)
            blocks.append(block)
        stream.blocks = tuple(blocks)
        return rivals

    def _rivals(self, stream: Stream, layout: Layout) -> list[Stream]:
        rivals: list[Stream] = []
        for group in layout.groups:
            for other in self._claims.get((layout.place, group.family), ()):
                if other is not stream and other not in rivals and _overlap(group, other):
                    rivals.append(other)
        return rivals

    def hide(self, stream: Stream) -> None:
        """Take a stream off the page; its values are kept."""
        layout = stream.layout
        if layout is None or not stream.blocks:
            return
        slot = self.slot(layout.place)
        for group in layout.groups:
            self._page.drop(group.family, slot, stream)
            holders = self._claims[layout.place, group.family]
            holders.remove(stream)
            if not holders:
                del self._claims[layout.place, group.family]
        stream.blocks = ()

    def update(self, stream: Stream, values: tuple[float, ...]) -> None:
        """Give a shown stream new values; only families that changed are written again."""
        layout, old = stream.layout, stream.values
        if layout is None or values == old:
            return
        stream.values = values
        words, put = spell(values), self._page.put
        for group, block in zip(layout.groups, stream.blocks, strict=True):
            if values[group.start : group.stop] != old[group.start : group.stop]:
                put(block, stream, _fragment(group, words))


def _overlap(group: Group, other: Stream) -> bool:
    if other.layout is None:
        return False
    theirs = next((g for g in other.layout.groups if g.family == group.family), None)
    return theirs is not None and not group.prefixes().isdisjoint(theirs.prefixes())
