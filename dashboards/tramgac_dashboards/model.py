"""What a dashboard is made of: plain data, in both languages at once, free of Grafana's words."""

from dataclasses import dataclass, field
from typing import Literal

Language = Literal["vi", "en"]
LANGUAGES: tuple[Language, ...] = ("vi", "en")


@dataclass(frozen=True, slots=True)
class Text:
    """What a person reads."""

    vi: str
    en: str

    def of(self, language: Language) -> str:
        """In one language."""
        return self.vi if language == "vi" else self.en


# Names, codes and numbers are the same in every language.
Words = Text | str


def words(text: Words, language: Language) -> str:
    """``text`` in a language."""
    return text if isinstance(text, str) else text.of(language)


@dataclass(frozen=True, slots=True)
class Step:
    """From this value on, this colour; ``None`` begins the scale."""

    value: float | None
    colour: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a single value stands for; colour never says it alone, and may be left out (``""``)."""

    value: str
    text: Words
    colour: str


@dataclass(frozen=True, slots=True)
class Look:
    """How values are shown.

    Attributes:
        unit: Grafana's id of it, such as ``s``, ``bytes``, ``percentunit``, ``bps``.
        steps: The lowest first; the first one has no value.
        meanings: Of single values.
        decimals: ``None`` leaves it to Grafana.
        least: Where axis or bar begin.
        most: Where they end.
        nothing: What stands where nothing is known; never a good colour.
    """

    unit: str = "none"
    steps: tuple[Step, ...] = ()
    meanings: tuple[Meaning, ...] = ()
    decimals: int | None = None
    least: float | None = None
    most: float | None = None
    nothing: Words = Text(vi="chưa biết", en="not known")


@dataclass(frozen=True, slots=True)
class Query:
    """One expression.

    Attributes:
        expr: PromQL, with the board's variables; of ``{lang}`` becomes ``vi`` or ``en``.
        legend: With ``{{label}}``; ``{lang}`` as in ``expr``.
    """

    expr: str
    legend: Words = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a click on a value leads: another board of the same language.

    Attributes:
        board: Its name.
        label: Of the value, which becomes the variable of the same name there.
    """

    board: str
    label: str = "facility"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; ``width`` in 24ths of the screen, ``height`` in rows of 30 pixels.

    Attributes:
        what: Its description: what it says, and what its absence means.
        runbook: Name of the alert whose page tells what to do.
    """

    title: Text
    what: Text
    queries: tuple[Query, ...]
    look: Look = Look()
    width: int = 6
    height: int = 8
    link: Link | None = None
    runbook: str = ""


@dataclass(frozen=True, slots=True)
class Stat(Panel):
    """Big figures.

    Attributes:
        names: Show what each figure belongs to.
        coloured: Colour the whole tile, not the figure.
    """

    names: bool = False
    coloured: bool = True


@dataclass(frozen=True, slots=True)
class Bars(Panel):
    """One bar for each series, as it is now."""


@dataclass(frozen=True, slots=True)
class Graph(Panel):
    """Values over time.

    Attributes:
        stacked: Pile them up.
        points: Of events rather than of a steady value.
    """

    stacked: bool = False
    points: bool = False


@dataclass(frozen=True, slots=True)
class Timeline(Panel):
    """States over time, one line for each series."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        source: A label, or ``A``, ``B``, ... for the value of that query.
        title: Its head.
        look: Of values; labels are shown as they are, or by ``meanings``.
        link: Where a click leads.
        width: In pixels; 0 leaves it to Grafana.
    """

    source: str
    title: Words
    look: Look | None = None
    link: Link | None = None
    width: int = 0


@dataclass(frozen=True, slots=True)
class Table(Panel):
    """Series as they are now, one row for each set of labels that the queries share.

    Labels that are no column are left out: aggregate so that none is missed.

    Attributes:
        sort: Head of the column to sort by.
        descending: The greatest first.
    """

    columns: tuple[Column, ...] = ()
    sort: Words = ""
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it, laid out from left to right."""

    title: Text
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of a board.

    Attributes:
        query: Such as ``label_values(METRIC, LABEL)``; may use variables before it.
        several: Whether more than one, and all, may be chosen.
    """

    name: str
    title: Text
    query: str
    several: bool = True


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard.

    Attributes:
        name: In its address: ``tramgac-NAME-LANGUAGE``.
        span: How far back it looks at first, as Grafana writes it.
        refresh: How often it looks again.
    """

    name: str
    title: Text
    what: Text
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    span: str = "now-6h"
    refresh: str = "30s"
    tags: tuple[str, ...] = field(default=())
