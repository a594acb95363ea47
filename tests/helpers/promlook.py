"""Asks a Prometheus what dashboards ask, for each choice that people can make."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from helpers.promboard import Question, questions, trees
from helpers.promparts import alternatives, honest, loosened, selectors
from render.choices import Window, chosen, filled
from render.jobs import answered
from render.prometheus import Prometheus, Series

_SPAN_SECONDS = 60.0
_PANEL_PIXELS = 900.0


@dataclass(frozen=True)
class View:
    """Choices at the top of a board; ``facility`` is empty where all or none is chosen."""

    facility: str
    values: Mapping[str, str]


@dataclass
class Look:
    """Every board at one moment.

    Attributes:
        end: Unix time in seconds.
        scrape: Of Prometheus, in seconds.
    """

    source: Prometheus
    end: float = field(default_factory=time.time)
    scrape: float = 1.0
    _kept: dict[str, Series] = field(default_factory=dict)

    @cached_property
    def window(self) -> Window:
        """What boards look back on."""
        return Window(self.end - _SPAN_SECONDS, self.end, self.scrape)

    @cached_property
    def facilities(self) -> Sequence[str]:
        """All there are."""
        return self.source.label_values("tramgac_facility_info", "facility", self.window)

    def ask(self, expression: str) -> Series:
        """The answer now; the same question is asked once."""
        if expression not in self._kept:
            self._kept[expression] = self.source.instant(expression, self.window)
        return self._kept[expression]

    def has(self, expression: str) -> bool:
        """Whether there is a single number."""
        return answered(self.ask(expression))

    def _chosen(self, board: str, wanted: Mapping[str, str]) -> dict[str, str]:
        def offered(selector: str, label: str) -> Sequence[str]:
            return self.source.label_values(selector, label, self.window)

        return chosen(trees("vi")[board]["templating"]["list"], offered, wanted)

    def views(self, board: str) -> Iterator[View]:
        """All together where that may be chosen, then each facility."""
        one = {v["name"]: v for v in trees("vi")[board]["templating"]["list"]}.get("facility")
        if one is None or one["includeAll"]:
            yield View("", self._chosen(board, {}))
        if one is not None:
            for name in self.facilities:
                yield View(name, self._chosen(board, {"facility": name}))

    def text(self, question: Question, view: View) -> str:
        """Its expression as Grafana would send it."""
        return filled(question.expr, {**view.values, **self.window.variables(_PANEL_PIXELS)})

    def seen(self, question: Question, view: View) -> Series:
        """The answer now; where that is empty, what it was compared with."""
        text = self.text(question, view)
        return self.ask(text) or self.ask(loosened(text))

    def over_time(self, question: Question, view: View) -> Series:
        """The answer over the time that is looked at; often enough to meet what began just now."""
        step = self.window.span / 60
        return self.source.ranged(self.text(question, view), self.window, step)

    def lacking(self, question: Question, unseen: Mapping[str, str], *, quiet: bool) -> list[str]:
        """What of it has no data, whatever is chosen; nothing if all is there.

        Args:
            question: Which.
            unseen: Series that need not be there.
            quiet: Whether it may be empty where all is well.
        """
        texts = [honest(self.text(question, view)) for view in self.views(question.board)]
        if not any(self.has(text) or (quiet and self.has(loosened(text))) for text in texts):
            return [f"{question.name}: no data: {texts[0]}"]
        parts = [list(alternatives(text)) for text in texts]
        empty = [
            several[0]
            for several in zip(*parts, strict=True)
            if not selectors(several[0]) <= unseen.keys()
            and not any(self.has(loosened(one)) for one in several)
        ]
        return [f"{question.name}: this side of `or`: {one}" for one in empty]

    def without_series(self, expression: str, unseen: Mapping[str, str]) -> list[str]:
        """Series that an expression reads and that are not there; ``unseen`` by any other label."""
        wanted = {one.partition("{")[0] if one in unseen else one for one in selectors(expression)}
        return sorted(one for one in wanted if not self.has(one))


def all_questions(boards: Sequence[str]) -> list[Question]:
    """Of all these boards."""
    return [question for board in boards for question in questions(board)]
