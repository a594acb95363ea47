"""The judge's turn: no news is lost to a fault, and health means that work is done."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.evidence import NOW
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from tramgac_collector.config import Config
from tramgac_collector.facts.kinds import Claim
from tramgac_collector.facts.ledger import Fact, FactLedger
from tramgac_collector.facts.mapping import COVERAGE, KINDS
from tramgac_collector.incidents.board import Board
from tramgac_collector.incidents.detectors import DETECTORS
from tramgac_collector.incidents.model import Symptom
from tramgac_collector.incidents.symptoms import Look
from tramgac_collector.incidents.tree import Tree
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.judge.feed import FactsFeed
from tramgac_collector.judge.health import FACTS, Health
from tramgac_collector.judge.process import Judge
from tramgac_collector.judge.tick import Tick
from tramgac_collector.judge.vitals import Vitals
from tramgac_collector.live.state import LiveState
from tramgac_collector.notify.heartbeat import Heartbeat
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.store import schema
from tramgac_collector.store.engine import reading

_INVENTORY = 'facilities: [{id: bv, code: "1", sites: [{id: a, hosts: [{id: h1}]}]}]'
_DISK = "host.disk"


class Part:
    """Notes what it is told; fails while it is told to."""

    def __init__(self) -> None:
        self.told: list[dict[str, set[str]]] = []
        self.fails = False
        self.failing: list[str] = []
        self.started_ms = 0

    def __call__(self, tick: Tick) -> None:
        self.told.append({key: set(names) for key, names in tick.changed.items()})
        self.failing, self.started_ms = list(tick.failing), tick.started_ms
        if self.fails:
            raise ValueError("a fault")


class Other(Part):
    """Another part."""


class Stage:
    """A store that ingest writes to, two parts, and two clocks."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.now_ms, self.steady_ms = engine, NOW, 0
        self.facts = FactLedger()
        path = folder / "inventory.yml"
        path.write_text(_INVENTORY)
        with engine.begin() as connection:
            import_inventory(connection, path)
        self.first, self.second = Part(), Other()
        clock: Callable[[], int] = lambda: self.now_ms  # noqa: E731 - one line
        self.judge = Judge(
            engine, Config(), clock, parts=(self.first, self.second),
            steady_ms=lambda: self.steady_ms,
        )  # fmt: skip

    def write(self, name: str = COVERAGE.name, value: float = 1.0) -> None:
        """What ingest notes now."""
        subject = "bv" if name == COVERAGE.name else "bv/a/h1/" + name
        self.facts.measured_here(
            Claim(KINDS[name], subject, value, "", self.now_ms, 600_000), self.now_ms
        )
        with self.engine.begin() as connection:
            for step in self.facts.take_writes(self.now_ms):
                step.store(connection)

    def turn(self, seconds: float = 5) -> None:
        """Time passes; the judge looks."""
        self.now_ms += round(seconds * 1000)
        self.steady_ms += round(seconds * 1000)
        self.judge.turn()


@pytest.fixture
def stage(engine: Engine, tmp_path: Path) -> Stage:
    """On SQLite and on PostgreSQL."""
    return Stage(engine, tmp_path)


def test_a_part_that_failed_is_told_again(stage: Stage) -> None:
    """What changed in the turn of a fault comes with the next, beside what is new by then."""
    stage.turn()
    stage.first.fails = True
    stage.write(_DISK, 0.9)
    stage.turn()
    stage.first.fails = False
    stage.write("host.disk.hung", 1)
    stage.turn()
    stage.turn()

    assert stage.first.told[-2] == {"bv": {_DISK, "host.disk.hung"}}
    assert stage.second.told[-2] == {"bv": {"host.disk.hung"}}
    assert stage.first.told[-1] == {}


