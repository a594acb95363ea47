"""Windows event log entries as ``wevtutil qe CHANNEL /f:xml /e:Events`` writes them.

Only elements and attributes are read: a document type, which could define entities, is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from tramgac_agent.restic.repository import unix_ms
from tramgac_agent.sources.base import SourceFailed

MAX_EVENTS = 5000
_MAX_DATA = 100
_EVENT = re.compile(r"<Event[\s>].*?</Event>", re.DOTALL)
_WHOLE = re.compile(r"(</Events>|<Events\s*/>)\s*\Z")
# Windows writes characters into XML that XML does not allow, plain and as references.
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(x[01]?[0-9a-fA-F]|[0-9]{1,2});"
)


@dataclass(frozen=True, slots=True)
class Event:
    """One entry.

    Attributes:
        number: The event id.
        level: 2 error, 3 warning, 4 information; 0 when there is none.
        time_ms: Unix milliseconds; 0 when there is none.
        record: Its number in the log.
        named: Data elements with a name.
        values: The text of all data elements, in order.
        message: As shown to people, where the export has it (``/f:RenderedXml``).
    """

    number: int
    level: int
    time_ms: int
    record: str
    named: dict[str, str] = field(default_factory=dict)
    values: tuple[str, ...] = ()
    message: str = ""


def parse(text: str) -> list[Event]:
    """Every event of an export that is whole.

    Raises:
        SourceFailed: ``blind_tool``: cut short, too long, or no such export.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise SourceFailed("blind_tool", "the export has a document type")
    if not _WHOLE.search(text[-200:]):
        raise SourceFailed("blind_tool", "the export does not end with </Events>")
    return list(_events(_FORBIDDEN.sub("", text)))


def _events(text: str) -> Iterator[Event]:
    for number, found in enumerate(_EVENT.finditer(text)):
        if number >= MAX_EVENTS:
            raise SourceFailed("blind_tool", f"more than {MAX_EVENTS} events")
        try:
            element = ET.fromstring(found[0])  # noqa: S314 - a document type is refused above
        except ET.ParseError as error:
            raise SourceFailed("blind_tool", f"an event is no XML: {error}") from error
        yield _event(element)


def _event(element: ET.Element) -> Event:
    created = element.find("{*}System/{*}TimeCreated")
    named, values = {}, []
    for data in element.findall("{*}EventData/{*}Data")[:_MAX_DATA]:
        said = (data.text or "").strip()
        values.append(said)
        if data.get("Name"):
            named[data.get("Name", "")] = said
    return Event(
        number=_whole_number(element.findtext("{*}System/{*}EventID")),
        level=_whole_number(element.findtext("{*}System/{*}Level")),
        time_ms=unix_ms(created.get("SystemTime")) if created is not None else 0,
        record=(element.findtext("{*}System/{*}EventRecordID") or "").strip(),
        named=named,
        values=tuple(values),
        message=(element.findtext("{*}RenderingInfo/{*}Message") or "").strip(),
    )


def _whole_number(text: str | None) -> int:
    return int(text) if text and re.fullmatch(r"[0-9]{1,9}", text.strip()) else 0
