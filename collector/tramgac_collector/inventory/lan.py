"""How a site's LAN hangs together, and when people work on it."""

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from tramgac_collector.inventory.base import Id, Mbps, Named, Node

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# 24:00 is the end of a day; a span may not cross midnight.
Span = Annotated[
    str,
    msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"),
]
Dates = Annotated[tuple[dt.date, ...], msgspec.Meta(max_length=400)]


class Segment(Named, frozen=True, kw_only=True):
    """A part of a site's LAN.

    Attributes:
        network: Address range, for people.
    """

    network: str = ""


class Uplink(Named, frozen=True, kw_only=True):
    """A line that several segments of a site share on their way to the others.

    Attributes:
        segments: Whose traffic to other segments goes over it.
        mbps: What it should carry.
    """

    segments: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=200)]
    mbps: Mbps | None = None


class Clinic(Node, frozen=True, kw_only=True):
    """When patients are received: no test loads the network then without being sure.

    Attributes:
        days: Days of the week.
        hours: Spans of the day in Viet Nam, e.g. ``07:00-12:00``; none: never.
        closed: Dates without clinic, beside the public holidays.
        open: Dates with clinic in spite of weekday or holiday.
    """

    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat")
    hours: Annotated[tuple[Span, ...], msgspec.Meta(max_length=8)] = ("07:00-12:00", "13:00-17:00")
    closed: Dates = ()
    open: Dates = ()


def clinic_problems(clinic: Clinic) -> Iterator[tuple[str, str]]:
    """What is wrong with clinic hours: ``(key, what and how to mend it)``."""
    for number, text in enumerate(clinic.hours):
        first, _, last = text.partition("-")
        if first >= last:
            yield f"hours[{number}]", f"`{text}` ends before it begins; write two spans"
    for day in sorted(set(clinic.open) & set(clinic.closed)):
        yield "open", f"{day} is both open and closed; name it once"