def test_a_look_that_failed_loses_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store goes away between facts and their past: the next look hands all of it on."""
    stage.turn()
    stage.write(_DISK, 0.9)

    def away(*_: object) -> None:
        raise OperationalError("gone", {}, Exception("away"))

    with monkeypatch.context() as patched:
        patched.setattr(FactsFeed, "_expire", away)
        with pytest.raises(OperationalError):
            stage.turn()
    stage.turn()

    assert _DISK in stage.first.told[-1]["bv"]


def test_one_value_that_cannot_be_judged_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It stays owed and is tried at every turn; the others are judged meanwhile."""
    fails = True

    def picky(fact: Fact, value: float, before: bool, look: Look) -> Symptom:  # noqa: FBT001
        if fails and fact.subject.endswith("bad"):
            raise ZeroDivisionError
        return hung(fact, value, before, look)

    hung = DETECTORS["host.disk.hung"]
    monkeypatch.setattr(
        "tramgac_collector.incidents.board.DETECTORS", {**DETECTORS, "host.disk.hung": picky}
    )
    fact = Fact(
        "host.disk.hung", "bv/a/h1/bad", "bool", 1.0, "", NOW, NOW, NOW + 600_000, "agent:x/c"
    )
    feed = FactsFeed.of([fact, replace(fact, subject="bv/a/h1/good")])
    board, tree = Board(feed, lambda *_: []), Tree(parse_inventory(_INVENTORY, "test"))

    board.take({"bv": {"host.disk.hung"}}, tree, set(), NOW)
    assert board.owed == 1
    assert [key.node for key in board._bad] == ["bv/a/h1/good"]
    fails = False
    board.take({}, tree, set(), NOW + 5_000)
    assert board.owed == 0
    assert {key.node for key in board._bad} == {"bv/a/h1/good", "bv/a/h1/bad"}


def test_a_part_that_fails_for_a_minute_is_said_to_fail(stage: Stage) -> None:
    """Whoever beats for the judge hears of it, and hears when it works again."""
    stage.write()
    stage.turn()
    stage.first.fails = True
    stage.turn(30)
    assert stage.second.failing == []
    stage.write()
    stage.turn(45)
    assert stage.second.failing == ["Part"]
    stage.first.fails = False
    stage.turn()
    assert stage.second.failing == []


def test_facts_that_do_not_come_in_are_a_failing(stage: Stage) -> None:
    """The judge runs on and sees nothing wrong because it sees nothing at all."""
    stage.write()
    stage.turn()
    assert stage.second.failing == []
    for _ in range(4):
        stage.turn(25)
    assert stage.second.failing == [FACTS]
    stage.write()
    stage.turn()
    assert stage.second.failing == []


def test_a_clock_that_was_set_begins_judging_anew(stage: Stage) -> None:
    """What stood in memory was timed by a clock that is no more; all facts are told again."""
    stage.write()
    stage.turn()
    stage.turn()
    began = stage.first.started_ms
    stage.now_ms -= 3_600_000
    stage.write()
    stage.turn()

    assert stage.first.started_ms < began
    assert COVERAGE.name in stage.first.told[-1]["bv"]
    assert stage.second.failing == []


def test_a_slow_drift_is_no_set_clock(stage: Stage) -> None:
    """A second a turn is a clock that is being mended."""
    stage.turn()
    began = stage.first.started_ms
    for _ in range(60):
        stage.now_ms += 1_000
        stage.turn()
    assert stage.first.started_ms == began


def test_how_the_judge_fares_is_on_the_page_of_metrics(stage: Stage) -> None:
    """One time for each part and one for the facts; a fault is counted at once."""
    live = LiveState(Inventory(), started_ms=NOW)
    vitals = Vitals(stage.engine, live)
    stage.write()
    stage.turn()
    stage.first.fails = stage.second.fails = True
    stage.turn(1)
    with reading(stage.engine) as connection:
        rows = {row.part: row for row in connection.execute(select(schema.judge_health))}
    vitals.show(vitals.look())
    page = live.render().decode()

    assert rows["Part"].done_ms == NOW + 5_000
    assert rows["Part"].failures == 1
    assert rows[FACTS].done_ms == NOW
    assert 'tramgac_judge_failures{part="Part"} 1.0' in page
    assert 'tramgac_judge_last_turn_timestamp_seconds{part="facts"} ' in page


def test_the_dead_man_s_beat_stops_with_the_judge() -> None:
    """While facts stay out or a part fails nothing is asked; a clock set back does not hush it."""
    beat = Heartbeat(NotifySection(heartbeat_url="http://127.0.0.1:9/"))
    beat.watch((FACTS,))
    assert beat.due([], NOW) is None
    beat.watch(())
    assert beat.due([], NOW + 60_000) is not None
    assert beat.due([], NOW + 65_000) is None
    assert beat.due([], NOW - 3_600_000) is not None


def test_a_healthy_judge_writes_seldom() -> None:
    """A word every 15 s; a fault, and the end of one, at once."""
    health = Health(NOW)
    assert health.due(NOW)
    health._written_ms = NOW
    assert not health.due(NOW + 5_000)
    health.ran("a", NOW + 5_000, 0.1, well=False)
    assert health.due(NOW + 5_000)
