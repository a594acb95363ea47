"""One agent's day as hourly mean, minimum and maximum of every series, packed small.

Layout of the payload: zlib of a version byte, the length of a msgpack head and the head,
then three columns (means, minima, maxima) for the wide series and three for the others.
The head names each series with a bit per hour that has values and their counts. Counters
and timestamps are kept as float64; the rest as float32 with the lowest 7 bits of the
mantissa cleared (relative error below 2e-5), which is what zlib can then take out.
"""

import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from tramgac_proto.catalogue import CATALOGUE

SeriesKey = tuple[str, tuple[tuple[str, str], ...]]

HOURS = 24
DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_VERSION = 1
_HEAD = struct.Struct(">BI")
_CLEARED = 0xFFFFFF80


@dataclass(slots=True)
class Hour:
    """What one series did in one hour."""

    count: int
    mean: float
    low: float
    high: float

    def add(self, other: "Hour") -> None:
        """Take in other values of the same hour."""
        count = self.count + other.count
        self.mean += (other.mean - self.mean) * other.count / count
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        self.count = count


class _Head(msgspec.Struct, array_like=True):
    """One series in the payload's head.

    Attributes:
        hours: Bit n is set when hour n has values.
        counts: Number of values per such hour; a single one when all are alike.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    hours: int
    counts: list[int]


@dataclass(slots=True)
class Day:
    """One agent's day.

    Attributes:
        series: Hours by series; an hour without values is absent.
    """

    series: dict[SeriesKey, dict[int, Hour]] = field(default_factory=dict)

    def add(self, key: SeriesKey, at_ms: int, value: float) -> None:
        """Take in one value."""
        self._merge(key, at_ms % DAY_MS // _HOUR_MS, Hour(1, value, value, value))

    def merge(self, other: "Day") -> None:
        """Take in another part of the same day."""
        for key, hours in other.series.items():
            for hour, values in hours.items():
                self._merge(key, hour, values)

    def _merge(self, key: SeriesKey, hour: int, values: Hour) -> None:
        hours = self.series.setdefault(key, {})
        known = hours.get(hour)
        if known is None:
            hours[hour] = values
        else:
            known.add(values)


def is_wide(name: str) -> bool:
    """Whether values of a metric lose their meaning in float32."""
    metric = CATALOGUE.get(name)
    return metric is None or metric.type == "counter" or metric.unit == "timestamp_seconds"


def _narrow(values: Iterable[float]) -> bytes:
    whole = array("I", array("f", [_fit(value) for value in values]).tobytes())
    return array("I", [bits & _CLEARED for bits in whole]).tobytes()


def _fit(value: float) -> float:
    """Keep a value float32 cannot hold from becoming infinite."""
    return min(max(value, -3.4e38), 3.4e38)


def _shuffle(raw: bytes, size: int) -> bytes:
    """Put first bytes beside first bytes: neighbours alike compress."""
    return b"".join(raw[at::size] for at in range(size))


def _unshuffle(raw: bytes, size: int) -> bytes:
    count = len(raw) // size
    return bytes(raw[part * count + at] for at in range(count) for part in range(size))


def pack(day: Day) -> bytes:
    """Return the payload of ``day``."""
    heads: list[_Head] = []
    columns: dict[bool, tuple[list[float], list[float], list[float]]] = {
        True: ([], [], []),
        False: ([], [], []),
    }
    for (name, labels), hours in sorted(day.series.items()):
        present = sorted(hours)
        counts = [hours[hour].count for hour in present]
        bits = sum(1 << hour for hour in present)
        alike = len(set(counts)) == 1
        heads.append(_Head(name, labels, bits, counts[:1] if alike else counts))
        means, lows, highs = columns[is_wide(name)]
        means.extend(hours[hour].mean for hour in present)
        lows.extend(hours[hour].low for hour in present)
        highs.extend(hours[hour].high for hour in present)
    head = msgspec.msgpack.encode(heads)
    body = b"".join(_shuffle(array("d", column).tobytes(), 8) for column in columns[True])
    body += b"".join(_shuffle(_narrow(column), 4) for column in columns[False])
    return zlib.compress(_HEAD.pack(_VERSION, len(head)) + head + body, 6)


def unpack(payload: bytes) -> Day:
    """Read a payload.

    Raises:
        ValueError: It was written by a newer version.
    """
    raw = zlib.decompress(payload)
    version, size = _HEAD.unpack_from(raw)
    if version != _VERSION:
        raise ValueError(f"rollup of version {version}, expected {_VERSION}")
    start = _HEAD.size
    heads = msgspec.msgpack.decode(raw[start : start + size], type=list[_Head])
    body = raw[start + size :]
    lengths = {True: 0, False: 0}
    for head in heads:
        lengths[is_wide(head.name)] += head.hours.bit_count()
    wide, narrow = _columns(body, lengths[True], lengths[False])
    day = Day()
    for head in heads:
        source = wide if is_wide(head.name) else narrow
        day.series[head.name, head.labels] = dict(_hours(head, source))
    return day


def _columns(
    body: bytes, wide: int, narrow: int
) -> tuple[Iterator[tuple[float, float, float]], Iterator[tuple[float, float, float]]]:
    at, found = 0, []
    for code, size, count in (("d", 8, wide), ("f", 4, narrow)):
        columns = []
        for _ in range(3):
            columns.append(array(code, _unshuffle(body[at : at + size * count], size)))
            at += size * count
        found.append(zip(*columns, strict=True))
    return found[0], found[1]


def _hours(head: _Head, source: Iterator[tuple[float, float, float]]) -> Iterator[tuple[int, Hour]]:
    present = [hour for hour in range(HOURS) if head.hours >> hour & 1]
    counts = head.counts if len(head.counts) > 1 else head.counts * len(present)
    for hour, count in zip(present, counts, strict=True):
        mean, low, high = next(source)
        yield hour, Hour(count, mean, low, high)


def fold(values: Iterable[tuple[SeriesKey, int, float]]) -> Mapping[int, Day]:
    """Sort values ``(series, event time, value)`` into days since 1970, UTC."""
    days: dict[int, Day] = {}
    for key, at_ms, value in values:
        days.setdefault(at_ms // DAY_MS, Day()).add(key, at_ms, value)
    return days
