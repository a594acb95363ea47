"""What is wrong now, kept in step with the facts: only what changed is looked at again.

Nothing here must outlive the process: a new board that is shown all facts says the same.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import NamedTuple, Protocol

from sqlalchemy.exc import SQLAlchemyError

from tramgac_collector.backups.copies import Judged
from tramgac_collector.facts.kinds import FactKey
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.facts.mapping import AGENT_SEEN
from tramgac_collector.incidents.codes import HOUR, MINUTE
from tramgac_collector.incidents.detectors import DETECTORS
from tramgac_collector.incidents.model import Key, Symptom
from tramgac_collector.incidents.silence import SILENT_MS, Silence, find_silence, providers
from tramgac_collector.incidents.symptoms import (
    History,
    Look,
    backup,
    expiring,
    flapping,
    flips,
    service,
    service_node,
)
from tramgac_collector.incidents.tree import Tree

# The store shows what was only confirmed up to five minutes late.
_LAG_MS = 330_000
_SERVICE = "svc.up"
# These say something else as time passes: looked at every minute for half an hour, or every hour.
_RESTLESS = frozenset({"net.path.loss", "net.path.rtt", "host.boot"})
_SLOW = ("svc.tls", "net.path.held")
_RESTLESS_MS = 30 * MINUTE
# A system that was well for so long is looked at no more.
_QUIET_MS = HOUR
NAMES = (AGENT_SEEN.name, _SERVICE, *DETECTORS)

log = logging.getLogger(__name__)


class Facts(Protocol):
    """Current facts of the whole fleet."""

    def get(self, name: str, subject: str) -> Fact | None:
        """A fact, expired or not."""
        ...

    def named(self, facility: str, name: str) -> Mapping[str, Fact]:
        """Every fact of one name in a facility, by subject."""
        ...


class _Held(NamedTuple):
    """A finding, and the fact it was made of; the centre's own verdicts have none."""

    symptom: Symptom
    key: FactKey | None = None


class Now(NamedTuple):
    """Everything that is known at one moment.

    Attributes:
        bad: Findings that hold.
        well: The finding where it was looked at and is well. What is neither is not known.
    """

    bad: Mapping[Key, Symptom]
    well: Callable[[Key], Symptom | None]
    silence: Silence


