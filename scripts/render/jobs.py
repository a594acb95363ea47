"""A dashboard and the answers to all its questions, as the page draws them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from render.choices import Window, chosen, filled
from render.prometheus import Prometheus, PrometheusError, Series

# Of a screen 1920 pixels wide.
_COLUMN_PIXELS = 78
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

Tree = Mapping[str, Any]


def span_seconds(start: str) -> float:
    """How far back a dashboard looks that starts at such as ``now-6h``.

    Raises:
        ValueError: It is written in another way.
    """
    number, unit = start.removeprefix("now-")[:-1], start[-1:]
    if not start.startswith("now-") or unit not in _UNITS or not number.isdigit():
        raise ValueError(f"no way to read the time {start!r}")
    return float(int(number) * _UNITS[unit])


def panels_of(board: Tree) -> Iterator[dict[str, Any]]:
    """All panels, those within closed rows as well."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels") or []


def answered(series: Series) -> bool:
    """Whether there is a single number among the points."""
    return any(
        not math.isnan(float(point[1]))
        for one in series
        for point in one.get("values") or [one["value"]]
    )


def _answer(
    target: Tree, source: Prometheus, window: Window, known: tuple[Mapping[str, str], float]
) -> dict[str, Any]:
    values, step = known
    expression = filled(target["expr"], values)
    instant = bool(target.get("instant")) and not target.get("range")
    result = (
        source.instant(expression, window) if instant else source.ranged(expression, window, step)
    )
    return {
        "refId": target.get("refId", "A"),
        "legend": filled(target.get("legendFormat", ""), values),
        "table": target.get("format") == "table",
        "stepSeconds": step,
        "result": result,
    }


def _panel(
    panel: Tree, source: Prometheus, window: Window, choices: Mapping[str, str]
) -> dict[str, Any]:
    pixels = panel["gridPos"]["w"] * _COLUMN_PIXELS
    values = {**choices, **window.variables(pixels)}
    known = values, window.step(pixels)
    shown = [target for target in panel.get("targets") or [] if not target.get("hide")]
    answers, fault = [], ""
    try:
        answers = [_answer(target, source, window, known) for target in shown]
    except PrometheusError as error:
        fault = str(error)
    options = dict(panel.get("options") or {})
    if "content" in options:
        options["content"] = filled(options["content"], choices)
    return {
        "id": panel.get("id", 0),
        "type": panel["type"],
        "title": filled(panel.get("title", ""), values),
        "description": panel.get("description", ""),
        "gridPos": panel["gridPos"],
        "options": options,
        "fieldConfig": panel.get("fieldConfig") or {"defaults": {}, "overrides": []},
        "transformations": panel.get("transformations") or [],
        "answers": answers,
        "fault": fault,
        "empty": panel["type"] not in {"row", "text"}
        and not any(answered(answer["result"]) for answer in answers),
    }


def job(
    board: Tree, source: Prometheus, window: Window, wanted: Mapping[str, str]
) -> dict[str, Any]:
    """What the page needs to draw ``board``; the shape is ``BoardJob`` of the page's types.

    A panel with a question that was refused has the reason in ``fault``.

    Raises:
        PrometheusError: The values of a variable were refused.
        ValueError: A variable cannot be filled.
    """

    def ask(selector: str, label: str) -> list[str]:
        return list(source.label_values(selector, label, window))

    variables = board["templating"].get("list") or []
    choices = chosen(variables, ask, wanted)
    named = [one for one in variables if one["type"] != "datasource"]
    return {
        "uid": board["uid"],
        "title": board["title"],
        "timezone": board.get("timezone") or "utc",
        "choices": [(one.get("label") or one["name"], choices[one["name"]]) for one in named],
        "fromMs": window.start * 1000,
        "toMs": window.end * 1000,
        "panels": [_panel(panel, source, window, choices) for panel in panels_of(board)],
    }


def silent(drawn: Tree) -> list[str]:
    """Questions without an answer in panels that show something all the same."""
    return [
        f"{panel['title']}: {answer['refId']}"
        for panel in drawn["panels"]
        if not panel["empty"]
        for answer in panel["answers"]
        if not answered(answer["result"])
    ]
