"""A board of the model as the JSON that Grafana reads."""

import json
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from tramgac_dashboards import panels
from tramgac_dashboards.model import Board, Language, Panel, Row, Variable, words
from tramgac_dashboards.places import SOURCE, uid

_WIDE = 24
# The SDK takes its switches by position.
_YES = True
# Ids of headings begin here, those of panels at 1.
_ROWS = 1000
# What the SDK writes for every variable, though only intervals have it.
_NOT_OF_QUERIES = ("auto", "auto_min", "auto_count")


def _source_variable(language: Language) -> builders.DatasourceVariable:
    label = "Nguồn dữ liệu" if language == "vi" else "Data source"
    return builders.DatasourceVariable("datasource").label(label).type("prometheus")


def _variable(variable: Variable, language: Language) -> builders.QueryVariable:
    builder = (
        builders.QueryVariable(variable.name)
        .label(words(variable.title, language))
        .datasource(SOURCE)
        .query({"query": variable.query, "refId": variable.name})
        .definition(variable.query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .include_all(variable.several)
        .multi(variable.several)
    )
    return builder.all_value(".*") if variable.several else builder


def _links(language: Language) -> list[Any]:
    title = "Các bảng khác" if language == "vi" else "Other boards"
    return [
        builders.DashboardLink(title)
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([f"tramgac-{language}"])
        .as_dropdown(_YES)
        .keep_time(_YES)
        .include_vars(_YES)
    ]


def lay_out(row: Row, top: int) -> list[tuple[Panel, models.GridPos]]:
    """Places of a row's panels: left to right, a new line where the screen ends."""
    found: list[tuple[Panel, models.GridPos]] = []
    left, line, tallest = 0, top, 0
    for panel in row.panels:
        if left + panel.width > _WIDE:
            left, line, tallest = 0, line + tallest, 0
        found.append((panel, models.GridPos(h=panel.height, w=panel.width, x=left, y=line)))
        left, tallest = left + panel.width, max(tallest, panel.height)
    return found


def _cleaned(tree: dict[str, Any]) -> dict[str, Any]:
    for variable in tree["templating"]["list"]:
        for key in _NOT_OF_QUERIES:
            variable.pop(key, None)
    for links in (tree["links"], *(panel.get("links", []) for panel in tree["panels"])):
        for link in links:
            # Else Grafana hides it in a menu.
            link.pop("placement", None)
    for panel in tree["panels"]:
        # Tables of the targeted Grafana have none any more.
        panel.get("options", {}).pop("footer", None)
    return tree


def dashboard(board: Board, language: Language) -> dict[str, Any]:
    """The board's JSON tree."""
    builder = (
        builders.Dashboard(words(board.title, language))
        .uid(uid(board.name, language))
        .description(words(board.what, language))
        .tags(["tramgac", f"tramgac-{language}", *board.tags])
        .timezone("Asia/Ho_Chi_Minh")
        .time(board.span, "now")
        .refresh(board.refresh)
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .links(_links(language))
        .with_variable(_source_variable(language))
    )
    for variable in board.variables:
        builder = builder.with_variable(_variable(variable, language))
    top, number = 0, 0
    for row in board.rows:
        builder = builder.with_row(
            builders.Row(words(row.title, language))
            .grid_pos(models.GridPos(1, _WIDE, 0, top))
            .id(_ROWS + top)
        )
        top += 1
        for panel, place in lay_out(row, top):
            number += 1
            builder = builder.with_panel(panels.build(panel, language).grid_pos(place).id(number))
            top = max(top, place.y + place.h)
    tree: dict[str, Any] = json.loads(JSONEncoder().encode(builder.build()))
    return _cleaned(tree)


def text(board: Board, language: Language) -> str:
    """The board as its file holds it."""
    return (
        json.dumps(dashboard(board, language), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    )
