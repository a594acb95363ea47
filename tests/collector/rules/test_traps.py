"""What is easily got wrong about these laws, and the rows and cases that hold against it.

The numbers are those in the packs' ``traps``; what each means stands beside the row.
"""

import re

import pytest
from helpers.shipped import PACKS

from tramgac_collector.rules.pack import Pack, Rule, read_pack

ALL: list[Pack] = [read_pack(path) for path in PACKS]
RULES: list[tuple[Pack, Rule]] = [(pack, rule) for pack in ALL for rule in pack.rules]
# Seven and eight are of documents that must not be there at all; 33 and 34 are not of packs.
ELSEWHERE = {"T7", "T8", "T33", "T34"}


@pytest.mark.parametrize("number", range(1, 35))
def test_a_trap_has_a_row_and_its_cases(number: int) -> None:
    """Each trap is named by a row that is judged by at least one case."""
    trap = f"T{number}"
    cases = [case for _, rule in RULES if trap in rule.traps for case in rule.fixtures]
    assert bool(cases) == (trap not in ELSEWHERE)


def _texts(rule: Rule) -> str:
    return f"{rule.text.vi} {rule.text.en} {rule.next.vi} {rule.next.en}"


# A law says months and years; we count days.
_IN_DAYS = {"31": "month", "92": "quarter", "181": "6 months", "183": "6 months", "365": "year"}


@pytest.mark.parametrize(
    "wrong",
    [
        r"\b153\b",  # T3: criteria of a draft
        r"(thay thế|replaces) (Nghị định|Decree) 85",  # T4
        r"\b3 giờ|\b3 hours|three hours",  # T10: of a draft
        r"\d[\d.,]*\s*(triệu đồng|tỷ đồng|VND|đồng\b)",  # T30: fines
        r"miễn trừ|\bwaive",  # nobody at a hospital can waive a law
        r"tuân thủ|\bcomplian(t|ce)\b",  # T31: a tool does not find that
    ],
)
def test_no_row_says_what_is_wrong(wrong: str) -> None:
    """Sentences that circulate and are not so, or are not ours to say, are in no text."""
    found = [rule.id for _, rule in RULES if re.search(wrong, _texts(rule))]
    assert found == []


def test_no_law_is_given_a_number_of_ours() -> None:
    """T27: a number in a binding row is the facility's own, the law's own words, or marked ours."""
    bare = []
    for pack, rule in RULES:
        force = rule.legal_force or pack.pack.legal_force
        if not force.startswith("binding"):
            continue
        for name, param in rule.params.items():
            number = re.search(r"\d+", param.value)
            if param.source or param.product or not number:
                continue
            words = {number[0], _IN_DAYS.get(number[0], number[0])}
            if not any(word in _texts(rule) for word in words):
                bare.append(f"{rule.id}.{name}")
    assert bare == []


def test_no_paper_is_a_plan_and_no_law() -> None:
    """T10: "no paper from 1 January 2027" is a plan's target, and so binds nobody."""
    binding = [
        rule.id
        for pack, rule in RULES
        if (rule.legal_force or pack.pack.legal_force).startswith("binding")
        and re.search(r"không (còn |dùng |sử dụng )?(hồ sơ )?giấy|no paper", _texts(rule))
    ]
    assert binding == []
