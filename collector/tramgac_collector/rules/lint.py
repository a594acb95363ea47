"""What a pack must not do. Every refusal names the rule and says what to mend."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from tramgac_collector.rules.expression import BadExpression, names_of
from tramgac_collector.rules.pack import Deadline, Pack, Rule, Text
from tramgac_collector.rules.vocabulary import VOCABULARY, is_known, is_paper

_BINDING = frozenset({"binding", "binding_via"})
# Nobody at a hospital can waive a law, and a tool cannot certify one.
_FORBIDDEN = re.compile(
    r"\b(compliant|compliance|waiver|certified)\b|miễn trừ|tuân thủ đầy đủ|đạt chuẩn", re.IGNORECASE
)
_RELATIONS = frozenset({"equal", "subset", "superset", "intersects"})
_TRAPS = frozenset(f"T{number}" for number in range(1, 35))
_MONEY = re.compile(r"\b(VND|VNĐ|triệu đồng|million dong)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing to mend.

    Attributes:
        place: ``pack``, or the rule's id and key.
    """

    place: str
    text: str


def lint(pack: Pack) -> list[Complaint]:
    """Everything that is wrong with a pack, in its own order."""
    found = list(_head(pack))
    seen: set[str] = set()
    for one_id in (*(rule.id for rule in pack.rules), *(one.id for one in pack.deadlines)):
        if one_id in seen:
            found.append(Complaint(one_id, "this id stands here twice; ids are never reused"))
        seen.add(one_id)
    for rule in pack.rules:
        for check in _OF_RULE:
            found.extend(Complaint(f"{rule.id}: {key}", text) for key, text in check(pack, rule))
    for one in pack.deadlines:
        found.extend(Complaint(f"{one.id}: {key}", text) for key, text in _deadline(one))
    return found


def _head(pack: Pack) -> Iterator[Complaint]:
    head = pack.pack
    if head.legal_force in _BINDING and not head.sources:
        yield Complaint("pack: sources", "a binding pack names where its text was read")
    if head.text_status == "official" and not (head.verified_by and head.verified_on):
        yield Complaint("pack: text_status", "`official` needs verified_by and verified_on")
    if head.text_status != "official" and not head.verify and head.legal_force in _BINDING:
        yield Complaint("pack: verify", "say what a person must still compare with the source")
    if head.legal_force == "binding_via" and not head.via:
        yield Complaint("pack: via", "say which document makes it binding")
    if head.levels_from and head.levels_from not in VOCABULARY:
        yield Complaint("pack: levels_from", f"`{head.levels_from}` is not in the vocabulary")
    if head.applies_if:
        for key, text in _expression("applies_if", head.applies_if, {}):
            yield Complaint(f"pack: {key}", text)
    if not pack.rules and not pack.deadlines:
        yield Complaint("pack", "no rules and no deadlines")


_Found = Iterator[tuple[str, str]]


def _citation(pack: Pack, rule: Rule) -> _Found:
    where = rule.cite.article or rule.cite.clause or rule.cite.point or rule.cite.row
    if pack.legal_force(rule) in _BINDING and not where:
        yield "cite", "a binding rule says article, clause, point or row"


def _texts(_pack: Pack, rule: Rule) -> _Found:
    for key, text in (("text", rule.text), ("next", rule.next)):
        yield from _text(key, text)


def _text(key: str, text: Text) -> _Found:
    for language, said in (("vi", text.vi), ("en", text.en)):
        if _FORBIDDEN.search(said):
            yield f"{key}.{language}", "say what was observed; nobody is certified or exempted here"
        if _MONEY.search(said):
            yield f"{key}.{language}", "no amounts of money"
    if text.vi.strip() == text.en.strip():
        yield key, "both languages say the same; translate it"


def _memory(pack: Pack, rule: Rule) -> _Found:
    if pack.text_status(rule) == "memory" and (rule.refute or rule.decide or rule.params):
        yield "text_status", "a row nobody has read has no threshold: drop refute, decide, params"


def _evidence(pack: Pack, rule: Rule) -> _Found:
    judged = rule.evidence != "out_of_reach" and pack.text_status(rule) != "memory"
    if judged and not rule.needs:
        yield "needs", "say what must be known for a pass"
    if judged and not (rule.refute or rule.decide or all(map(is_paper, rule.needs))):
        yield "decide", "say what refutes or decides it"
    if not judged and (rule.refute or rule.decide):
        yield "evidence", "out of reach, yet something decides it"
    if rule.evidence in {"attested", "document"} and judged and not any(map(_is_said, rule.needs)):
        yield "needs", "an attested rule needs an `att:` or `doc:` name, or a name people answer"


def _is_said(name: str) -> bool:
    return is_paper(name) or (name in VOCABULARY and VOCABULARY[name].kind == "attested")


def _expressions(_pack: Pack, rule: Rule) -> _Found:
    texts = {
        "where": rule.where,
        "applies_if": rule.applies_if,
        "refute": rule.refute,
        "decide": rule.decide,
        "unknown_if": rule.unknown_if,
        "validity": rule.validity,
        **{f"params.{name}": param.value for name, param in rule.params.items()},
        **{
            f"params.{name}.by_level.{level}": text
            for name, param in rule.params.items()
            for level, text in param.by_level.items()
        },
        **{f"params.{name}.least": param.least for name, param in rule.params.items()},
        **{f"params.{name}.most": param.most for name, param in rule.params.items()},
    }
    for key, text in texts.items():
        if text:
            yield from _expression(key, text, rule.params)
    for name in rule.needs:
        if not is_known(name):
            yield "needs", f"`{name}` is not in the vocabulary"


