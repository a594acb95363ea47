"""A panel of the model as Grafana's SDK builds it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from tramgac_dashboards.model import (
    Bars,
    Column,
    Graph,
    Language,
    Link,
    Look,
    Panel,
    Stat,
    Table,
    Timeline,
    words,
)
from tramgac_dashboards.palette import UNKNOWN
from tramgac_dashboards.places import SOURCE, board_url, runbook_url

# The SDK's builders share no base class.
Builder = Any
_LAST: Final = "lastNotNull"
# The SDK takes its switches by position.
_YES, _NO = True, False
# Pixels. Left to itself, Grafana fits the longest name into its tile and makes all of them tiny.
_TILE = common.VizTextDisplayOptions().title_size(15).value_size(20)
# Pixels; Grafana keeps every column at 150 else, and wide tables lose their last ones.
_NARROWEST = 60


def localized(text: str, language: Language) -> str:
    """``text`` with the language's own labels: ``name_{lang}`` becomes ``name_vi``."""
    return text.replace("{lang}", language)


def letters(panel: Panel) -> list[str]:
    """The ids of its queries: A, B, C ..."""
    return [chr(ord("A") + number) for number in range(len(panel.queries))]


def _targets(panel: Panel, language: Language) -> list[prometheus.Dataquery]:
    found = []
    for letter, query in zip(letters(panel), panel.queries, strict=True):
        target = (
            prometheus.Dataquery()
            .expr(localized(query.expr, language))
            .legend_format(localized(words(query.legend, language), language))
            .ref_id(letter)
            .datasource(SOURCE)
        )
        if isinstance(panel, Table):
            target = target.instant().format(PromQueryFormat.TABLE)
        elif isinstance(panel, Stat | Bars):
            target = target.instant()
        else:
            target = target.range()
        found.append(target)
    return found


def steps_of(look: Look) -> builders.ThresholdsConfig:
    """Thresholds; without any, one colour that says nothing."""
    steps = [models.Threshold(value=one.value, color=one.colour) for one in look.steps]
    config = builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE)
    return config.steps(steps or [models.Threshold(value=None, color=UNKNOWN)])


def mappings_of(look: Look, language: Language) -> list[models.ValueMap | models.SpecialValueMap]:
    """What values stand for, and what nothing does.

    Without its own colour nothing would have the lowest step's, which is often the good one.
    """
    results = {
        one.value: models.ValueMappingResult(
            text=words(one.text, language), color=one.colour or None, index=number
        )
        for number, one in enumerate(look.meanings)
    }
    nothing = models.ValueMappingResult(
        text=words(look.nothing, language), color=UNKNOWN, index=len(results)
    )
    unknown = models.SpecialValueMap(
        options=models.DashboardSpecialValueMapOptions(
            match=models.SpecialValueMatch.NULL_AND_NAN, result=nothing
        )
    )
    return [*([models.ValueMap(options=results)] if results else []), unknown]


def _facility(link: Link, panel: Panel, language: Language) -> str:
    """The facility goes along: names of hosts repeat from one to the next."""
    if link.label == "facility":
        return ""
    columns = panel.columns if isinstance(panel, Table) else ()
    heads = [words(one.title, language) for one in columns if one.source == "facility"]
    # Without such a column the board itself has one facility chosen.
    value = f'${{__data.fields["{heads[0]}"]}}' if heads else "${facility}"
    return f"&var-facility={value}"


def link_of(link: Link, panel: Panel, language: Language) -> builders.DashboardLink:
    """A click on a value of ``link.label`` leads to that object's own board."""
    table = isinstance(panel, Table)
    value = "${__value.raw}" if table else f"${{__field.labels.{link.label}}}"
    rest = _facility(link, panel, language)
    return builders.DashboardLink(link.board).url(
        f"{board_url(link.board, language)}?var-{link.label}={value}{rest}&${{__url_time_range}}"
    )


def _dress(builder: Builder, panel: Panel, language: Language) -> Builder:
    """What every kind of panel has."""
    look = panel.look
    builder = builder.title(words(panel.title, language)).description(words(panel.what, language))
    builder = builder.datasource(SOURCE).targets(_targets(panel, language))
    builder = builder.unit(look.unit).no_value(words(look.nothing, language))
    builder = builder.thresholds(steps_of(look)).mappings(mappings_of(look, language))
    for method, value in (("decimals", look.decimals), ("min", look.least), ("max", look.most)):
        if value is not None:
            builder = getattr(builder, method)(value)
    if panel.link is not None and not isinstance(panel, Table):
        builder = builder.data_links([link_of(panel.link, panel, language)])
    if panel.runbook:
        title = "Cần làm gì" if language == "vi" else "What to do"
        page = builders.DashboardLink(title).url(runbook_url(panel.runbook, language))
        builder = builder.links([page.target_blank(_YES)])
    return builder


