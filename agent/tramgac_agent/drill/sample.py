"""Draws some files of a listing in one pass and constant memory."""

import heapq
import math
import random
from dataclasses import dataclass, field

from tramgac_agent.drill.reading import Node

# restic's JSON cannot tell such a name, so it could not be asked for it.
_UNTELLABLE = "\ufffd"


@dataclass(slots=True)
class Draw:
    """Half of the files by size, half of them alike, none twice.

    By size: A-Res, keys ``u ** (1 / weight)`` of which the largest stay (Efraimidis and
    Spirakis, Weighted random sampling with a reservoir, 2006); compared as logarithms, since
    the keys of large files are all nearly 1. Alike is the same with every weight 1.

    Attributes:
        wanted: How many.
        seed: The same listing and seed give the same files.
        max_bytes: Larger files are not drawn, unless all are: then the smallest is.
        files: Files seen.
        bytes: Their size.
    """

    wanted: int
    seed: str
    max_bytes: int
    files: int = 0
    bytes: int = 0
    _alike: list[tuple[float, int, Node]] = field(default_factory=list)
    _by_size: list[tuple[float, int, Node]] = field(default_factory=list)
    _smallest: Node | None = None
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable, not secret

    def take(self, node: Node) -> None:
        """Look at one node of the listing."""
        if node.type != "file" or node.size < 0:
            return
        self.files += 1
        self.bytes += node.size
        if _UNTELLABLE in node.path or not node.path.startswith("/"):
            return
        if self._smallest is None or node.size < self._smallest.size:
            self._smallest = node
        if node.size > self.max_bytes:
            return
        half = -(-self.wanted // 2)
        self._keep(self._alike, self.wanted, 1, node)
        self._keep(self._by_size, half, node.size, node)

    def _keep(
        self, kept: list[tuple[float, int, Node]], limit: int, weight: int, node: Node
    ) -> None:
        if weight == 0:
            return
        key = math.log(1.0 - self._random.random()) / weight
        entry = (key, self.files, node)
        if len(kept) < limit:
            heapq.heappush(kept, entry)
        elif entry > kept[0]:
            heapq.heapreplace(kept, entry)

    def chosen(self) -> list[Node]:
        """The files, likeliest first: never more than ``wanted`` or ``max_bytes`` together."""
        by_size = [node for _, _, node in sorted(self._by_size, reverse=True)]
        alike = [node for _, _, node in sorted(self._alike, reverse=True)]
        paths: dict[str, Node] = {}
        left = self.max_bytes
        for node in [*by_size, *alike]:
            if len(paths) < self.wanted and node.path not in paths and node.size <= left:
                paths[node.path] = node
                left -= node.size
        if not paths and self._smallest is not None:
            return [self._smallest]
        return list(paths.values())
