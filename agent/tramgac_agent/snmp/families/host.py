"""Anything with HOST-RESOURCES-MIB (RFC 2790): storage boxes, servers that run no agent."""

from collections.abc import Iterator
from typing import ClassVar

from tramgac_agent.checks.base import Sample
from tramgac_agent.snmp.families.base import Family, Memory, Poll, Reading, Wanted
from tramgac_agent.snmp.values import Walk, as_text, oid

_STORAGE = oid("1.3.6.1.2.1.25.2.3.1")
TYPE, DESCRIPTION, UNIT, SIZE, USED = ((*_STORAGE, column) for column in (2, 3, 4, 5, 6))
LOAD = oid("1.3.6.1.2.1.25.3.3.1.2")  # percent over the last minute, a row a processor
FIXED_DISK = oid("1.3.6.1.2.1.25.2.1.4")

_MOST_STORAGES = 16
_MOST_LABEL = 64
_WRAP = 2**32


class HostFamily(Family[Memory]):
    """Disks and processors; ``kind = "host"``."""

    polls: ClassVar = (Poll("host", 300.0),)

    def wanted(self, poll: Poll) -> Wanted:  # noqa: ARG002 - there is one
        """Two tables."""
        return Wanted(columns=(TYPE, DESCRIPTION, UNIT, SIZE, USED, LOAD))

    def read(self, poll: Poll, walk: Walk) -> Reading:  # noqa: ARG002
        """Fixed disks, and the mean of all processors."""
        return Reading((*_storages(walk), *_load(walk)))


def _storages(walk: Walk) -> Iterator[Sample]:
    units, sizes, used = walk.numbers(UNIT), walk.numbers(SIZE), walk.numbers(USED)
    names: set[str] = set()
    for index, kind in sorted(walk.column(TYPE).items()):
        name = _name(as_text(walk.column(DESCRIPTION).get(index)))
        unit, size = units.get(index, 0), _unwrapped(sizes.get(index, 0))
        if kind != FIXED_DISK or not name or name in names or unit <= 0 or size <= 0:
            continue
        if len(names) == _MOST_STORAGES:
            return
        names.add(name)
        labels = {"storage": name}
        yield Sample("tramgac_device_storage_size_bytes", float(unit) * size, labels)
        if index in used:
            ratio = min(1.0, _unwrapped(used[index]) / size)
            yield Sample("tramgac_device_storage_used_ratio", ratio, labels)


def _name(text: str) -> str:
    """Windows adds the volume's label and serial number, which say nothing and may change."""
    return text.partition(" Label:")[0][:_MOST_LABEL]


def _unwrapped(blocks: int) -> int:
    """The type is a signed 32-bit number: over 2^31 blocks (8 TB of 4 kB) it turns negative."""
    return blocks + _WRAP if -(2**31) <= blocks < 0 else max(0, blocks)


def _load(walk: Walk) -> Iterator[Sample]:
    loads = [one for one in walk.numbers(LOAD).values() if 0 <= one <= 100]  # noqa: PLR2004 - percent
    if loads:
        yield Sample("tramgac_device_cpu_ratio", sum(loads) / len(loads) / 100)
