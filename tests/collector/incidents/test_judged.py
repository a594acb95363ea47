"""Incidents through the real judge and a real store, up to the page of metrics."""

from pathlib import Path

import pytest
from helpers.evidence import NOW
from sqlalchemy import Engine, insert, select

from tramgac_collector.config import Config
from tramgac_collector.facts.kinds import Claim
from tramgac_collector.facts.ledger import FactLedger
from tramgac_collector.facts.mapping import COVERAGE
from tramgac_collector.incidents.ledger import read
from tramgac_collector.incidents.part import IncidentPart
from tramgac_collector.incidents.published import OpenIncidents
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.judge.process import Judge
from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner
from tramgac_collector.store import schema
from tramgac_collector.store.engine import reading

_INVENTORY = """
facilities:
  - id: bv
    code: "1"
    sites:
      - {id: a, hosts: [{id: h1}, {id: h2}]}
      - {id: b, hosts: [{id: h3}]}
"""
_PLACES = ("a/h1", "a/h2", "b/h3")


class Centre:
    """A store, what ingest writes into it, and the judge beside it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.now_ms = NOW
        self.facts = FactLedger()
        inventory = folder / "inventory.yml"
        inventory.write_text(_INVENTORY)
        with self.engine.begin() as connection:
            import_inventory(connection, inventory)
        self.restart()

    def restart(self) -> None:
        """Start the judge anew."""
        clock = lambda: self.now_ms  # noqa: E731 - one line
        self.judge = Judge(self.engine, Config(), clock, parts=(IncidentPart(),))

    def run(self, minutes: float, *calling: str) -> None:
        """Let time pass in steps of 10 s; these hosts call."""
        for _ in range(round(minutes * 6)):
            self.now_ms += 10_000
            for number, place in enumerate(_PLACES):
                if place in calling:
                    owner = Owner(f"{number:036d}", "bv", *place.split("/"))
                    self.facts.called(owner, self.now_ms, 0)
            self.facts.settle()
            cover = Claim(COVERAGE, "bv", 1.0, "", self.now_ms, 600_000)
            self.facts.measured_here(cover, self.now_ms)
            with self.engine.begin() as connection:
                for step in self.facts.take_writes(self.now_ms):
                    step.store(connection)
            self.judge.turn()

    def found(self) -> list[tuple[str, str, bool]]:
        """Code, node and whether it is open, of every incident."""
        table = schema.incidents.c
        query = select(table.code, table.node, table.closed_ms).order_by(table.id)
        with reading(self.engine) as connection:
            return [(row[0], row[1], row[2] is None) for row in connection.execute(query)]


@pytest.fixture
def centre(engine: Engine, tmp_path: Path) -> Centre:
    """On SQLite and on PostgreSQL."""
    return Centre(engine, tmp_path)


def test_a_cut_goes_through_store_and_judge(centre: Centre) -> None:
    """From calls that stay out to one row, across a restart of the judge, and to its end."""
    centre.run(3, *_PLACES)
    centre.run(3, "b/h3")
    assert centre.found() == [("site_unreachable", "bv/a", True)]

    centre.restart()
    centre.run(4, "b/h3")
    assert centre.found() == [("site_unreachable", "bv/a", True)]

    centre.run(7, *_PLACES)
    assert centre.found() == [("site_unreachable", "bv/a", False)]
    with reading(centre.engine) as connection:
        events = [event["kind"] for event in read(connection, 1)["events"]]
    assert events == ["opened", "better", "closed"]


def test_open_incidents_are_on_the_page_of_metrics(centre: Centre) -> None:
    """One line by place, code and severity, and since when; they go with the incident."""
    live = LiveState(Inventory(), started_ms=NOW)
    published = OpenIncidents(centre.engine, live)
    centre.run(3, *_PLACES)
    centre.run(3, "b/h3")
    published.show(published.look())
    labels = 'code="site_unreachable",facility="bv",severity="high",site="a"'
    line = f"tramgac_incident_open{{{labels}}} 1.0"
    lines = live.render().decode().splitlines()
    assert line in lines
    oldest = f"tramgac_incident_oldest_timestamp_seconds{{{labels}}} "
    (since,) = [one.removeprefix(oldest) for one in lines if one.startswith(oldest)]
    with reading(centre.engine) as connection:
        assert float(since) * 1000 == connection.scalar(select(schema.incidents.c.opened_ms))

    centre.run(7, *_PLACES)
    published.show(published.look())
    assert "tramgac_incident_o" not in live.render().decode()


def test_of_several_incidents_the_oldest_gives_the_time(engine: Engine) -> None:
    """Those that are part of another, or over, are neither counted nor the oldest."""
    live = LiveState(Inventory(), started_ms=NOW)
    published = OpenIncidents(engine, live)
    kind = {"code": "disk", "facility": "bv", "site": "a", "severity": "low", "changed_ms": NOW}
    for number, (opened_ms, more) in enumerate(
        ((NOW, {}), (NOW - 7_000, {}), (NOW - 9_000, {"closed_ms": NOW}), (0, {"parent_id": 1}))
    ):
        row = {"node": f"bv/a/h{number}", "opened_ms": opened_ms, "closed_ms": None, **kind, **more}
        with engine.begin() as connection:
            connection.execute(insert(schema.incidents).values(**row))
    published.show(published.look())

    labels = '{code="disk",facility="bv",severity="low",site="a"}'
    lines = live.render().decode().splitlines()
    assert f"tramgac_incident_open{labels} 2.0" in lines
    (since,) = [one for one in lines if one.startswith("tramgac_incident_oldest")]
    assert float(since.rpartition(" ")[2]) * 1000 == NOW - 7_000
