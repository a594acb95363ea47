"""What a device answered, apart from how it was asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Oid = tuple[int, ...]
Value = int | bytes | Oid


def oid(text: str) -> Oid:
    """``1.3.6.1`` as a tuple.

    Raises:
        ValueError: It is no object identifier.
    """
    return tuple(int(part) for part in text.strip(".").split("."))


@dataclass(frozen=True, slots=True)
class Walk:
    """One poll of one device. What the device does not have is not in it.

    Attributes:
        scalars: Value by full OID, the instance included.
        columns: By column OID, value by index.
        ticks: ``sysUpTime`` of the same poll, 1/100 s, wraps at 2^32; None: not told.
        unix_ms: When the answers were in.
    """

    scalars: Mapping[Oid, Value] = field(default_factory=dict)
    columns: Mapping[Oid, Mapping[Oid, Value]] = field(default_factory=dict)
    ticks: int | None = None
    unix_ms: int = 0

    def number(self, scalar: Oid) -> int | None:
        """A scalar that must be a number; None where it is absent or something else."""
        return as_number(self.scalars.get(scalar))

    def text(self, scalar: Oid) -> str:
        """A scalar that must be a string; empty where it is absent or something else."""
        return as_text(self.scalars.get(scalar))

    def column(self, column: Oid) -> Mapping[Oid, Value]:
        """Value by index; empty where the device lacks the column."""
        return self.columns.get(column, {})

    def numbers(self, column: Oid) -> dict[Oid, int]:
        """Those of a column's values that are numbers."""
        return {
            index: number
            for index, value in self.column(column).items()
            if (number := as_number(value)) is not None
        }


def as_number(value: Value | None) -> int | None:
    """The value, if it is a number."""
    return value if isinstance(value, int) else None


def as_text(value: Value | None, longest: int = 200) -> str:
    """The value as text without control characters; empty if it is no string."""
    if not isinstance(value, bytes):
        return ""
    text = value[:longest].decode("utf-8", "replace")
    return "".join(one for one in text if one.isprintable()).strip()