def _by_thresholds() -> builders.FieldColor:
    return builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(_YES)
        .display_mode(shapes.LegendDisplayMode.LIST)
        .placement(shapes.LegendPlacement.BOTTOM)
    )


def _stat(panel: Panel) -> Builder:
    names = isinstance(panel, Stat) and panel.names
    coloured = isinstance(panel, Stat) and panel.coloured
    colour = shapes.BigValueColorMode
    text = shapes.BigValueTextMode
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs([_LAST]).values(_NO))
        .color_mode(colour.BACKGROUND_SOLID if coloured else colour.VALUE)
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .text_mode(text.VALUE_AND_NAME if names else text.VALUE)
        .color_scheme(_by_thresholds())
        .text(_TILE if names else common.VizTextDisplayOptions())
    )


def _bars(panel: Panel) -> Builder:
    del panel
    return (
        bargauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs([_LAST]).values(_NO))
        .display_mode(shapes.BarGaugeDisplayMode.BASIC)
        .orientation(shapes.VizOrientation.HORIZONTAL)
        .color_scheme(_by_thresholds())
    )


def _graph(panel: Panel) -> Builder:
    stacked = isinstance(panel, Graph) and panel.stacked
    points = isinstance(panel, Graph) and panel.points
    builder = timeseries.Panel().legend(_legend()).line_width(2).fill_opacity(20 if stacked else 0)
    if stacked:
        builder = builder.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL))
    if points:
        builder = builder.draw_style(shapes.GraphDrawStyle.POINTS).point_size(6)
    if len(panel.look.steps) > 1:
        lines = common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
        builder = builder.thresholds_style(lines)
    # A gap in what is known stays a gap.
    return builder.span_nulls(_NO).color_scheme(
        builders.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC)
    )


def _timeline(panel: Panel) -> Builder:
    del panel
    return (
        statetimeline.Panel()
        .merge_values(_YES)
        .show_value(shapes.VisibilityMode.AUTO)
        .row_height(0.85)
        .color_scheme(_by_thresholds())
        .legend(_legend())
    )


def _cell(panel: Table, column: Column, language: Language) -> list[models.DynamicConfigValue]:
    """The overrides of one column."""
    found: list[models.DynamicConfigValue] = []

    def put(name: str, value: object) -> None:
        found.append(models.DynamicConfigValue(id_val=name, value=value))

    if column.width:
        put("custom.width", column.width)
    if column.link is not None:
        url = localized(link_of(column.link, panel, language).build().url or "", language)
        put("links", [{"title": column.link.board, "url": url}])
    look = column.look
    if look is None:
        return found
    put("unit", look.unit)
    put("noValue", words(look.nothing, language))
    if look.decimals is not None:
        put("decimals", look.decimals)
    put("mappings", mappings_of(look, language))
    if any(one.colour for one in look.meanings) or len(look.steps) > 1:
        put("thresholds", steps_of(look).build())
        put("color", {"mode": "thresholds"})
        put("custom.cellOptions", {"type": "color-background", "mode": "basic"})
    return found


def _organize(panel: Table, language: Language) -> models.DataTransformerConfig:
    """Only the columns that are named, under their heads, in their order."""
    sole = len(panel.queries) == 1
    heads: dict[str, str] = {}
    for column in panel.columns:
        # With one query Grafana calls its value plainly `Value`.
        value = column.source in letters(panel)
        source = f"Value #{column.source}" if value else localized(column.source, language)
        heads["Value" if sole and source == "Value #A" else source] = words(column.title, language)
    options = {
        "renameByName": heads,
        "indexByName": {source: number for number, source in enumerate(heads)},
        "includeByName": dict.fromkeys(heads, True),
        "excludeByName": {},
    }
    return models.DataTransformerConfig(id_val="organize", options=options)


def _table(panel: Table, language: Language) -> Builder:
    builder: Builder = tables.Panel().show_header(_YES).min_width(_NARROWEST)
    builder = builder.cell_height(shapes.TableCellHeight.SM)
    if len(panel.queries) > 1:
        merge = models.DataTransformerConfig(id_val="merge", options={})
        builder = builder.with_transformation(merge)
    builder = builder.with_transformation(_organize(panel, language))
    for column in panel.columns:
        if properties := _cell(panel, column, language):
            builder = builder.override_by_name(words(column.title, language), properties)
    if panel.sort:
        by = common.TableSortByFieldState().display_name(words(panel.sort, language))
        builder = builder.sort_by([by.desc(panel.descending)])
    return builder


_KINDS: Mapping[type[Panel], Callable[[Panel], Builder]] = {
    Stat: _stat,
    Bars: _bars,
    Graph: _graph,
    Timeline: _timeline,
}


def build(panel: Panel, language: Language) -> Builder:
    """The SDK's builder of ``panel``, without its place on the screen."""
    if isinstance(panel, Table):
        return _dress(_table(panel, language), panel, language)
    return _dress(_KINDS[type(panel)](panel), panel, language)
