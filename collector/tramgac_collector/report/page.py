"""A report as one page of HTML: no script, nothing from elsewhere, A4 when printed."""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache, partial
from hashlib import sha256
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tramgac_collector.backups.reasons import WORDS as BACKUP_REASONS
from tramgac_collector.notify.words import cause_words, pick, words_of
from tramgac_collector.report import words
from tramgac_collector.report.archive import Given
from tramgac_collector.report.coverage import LEAST
from tramgac_collector.report.decisions import STATES
from tramgac_collector.report.model import Amendment, Cover, Decision, Figures
from tramgac_collector.rules.status import ORDER
from tramgac_collector.rules.words import FORCE, REASON, STATUS, TEXT, say
from tramgac_collector.web.words import day, moment, sort_key

# Lines of the first page; what is beyond stands with its facility.
MOST_DECISIONS = 14
_MOST_NAMED = 6


@cache
def _style() -> str:
    source = PackageLoader("tramgac_collector.report")
    return source.get_source(_environment(), "report.css")[0]


@cache
def style_digest() -> str:
    """By which a page's policy allows its own style and no other."""
    return f"sha256-{b64encode(sha256(_style().encode()).digest()).decode()}"


@cache
def _environment() -> Environment:
    # Whatever a name holds, it is text on the page.
    return Environment(
        loader=PackageLoader("tramgac_collector.report"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def report_page(figures: Figures, given: Given | None, language: str) -> str:
    """The whole page; the same figures in one language give the same bytes.

    Args:
        figures: As they were frozen.
        given: Number and digest; None: a draft.
        language: ``vi`` or ``en``.
    """
    teller = _Teller(figures, language)
    template = _environment().get_template("report.html")
    return template.render(
        figures=figures, given=given, language=language, style=_style(), **teller.helpers()
    )


class _Teller:
    """What the template calls, in one language."""

    def __init__(self, figures: Figures, language: str) -> None:
        self._figures = figures
        self._language = language
        self._names = {one.id: _in(one.name, language) or one.id for one in figures.places}

    def helpers(self) -> Mapping[str, Any]:
        """By the names the template has for them."""
        language = self._language
        places = sorted(
            self._figures.places,
            key=lambda one: (STATES.index(one.state), sort_key(self._names[one.id]), one.id),
        )
        return {
            "w": partial(words.word, language=language),
            "length": partial(words.length, language=language),
            "share": partial(words.share, language=language),
            "moment": lambda at_ms: moment(at_ms)[:16],
            "day": day,
            "text": partial(_in, language=language),
            "code": lambda code: pick(words_of(code).text, language),
            "cause": partial(cause_words, language=language),
            "status": partial(say, STATUS, language=language),
            "reason": partial(say, REASON, language=language),
            "force": partial(say, FORCE, language=language),
            "text_status": partial(say, TEXT, language=language),
            "none_found": self._none_found,
            "papers": self._papers,
            "name": lambda facility: self._names.get(facility, facility),
            "decision": self._decision,
            "named": self._named,
            "value": self._value,
            "places": places,
            "decisions": self._figures.decisions[:MOST_DECISIONS],
            "hidden": max(0, len(self._figures.decisions) - MOST_DECISIONS),
            "states": self._states(),
            "statuses": [one.value for one in ORDER],
            "unmeasured": sorted({n for one in self._figures.places for n in one.unmeasured}),
        }

    def _states(self) -> list[tuple[str, int]]:
        counted = Counter(one.state for one in self._figures.places)
        return [(state, counted[state]) for state in STATES]

    def _papers(self, missing: tuple[str, ...]) -> str:
        titles = (_in(self._figures.papers.get(one, {}), self._language) or one for one in missing)
        return "; ".join(titles)

    def _none_found(self, cover: Cover) -> str:
        """That nothing was found means something only where somebody looked."""
        seen = cover.ratio is not None and cover.ratio >= LEAST
        return words.word("nothing" if seen else "too_dark", self._language)

    def _decision(self, one: Decision) -> str:
        """What it is about, after its kind."""
        if one.kind in {"deadline", "gap", "overlay_ending"}:
            rule = self._figures.rules.get(one.code)
            return one.code if rule is None else _in(rule.text, self._language) or one.code
        if one.kind == "outage_open":
            return pick(words_of(one.code).text, self._language)
        known = BACKUP_REASONS.get(one.code)
        return "" if known is None else known.text(self._language)

    def _named(self, facilities: tuple[str, ...]) -> str:
        """The first of them by name, and how many more."""
        names = sorted((self._names.get(one, one) for one in facilities), key=sort_key)
        told = ", ".join(names[:_MOST_NAMED])
        more = len(names) - _MOST_NAMED
        return f"{told} {words.word('more', self._language).format(more)}" if more > 0 else told

    def _value(self, one: Amendment, text: str) -> str:
        """An old or new value for people."""
        language = self._language
        kind, _, number = text.partition(" ")
        by_kind: dict[str, Callable[[int], str]] = {
            "at": lambda ms: moment(ms)[:16],
            "for": partial(words.length, language=language),
        }
        by_field: dict[str, Callable[[str], str]] = {
            "status": partial(say, STATUS, language=language),
            "code": lambda code: pick(words_of(code).text, language),
            "result": lambda result: words.word(f"result.{result}", language),
            "cause": partial(cause_words, language=language),
        }
        if not text:
            return words.word("not_known", language)
        if kind in by_kind:
            return by_kind[kind](int(number))
        return by_field.get(one.field, str)(text)


def _in(text: Mapping[str, str], language: str) -> str:
    """One of two languages; the other, where there is only that."""
    return text.get(language) or next(iter(text.values()), "")