def _expression(key: str, text: str, params: Mapping[str, object]) -> _Found:
    try:
        names = names_of(text)
    except BadExpression as error:
        yield key, str(error)
        return
    for name in sorted(names):
        if name not in params and not is_known(name):
            yield key, f"`{name}` is neither a parameter nor in the vocabulary"


def _subjects(_pack: Pack, rule: Rule) -> _Found:
    for name in (*rule.needs, *sorted(_judging(rule))):
        term = VOCABULARY.get(name)
        if term is not None and term.each not in {rule.each, "facility"}:
            yield "each", f"`{name}` is known of a {term.each}, the rule asks a {rule.each}"


def _judging(rule: Rule) -> set[str]:
    """Names in what judges one subject; what cannot be parsed is told elsewhere."""
    found: set[str] = set()
    for text in (rule.refute, rule.decide, rule.unknown_if):
        with contextlib.suppress(BadExpression):
            found |= names_of(text)
    return found - set(rule.needs)


def _tailorable(pack: Pack, rule: Rule) -> _Found:
    for name, param in rule.params.items():
        if not param.tailorable:
            if param.least or param.most:
                yield f"params.{name}", "least and most belong to a tailorable number"
            continue
        if not param.source and (param.by_level or not param.value):
            yield f"params.{name}", "a number that facilities may set has one value"
        bounded = param.product or (param.least and param.most)
        if pack.legal_force(rule) in _BINDING and not bounded:
            yield f"params.{name}", "the law's own number: give least and most, or drop tailorable"


def _excuse(_pack: Pack, rule: Rule) -> _Found:
    if rule.excuse is None:
        return
    if not rule.excuse.article:
        yield "excuse", "name the article that excuses"
    if any(name.startswith("bk.") for name in (*rule.needs, *_judging(rule))):
        yield "excuse", "no law excuses a missed backup"


def _params(_pack: Pack, rule: Rule) -> _Found:
    for name, param in rule.params.items():
        if not (param.value or param.source or param.by_level):
            yield f"params.{name}", "give it a value, or say where it is declared"
        if param.by_level and not param.value:
            levels = {str(level) for level in rule.levels or range(1, 6)}
            for level in sorted(levels - param.by_level.keys()):
                yield f"params.{name}", f"no value at level {level}"
        if param.source and param.source not in VOCABULARY:
            yield f"params.{name}", f"`{param.source}` is not in the vocabulary"


def _validity(_pack: Pack, rule: Rule) -> _Found:
    with contextlib.suppress(BadExpression):
        strange = names_of(rule.validity) - rule.params.keys()
        for name in sorted(strange):
            yield "validity", f"`{name}` is no parameter; evidence cannot say how long it holds"


def _links(_pack: Pack, rule: Rule) -> _Found:
    for link in rule.maps_to:
        if link.keys() != {"rule", "rel"} or link["rel"] not in _RELATIONS:
            yield "maps_to", f"give rule and rel, one of {', '.join(sorted(_RELATIONS))}"
    for trap in rule.traps:
        if trap not in _TRAPS:
            yield "traps", f"`{trap}` is no trap; T1 to T34"


def _in_force(pack: Pack, rule: Rule) -> _Found:
    end, own = pack.pack.in_force.until, rule.in_force
    if end is not None and own is not None and (own.until is None or own.until > end):
        yield "in_force", "the rule outlives its document"


def _levels(_pack: Pack, rule: Rule) -> _Found:
    if list(rule.levels) != sorted(set(rule.levels)):
        yield "levels", "in order, each once"


def _fixtures(pack: Pack, rule: Rule) -> _Found:
    judged = rule.evidence != "out_of_reach" and pack.text_status(rule) != "memory"
    expected = {one.expect.value for one in rule.fixtures}
    if not rule.fixtures:
        yield "fixtures", "at least one case"
    elif judged and "pass_observed" not in expected:
        yield "fixtures", "a case that passes"
    if judged and rule.fixtures and not expected & {"unknown", "stale"}:
        yield "fixtures", "a case without evidence, which must not pass"
    if rule.refute and "fail" not in expected:
        yield "fixtures", "a case that is refuted"


def _every_year(day: str) -> bool:
    with contextlib.suppress(ValueError):
        # A year without 29 February.
        return bool(date.fromisoformat(f"2001-{day}"))
    return False


def _deadline(one: Deadline) -> _Found:
    if bool(one.on) == bool(one.yearly):
        yield "on", "give `on` or `yearly`, one of them"
    if one.yearly and not _every_year(one.yearly):
        yield "yearly", f"`{one.yearly}` is no day that every year has; month and day, like 12-20"
    for name in one.done_by:
        if not is_known(name):
            yield "done_by", f"`{name}` is not in the vocabulary"
    if one.applies_if:
        yield from _expression("applies_if", one.applies_if, {})
    for key, text in (("text", one.text), ("next", one.next)):
        yield from _text(key, text)


_OF_RULE: tuple[Callable[[Pack, Rule], _Found], ...] = (
    _citation,
    _texts,
    _memory,
    _evidence,
    _expressions,
    _subjects,
    _params,
    _tailorable,
    _excuse,
    _validity,
    _links,
    _in_force,
    _levels,
    _fixtures,
)