class Board:
    """Findings by what they are of.

    Args:
        facts: Followed by who owns them.
        past: Earlier values of a fact.
    """

    def __init__(self, facts: Facts, past: History) -> None:
        self.past = past
        self.get = facts.get
        self._facts = facts
        self._known: dict[FactKey, Fact] = {}
        self._owed: set[FactKey] = set()
        self._held: dict[Key, _Held] = {}
        self._bad: set[Key] = set()
        self._services: defaultdict[str, dict[str, Fact]] = defaultdict(dict)
        # Systems in trouble, and when that last changed.
        self._troubled: dict[str, int] = {}
        self._flips: dict[str, tuple[int, ...]] = {}
        self._calls: dict[str, int] = {}
        self._heard: dict[str, int] = {}
        self._certificates: dict[str, int] = {}
        self._restless: dict[FactKey, int] = {}
        self._minute_ms = self._hour_ms = 0
        # Whether this turn is the first of a minute, for what need not be done at every tick.
        self.minutely = True
        # Since when nothing is told of a part, though its host calls.
        self._unseen: dict[str, int] = {}
        # When each site was last seen dark: what is inside comes back bit by bit.
        self.dark_ms: dict[str, int] = {}

    def services_seen_from(self, place: str) -> list[str]:
        """Subjects of ``svc.up`` that a host tells of."""
        inside = (one for facts in self._services.values() for one in facts)
        return [subject for subject in inside if subject.startswith(f"{place}/")]

    def take(
        self,
        changed: Mapping[str, Collection[str]],
        tree: Tree,
        was_open: AbstractSet[Key],
        now_ms: int,
    ) -> None:
        """Look again at what changed, and at what time alone may have changed.

        Args:
            changed: By facility, names of facts that are news; at the start, all of them.
            tree: The inventory.
            was_open: Of what there is an incident: it is good only below the lower threshold.
            now_ms: Now.
        """
        look = Look(tree, self.get, self.past, now_ms, self._facts.named)
        due = dict.fromkeys(self._owed)
        for facility, names in changed.items():
            for name in NAMES:
                if name in names:
                    known = self._facts.named(facility, name)
                    due.update(((name, subject), None) for subject in known)
        for key in due:
            self._try(key, look, was_open)
        self._look_again(look, was_open)

    @property
    def owed(self) -> int:
        """How many facts a fault kept from being judged."""
        return len(self._owed)

    def _try(self, key: FactKey, look: Look, was_open: AbstractSet[Key]) -> None:
        """Judge one; a fault of one fact does not stop the others, and is not the last word.

        Raises:
            SQLAlchemyError: The store is away, and would be for every other as well.
        """
        fact = self.get(*key)
        if fact is None or fact.value is None or self._known.get(key) is fact:
            self._owed.discard(key)
            return
        known = key in self._owed
        self._owed.add(key)
        try:
            self._take(fact, fact.value, look, was_open)
        except SQLAlchemyError:
            raise
        except Exception:  # whatever one value runs into
            if not known:
                log.exception("%s of %s cannot be judged", *key)
            self._forget(key)
            return
        self._owed.discard(key)
        self._known[key] = fact

    def _forget(self, key: FactKey) -> None:
        """What cannot be judged is not known, whatever was found before."""
        for found in [one for one, held in self._held.items() if held.key == key]:
            del self._held[found]
            self._bad.discard(found)

    def _take(self, fact: Fact, value: float, look: Look, was_open: AbstractSet[Key]) -> None:
        if fact.name == AGENT_SEEN.name:
            # A call from ahead of the clock was made before it was set back, at the latest now.
            called_ms = min(fact.collected_ms, look.now_ms)
            self._calls[fact.subject] = called_ms
            heard = min(self._heard.get(fact.agent_id, 0), look.now_ms)
            self._heard[fact.agent_id] = max(heard, called_ms)
        elif fact.name == _SERVICE:
            self._service(fact, look, was_open)
        else:
            if fact.name in _RESTLESS:
                self._restless[fact.name, fact.subject] = look.now_ms
            self._judge(fact, value, look, was_open)

    def _look_again(self, look: Look, was_open: AbstractSet[Key]) -> None:
        self.minutely = look.now_ms - self._minute_ms >= MINUTE
        if not self.minutely:
            return
        due = set(self._restless) | {
            held.key for key in self._bad if (held := self._held[key]).key is not None
        }
        if look.now_ms - self._hour_ms >= HOUR:
            due |= {key for key in self._known if key[0] in _SLOW}
        for key in due:
            since_ms = self._restless.get(key)
            self._known.pop(key, None)
            self._try(key, look, was_open)
            if since_ms is not None:
                self._restless[key] = since_ms
        self._minute_ms = look.now_ms
        if look.now_ms - self._hour_ms >= HOUR:
            self._hour_ms = look.now_ms
        for key, since_ms in list(self._restless.items()):
            if look.now_ms - since_ms > _RESTLESS_MS:
                del self._restless[key]

    def _service(self, fact: Fact, look: Look, was_open: AbstractSet[Key]) -> None:
        node, _ = service_node(fact.subject)
        before = self._services[node].get(fact.subject)
        if before is not None and before.value == fact.value:
            return  # it is so since it was first seen so, not since it was last confirmed
        among = {Key(node, "service"), Key(node, "service_flapping")}
        among.add(Key(look.tree.provider_of(node), "provider_down"))
        if before is not None or not fact.value or among & was_open:
            self._flips[fact.subject] = flips(fact, look)
            self._troubled[node] = look.now_ms
        self._services[node][fact.subject] = fact

    def _judge(self, fact: Fact, value: float, look: Look, was_open: AbstractSet[Key]) -> None:
        detector = DETECTORS[fact.name]
        known = detector(fact, value, False, look)  # noqa: FBT003 - the threshold for what was good
        if not known.bad and (known.key in self._bad or known.key in was_open):
            known = detector(fact, value, True, look)  # noqa: FBT003 - and for what was bad
        key = (known.seen_as or fact.name, known.seen_of or fact.subject)
        self._hold(_Held(known, key))

    def _hold(self, held: _Held) -> None:
        key, before = held.symptom.key, self._held.get(held.symptom.key)
        if held.symptom.bad and before is not None and before.symptom.bad:
            since = before.symptom.since_ms
            held = held._replace(symptom=replace(held.symptom, since_ms=since))
        self._held[key] = held
        (self._bad.add if held.symptom.bad else self._bad.discard)(key)

    def take_backups(self, judged: Iterable[Judged], now_ms: int) -> None:
        """Note the verdicts on all backup series; what is not among them is not known."""
        symptoms = {one.key: one for one in (backup(each, now_ms) for each in judged)}
        for key in [key for key in self._held if key.slot == "backup" and key not in symptoms]:
            del self._held[key]
            self._bad.discard(key)
        for symptom in symptoms.values():
            self._hold(_Held(symptom))

    def take_certificates(self, ends: Mapping[str, int]) -> None:
        """Note until when the newest certificate of each host's agent is valid, ms."""
        self._certificates = dict(ends)

    def now(self, tree: Tree, calling: Collection[str], now_ms: int) -> Now:
        """Everything that is known.

        Args:
            tree: The inventory.
            calling: Hosts that should call, without those under maintenance.
            now_ms: Now.
        """
        silence = find_silence(
            {place: ms for place, ms in self._calls.items() if place in calling},
            tree.link_of,
            now_ms,
        )
        self.dark_ms.update((site, now_ms) for site, one in silence.sites.items() if one.bad)
        bad: dict[Key, Symptom] = {}
        for key in self._bad:
            if self._says(self._held[key], now_ms):
                bad[key] = self._held[key].symptom
        found = [*self._of_services(tree, now_ms), *self._of_certificates(tree, now_ms)]
        found += [*silence.hosts.values(), *silence.sites.values()]
        found += [*silence.links.values(), silence.centre]
        bad.update((one.key, one) for one in found if one.bad)
        good = {one.key: one for one in found if not one.bad}

        def well(key: Key) -> Symptom | None:
            held = self._held.get(key)
            if held is None or held.symptom.bad or not self._says(held, now_ms):
                return good.get(key)
            return held.symptom

        return Now(bad, well, silence)

    def unseen(self, node: str, now_ms: int, *, calls: bool) -> int:
        """For how long a host that calls has told nothing of its part, ms; asked at every turn."""
        if not calls:
            self._unseen.pop(node, None)
            return 0
        return now_ms - self._unseen.setdefault(node, now_ms)

    def forget_unseen(self, nodes: AbstractSet[str]) -> None:
        """Keep it only for what is still asked about."""
        self._unseen = {node: ms for node, ms in self._unseen.items() if node in nodes}

    def answers(self, node: str, place: str, now_ms: int) -> bool:
        """Whether another host than ``place`` sees the system up."""
        facts = self._services.get(node, {}).values()
        others = (one for one in facts if not one.subject.startswith(f"{place}/"))
        return any(one.value and self._tells(one, now_ms) for one in others)

    def _says(self, held: _Held, now_ms: int) -> bool:
        """Whether its evidence still says anything."""
        if held.key is None:
            return True
        fact = self.get(*held.key)
        return fact is not None and self._tells(fact, now_ms)

    def _tells(self, fact: Fact, now_ms: int) -> bool:
        """Whether it is fresh, and who told it would have told of a change."""
        newest = self.get(fact.name, fact.subject) or fact
        heard = self._heard.get(fact.agent_id, 0) + SILENT_MS > now_ms
        return heard and newest.expires_ms + _LAG_MS > now_ms

    def _of_certificates(self, tree: Tree, now_ms: int) -> Iterator[Symptom]:
        for place, ends_ms in self._certificates.items():
            if tree.knows(place):
                yield expiring(place, ends_ms, now_ms, now_ms)

    def _of_services(self, tree: Tree, now_ms: int) -> Iterator[Symptom]:
        """Systems that are, or lately were, in trouble, and the providers they are at."""
        look = Look(tree, self.get, self.past, now_ms)
        elsewhere: list[tuple[str, str, Symptom]] = []
        for node, since_ms in list(self._troubled.items()):
            facts = [fact for fact in self._services[node].values() if self._tells(fact, now_ms)]
            if not facts:
                continue
            known = service(node, facts, look)
            often = flapping(node, [self._flips.get(one.subject, ()) for one in facts], now_ms)
            if provider := tree.provider_of(node):
                elsewhere.append((provider, tree.where(node)[0], known))
            yield known
            yield often
            if not known.bad and now_ms - since_ms > _QUIET_MS:
                del self._troubled[node]
        yield from providers(elsewhere).values()
