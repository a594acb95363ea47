"""One rule for one facility: a pure function of the world and the day.

The order is the point. A document that is not in force, or a rule that does not apply, ends
it; then what nobody has compared with its source; then what refutes, since one good
measurement outweighs any paper; then what is missing, what has expired, what is not covered;
only then what decides.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Protocol

from tramgac_collector.rules.expression import (
    Node,
    Quantified,
    Scope,
    Value,
    as_number,
    names_of,
    parse,
)
from tramgac_collector.rules.pack import Pack, Param, Rule, TextStatus
from tramgac_collector.rules.status import Status, worst
from tramgac_collector.rules.vocabulary import ATTESTATION, is_paper

_PREVIEW_LEVEL = 2.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known under one name of one subject.

    Attributes:
        expires_ms: From when on it says nothing.
        origin: Who says so: an agent, a person, a document.
        partial: Some of what it is the worst of has expired. What is left can show that
            something is wrong, never that nothing is.
    """

    value: Value
    collected_ms: int
    expires_ms: int
    origin: str = ""
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule is asked of.

    Attributes:
        attributes: What the inventory and the facility's own answers say, by dotted name; its
            facility's among them.
    """

    kind: str
    id: str
    facility: str
    attributes: Mapping[str, Value] = field(default_factory=dict)


class World(Protocol):
    """Everything a rule may ask: facts of the fact layer and the inventory, nothing else."""

    now_ms: int

    def subjects(self, facility: str, kind: str) -> Sequence[Subject]:
        """The facility's things of one kind; itself for ``facility``."""

    def evidence(self, name: str, subject: Subject) -> Evidence | None:
        """What is known of the subject, else of its facility, expired or not."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Outcome for one subject.

    Attributes:
        refuted: Shown to be wrong, not merely not shown to be right.
        conflict: A person states that it is so and a measurement refutes it.
        missing: Names that are not known; ``expired``: that were.
        used: What was looked at.
    """

    subject: str
    status: Status
    refuted: bool = False
    conflict: bool = False
    missing: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    used: Mapping[str, Evidence] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome for one facility.

    Attributes:
        reason: Stable code of what decided.
        advisory: Its text was not compared with the source: it never pages.
        coverage: Share of subjects that are known.
        preview: No level is declared; judged as if it were 2.
    """

    rule: str
    facility: str
    status: Status
    reason: str
    findings: tuple[Finding, ...] = ()
    coverage: float = 1.0
    advisory: bool = False
    preview: bool = False


class _In(Scope):
    """Names of one subject: parameters, then attributes, then facts that have not expired.

    Attributes:
        oldest_ms: What was so before says nothing.
    """

    def __init__(
        self, world: World, rule: Rule, subject: Subject, others: Sequence[Subject]
    ) -> None:
        self._world = world
        self._rule = rule
        self.subject = subject
        self._others = others
        self.oldest_ms: float = -math.inf
        if rule.validity:
            limit = as_number(parse(rule.validity).evaluate(self))
            self.oldest_ms = math.inf if limit is None else world.now_ms - limit * 1000

    def value(self, name: str) -> Value:
        """What is known and fresh."""
        param = self._rule.params.get(name)
        if param is not None:
            return self._param(name, param)
        if name in self.subject.attributes:
            return self.subject.attributes[name]
        found = self._world.evidence(name, self.subject)
        if found is None or found.expires_ms <= self._world.now_ms:
            return None
        return found.value if found.collected_ms >= self.oldest_ms else None

    def _param(self, name: str, param: Param) -> Value:
        own = f"param.{self._rule.id}.{name}" if param.tailorable else ""
        for place in (own, param.source):
            if place and place in self.subject.attributes:
                declared = self.subject.attributes[place]
                if declared is not None:
                    return declared
        value = param.by_level.get(f"{self.level() or _PREVIEW_LEVEL:g}", param.value)
        return parse(value).evaluate(self) if value else None

    def level(self) -> float | None:
        """The declared security level, never a computed one."""
        own = f"{self.subject.kind}.level"
        known = own == "system.level" or own in self.subject.attributes
        return as_number(self.value(own if known else "facility.level"))

    def subjects(self) -> Sequence[Scope]:
        """One scope for each subject of the rule."""
        return [_In(self._world, self._rule, one, ()) for one in self._others]


def evaluate(pack: Pack, rule: Rule, facility: str, world: World, day: date) -> Result:
    """Judge one rule for one facility.

    Args:
        pack: The rule's pack.
        rule: The rule.
        facility: Facility id.
        world: Facts and inventory.
        day: The day it is judged for, in the facility's own time zone.
    """
    text = pack.text_status(rule)
    forms = (pack.pack.in_force, rule.in_force)
    if not all(form is None or form.covers(day) for form in forms):
        return Result(rule.id, facility, Status.NOT_APPLICABLE, "not_in_force")
    (whole,) = world.subjects(facility, "facility")
    asked = list(world.subjects(facility, rule.each))
    reach = _reach(pack, rule, whole, asked, world)
    if reach.applies is not True:
        status = Status.UNKNOWN if reach.applies is None else Status.NOT_APPLICABLE
        reason = "applicability_unknown" if reach.applies is None else "does_not_apply"
        return Result(rule.id, facility, status, reason, preview=reach.preview)
    gate = _gate(rule, text)
    if gate is not None:
        return Result(rule.id, facility, *gate, preview=reach.preview)
    status, reason, findings, coverage = _judge(rule, whole, reach, world)
    return Result(
        rule.id,
        facility,
        status,
        reason,
        findings,
        coverage,
        advisory=text not in {"official", "seen_copy"},
        preview=reach.preview,
    )


def _gate(rule: Rule, text: TextStatus) -> tuple[Status, str] | None:
    if text == "memory":
        return Status.NOT_EVALUATED, "text_not_seen"
    if rule.evidence == "out_of_reach":
        return Status.OUT_OF_REACH, "out_of_reach"
    return None


@dataclass(slots=True)
class _Reach:
    """What a rule is asked of.

    Attributes:
        applies: None when the facility's own answers are missing.
        preview: A level is only assumed.
        subjects: What is judged.
        doubtful: What may belong to it; the answers that would tell are missing.
    """

    applies: bool | None = None
    preview: bool = False
    subjects: list[Subject] = field(default_factory=list)
    doubtful: list[Subject] = field(default_factory=list)


def _reach(
    pack: Pack, rule: Rule, whole: Subject, asked: Sequence[Subject], world: World
) -> _Reach:
    """``applies_if`` may end a rule; ``where`` only narrows it, and to nothing is not "no"."""
    reach = _Reach()
    answers = []
    for one in asked or [whole]:
        applies, assumed = _applies(pack, rule, _In(world, rule, one, ()))
        reach.preview = reach.preview or assumed
        answers.append(applies)
        if applies is False or not asked:
            continue
        inside = _asked(rule.where, _In(world, rule, one, ())) if rule.where else True
        if applies and inside:
            reach.subjects.append(one)
        elif inside is not False:
            reach.doubtful.append(one)
    reach.applies = True if True in answers else None if None in answers else False
    return reach


def _applies(pack: Pack, rule: Rule, scope: _In) -> tuple[bool | None, bool]:
    """Whether a rule applies to one subject, and whether its level is only assumed."""
    answers = [_asked(text, scope) for text in (pack.pack.applies_if, rule.applies_if) if text]
    assumed = False
    if rule.levels:
        declared = pack.pack.levels_from
        level = scope.value(declared) if declared else scope.level()
        assumed = level is None and not pack.pack.levels_from
        level = _PREVIEW_LEVEL if assumed else level
        answers.append(None if level is None else level in rule.levels)
    return False if False in answers else None if None in answers else True, assumed


def _asked(text: str, scope: Scope) -> bool | None:
    value = parse(text).evaluate(scope)
    return value if isinstance(value, bool) else None


def _judge(
    rule: Rule, whole: Subject, reach: _Reach, world: World
) -> tuple[Status, str, tuple[Finding, ...], float]:
    subjects = reach.subjects
    findings = (
        *(_of_subject(rule, one, subjects, world) for one in subjects),
        *(Finding(one.id, Status.UNKNOWN) for one in reach.doubtful),
    )
    if not findings:
        return Status.UNKNOWN, "nothing_declared", (), 0.0
    if any(one.refuted for one in findings):
        reason = "conflict" if any(one.conflict for one in findings) else "refuted"
        return Status.FAIL, reason, findings, _covered(findings)
    coverage = _covered(findings)
    if coverage < rule.min_coverage or not coverage:
        blind = [one.status for one in findings if one.status in {Status.UNKNOWN, Status.STALE}]
        return worst(blind), "not_covered" if coverage else "no_evidence", findings, coverage
    return (*_decided(rule, whole, findings, subjects, world), findings, coverage)


def _covered(findings: Sequence[Finding]) -> float:
    known = sum(one.status not in {Status.UNKNOWN, Status.STALE} for one in findings)
    return known / len(findings)


def _decided(
    rule: Rule,
    whole: Subject,
    findings: Sequence[Finding],
    subjects: Sequence[Subject],
    world: World,
) -> tuple[Status, str]:
    known = [one for one in findings if one.status not in {Status.UNKNOWN, Status.STALE}]
    if rule.decide and _of_each(rule.decide) is None:
        answer = _asked(rule.decide, _In(world, rule, whole, subjects))
        if answer is None:
            return Status.UNKNOWN, "undecided"
        return (Status.PASS_OBSERVED, "decided") if answer else (Status.FAIL, "not_shown")
    passed = sum(one.status is Status.PASS_OBSERVED for one in known)
    if passed == len(known):
        return Status.PASS_OBSERVED, "decided"
    return (Status.PARTIAL, "some_only") if passed else (Status.FAIL, "not_shown")


@lru_cache(maxsize=4096)
def _of_each(decide: str) -> Node | None:
    """What each subject can be asked by itself; None if ``decide`` is about them together."""
    node = parse(decide)
    if isinstance(node, Quantified) and node.quantifier == "all":
        return node.part
    return None if _has_quantifier(node) else node


def _has_quantifier(node: Node) -> bool:
    return isinstance(node, Quantified) or any(map(_has_quantifier, node.children()))


def _of_subject(rule: Rule, subject: Subject, others: Sequence[Subject], world: World) -> Finding:
    scope = _In(world, rule, subject, others)
    asked = set(rule.needs).union(*map(names_of, (rule.refute, rule.decide, rule.unknown_if)))
    found = {
        name: one
        for name in sorted(asked - rule.params.keys())
        if (one := world.evidence(name, subject)) is not None
    }
    # A person who answered "no" refutes as well as any measurement.
    papers = {name: scope.value(name) for name in rule.needs if is_paper(name)}
    denied = any(said is False for said in papers.values())
    if denied or (rule.refute and _asked(rule.refute, scope) is True):
        stated = any(said and name.startswith(ATTESTATION) for name, said in papers.items())
        conflict = stated and not denied
        return Finding(subject.id, Status.FAIL, refuted=True, conflict=conflict, used=found)
    weak = [name for name, one in found.items() if one.partial]
    needed = dict.fromkeys((*_needed(rule), *weak))
    missing = tuple(name for name in needed if name in weak or scope.value(name) is None)
    expired = tuple(name for name in missing if name in found)
    if missing:
        status = Status.STALE if len(expired) == len(missing) else Status.UNKNOWN
        return Finding(subject.id, status, missing=missing, expired=expired, used=found)
    part = _of_each(rule.decide) if rule.decide else None
    if part is None:
        return Finding(subject.id, Status.PASS_OBSERVED, used=found)
    answer = part.evaluate(scope)
    if answer is True:
        return Finding(subject.id, Status.PASS_OBSERVED, used=found)
    # Where it cannot be told whether it is too early to tell, nothing is told either.
    early = bool(rule.unknown_if) and _asked(rule.unknown_if, scope) is not False
    status = Status.UNKNOWN if early or answer is not False else Status.FAIL
    return Finding(subject.id, status, used=found)


def _needed(rule: Rule) -> tuple[str, ...]:
    """Evidence that must all be there for a pass; a parameter nobody set is missing too."""
    texts = (rule.refute, rule.decide, rule.unknown_if, rule.validity)
    used = frozenset[str]().union(*map(names_of, texts)) & rule.params.keys()
    return (*rule.needs, *sorted(used))
