"""What a text's standing allows: nobody's memory is ever judged, whatever is known."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_collector.rules.deadlines import judge_deadline
from tramgac_collector.rules.evaluate import Evidence, Subject, evaluate
from tramgac_collector.rules.expression import Value
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.pack import Deadline, Pack, Rule
from tramgac_collector.rules.status import Status
from tramgac_collector.rules.vocabulary import VOCABULARY

LIBRARY = Library.read()
NOW = 1_800_000_000_000
DAY = date(2027, 1, 15)
NAMES = sorted({*VOCABULARY, *LIBRARY.papers})
WORDS = ("hospital", "public", "his", "emr", "server", "lan")
VERDICTS = {Status.PASS_OBSERVED, Status.FAIL, Status.PARTIAL, Status.STALE}


def _rows(pack: Pack) -> Iterator[Rule | Deadline]:
    yield from pack.rules
    yield from pack.deadlines


LOCKED = [
    (pack, row)
    for pack in LIBRARY.packs
    for row in _rows(pack)
    if pack.text_status(row) == "memory"
]


@dataclass
class AnyWorld:
    """Two things of each kind, and whatever is drawn of all of them."""

    known: Mapping[str, Value]
    ends_ms: int
    now_ms: int = NOW

    def subjects(self, facility: str, kind: str) -> Sequence[Subject]:
        """The facility, or two of the kind."""
        own = {name: value for name, value in self.known.items() if _declared(name)}
        count = 1 if kind == "facility" else 2
        return [Subject(kind, f"{kind}-{n}", facility, own) for n in range(count)]

    def evidence(self, name: str, _subject: Subject) -> Evidence | None:
        """The same of each."""
        value = self.known.get(name)
        return None if value is None else Evidence(value, NOW - 1_000, self.ends_ms)


def _declared(name: str) -> bool:
    return name in VOCABULARY and VOCABULARY[name].kind == "attribute"


def drawn(seed: int) -> AnyWorld:
    """Half of everything known, with any value; all of it fresh or all of it at its end."""
    dice = random.Random(seed)

    def value() -> Value:
        return dice.choice((True, False, dice.uniform(0, 1e9), 1.0, 0.0, dice.choice(WORDS)))

    known = {name: value() for name in NAMES if dice.random() < dice.choice((0.3, 0.9))}
    return AnyWorld(known, dice.choice((NOW - 1, NOW + 1_000)))


def judged(pack: Pack, row: Rule | Deadline, world: AnyWorld) -> Status | None:
    """As the engine would."""
    if isinstance(row, Rule):
        return evaluate(pack, row, "f", world, DAY).status
    due = judge_deadline(pack, row, "f", world, DAY)
    return None if due is None else due.result.status


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_what_nobody_read_is_never_judged(seed: int) -> None:
    """Whatever is measured, declared and handed in: no pass, no gap, only that it is locked."""
    world = drawn(seed)
    verdicts = {row.id: judged(pack, row, world) for pack, row in LOCKED}

    assert len(verdicts) > 10
    assert {row: one for row, one in verdicts.items() if one in VERDICTS} == {}


def test_the_same_worlds_judge_what_was_read() -> None:
    """Or the property above would hold of an engine that judges nothing."""
    rows = [(pack, rule) for pack in LIBRARY.packs for rule in pack.rules]
    open_rows = [(pack, rule) for pack, rule in rows if pack.text_status(rule) != "memory"]
    found = {judged(pack, rule, drawn(seed)) for seed in range(10) for pack, rule in open_rows}

    # Both things of a kind are alike, so nothing is shown by some of them only.
    assert found >= VERDICTS - {Status.PARTIAL}
