"""The commands `incidents` and `maintenance`, on a store that the judge wrote."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from tramgac_collector.__main__ import COMMANDS
from tramgac_collector.incidents.codes import CODES
from tramgac_collector.incidents.model import Change, Detail, Event, Incident
from tramgac_collector.incidents.store import apply, load_current, load_windows
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.store import schema
from tramgac_collector.store.engine import open_engine, reading, upgrade
from tramgac_proto.commandline import run

NOW = 1_800_000_000_000
_INVENTORY = 'facilities: [{id: bv, code: "1", sites: [{id: main, hosts: [{id: h1}]}]}]'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose store has one open incident."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    path, inventory = tmp_path / "collector.toml", tmp_path / "inventory.yml"
    inventory.write_text(_INVENTORY)
    path.write_text(f'[collector]\nstate_dir = "{state}"\ninventory = "{inventory}"\n')
    url = f"sqlite:///{state / 'store.db'}"
    upgrade(url)
    engine = open_engine(url)
    opened = Incident(0, "bv/main", "site_unreachable", "bv", "main", NOW, "high", "power_or_link")
    with engine.begin() as connection:
        import_inventory(connection, inventory)
        apply(connection, [Change(opened, Event.OPENED, {"since_ms": str(NOW)})], NOW)
    engine.dispose()
    return path


class Terminal:
    """Commands as a person types them."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._config, self._capsys = config, capsys
        self.out = self.error = ""

    def run(self, *words: str) -> int:
        code = run("tramgac-collector", COMMANDS, [*words, "--config", str(self._config)])
        self.out, self.error = self._capsys.readouterr()
        return code

    def told(self, *words: str) -> Any:
        assert self.run(*words, "--json") == 0, self.error
        return json.loads(self.out)

    def store(self) -> Engine:
        return open_engine(f"sqlite:///{self._config.parent / 'state' / 'store.db'}")


@pytest.fixture
def terminal(config: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(config, capsys)


def test_an_incident_is_listed_handed_over_and_noted(terminal: Terminal) -> None:
    """What people do stands in its record and in the audit trail, with who and when."""
    for words in (
        ("hand-over", "1", "--to", "VNPT", "--by", "lan"),
        ("hand-over", "1", "--moment", "answered", "--by", "lan"),
        ("ack", "1", "--minutes", "30", "--by", "lan"),
        ("close-note", "1", "cap quang dut", "--by", "lan"),
    ):
        assert terminal.run("incidents", *words) == 0, terminal.error

    shown = terminal.told("incidents", "show", "1")
    assert [event["kind"] for event in shown["events"]] == [
        "opened", "handed_over", "handed_over", "acked", "noted",
    ]  # fmt: skip
    assert shown["vendor"] == "VNPT"
    assert shown["vendor_told_unix_ms"] <= shown["vendor_answered_unix_ms"]
    assert shown["vendor_fixed_unix_ms"] is None
    engine = terminal.store()
    with reading(engine) as connection:
        rows = connection.execute(select(schema.audit.c.actor, schema.audit.c.action)).all()
    engine.dispose()
    assert ("lan", "incident_handed_over") in [tuple(row) for row in rows]


def test_an_unknown_incident_is_refused(terminal: Terminal) -> None:
    """Nothing is written for a number that is not there, nor a vendor's clock without a vendor."""
    assert terminal.run("incidents", "show", "7") == 1
    assert terminal.run("incidents", "hand-over", "1") == 1
    assert "--to" in terminal.error
    assert terminal.run("incidents", "list") == 0
    assert "site_unreachable" in terminal.out


def test_maintenance_is_planned_listed_and_ended(terminal: Terminal) -> None:
    """A window counts for the judge from when it begins until it is ended."""
    assert terminal.run("maintenance", "add", "bv/other", "--reason", "x") == 1
    done = terminal.run("maintenance", "add", "bv/main", "--hours", "2", "--reason", "move")
    assert done == 0, terminal.error
    found = terminal.told("maintenance", "list")
    assert found[0]["node"] == "bv/main"
    began = found[0]["from_unix_ms"]
    engine = terminal.store()
    with reading(engine) as connection:
        assert [one.node for one in load_windows(connection, began)] == ["bv/main"]
        assert load_windows(connection, began + 3 * 3_600_000) == []
    assert terminal.run("maintenance", "end", "1") == 0
    with reading(engine) as connection:
        assert load_windows(connection, began) == []
    engine.dispose()
    assert terminal.run("maintenance", "end", "1") == 1


def test_an_incident_of_another_version_is_left_alone(terminal: Terminal) -> None:
    """A code this version does not know stays in the table, and stops nothing."""
    engine = terminal.store()
    with engine.begin() as connection:
        connection.execute(
            insert(schema.incidents).values(
                node="bv/main", code="from_the_future", opened_ms=NOW, severity="high",
                changed_ms=NOW,
            )
        )  # fmt: skip
    with reading(engine) as connection:
        assert [one.code for one in load_current(connection, NOW)] == ["site_unreachable"]
    engine.dispose()


def test_every_code_is_written_down() -> None:
    """The page names each finding."""
    page = (Path(__file__).parents[3] / "docs" / "incidents.md").read_text()
    for code in CODES:
        short = code.replace("backup_", "_")
        assert f"`{code}`" in page or f"`{short}`" in page


@pytest.mark.parametrize("minutes", ["0", "-5", "10081", "nan", "inf"])
def test_nobody_acknowledges_for_ever(terminal: Terminal, minutes: str) -> None:
    """More than a week of quiet, or none at all, is refused in words."""
    assert terminal.run("incidents", "ack", "1", f"--minutes={minutes}") == 1
    assert "--minutes is above 0 and at most 10080" in terminal.error
    assert terminal.told("incidents", "show", "1")["acknowledged"] == []


@pytest.mark.parametrize("hours", ["-1", "nan", "inf", "8785"])
def test_work_is_planned_within_a_year(terminal: Terminal, hours: str) -> None:
    """What lies beyond every calendar is refused in words."""
    words = ("maintenance", "add", "bv", "--reason", "x", f"--in-hours={hours}")
    assert terminal.run(*words) == 1
    assert "--in-hours is from 0 to 8784" in terminal.error


def test_a_facility_s_list_has_what_it_shares(terminal: Terminal) -> None:
    """Cut off with a carrier's line, it has no incident of its own; of others' lines none."""
    for site in ("bv/main", "other/main"):
        detail = Detail(inside=(site,))
        cut = Incident(
            0, f"link:{site}", "region_link_down", "", "", NOW, "critical", detail=detail
        )
        with terminal.store().begin() as connection:
            apply(connection, [Change(cut, Event.OPENED)], NOW)
    listed = terminal.told("incidents", "list", "--facility", "bv")
    assert {one["node"] for one in listed} == {"bv/main", "link:bv/main"}
