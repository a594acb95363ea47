"""The closed expression language of rule packs: parsed by a grammar, never by Python.

Comparison, arithmetic, ``and or not``, five quantifiers over the rule's subjects, durations
and shares; no calls, no loops, no way out. Logic has three values (S. C. Kleene, "On notation
for ordinal numbers", 1938): what is not known stays unknown unless the rest decides, so that
missing evidence is never a pass.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import VisitError

MAX_LENGTH = 1000
MAX_DEPTH = 16

_GRAMMAR = r"""
?start: or_
?or_: and_ ("or" and_)*                     -> or_
?and_: not_ ("and" not_)*                   -> and_
?not_: "not" not_                           -> not_
     | comparison
?comparison: sum
     | sum OPERATOR sum                     -> compare
?sum: product
    | sum SIGN product                      -> arithmetic
?product: atom
    | product FACTOR atom                   -> arithmetic
?atom: DURATION                             -> duration
    | PERCENT                               -> percent
    | NUMBER                                -> number
    | TEXT                                  -> text
    | "true"                                -> true
    | "false"                               -> false
    | QUANTIFIER "(" or_ ")"                -> quantified
    | NAME                                  -> name
    | "-" atom                              -> negative
    | "(" or_ ")"

QUANTIFIER: "all" | "any" | "none" | "share" | "count"
OPERATOR: "<=" | ">=" | "==" | "!=" | "<" | ">"
SIGN: "+" | "-"
FACTOR: "*" | "/"
DURATION.3: /[0-9]+(\.[0-9]+)?(ms|s|m|h|d|w)(?![a-z0-9_])/
PERCENT.3: /[0-9]+(\.[0-9]+)?%/
NUMBER.2: /[0-9]+(\.[0-9]+)?/
TEXT: /'[^'\n]{0,200}'/
NAME: /(?!(and|or|not|true|false|all|any|none|share|count)\b)[a-z][a-z0-9_]*([.:](?!_)[a-z0-9_]+)*/
%ignore /[ \t\n]+/
"""
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}

Value = float | bool | str | None
"""``None`` is unknown."""


class BadExpression(ValueError):  # noqa: N818 - the pack's fault, told with its place
    """The text is not in the language; the message says where."""


class Scope(Protocol):
    """What an expression is evaluated in."""

    def value(self, name: str) -> Value:
        """What ``name`` is for the present subject; None when it is not known."""

    def subjects(self) -> Sequence["Scope"]:
        """One scope for each subject a quantifier runs over."""


class Node(Protocol):
    """A part of a parsed expression."""

    def evaluate(self, scope: Scope) -> Value:
        """Its value in ``scope``."""

    def children(self) -> Sequence["Node"]:
        """The parts it is made of."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A number (seconds, ratio or count), a text or a truth value."""

    content: float | bool | str

    def evaluate(self, _scope: Scope) -> Value:
        """The same everywhere."""
        return self.content

    def children(self) -> Sequence[Node]:
        """None."""
        return ()


@dataclass(frozen=True, slots=True)
class Name:
    """A fact, attribute or parameter."""

    name: str

    def evaluate(self, scope: Scope) -> Value:
        """What the scope knows of it."""
        return scope.value(self.name)

    def children(self) -> Sequence[Node]:
        """None."""
        return ()


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers; anything else, a division by zero or no finite result is unknown."""

    sign: str
    left: Node
    right: Node

    def evaluate(self, scope: Scope) -> Value:
        """A number or unknown."""
        left, right = as_number(self.left.evaluate(scope)), as_number(self.right.evaluate(scope))
        if left is None or right is None or (self.sign == "/" and right == 0):
            return None
        result = _ARITHMETIC[self.sign](left, right)
        return result if math.isfinite(result) else None

    def children(self) -> Sequence[Node]:
        """Both sides."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values of one kind; different kinds cannot be compared and stay unknown."""

    sign: str
    left: Node
    right: Node

    def evaluate(self, scope: Scope) -> Value:
        """A truth value or unknown."""
        left, right = self.left.evaluate(scope), self.right.evaluate(scope)
        if left is None or right is None or _kind(left) is not _kind(right):
            return None
        if left != left or right != right:  # noqa: PLR0124 - the one value unlike itself, NaN
            return None
        if not isinstance(left, float | int) and self.sign not in {"==", "!="}:
            return None
        return _COMPARISONS[self.sign](left, right)

    def children(self) -> Sequence[Node]:
        """Both sides."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Junction:
    """``and`` (``decider`` False) or ``or`` (True): one such part decides, else unknown counts."""

    decider: bool
    parts: tuple[Node, ...]

    def evaluate(self, scope: Scope) -> Value:
        """A truth value or unknown."""
        values = [_truth(part.evaluate(scope)) for part in self.parts]
        if self.decider in values:
            return self.decider
        return None if None in values else not self.decider

    def children(self) -> Sequence[Node]:
        """All parts."""
        return self.parts


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; of unknown, unknown."""

    part: Node

    def evaluate(self, scope: Scope) -> Value:
        """A truth value or unknown."""
        value = _truth(self.part.evaluate(scope))
        return None if value is None else not value

    def children(self) -> Sequence[Node]:
        """What is denied."""
        return (self.part,)


