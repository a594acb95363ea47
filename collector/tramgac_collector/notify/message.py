"""An incident as a message: what, where, since when, cause, clause, next step, link."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tramgac_collector.inventory.model import Facility, Inventory
from tramgac_collector.notify.pipeline import DOWN, RECOVERED, Incident
from tramgac_collector.notify.plain import cut, plain, units
from tramgac_collector.notify.words import (
    cause_words,
    label,
    likely_words,
    part_words,
    pick,
    step_of,
    words_of,
)
from tramgac_collector.web.words import moment

SMS_LENGTH = 70
_MOST_INSIDE = 10
_MOST_FURTHER = 3
# Telegram takes 4,096 characters; a link of 600 and the count of the rest must fit beside.
_LONGEST_BODY = 3_200
_LONGEST_CLAUSE = 300
# Closed because nobody looks at it any more: not known to be well.
_OUT_OF_SIGHT = {"removed_from_inventory", "not_reported"}


class Message(NamedTuple):
    """What is sent; ``sms`` says the same in one line."""

    subject: str
    body: str
    sms: str


@dataclass(frozen=True, slots=True)
class Topic:
    """One incident that a message tells of.

    Attributes:
        kind: The notification's stage, without its numbers.
        inside: Incidents that it covers.
        link: By which this recipient acknowledges; empty where there is none.
        past: Why it is told past Alertmanager, a label; empty where it is not.
    """

    incident: Incident
    kind: str = DOWN
    inside: tuple[Incident, ...] = ()
    link: str = ""
    past: str = ""


def place_of(node: str, inventory: Inventory, language: str) -> str:
    """A node of the tree by the names people know: facility, site, thing; one plain line."""
    return ", ".join(filter(None, map(plain, _names_of(node, inventory, language))))


def _names_of(node: str, inventory: Inventory, language: str) -> list[str]:
    kind, _, path = node.partition(":") if node.startswith(_KINDS) else ("", "", node)
    shared = {
        "provider": inventory.providers,
        "portal": inventory.portals,
        "link": inventory.links,
    }
    if kind in shared:
        found = next((one for one in shared[kind] if one.id == path), None)
        return [path if found is None else found.title(language)]
    first, *rest = path.split("/")
    facility = inventory.facility(first)
    if facility is None:
        return [label("centre", language) if node == "centre" else path]
    name = _NAMES.get(kind, _place)
    return [facility.title(language), *name(facility, rest, language)]


def _system(facility: Facility, rest: list[str], language: str) -> list[str]:
    names = {one.id: one.title(language) for one in facility.systems}
    return [names.get(one, one) for one in rest]


def _series(facility: Facility, rest: list[str], language: str) -> list[str]:
    names = {one.id: one.title(language) for one in facility.datasets}
    dataset, _, destination = rest[-1].partition("@")
    return [f"{names.get(dataset, dataset)} → {destination}"]


def _place(facility: Facility, rest: list[str], language: str) -> list[str]:
    site = next((one for one in facility.sites if rest and one.id == rest[0]), None)
    if site is None:
        return rest
    things = {one.id: one.title(language) for one in (*site.hosts, *site.devices)}
    # A facility of one site needs no second name.
    named = [site.title(language)] if len(facility.sites) > 1 else []
    if len(rest) > 1:
        named.append(things.get(rest[1], rest[1]))
    return [*named, *(["/".join(rest[2:])] if len(rest) > 2 else [])]  # noqa: PLR2004 - a part


# What a node begins with, unless it is a place.
_KINDS = ("system:", "backup:", "provider:", "portal:", "link:")
_NAMES = {"system": _system, "backup": _series}


def since_ms(incident: Incident) -> int:
    """Since when it is so by the evidence: of a silence the last call, not the alarm after it."""
    known = incident.detail.get("since_ms")
    sane = isinstance(known, int) and 0 < known <= incident.opened_ms
    return known if sane and known else incident.opened_ms


def _lasted(incident: Incident, language: str) -> str:
    minutes = max(0, (incident.closed_ms or incident.opened_ms) - since_ms(incident)) // 60_000
    if minutes < 120:  # noqa: PLR2004 - easier to read than 1 h
        return label("minutes", language).format(minutes)
    return label("hours", language).format(minutes // 60)


def _kind(topics: Sequence[Topic]) -> str:
    """The label of what is told; that all is over only where each of them was seen to be."""
    gone = any(one.kind == RECOVERED and one.incident.cause in _OUT_OF_SIGHT for one in topics)
    return "unwatched" if gone else topics[0].kind


def _subject(topic: Topic, place: str, language: str) -> str:
    said = pick(words_of(topic.incident.code).short, language)
    before = "" if topic.kind == DOWN else f"{label(_kind([topic]), language)}: "
    return f"[Trạm Gác] {before}{said}: {place}"


def _lines(topic: Topic, inventory: Inventory, language: str) -> list[str]:
    incident, said = topic.incident, words_of(topic.incident.code)
    over = topic.kind == RECOVERED
    zone = label("zone", language)
    detail = incident.detail
    rows = [
        ("where", place_of(incident.node, inventory, language)),
        ("since", f"{moment(since_ms(incident))} ({zone})"),
        ("until", f"{moment(incident.closed_ms)} ({zone})" if over and incident.closed_ms else ""),
        ("lasted", _lasted(incident, language) if over else ""),
        ("found_at", parts_of(incident, language)),
        ("cause", cause_words(incident.cause, language) or likely_words(incident.code, language)),
        ("further", _further(incident, language)),
        ("clause", plain(str(detail.get("clause", "")), _LONGEST_CLAUSE)),
        ("down", _places(_down(topic), inventory, language)),
        ("inside", _inside(topic, inventory, language)),
        ("step", "" if over else step_of(incident.code, incident.cause, language)),
        ("straight", label(topic.past, language) if topic.past else ""),
        ("acknowledge", topic.link),
        ("incident", f"#{incident.id} {plain(incident.code)}"),
    ]
    first = pick(said.text, language)
    head = f"{label(_kind([topic]), language)}: {first}" if over else first
    return [head, *(f"{label(key, language)}: {text}" for key, text in rows if text)]


def _further(incident: Incident, language: str) -> str:
    """What else holds of a backup, beside the cause."""
    if not incident.code.startswith("backup_"):
        return ""
    reasons = str(incident.detail.get("text", "")).split()
    others = [one for one in reasons if one != incident.cause]
    return " ".join(cause_words(one, language) for one in others[:_MOST_FURTHER])


def _down(topic: Topic) -> list[str]:
    """What really was down inside, as its own evidence showed on return."""
    return [str(node) for node in _listed(topic.incident.detail.get("down"))]


def parts_of(incident: Incident, language: str) -> str:
    """Ports of a switch, or errors of a printer, that the finding is about."""
    own, code = f"{incident.node}/", incident.code
    nodes = (str(node) for node in _listed(incident.detail.get("inside")))
    if not code.startswith(("port_", "printer_")):
        return ""
    parts = [node.removeprefix(own) for node in nodes if node.startswith(own)]
    return _cut_short([part_words(code, one, language) for one in parts], language)


def _places(nodes: Sequence[str], inventory: Inventory, language: str) -> str:
    return _cut_short([place_of(node, inventory, language) for node in nodes], language)


def _inside(topic: Topic, inventory: Inventory, language: str) -> str:
    """What it took with it: incidents of their own, and whatever else went dark."""
    said = [
        f"{pick(words_of(one.code).short, language)} ({place_of(one.node, inventory, language)})"
        for one in topic.inside
    ]
    known = {one.node for one in topic.inside} | {topic.incident.node, *_down(topic)}
    dark = dict.fromkeys(str(node) for node in _listed(topic.incident.detail.get("inside")))
    if not parts_of(topic.incident, language):
        said += [place_of(node, inventory, language) for node in dark if node not in known]
    return _cut_short(said, language)


def _cut_short(said: Sequence[str], language: str) -> str:
    more = len(said) - _MOST_INSIDE
    shown = said[:_MOST_INSIDE]
    return "; ".join([*shown, label("more", language).format(more)] if more > 0 else shown)


def _listed(found: object) -> list[object]:
    return found if isinstance(found, list) else []


def sms_text(topics: Sequence[Topic], inventory: Inventory, language: str) -> str:
    """At most 70 code units: what fits one message with Vietnamese letters."""
    topic, more = topics[0], len(topics) - 1
    incident = topic.incident
    over = topic.kind == RECOVERED
    at = moment(incident.closed_ms if over and incident.closed_ms else since_ms(incident))[11:16]
    before = f"{label(_kind(topics), language)}: " if over else ""
    end = f" {at}" + (f" +{more}" if more else "")
    start = f"{before}{pick(words_of(incident.code).short, language)}: "
    place = place_of(incident.node, inventory, language)
    return start + cut(place, SMS_LENGTH - units(start) - units(end)) + end


def compose(topics: Sequence[Topic], inventory: Inventory, language: str) -> Message:
    """One message of one incident or of several, the gravest first.

    What does not fit one message of a chat is counted; it stands on the page and in the store.

    Args:
        topics: Not empty, all of one kind.
        inventory: For names.
        language: ``vi`` or ``en``.
    """
    first = topics[0]
    place = place_of(first.incident.node, inventory, language)
    subject = _subject(first, place, language)
    if len(topics) > 1:
        before = "" if first.kind == DOWN else f"{label(_kind(topics), language)}: "
        count = label("several", language).format(len(topics))
        subject = f"[Trạm Gác] {before}{count}: {place}, …"
    sms = sms_text(topics, inventory, language)
    return Message(subject, "\n\n".join(_parts(topics, inventory, language)), sms)


def _parts(topics: Sequence[Topic], inventory: Inventory, language: str) -> list[str]:
    found: list[str] = []
    room = _LONGEST_BODY
    for topic in topics:
        part = "\n".join(_lines(topic, inventory, language))
        room -= len(part) + 2
        if found and room < 0:
            return [*found, label("more_incidents", language).format(len(topics) - len(found))]
        found.append(part)
    return found
