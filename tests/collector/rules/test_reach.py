"""What a rule is asked of: nothing that was left out, narrowed away or denied may pass it."""

from typing import Any

import msgspec
import pytest

from tramgac_collector.rules.fixtures import run
from tramgac_collector.rules.lint import lint
from tramgac_collector.rules.pack import Pack
from tramgac_collector.rules.papers import lint_papers
from tramgac_collector.rules.status import Status

_TEXT = {"vi": "Một câu.", "en": "A sentence."}
_HEAD = {
    "id": "case",
    "version": "1.0.0",
    "title": _TEXT,
    "legal_force": "voluntary",
    "text_status": "secondary",
}
Case = dict[str, Any]


def _pack(rule: Case, head: Case | None = None) -> Pack:
    whole = {
        "id": "case.one",
        "cite": {"doc": "Case"},
        "text": _TEXT,
        "next": _TEXT,
        "each": "dataset",
        "evidence": "measured",
        "needs": ["bk.age"],
        **rule,
    }
    return msgspec.convert({"pack": {**_HEAD, **(head or {})}, "rules": [whole]}, Pack)


def _outcome(rule: Case, case: Case, head: Case | None = None) -> Status:
    """What one case ends with: it is told to expect what it cannot end with."""
    fixture = {"name": "case", "expect": Status.OUT_OF_REACH.value, **case}
    (failed,) = run(_pack({**rule, "fixtures": [fixture]}, head))
    return failed.got


EMR = {"where": "dataset.of == 'emr'", "decide": "all(bk.age <= 1d)"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([{"dataset.of": "emr", "bk.age": "1h"}, {"dataset.of": "lis"}], Status.PASS_OBSERVED),
        ([{"dataset.of": "lis", "bk.age": "1h"}], Status.UNKNOWN),
        ([{"dataset.of": "emr", "bk.age": "1h"}, {"bk.age": "1h"}], Status.UNKNOWN),
        ([{"dataset.of": "emr", "bk.age": "9d"}, {"bk.age": "1h"}], Status.UNKNOWN),
    ],
    ids=["others left out", "nothing left", "one may belong to it", "one may, one is late"],
)
def test_narrowing_never_ends_a_rule(facts: list[Case], expected: Status) -> None:
    """What nobody declared, or said where it belongs, is not known to be good."""
    assert _outcome(EMR, {"subjects": facts}) is expected


def test_a_rule_ends_where_it_does_not_apply() -> None:
    """Only ``applies_if`` says no, and only when it is known."""
    rule = {"applies_if": "dataset.of == 'emr'", "decide": "bk.age <= 1d"}

    assert _outcome(rule, {"facts": {"dataset.of": "lis"}}) is Status.NOT_APPLICABLE
    assert _outcome(rule, {"facts": {"bk.age": "1h"}}) is Status.UNKNOWN


def test_a_person_who_answers_no_is_a_gap() -> None:
    """A paper that says no is there, and is no reason to pass."""
    rule = {"needs": ["att:asked"], "evidence": "attested"}

    assert _outcome(rule, {"facts": {"att:asked": True}}) is Status.PASS_OBSERVED
    assert _outcome(rule, {"facts": {"att:asked": False}}) is Status.FAIL
    assert _outcome(rule, {}) is Status.UNKNOWN


@pytest.mark.parametrize(
    ("decide", "ages", "expected"),
    [
        ("all(bk.age <= 1d)", ["2d", "3d"], Status.FAIL),
        ("all(bk.age <= 1d)", ["1h", "3d"], Status.PARTIAL),
        ("any(bk.age <= 1d)", ["2d", "3d"], Status.FAIL),
        ("any(bk.age <= 1d)", ["1h", "3d"], Status.PASS_OBSERVED),
        ("share(bk.age <= 1d) >= 90%", ["1h", "3d"], Status.FAIL),
    ],
)
def test_a_question_to_all_that_is_answered_no_is_no_pass(
    decide: str, ages: list[str], expected: Status
) -> None:
    """Also where nothing refutes."""
    subjects = [{"bk.age": age} for age in ages]

    assert _outcome({"decide": decide}, {"subjects": subjects}) is expected


def test_a_scale_without_a_declared_level_is_not_assumed() -> None:
    """Only the security level has a preview."""
    rule = {"each": "facility", "needs": ["att:asked"], "evidence": "attested", "levels": [4, 5]}
    head = {"levels_from": "facility.tt54_level"}
    facts = {"att:asked": True}

    assert _outcome(rule, {"facts": facts}, head) is Status.UNKNOWN
    for level, expected in ((3, Status.NOT_APPLICABLE), (4, Status.PASS_OBSERVED)):
        case = {"facts": facts, "given": {"facility.tt54_level": level, "facility.level": 4}}
        assert _outcome(rule, case, head) is expected
    place = lint(_pack(rule, {"levels_from": "facility.size"}))[0].place
    assert place == "pack: levels_from"


def test_a_paper_the_whole_pack_depends_on_must_be_listed() -> None:
    """The head asks for papers too."""
    pack = _pack({}, {"applies_if": "att:asked"})

    assert [one.place for one in lint_papers([pack], {})] == ["case"]
