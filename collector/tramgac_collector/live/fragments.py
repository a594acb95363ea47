"""The page Prometheus reads, kept as joined pieces.

A *fragment* is the text of one family from one source. Fragments of about a hundred
hosts form a *block*; only blocks with a changed fragment are joined (and compressed)
again, so a scrape costs a join of blocks and not a loop over samples.
"""

import threading
from collections.abc import Hashable

from isal import igzip_lib

from tramgac_proto.catalogue import CATALOGUE, Metric

HOSTS_PER_BLOCK = 100
_FAST = 1


def _pack(data: bytes) -> bytes:
    """One gzip member; members may follow each other (RFC 1952, 2.2)."""
    packed: bytes = igzip_lib.compress(
        data,
        _FAST,
        igzip_lib.COMP_GZIP,
        igzip_lib.MEM_LEVEL_EXTRA_LARGE,
    )
    return packed


class Block:
    """Fragments of one family and about a hundred hosts.

    Attributes:
        joined: Set by the second read without a change in between, so that a page in
            which everything changes is copied only once.
        packed: The same as a gzip member, set by the first compressed read.
    """

    __slots__ = ("fragments", "joined", "packed")

    def __init__(self) -> None:
        self.fragments: dict[Hashable, bytes] = {}
        self.joined: bytes | None = None
        self.packed: bytes | None = None


class Family:
    """One metric family: its header and its blocks by number."""

    __slots__ = ("blocks", "header", "packed_header")

    def __init__(self, metric: Metric) -> None:
        text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
        head = f"# HELP {metric.name} {text}\n# TYPE {metric.name} {metric.type}\n"
        self.header = head.encode()
        self.packed_header = _pack(self.header)
        self.blocks: dict[int, Block] = {}


class Page:
    """All families. Writers hold ``lock``; a reader holds it only to note what changed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._reading = threading.Lock()
        self._families = {name: Family(metric) for name, metric in CATALOGUE.items()}
        self._dirty: set[Block] = set()

    def block(self, family: str, slot: int) -> Block:
        """Return the block that holds the fragments of host number ``slot``."""
        blocks = self._families[family].blocks
        number = slot // HOSTS_PER_BLOCK
        block = blocks.get(number)
        if block is None:
            block = blocks[number] = Block()
        return block

    def put(self, block: Block, key: Hashable, fragment: bytes) -> None:
        """Set a fragment."""
        block.fragments[key] = fragment
        self._dirty.add(block)

    def drop(self, family: str, slot: int, key: Hashable) -> None:
        """Remove a fragment if it is there."""
        blocks = self._families[family].blocks
        number = slot // HOSTS_PER_BLOCK
        block = blocks.get(number)
        if block is None or block.fragments.pop(key, None) is None:
            return
        self._dirty.add(block)
        if not block.fragments:
            del blocks[number]

    def parts(self, *, packed: bool) -> list[bytes]:
        """The page in pieces that only have to be joined; gzip members if ``packed``."""
        with self._reading:
            with self.lock:
                changed, self._dirty = self._dirty, set()
                for block in changed:
                    block.joined = block.packed = None
                shown = [
                    (family, [(block, _unread(block, packed)) for block in family.blocks.values()])
                    for family in self._families.values()
                    if family.blocks
                ]
            parts: list[bytes] = []
            for family, blocks in shown:
                parts.append(family.packed_header if packed else family.header)
                for block, fragments in blocks:
                    if packed:
                        parts.append(_packed(block, fragments))
                    elif block in changed:
                        parts.extend(fragments)
                    else:
                        parts.append(_joined(block, fragments))
            return parts


def _unread(block: Block, packed: bool) -> list[bytes]:  # noqa: FBT001 - private
    """The fragments, unless what was made of them can be used again."""
    made = block.packed if packed else block.joined
    return list(block.fragments.values()) if made is None else []


def _packed(block: Block, fragments: list[bytes]) -> bytes:
    if block.packed is None:
        block.packed = _pack(b"".join(fragments))
    return block.packed


def _joined(block: Block, fragments: list[bytes]) -> bytes:
    if block.joined is None:
        block.joined = b"".join(fragments)
    return block.joined
