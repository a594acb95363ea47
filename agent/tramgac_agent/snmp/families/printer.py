"""Printers by Printer-MIB (RFC 3805) and HOST-RESOURCES-MIB (RFC 2790)."""

from collections.abc import Iterator
from typing import ClassVar

from tramgac_agent.checks.base import Sample
from tramgac_agent.snmp.families.base import Family, Memory, Poll, Reading, Wanted
from tramgac_agent.snmp.values import Oid, Walk, oid

ERRORS = oid("1.3.6.1.2.1.25.3.5.1.2")  # hrPrinterDetectedErrorState, a string of bits
_SUPPLY = oid("1.3.6.1.2.1.43.11.1.1")
CLASS = (*_SUPPLY, 4)  # 3 is consumed, 4 is filled (a waste box)
TYPE = (*_SUPPLY, 5)
MOST = (*_SUPPLY, 8)  # -1 no limit, -2 unknown
LEVEL = (*_SUPPLY, 9)  # -1 no limit, -2 unknown, -3 some is left
PAGES = oid("1.3.6.1.2.1.43.10.2.1.4")

# Bit 0 is the most significant of the first byte.
_ERROR_BITS = (
    "low_paper",
    "no_paper",
    "low_toner",
    "no_toner",
    "door_open",
    "jammed",
    "offline",
    "service_requested",
    "input_tray_missing",
    "output_tray_missing",
    "marker_supply_missing",
    "output_near_full",
    "output_full",
    "input_tray_empty",
    "overdue_maintenance",
)
_TYPES = {
    3: "toner",
    4: "waste_toner",
    5: "ink",
    6: "ink",
    7: "ribbon",
    8: "waste_ink",
    9: "drum",
    10: "developer",
    15: "fuser",
    21: "toner",
}
# A colour printer has about ten.
_MOST_SUPPLIES = 16
# hrDeviceIndex, prtMarkerSuppliesIndex
_INDEX_PARTS = 2


class PrinterFamily(Family[Memory]):
    """One printer; ``kind = "printer"``. One that is switched off or asleep is no fault."""

    polls: ClassVar = (Poll("printer", 900.0),)
    news: ClassVar = frozenset({"tramgac_printer_error"})
    silent_is_normal: ClassVar = True

    def wanted(self, poll: Poll) -> Wanted:  # noqa: ARG002 - there is one
        """Error bits, supplies, pages."""
        return Wanted(columns=(ERRORS, CLASS, TYPE, MOST, LEVEL, PAGES))

    def read(self, poll: Poll, walk: Walk) -> Reading:  # noqa: ARG002
        """What is wrong, what is left, how much it printed."""
        samples = (*_errors(walk), *_supplies(walk), *_pages(walk), _asleep(asleep=False))
        return Reading(samples)

    def silent(self) -> Iterator[Sample]:
        """It may be off: no fault by itself."""
        yield _asleep(asleep=True)


def _asleep(*, asleep: bool) -> Sample:
    return Sample("tramgac_printer_asleep", float(asleep))


def _errors(walk: Walk) -> Iterator[Sample]:
    """Every error it could tell of; the string may be short, and empty means none."""
    told = [value for value in walk.column(ERRORS).values() if isinstance(value, bytes)]
    if not told:
        return
    for bit, name in enumerate(_ERROR_BITS):
        byte, mask = bit // 8, 0x80 >> bit % 8
        found = any(len(one) > byte and one[byte] & mask for one in told)
        yield Sample("tramgac_printer_error", float(found), {"error": name})


def _supplies(walk: Walk) -> Iterator[Sample]:
    most, kinds, classes = walk.numbers(MOST), walk.numbers(TYPE), walk.numbers(CLASS)
    for index, level in sorted(walk.numbers(LEVEL).items())[:_MOST_SUPPLIES]:
        if len(index) != _INDEX_PARTS:
            continue
        ratio = _ratio(level, most.get(index, 0))
        # Of a waste box the level is the room left in it, as of all that is filled.
        if ratio is not None and classes.get(index) in {None, 3, 4}:
            label = _label(kinds.get(index), index)
            yield Sample("tramgac_printer_supply_ratio", ratio, {"supply": label})


def _label(kind: int | None, index: Oid) -> str:
    """Its type and number: the printer's own text is free, and so no label."""
    device, number = index
    place = f"{number}" if device == 1 else f"{device}-{number}"
    return f"{_TYPES.get(kind or 0, 'other')}-{place}"


def _ratio(level: int, most: int) -> float | None:
    """Below zero are words, not levels; some count a little past full."""
    return min(1.0, level / most) if most > 0 and level >= 0 else None


def _pages(walk: Walk) -> Iterator[Sample]:
    counts = [count for count in walk.numbers(PAGES).values() if count >= 0]
    if counts:
        yield Sample("tramgac_printer_pages_total", float(max(counts)))
