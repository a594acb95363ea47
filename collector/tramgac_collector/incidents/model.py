"""What is known of an incident, and what a step changes about it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import msgspec

from tramgac_collector.incidents.codes import CODES, Code, Family, slot_of

# Nodes that one incident keeps as taken with it; what else it covers is not known. Sites above
# all: a hospital that is not named seems well to whoever asks for it alone.
MOST_INSIDE = 1_000


class Key(NamedTuple):
    """What an incident is of: there is never more than one open at a time."""

    node: str
    slot: str


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that was looked at: bad, or known to be good. What is not known is not there.

    Attributes:
        node: Where, as the tree names it.
        since_ms: Since when it is so; of silence, the last good call.
        cause: A code; empty where nothing is known of it.
        severity: Where it is not the code's own.
        inside: Nodes it takes with it.
        lost: Of silence: the last call of every host, ms.
        seen_of: Subject of the fact it rests on, where that is not the one looked at.
        seen_as: The name of that fact, likewise.
    """

    node: str
    code: str
    bad: bool
    since_ms: int
    cause: str = ""
    severity: str = ""
    detail: str = ""
    inside: tuple[str, ...] = ()
    lost: dict[str, int] = field(default_factory=dict)
    seen_of: str = ""
    seen_as: str = ""

    @property
    def key(self) -> Key:
        """Of the incident it belongs to."""
        return Key(self.node, slot_of(self.code))

    @property
    def how_bad(self) -> str:
        """Its severity."""
        return self.severity or CODES[self.code].severity.value


class Detail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an incident needs to remember; the column ``detail``.

    Attributes:
        good_since_ms: It is getting better since; None while it is bad.
        flaps: How often it came back while it was getting better.
        previous: The incident of the same kind that ended shortly before.
        again: How many such there were in a row.
        inside: Nodes that went silent or down with it.
        down: After it: what is known to have been down meanwhile.
        lost: Last call of each host before the silence, ms.
        unknown: Nobody can see any more whether it still holds.
        since_ms: Since when it is bad by the evidence, which is before it was held to be so.
    """

    text: str = ""
    good_since_ms: int | None = None
    flaps: int = 0
    previous: int | None = None
    again: int = 0
    inside: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    lost: dict[str, int] = {}
    unknown: bool = False
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """A row of ``incidents``; ``number`` is 0 until the store gave one."""

    number: int
    node: str
    code: str
    facility: str
    site: str
    opened_ms: int
    severity: str
    cause: str = ""
    closed_ms: int | None = None
    parent: int | None = None
    detail: Detail = field(default_factory=Detail)
    told_ms: int | None = None
    recovered_told_ms: int | None = None
    # Who mends it, where that is known when it is opened; afterwards people say.
    vendor: str = ""

    @property
    def key(self) -> Key:
        """What it is of."""
        return Key(self.node, slot_of(self.code))

    @property
    def kind(self) -> Code:
        """Its line of the table of codes."""
        return CODES[self.code]

    @property
    def covers(self) -> bool:
        """Whether it explains what goes wrong below its node: a wrong clock does not."""
        return self.kind.family is Family.SILENCE or self.code == "provider_down"


class Event(StrEnum):
    """What happened to an incident."""

    OPENED = "opened"
    CHILD_ADDED = "child_added"
    RELEASED = "released"
    RELABELLED = "relabelled"
    WORSE = "worse"
    BETTER = "better"
    BACK = "back"
    UNKNOWN = "unknown"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Change:
    """An incident as it is from now on, and what happened.

    Attributes:
        info: What changed, for the record.
    """

    incident: Incident
    event: Event
    info: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """Planned work: of a node and all below it."""

    node: str
    from_ms: int
    until_ms: int
