"""Puts values in the place of a dashboard's variables, as Grafana does before it asks."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Grafana's words for "any of them".
_ALL = "$__all"
_LABEL_VALUES = re.compile(r"\s*label_values\((?:(?P<selector>.*),)?\s*(?P<label>\w+)\s*\)\s*")
_NAMED = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)|\[\[(\w+)\]\]")
# Grafana's floor for a rate: four scrapes.
_SCRAPES_IN_A_RATE = 4

LabelValues = Callable[[str, str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Window:
    """What is looked at.

    Attributes:
        start: Unix time in seconds.
        end: The same.
        scrape: How often values are scraped, in seconds.
    """

    start: float
    end: float
    scrape: float

    @property
    def span(self) -> float:
        """Its length in seconds."""
        return self.end - self.start

    def step(self, pixels: float) -> float:
        """Seconds between two points of a panel this wide; never finer than the scrapes."""
        return max(self.scrape, round(self.span / max(pixels, 1)))

    def variables(self, pixels: float) -> dict[str, str]:
        """Grafana's own variables for a panel this wide."""
        step = self.step(pixels)
        rate = max(step + self.scrape, _SCRAPES_IN_A_RATE * self.scrape)
        return {
            "__interval": f"{step:.0f}s",
            "__interval_ms": f"{step * 1000:.0f}",
            "__rate_interval": f"{rate:.0f}s",
            "__range": f"{self.span:.0f}s",
            "__range_s": f"{self.span:.0f}",
            "__range_ms": f"{self.span * 1000:.0f}",
            "__from": f"{self.start * 1000:.0f}",
            "__to": f"{self.end * 1000:.0f}",
        }


def filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with the variables that are known; others stay as they are."""

    def put(found: re.Match[str]) -> str:
        name = next(group for group in found.groups() if group is not None)
        return values.get(name, found.group())

    return _NAMED.sub(put, text)


def label_values(query: str) -> tuple[str, str]:
    """Selector (empty for every series) and label of a ``label_values`` query.

    Raises:
        ValueError: It is another kind of query.
    """
    found = _LABEL_VALUES.fullmatch(query)
    if found is None:
        raise ValueError(f"no way to answer the variable query {query!r}")
    return (found["selector"] or "").strip(), found["label"]


def chosen(
    variables: Sequence[Mapping[str, Any]], ask: LabelValues, wanted: Mapping[str, str]
) -> dict[str, str]:
    """A value for each variable of a dashboard, in their order.

    All where all may be chosen, else the first that exists.

    Args:
        variables: ``templating.list`` of the dashboard.
        ask: Gives the values of a label among the series of a selector.
        wanted: Choices that somebody made.

    Raises:
        ValueError: A variable of a kind that the dashboards do not use, or without any value.
    """
    values: dict[str, str] = {}
    for variable in variables:
        name = variable["name"]
        if variable["type"] == "datasource":
            values[name] = "prometheus"
        elif name in wanted:
            values[name] = wanted[name]
        else:
            values[name] = _first(variable, ask, values)
    return values


def _first(variable: Mapping[str, Any], ask: LabelValues, before: Mapping[str, str]) -> str:
    kind = variable["type"]
    if kind in {"constant", "textbox"}:
        return str(variable.get("query", ""))
    if kind == "custom":
        return str(variable["query"]).split(",")[0].strip()
    if kind != "query":
        raise ValueError(f"no way to fill a variable of the kind {kind}")
    if variable.get("includeAll"):
        return str(variable.get("allValue") or ".*").replace(_ALL, ".*")
    query = variable["query"]
    text = query["query"] if isinstance(query, dict) else str(query)
    found = sorted(ask(*label_values(filled(text, before))))
    if not found:
        raise ValueError(f"nothing to choose for {variable['name']}: {text}")
    return found[0]
