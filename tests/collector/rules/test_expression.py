"""The closed language: three-valued logic, durations, quantifiers, and no way out."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tramgac_collector.rules.expression import (
    MAX_DEPTH,
    MAX_LENGTH,
    BadExpression,
    Scope,
    Value,
    names_in,
    parse,
    seconds_of,
)


class World(Scope):
    """Names and what they are; the subjects of a quantifier beside."""

    def __init__(self, known: dict[str, Value], *others: dict[str, Value]) -> None:
        self._known = known
        self._others = others

    def value(self, name: str) -> Value:
        return self._known.get(name)

    def subjects(self) -> Sequence[Scope]:
        return [World(one) for one in self._others]


def said(text: str, *others: dict[str, Value], **known: Value) -> Value:
    return parse(text).evaluate(World(known, *others))


TRUTHS = (True, False, None)


@pytest.mark.parametrize("left", TRUTHS)
@pytest.mark.parametrize("right", TRUTHS)
def test_and_and_or_follow_kleene(left: Value, right: Value) -> None:
    """One false decides "and", one true decides "or"; else what is unknown stays unknown."""
    pair = (left, right)

    both = False if False in pair else None if None in pair else True
    one = True if True in pair else None if None in pair else False
    assert said("a and b", a=left, b=right) is both
    assert said("a or b", a=left, b=right) is one


def test_not_of_unknown_is_unknown() -> None:
    """Denying what nobody knows does not make it known."""
    assert said("not a", a=True) is False
    assert said("not a", a=False) is True
    assert said("not a") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h + 30m == 90m", True),
        ("2w == 14d", True),
        ("1500ms == 1.5", True),
        ("95% == 0.95", True),
        ("1 + 2 * 3 == 7", True),
        ("(1 + 2) * 3 == 9", True),
        ("10 - 4 - 3 == 3", True),
        ("-2 < -1", True),
        ("'his' == 'his' and 'his' != 'lis'", True),
        ("not 1 > 2 and 2 > 1", True),
        ("true or false and false", True),
        ("1 / 0 == 1", None),
        ("1 == 'his'", None),
        ("'a' < 'b'", None),
        ("true == 1", None),
        ("true and 1", None),
        ("true + 1 == 2", None),
        ("missing > 1", None),
        ("missing > 1 or true", True),
        ("missing > 1 and false", False),
    ],
)
def test_an_expression_says_what_it_says(text: str, expected: Value) -> None:
    """Numbers, shares, durations and texts compare with their own kind only."""
    assert said(text) is expected


def test_what_is_no_number_is_unknown() -> None:
    """A broken sensor or an overflow neither passes nor fails, not even when denied."""
    assert said("not (a > 1)", a=float("nan")) is None
    assert said("a * a > 1", a=1.7e308) is None
    assert said("a - a == 0", a=float("inf")) is None


def test_quantifiers_count_what_is_unknown_as_not_shown() -> None:
    """All and none wait for the unknown one, a share is not raised by silence."""
    subjects: tuple[dict[str, Value], ...] = ({"ok": True}, {"ok": True}, {})

    assert said("all(ok)", *subjects) is None
    assert said("any(ok)", *subjects) is True
    assert said("none(ok)", *subjects) is False
    assert said("none(not ok)", *subjects) is None
    assert said("share(ok) > 60% and share(ok) < 70%", *subjects) is True
    assert said("count(ok) == 2", *subjects) is True
    assert said("all(ok)", {"ok": True}, {"ok": False}, {}) is False


@pytest.mark.parametrize("quantifier", ["all", "any", "none", "share", "count"])
def test_over_nothing_nothing_is_known(quantifier: str) -> None:
    """No subject is no reason to pass."""
    assert said(f"{quantifier}(true)") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1 +",
        "a b",
        "a = b",
        "1 < 2 < 3",
        "__import__('os')",
        "a.__class__",
        "open('x')",
        "a[0]",
        "lambda: 1",
        "all(any(a))",
        "all()",
        "all(a, b)",
        "'open",
        "1x",
        "7days",
        "A",
        "a..b",
        "and",
        "; rm",
        "a\x00",
        "ả",
        "1" * (MAX_LENGTH + 1),
        "(" * 70 + "1" + ")" * 70,
        "9" * 400,
        "9" * 400 + "w",
        "9" * 400 + "%",
        "not " * (MAX_DEPTH + 1) + "a",
        "-" * (MAX_DEPTH + 1) + "1",
        "1" + "+1" * (MAX_DEPTH + 1),
    ],
)
def test_what_is_not_in_the_language_is_refused(text: str) -> None:
    """No call, no index, no nesting without end."""
    with pytest.raises(BadExpression):
        parse(text)


def test_a_refusal_says_where() -> None:
    """The author is led to the place."""
    with pytest.raises(BadExpression, match="column 10"):
        parse("bk.age > ? and true")


@pytest.mark.parametrize("text", ["", "h", "1", "1y", "1.2.3h", "-1h", "1 h", "\u0661h", "²h"])
def test_a_bad_duration_is_refused(text: str) -> None:
    """Only a plain number and one of six units."""
    with pytest.raises(BadExpression):
        seconds_of(text)


def test_every_name_asked_for_is_found() -> None:
    """Whatever decides a rule can be listed as its evidence."""
    node = parse("all(bk.age <= period + grace) and doc:x and not (att:y or share(z) > 1%)")

    assert names_in(node) == {"bk.age", "period", "grace", "doc:x", "att:y", "z"}


PIECES = (
    *("and", "or", "not", "true", "false", "all(", "any(", "none(", "share(", "count("),
    *("(", ")", "<", "<=", "==", "!=", "+", "-", "*", "/", "'", "'x'", "bk.age", "doc:x", "a"),
    *("1", "0", "2.5", "95%", "26h", "7d", "ms", ".", ":", "_", ",", "\n", "\x00", "é", "\uff19"),
)
TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(PIECES), max_size=400).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
)
VALUES = st.none() | st.booleans() | st.floats() | st.text(max_size=5)


@settings(max_examples=250, deadline=None)
@given(text=TEXTS, known=st.dictionaries(st.sampled_from(["bk.age", "doc:x", "a"]), VALUES))
@example(text="9" * 400, known={})
@example(text="9" * 999 + "w", known={})
@example(text="9" * 400 + " * " + "9" * 400, known={})
@example(text="a * a / a - a", known={"a": 1.7e308})
@example(text="not(" * 63, known={})
def test_any_text_is_read_or_refused_soon(text: str, known: dict[str, Value]) -> None:
    """Whatever stands in a pack, it is an expression or a BadExpression, and quickly so."""
    start = time.process_time()
    try:
        node = parse(text)
    except BadExpression:
        node = None
    if node is not None:
        value = node.evaluate(World(known, known, {}))
        assert value is None or isinstance(value, bool | float | str)
    assert time.process_time() - start < 5.0
