"""A whole report's figures, facility by facility, so that memory holds one at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
from sqlalchemy import Connection

from tramgac_collector.backups.declared import Declarations
from tramgac_collector.backups.judging import judge_all
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.incidents.tree import CENTRE, Tree
from tramgac_collector.inventory.base import Named
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Facility, Inventory
from tramgac_collector.inventory.versions import in_force_at, newest
from tramgac_collector.judge.feed import FactsFeed
from tramgac_collector.report import backups, gaps
from tramgac_collector.report.coverage import cover_of
from tramgac_collector.report.decisions import decisions_of, state_of
from tramgac_collector.report.model import Dataset, Ending, Figures, Place, RuleWords, Text, Trouble
from tramgac_collector.report.outages import (
    Ledger,
    is_backup,
    is_outage,
    read_ledger,
    sums_of,
)
from tramgac_collector.report.spans import Span, Window, total
from tramgac_collector.rules.asof import facts_at
from tramgac_collector.rules.engine import Rules
from tramgac_collector.rules.given import Papers, read_given
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.overlays import Overlays
from tramgac_collector.rules.pack import Rule
from tramgac_collector.rules.province import library_of
from tramgac_collector.rules.stored import Stored
from tramgac_collector.rules.tailoring import Tailored, Tailorings
from tramgac_collector.rules.world import FactsWorld
from tramgac_collector.store.working import worked
from tramgac_proto import __version__

# An order to report on the present moment takes a moment itself.
_NOW_MS = 60_000
_MOST_LISTED = 100
_MOST_ENDINGS = 20
_FULL_FROM = 0.8
_CERTIFICATE_MS = 60 * 86_400_000


class NoSuchPlace(Exception):  # noqa: N818 - an answer to a person
    """The inventory of that day has no such facility."""


@dataclass
class _Reading:
    """What is read once for all facilities.

    Attributes:
        now_ms: The centre's clock: what is known now is not read from history.
    """

    connection: Connection
    window: Window
    now_ms: int
    inventory: Inventory
    library: Library
    overlays: Overlays
    tailored: Tailored
    work: Sequence[Span]
    ledger: Ledger

    @property
    def judged(self) -> str:
        """How the rules were judged, as ``Figures`` has it."""
        window = self.window
        again = window.known_ms > window.until_ms or self._present
        return "again" if again else "shown"

    @property
    def _present(self) -> bool:
        return self.now_ms - self.window.until_ms < _NOW_MS

    @cached_property
    def rules(self) -> Rules:
        """Of the packs."""
        return Rules(self.library, self.inventory)

    @cached_property
    def _whole(self) -> FactsFeed:
        feed = FactsFeed()
        feed.look(self.connection, self.window.until_ms)
        return feed

    def facts(self, facility: str) -> FactsFeed:
        """As known, at the end of the window."""
        if self._present:
            return self._whole
        window = self.window
        return facts_at(self.connection, facility, window.until_ms, window.known_ms)


def figures(connection: Connection, scope: str, window: Window, now_ms: int) -> Figures:
    """The figures of a window; nothing is stored.

    Args:
        connection: For reading.
        scope: A facility; empty for the province.
        window: What is asked about.
        now_ms: The centre's clock.

    Raises:
        NoSuchPlace: The inventory of that day does not have the facility.
    """
    library = library_of(connection)
    version = in_force_at(connection, window.until_ms) or newest(connection)
    inventory = parse_inventory(version.document, "inventory") if version else Inventory()
    chosen = [one for one in inventory.facilities if scope in {"", one.id}]
    if scope and not chosen:
        raise NoSuchPlace(f"no facility `{scope}` in the inventory of that day")
    reading = _Reading(
        connection,
        window,
        now_ms,
        inventory,
        library,
        Overlays.read(connection),
        Tailorings.read(connection).at(library, window.until_ms, window.known_ms),
        worked(connection, window.since_ms, window.until_ms),
        read_ledger(connection, Tree(inventory), window),
    )
    places = tuple(_place(reading, one) for one in chosen)
    shared = tuple(_shared(reading, scope))
    words = _rule_words(library, places)
    return Figures(
        scope=scope,
        province=_title(inventory),
        **window._asdict(),
        software=__version__,
        inventory=None if version is None else version.number,
        packs=tuple(f"{one.pack.id} {one.pack.version}" for one in library.packs),
        work_ms=total(reading.work),
        judged=reading.judged,
        places=places,
        shared=shared,
        decisions=decisions_of(places, shared, words, window.until_ms),
        rules=words,
        papers=_paper_words(library, places),
    )


def _title(inventory: Inventory) -> Text:
    if inventory.province is None:
        return {}
    named = Named(id="province", name=inventory.province.name)
    return {language: named.title(language) for language in ("vi", "en")}


def _shared(reading: _Reading, scope: str) -> Iterator[Trouble]:
    """Of providers, lines and the centre; for one facility those that took something of it."""
    for one in reading.ledger.troubles.get("", ()):
        took = (*one.down, *reading.ledger.inside.get(one.number, ()))
        mine = any(node.startswith((f"system:{scope}/", f"{scope}/")) for node in took)
        if not scope or one.node == CENTRE or mine or _hosts(reading.inventory, scope, one.node):
            yield one


def _hosts(inventory: Inventory, scope: str, node: str) -> bool:
    facility = inventory.facility(scope)
    systems = () if facility is None else facility.systems
    return any(node == f"provider:{one.provider}" for one in systems if one.provider)


def _place(reading: _Reading, facility: Facility) -> Place:
    window, connection = reading.window, reading.connection
    history = gaps.History(connection, facility.id, window)
    facts = reading.facts(facility.id) if reading.judged == "again" else FactsFeed()
    results = _results(reading, facility, facts, history)
    judgement = gaps.judgement(results, history, window.until_ms)
    previews = {one.rule for one in results if one.detail.get("preview")}
    opened, closed, lost = history.moves(previews)
    troubles = reading.ledger.troubles.get(facility.id, ())
    outages = [one for one in troubles if is_outage(one)]
    findings = [one for one in troubles if not is_outage(one) and not is_backup(one)]
    hosts = sum(not host.probed_by for site in facility.sites for host in site.hosts)
    place = Place(
        id=facility.id,
        name={language: facility.title(language) for language in ("vi", "en")},
        state="",
        cover=cover_of(connection, facility.id, window, reading.work, hosts=hosts),
        outages=sums_of(reading.ledger, outages, window),
        planned=tuple(reading.ledger.planned.get(facility.id, ())),
        troubles=tuple(_longest(outages)),
        findings=tuple(_longest(findings)),
        more=max(0, len(outages) - _MOST_LISTED) + max(0, len(findings) - _MOST_LISTED),
        datasets=tuple(_datasets(reading, facility, facts)),
        gaps=judgement.gaps,
        deadlines=judgement.deadlines,
        opened=tuple(opened),
        closed=tuple(closed),
        lost=tuple(lost),
        counts=dict(judgement.counts),
        unmeasured=judgement.unmeasured,
        certificates=tuple(_certificates(facts, facility.id, window)),
        disks=tuple(_disks(facts, facility.id)),
    )
    return msgspec.structs.replace(place, state=state_of(place))


def _longest(troubles: Sequence[Trouble]) -> list[Trouble]:
    """The longest of them, in the order they began."""
    longest = sorted(troubles, key=lambda one: -one.length_ms)[:_MOST_LISTED]
    return sorted(longest, key=lambda one: (one.since_ms, one.number))


def _results(
    reading: _Reading, facility: Facility, facts: FactsFeed, history: gaps.History
) -> list[Stored]:
    window = reading.window
    if reading.judged == "shown":
        return history.shown(facility.id, reading.library)
    given = read_given(reading.connection, facility.id)
    papers = Papers(given, window.until_ms, window.known_ms)
    inventory = _only(reading.inventory, facility)
    world = FactsWorld(facts, inventory, papers, window.until_ms, tailored=reading.tailored)
    return gaps.judged_again(reading.rules, facility, world, reading.overlays, window)


def _only(inventory: Inventory, facility: Facility) -> Inventory:
    return msgspec.structs.replace(inventory, facilities=(facility,))


def _datasets(reading: _Reading, facility: Facility, facts: FactsFeed) -> Iterator[Dataset]:
    window = reading.window
    inventory = _only(reading.inventory, facility)
    done = backups.drills_in(reading.connection, facility.id, window)
    judged = {}
    if reading.judged == "again":
        judged = dict(judge_all(facts, Declarations.of(inventory), window.until_ms).series)
    for one in inventory.all_series():
        yield backups.dataset_of(
            reading.connection, one, window, judged.get(one.id), done.get(one.id, ())
        )


def _certificates(facts: FactsFeed, facility: str, window: Window) -> Iterator[Ending]:
    """Those of systems that end soon or have ended, the nearest first."""
    found = [one for one in facts.named(facility, "svc.tls").values() if one.value is not None]
    ending = [_ending(one, (one.value or 0.0) * 1000) for one in found]
    soon = [one for one in ending if one.value <= window.until_ms + _CERTIFICATE_MS]
    yield from sorted(soon, key=lambda one: (one.value, one.subject))[:_MOST_ENDINGS]


def _disks(facts: FactsFeed, facility: str) -> Iterator[Ending]:
    """Those that are nearly full, the fullest first."""
    found = facts.named(facility, "host.disk").values()
    full = [_ending(one, one.value) for one in found if one.value and one.value >= _FULL_FROM]
    yield from sorted(full, key=lambda one: (-one.value, one.subject))[:_MOST_ENDINGS]


def _ending(fact: Fact, value: float) -> Ending:
    return Ending(subject=fact.subject, value=value, known_ms=fact.collected_ms)


def _rule_words(library: Library, places: Sequence[Place]) -> dict[str, RuleWords]:
    """Of every rule that is told of, as the packs have them now."""
    asked = {
        one.rule
        for place in places
        for some in (place.gaps, place.deadlines, place.opened, place.closed, place.lost)
        for one in some
    }
    return {rule: _words_of(library, rule) for rule in sorted(asked)}


def _words_of(library: Library, rule: str) -> RuleWords:
    found = library.find(rule)
    if found is None:
        return RuleWords(pack="", cite="", force="", text_status="", text={}, next={})
    pack, row = found
    return RuleWords(
        pack=pack.pack.id,
        cite=str(row.cite),
        force=pack.legal_force(row) if isinstance(row, Rule) else pack.pack.legal_force,
        text_status=pack.text_status(row),
        text={"vi": row.text.vi, "en": row.text.en},
        next={"vi": row.next.vi, "en": row.next.en},
    )


def _paper_words(library: Library, places: Sequence[Place]) -> dict[str, Text]:
    asked = {
        name
        for place in places
        for some in (place.gaps, place.deadlines)
        for one in some
        for name in one.missing
    }
    known = {name: library.papers[name].title for name in sorted(asked) if name in library.papers}
    return {name: {"vi": title.vi, "en": title.en} for name, title in known.items()}
