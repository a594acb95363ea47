"""The cases that are shipped with a pack, run through the same engine as everything else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tramgac_collector.rules.evaluate import Evidence, Subject, evaluate
from tramgac_collector.rules.expression import BadExpression, Value, parse, seconds_of
from tramgac_collector.rules.pack import Fixture, Pack
from tramgac_collector.rules.status import Status
from tramgac_collector.rules.vocabulary import VOCABULARY

_FACILITY = "fixture"
_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
_NOW_MS = int(_NOW.timestamp() * 1000)
_HOUR_MS = 3_600_000
Given = str | float | bool


@dataclass(frozen=True, slots=True)
class Failed:
    """A case that did not end as its pack says."""

    rule: str
    name: str
    expected: Status
    got: Status
    reason: str


def value_of(given: Given) -> Value:
    """What a fixture says: a literal of the language (``20h``, ``95%``), else a text."""
    if not isinstance(given, str):
        return given if isinstance(given, bool) else float(given)
    try:
        node = parse(given)
    except BadExpression:
        return given
    return given if (value := node.evaluate(_Nothing())) is None else value


class _Nothing:
    """A scope in which no name means anything, so that a word stays a word."""

    def value(self, _name: str) -> Value:
        return None

    def subjects(self) -> Sequence["_Nothing"]:
        return ()


def _is_attribute(name: str) -> bool:
    return name in VOCABULARY and VOCABULARY[name].kind == "attribute"


@dataclass
class _World:
    """What one case says, and nothing else."""

    pack: Pack
    case: Fixture
    now_ms: int = _NOW_MS
    facts: dict[str, Mapping[str, Given]] = field(default_factory=dict)

    def subjects(self, facility: str, kind: str) -> Sequence[Subject]:
        """The facility, or the case's subjects."""
        everywhere = {**self.pack.given, **self.case.given}
        given = {name: value_of(one) for name, one in everywhere.items()}
        if kind == "facility":
            self.facts[facility] = self.case.facts
            return (Subject(kind, facility, facility, given),)
        several = self.case.subjects or (self.case.facts,)
        found = []
        for number, facts in enumerate(several):
            self.facts[f"{kind}-{number}"] = facts
            own = {name: value_of(one) for name, one in facts.items() if _is_attribute(name)}
            found.append(Subject(kind, f"{kind}-{number}", facility, {**given, **own}))
        return found

    def evidence(self, name: str, subject: Subject) -> Evidence | None:
        """Fresh unless the case calls it stale."""
        facts = self.facts.get(subject.id, self.case.facts)
        said = facts.get(name, self.case.facts.get(name))
        if said is None:
            return None
        expires = self.now_ms - 1 if name in self.case.stale else self.now_ms + _HOUR_MS
        age_ms = int(seconds_of(self.case.ages.get(name, "1h")) * 1000)
        return Evidence(value_of(said), self.now_ms - age_ms, expires, "fixture")


def run(pack: Pack) -> Iterator[Failed]:
    """Every case of a pack that does not end as it should."""
    for rule in pack.rules:
        for case in rule.fixtures:
            day = case.on or _NOW.date()
            result = evaluate(pack, rule, _FACILITY, _World(pack, case), day)
            if result.status is not case.expect:
                yield Failed(rule.id, case.name, case.expect, result.status, result.reason)
