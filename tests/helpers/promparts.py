"""Takes PromQL apart: what must have data for an answer to be believed."""

from collections.abc import Iterator
from typing import Any

import promql_parser as promql

_COMPARED = {"==", "!=", "<", "<=", ">", ">="}
_MADE_UP = {"vector", "absent", "absent_over_time"}


def _bare(node: Any) -> Any:
    while isinstance(node, promql.ParenExpr):
        node = node.expr
    return node


def _number(node: Any) -> bool:
    return isinstance(_bare(node), promql.NumberLiteral)


def _made_up(node: Any) -> bool:
    """A value that says nothing of the thing itself: `vector(0)`, `absent(x)`, `0 * x`."""
    node = _bare(node)
    if isinstance(node, promql.Call):
        return node.func.name in _MADE_UP
    if isinstance(node, promql.BinaryExpr) and str(node.op) == "*":
        sides = (_bare(node.lhs), _bare(node.rhs))
        return any(isinstance(one, promql.NumberLiteral) and one.val == 0 for one in sides)
    return False


def _without_fallback(node: Any) -> Any:
    if isinstance(node, promql.BinaryExpr) and str(node.op) == "or" and _made_up(node.rhs):
        return node.lhs
    return None


def _without_comparison(node: Any) -> Any:
    if not isinstance(node, promql.BinaryExpr):
        return None
    if str(node.op) == "unless":
        return node.lhs
    if str(node.op) not in _COMPARED:
        return None
    if node.modifier is not None and node.modifier.return_bool:
        return None
    return node.rhs if _number(node.lhs) else node.lhs


def _nodes(tree: Any) -> list[Any]:
    found: list[Any] = []
    promql.walk(tree, found.append)
    return found


def honest(expression: str) -> str:
    """Without the values that stand in where there is no answer."""
    return str(promql.transform(promql.parse(expression), post_visit=_without_fallback))


def loosened(expression: str) -> str:
    """Without comparisons and `unless`, so that it has data where all is well too."""
    return str(promql.transform(promql.parse(expression), post_visit=_without_comparison))


def alternatives(expression: str) -> Iterator[str]:
    """Both sides of each `or`."""
    for node in _nodes(promql.parse(expression)):
        if isinstance(node, promql.BinaryExpr) and str(node.op) == "or":
            yield str(node.lhs)
            yield str(node.rhs)


def selectors(expression: str) -> set[str]:
    """Each series it reads, as it is now."""
    return {
        f"{node.name}{node.matchers}"
        for node in _nodes(promql.parse(expression))
        if isinstance(node, promql.VectorSelector)
    }


def rates(expression: str) -> list[str]:
    """Each rate in it."""
    return [
        str(node)
        for node in _nodes(promql.parse(expression))
        if isinstance(node, promql.Call) and node.func.name in {"rate", "irate", "increase"}
    ]
