"""The world of rules at one moment: facts, inventory, papers, and what judged the backups."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from tramgac_collector.backups.declared import Declarations
from tramgac_collector.facts.devices import RUNTIME, RUNTIME_TRUSTED
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.facts.stored import Facts
from tramgac_collector.inventory.model import Facility, Inventory
from tramgac_collector.rules import datasets
from tramgac_collector.rules.attributes import of_facility, subjects_of
from tramgac_collector.rules.clocks import CLOCKS
from tramgac_collector.rules.datasets import JudgedDataset
from tramgac_collector.rules.evaluate import Evidence, Subject
from tramgac_collector.rules.expression import Value
from tramgac_collector.rules.given import Papers
from tramgac_collector.rules.tailoring import Tailored
from tramgac_collector.rules.vocabulary import VOCABULARY, is_paper


class RuleFacts(Facts, Protocol):
    """Facts that can also be listed by facility."""

    def named(self, facility: str, name: str) -> Mapping[str, Fact]:
        """Every fact of one name in a facility, by subject."""
        ...


# Terms that are one fact of the same subject.
_DIRECT = {
    "net.link.speed": "net.link",
    "net.link.duplex": "net.link.duplex",
    "net.path.rtt": "net.path.rtt",
    "net.path.jitter": "net.path.jitter",
    "net.path.loss": "net.path.loss",
    "net.dev": "net.dev",
    "mon.cover": "mon.cover",
}
SOURCES: Mapping[str, str] = {
    **_DIRECT,
    "host.up": "agent.seen",
    "host.disk": "host.disk",
    "host.time": "host.time",
    "svc.up": "svc.up",
    "svc.tls": "svc.tls",
    "ups.runtime": "ups.runtime",
}
"""Of which fact a term is made; those of backups are made of all ``bk.`` facts."""
# A disk or a probe that was not seen for so long is taken for gone.
_GONE_MS = 30 * 86_400_000
# By whose facts a kind of subject is found that nobody declares.
_SEEN_BY = {"port": "net.link", "path": "net.path.rtt"}


@dataclass(slots=True)
class _Facility:
    """What was worked out of one facility so far."""

    declared: Facility
    subjects: dict[str, Sequence[Subject]] = field(default_factory=dict)
    datasets: dict[str, JudgedDataset] = field(default_factory=dict)
    evidence: dict[tuple[str, str, str], Evidence | None] = field(default_factory=dict)


class FactsWorld:
    """A ``World`` over the fact layer; what was asked once is not worked out again.

    Args:
        facts: What is known.
        inventory: What is declared.
        papers: What was handed in.
        now_ms: The moment.
        declarations: Of the inventory, where they are at hand.
        tailored: Numbers of the facilities' own that count at that moment.
    """

    def __init__(
        self,
        facts: RuleFacts,
        inventory: Inventory,
        papers: Papers,
        now_ms: int,
        declarations: Declarations | None = None,
        *,
        tailored: Tailored | None = None,
    ) -> None:
        self.now_ms = now_ms
        self._facts = facts
        self._inventory = inventory
        self._papers = papers
        self._declarations = declarations or Declarations.of(inventory)
        self._tailored = tailored or Tailored()
        self._known: dict[str, _Facility] = {}
        self._worked_out: Mapping[str, Callable[[Subject], Evidence | None]] = {
            "bk.cover": self._covered,
            "host.up": self._heard,
            "host.disk": self._fullest,
            "host.time": self._offset,
            "svc.up": self._answers,
            "svc.tls": self._certificate,
            "ups.runtime": self._runtime,
        }

    def _facility(self, facility: str) -> _Facility:
        known = self._known.get(facility)
        if known is None:
            declared = self._inventory.facility(facility)
            if declared is None:
                raise LookupError(f"no facility `{facility}` in the inventory")
            known = self._known[facility] = _Facility(declared)
        return known

    def subjects(self, facility: str, kind: str) -> Sequence[Subject]:
        """The facility's things of one kind; itself for ``facility``."""
        known = self._facility(facility)
        if kind not in known.subjects:
            found = [*subjects_of(known.declared, kind), *self._seen(known.declared, kind)]
            own = self._tailored.attributes(facility)
            if own:
                found = [replace(one, attributes={**one.attributes, **own}) for one in found]
            known.subjects[kind] = found
        return known.subjects[kind]

    def _seen(self, facility: Facility, kind: str) -> Iterator[Subject]:
        name = _SEEN_BY.get(kind)
        if name is None:
            return
        common = of_facility(facility)
        for subject in self._facts.named(facility.id, name):
            own = _placed(facility, subject, kind)
            yield Subject(kind, subject.partition("/")[2], facility.id, {**common, **own})

    def evidence(self, name: str, subject: Subject) -> Evidence | None:
        """What is known of the subject, else of its facility, expired or not."""
        known = self._facility(subject.facility)
        key = (name, subject.kind, subject.id)
        if key not in known.evidence:
            known.evidence[key] = self._find(name, subject, known)
        return known.evidence[key]

    def _find(self, name: str, subject: Subject, known: _Facility) -> Evidence | None:
        if is_paper(name):
            about = "" if subject.kind == "facility" else f"{subject.kind}/{subject.id}"
            paper = self._papers.get(subject.facility, about, name)
            return None if paper is None else paper.evidence()
        term = VOCABULARY.get(name)
        if term is None or term.each not in {subject.kind, "facility"}:
            return None
        if term.each == "dataset":
            of_dataset = datasets.TERMS.get(name)
            return of_dataset(self._dataset(subject, known)) if of_dataset else None
        if name in _DIRECT:
            whole = term.each == "facility"
            place = subject.facility if whole else f"{subject.facility}/{subject.id}"
            fact = self._facts.get(_DIRECT[name], place)
            return None if fact is None else _evidence(fact, _typed(name, fact.value))
        if name in CLOCKS:
            return CLOCKS[name](self._papers, subject.facility, self.now_ms)
        worked_out = self._worked_out.get(name)
        return None if worked_out is None else worked_out(subject)

    def _dataset(self, subject: Subject, known: _Facility) -> JudgedDataset:
        found = known.datasets.get(subject.id)
        if found is None:
            group = self._declarations.datasets[f"{subject.facility}/{subject.id}"]
            found = JudgedDataset.of(self._facts, group, self.now_ms)
            known.datasets[subject.id] = found
        return found

    def _covered(self, subject: Subject) -> Evidence | None:
        known = self._facility(subject.facility)
        every = [self._dataset(one, known) for one in self.subjects(subject.facility, "dataset")]
        return datasets.covered(every, self.now_ms)

    def _heard(self, subject: Subject) -> Evidence | None:
        """A host that is silent is not known to be down."""
        seen = self._facts.get("agent.seen", f"{subject.facility}/{subject.id}")
        return None if seen is None else _evidence(seen, value=True)

    def _fullest(self, subject: Subject) -> Evidence | None:
        place = f"{subject.facility}/{subject.id}/"
        every = self._facts.named(subject.facility, "host.disk").items()
        return self._worst((fact for name, fact in every if name.startswith(place)), max)

    def _offset(self, subject: Subject) -> Evidence | None:
        fact = self._facts.get("host.time", f"{subject.facility}/{subject.id}")
        if fact is None or fact.value is None:
            return None
        return _evidence(fact, abs(fact.value))

    def _answers(self, subject: Subject) -> Evidence | None:
        """Every way of asking a system must have an answer."""
        found = self._worst(self._of_system("svc.up", subject.facility, subject.id), min)
        if found is None:
            return None
        return replace(found, value=found.value == 1)

    def _certificate(self, subject: Subject) -> Evidence | None:
        found = self._worst(self._of_system("svc.tls", subject.facility, subject.id), min)
        if found is None or not isinstance(found.value, float):
            return None
        return replace(found, value=found.value - self.now_ms / 1000)

    def _runtime(self, subject: Subject) -> Evidence | None:
        """Without a word that the estimate can be believed, it says nothing."""
        place = f"{subject.facility}/{subject.id}"
        runtime, trusted = (self._facts.get(n, place) for n in (RUNTIME.name, RUNTIME_TRUSTED.name))
        if runtime is None or runtime.value is None or trusted is None or trusted.value != 1:
            return None
        sure_ms = min(runtime.expires_ms, trusted.expires_ms)
        return replace(_evidence(runtime, runtime.value), expires_ms=sure_ms)

    def _of_system(self, name: str, facility: str, system: str) -> Iterator[Fact]:
        declared = self._facility(facility).declared
        for subject, fact in self._facts.named(facility, name).items():
            _, _, host, *rest = subject.split("/", 3)
            if "/".join(rest).rpartition("/")[2].partition(":")[0] != system:
                continue
            # Nobody waits for a host that is declared no more.
            if fact.expires_ms > self.now_ms or declared.find_host(host) is not None:
                yield fact

    def _worst(
        self, facts: Iterable[Fact], choose: Callable[[Iterable[float]], float]
    ) -> Evidence | None:
        """The worst of what is fresh, ``partial`` if not all is; else what expired last."""
        every = [fact for fact in facts if fact.value is not None]
        some = [one for one in every if one.expires_ms > self.now_ms - _GONE_MS] or every
        fresh = [fact for fact in some if fact.expires_ms > self.now_ms]
        if not some:
            return None
        last = max(fresh or some, key=lambda fact: fact.collected_ms)
        value = choose(fact.value for fact in fresh or some if fact.value is not None)
        expires = min(fact.expires_ms for fact in fresh or some)
        partial = bool(fresh) and len(fresh) < len(some)
        return Evidence(value, last.collected_ms, expires, last.origin, partial)


def _evidence(fact: Fact, value: Value) -> Evidence:
    return Evidence(value, fact.collected_ms, fact.expires_ms, fact.origin)


def _typed(name: str, value: float | None) -> Value:
    return value == 1 if value is not None and VOCABULARY[name].unit == "bool" else value


def _placed(facility: Facility, subject: str, kind: str) -> Mapping[str, Value]:
    """What the inventory tells of a port or path that was seen."""
    _, site_id, host_id, *rest = subject.split("/", 3)
    if kind == "port":
        found = facility.find_host(host_id)
        role = None if found is None else "server" if found[1].role == "server" else "client"
        return {"port.role": role}
    target = "/".join(rest).partition(":")[0]
    near = {
        site.id
        for site in facility.sites
        if any(one.id == target for one in (*site.hosts, *site.devices))
    }
    return {"path.kind": None if not near else "lan" if site_id in near else "wan"}