@dataclass(frozen=True, slots=True)
class Quantified:
    """A question to every subject. Over no subject at all nothing is known."""

    quantifier: str
    part: Node

    def evaluate(self, scope: Scope) -> Value:
        """A truth value, a share from 0 to 1, a count, or unknown."""
        values = [_truth(self.part.evaluate(one)) for one in scope.subjects()]
        if not values:
            return None
        return _QUANTIFIERS[self.quantifier](values)

    def children(self) -> Sequence[Node]:
        """What is asked."""
        return (self.part,)


def _all(values: Sequence[bool | None]) -> Value:
    return False if False in values else None if None in values else True


def _any(values: Sequence[bool | None]) -> Value:
    return True if True in values else None if None in values else False


def _none(values: Sequence[bool | None]) -> Value:
    found = _any(values)
    return None if found is None else not found


def _share(values: Sequence[bool | None]) -> Value:
    """Unknown ones are part of the whole: silence cannot raise a share."""
    return sum(one is True for one in values) / len(values)


def _count(values: Sequence[bool | None]) -> Value:
    return float(sum(one is True for one in values))


_QUANTIFIERS: Mapping[str, Callable[[Sequence[bool | None]], Value]] = {
    "all": _all,
    "any": _any,
    "none": _none,
    "share": _share,
    "count": _count,
}


def _kind(value: object) -> type:
    return bool if isinstance(value, bool) else str if isinstance(value, str) else float


def as_number(value: Value) -> float | None:
    """A number, and a truth value is none."""
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None


def _truth(value: Value) -> bool | None:
    return value if isinstance(value, bool) else None


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise BadExpression("a number too large to mean anything")
    return number


@v_args(inline=True)
class _Build(Transformer[Token, Node]):
    """From lark's tree to ours."""

    def or_(self, *parts: Node) -> Node:
        return parts[0] if len(parts) == 1 else Junction(True, parts)  # noqa: FBT003 - the decider

    def and_(self, *parts: Node) -> Node:
        return parts[0] if len(parts) == 1 else Junction(False, parts)  # noqa: FBT003 - the decider

    def not_(self, part: Node) -> Node:
        return Not(part)

    def compare(self, left: Node, sign: Token, right: Node) -> Node:
        return Comparison(str(sign), left, right)

    def arithmetic(self, left: Node, sign: Token, right: Node) -> Node:
        return Arithmetic(str(sign), left, right)

    def duration(self, token: Token) -> Node:
        return Literal(_finite(seconds_of(str(token))))

    def percent(self, token: Token) -> Node:
        return Literal(_finite(float(str(token)[:-1]) / 100))

    def number(self, token: Token) -> Node:
        return Literal(_finite(float(token)))

    def text(self, token: Token) -> Node:
        return Literal(str(token)[1:-1])

    def true(self) -> Node:
        return Literal(True)  # noqa: FBT003 - it is the content

    def false(self) -> Node:
        return Literal(False)  # noqa: FBT003 - it is the content

    def quantified(self, quantifier: Token, part: Node) -> Node:
        return Quantified(str(quantifier), part)

    def name(self, token: Token) -> Node:
        return Name(str(token))

    def negative(self, part: Node) -> Node:
        return Arithmetic("-", Literal(0.0), part)


_PARSER = Lark(_GRAMMAR, parser="lalr", transformer=_Build(), maybe_placeholders=False)


def seconds_of(text: str) -> float:
    """Seconds of ``90s``, ``15m``, ``26h``, ``7d`` or ``2w``.

    Raises:
        BadExpression: It is none of these.
    """
    for unit in ("ms", "s", "m", "h", "d", "w"):
        number = text.removesuffix(unit)
        if number != text and number.isascii() and number.replace(".", "", 1).isdecimal():
            return float(number) * _SECONDS[unit]
    raise BadExpression(f"`{text}` is no duration; write 90s, 15m, 26h, 7d or 2w")


def names_in(node: Node) -> set[str]:
    """Every name an expression asks for."""
    own = {node.name} if isinstance(node, Name) else set()
    return own.union(*(names_in(one) for one in node.children()))


def _depth(node: Node) -> int:
    return 1 + max((_depth(one) for one in node.children()), default=0)


def _nested(node: Node, *, inside: bool = False) -> bool:
    asks = isinstance(node, Quantified)
    return (asks and inside) or any(_nested(one, inside=inside or asks) for one in node.children())


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """Read one expression.

    Raises:
        BadExpression: It is too long, too deep, or not in the language.
    """
    if len(text) > MAX_LENGTH:
        raise BadExpression(f"longer than {MAX_LENGTH} characters")
    if text.count("(") + text.count("not") + text.count("-") > MAX_DEPTH * 4:
        raise BadExpression("too deep")
    try:
        node: Node = _PARSER.parse(text)  # type: ignore[assignment]
    except UnexpectedInput as error:
        where = error.get_context(text, span=20).splitlines()[0].strip()
        raise BadExpression(f"column {error.column}: not understood near `{where}`") from error
    except VisitError as error:
        raise BadExpression(str(error.orig_exc)) from error
    if _depth(node) > MAX_DEPTH:
        raise BadExpression("too deep")
    if _nested(node):
        raise BadExpression("a quantifier inside a quantifier")
    return node


@lru_cache(maxsize=4096)
def names_of(text: str) -> frozenset[str]:
    """Every name a text asks for; none of an empty one.

    Raises:
        BadExpression: As ``parse``.
    """
    return frozenset(names_in(parse(text))) if text else frozenset()
