"""`tramgac-collector backups` as a person at the centre runs it."""

import json
import time
from pathlib import Path

import pytest
from helpers.evidence import NOW, OWNER, SERIES
from helpers.told import good
from helpers.told_store import store_drill, write_store

from tramgac_collector.__main__ import COMMANDS
from tramgac_collector.backups.records import digest_of
from tramgac_collector.facts.ledger import FactLedger
from tramgac_collector.store.engine import open_engine
from tramgac_collector.store.schema import drills
from tramgac_proto.commandline import run
from tramgac_proto.v1 import fleet_pb2

INVENTORY = """
facilities:
  - id: bvdk
    name: {vi: "Bệnh viện <b>Tỉnh</b>", en: General Hospital}
    code: "1"
    sites: [{id: main, hosts: [{id: his-1}]}]
    datasets: [{id: db, host: his-1, name: Cơ sở dữ liệu, rpo_hours: 26, destinations: [{id: nas}]}]
"""


def drill(drill_id: str = "d-1", **more: object) -> fleet_pb2.Drill:
    """A canary that failed."""
    values: dict[str, object] = {
        "series": SERIES, "kind": "canary", "conclusive": True, "failure": "nonce_old",
        "started_unix_ms": NOW - 5_000, "ended_unix_ms": NOW - 4_000, "started_by": "schedule",
    }  # fmt: skip
    return fleet_pb2.Drill(drill_id=drill_id, **(values | more))  # type: ignore[arg-type]


@pytest.fixture
def centre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and a store; the time stands still."""
    (tmp_path / "collector.toml").write_text(f'[collector]\nstate_dir = "{tmp_path}"\n')
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    facts = FactLedger()
    good(SERIES, facts)
    url = f"sqlite:///{tmp_path}/store.db"
    write_store(url, facts, tmp_path / "inventory.yml")
    store_drill(url, drill())
    monkeypatch.setattr(time, "time", lambda: NOW / 1000)
    monkeypatch.setattr(time, "time_ns", lambda: NOW * 1_000_000)
    return tmp_path


def command(centre: Path, *words: str) -> int:
    return run(
        "tramgac-collector", COMMANDS, ["backups", *words, "--config", f"{centre}/collector.toml"]
    )


def test_the_list_is_for_people_and_for_scripts(
    centre: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table by default; with --json every figure."""
    assert command(centre, "--lang", "en") == 0
    assert capsys.readouterr().out.splitlines()[1].split() == [
        *("Good", SERIES, "60", "min", "ago", "16/01/2027", "16:00:00", "3", "d", "ago"),
        *("100", "%", "sample", "ok", "5", "d", "ago", "1/1"),
    ]
    assert command(centre, "--json", "--facility", "bvdk") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["state"], row["findings"], row["declared"]) == ("ok", [], True)
    assert row["copies"] == {"count": 1, "required": 1, "offsite": 0}
    assert command(centre, "--json", "--facility", "elsewhere") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_one_series_is_explained(centre: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything known of it; a name nobody knows is said to be one."""
    assert command(centre, "explain", SERIES) == 0
    assert "Bệnh viện <b>Tỉnh</b> / Cơ sở dữ liệu / nas" in capsys.readouterr().out
    assert command(centre, "explain", SERIES, "--json") == 0
    facts = json.loads(capsys.readouterr().out)["evidence"]
    assert facts["bk.run"]["text"] == "complete"
    assert command(centre, "explain", "bvdk/his-1/nothing@nas") == 1
    assert "no series `bvdk/his-1/nothing@nas`" in capsys.readouterr().err


def test_drills_are_listed(centre: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Newest first, with the reason of a failure; choices before and after the word both hold."""
    store_drill(f"sqlite:///{centre}/store.db", drill("d-0", ended_unix_ms=NOW - 4_500))

    assert command(centre, "drills", "--series", SERIES) == 0
    assert [line.split()[-2:] for line in capsys.readouterr().out.splitlines()[1:]] == [
        [SERIES, "(nonce_old)"],
        [SERIES, "(nonce_old)"],
    ]
    assert command(centre, "--json", "drills", "--facility", "bvdk") == 0
    assert [one["drill_id"] for one in json.loads(capsys.readouterr().out)] == ["d-1", "d-0"]
    assert command(centre, "drills", "--facility", "elsewhere", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_drill_has_a_record(centre: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As text, as JSON with a digest that fits, and as a page with nothing but text in it."""
    assert command(centre, "drill-record", "d-1", "--lang", "en") == 0
    assert "FAILED: The newest backup holds an old canary" in capsys.readouterr().out
    assert command(centre, "drill-record", "d-1", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["sha256"] == digest_of(record)
    assert command(centre, "drill-record", "d-1", "--out", f"{centre}/record.html") == 0
    assert record["sha256"] in capsys.readouterr().out
    page = (centre / "record.html").read_text()
    assert "KHÔNG ĐẠT" in page
    assert page.index("dấu thử cũ") < page.index("holds an old canary")
    assert record["sha256"] in page
    assert "<b>" not in page
    assert "<script" not in page
    assert "http" not in page
    assert command(centre, "drill-record", "d-9") == 1
    assert "no drill `d-9`" in capsys.readouterr().err


def test_two_agents_may_choose_one_id(centre: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command asks which, instead of choosing."""
    engine = open_engine(f"sqlite:///{centre}/store.db")
    with engine.begin() as connection:
        connection.execute(drills.update().values(agent_id="another"))
    engine.dispose()
    store_drill(f"sqlite:///{centre}/store.db", drill())

    assert command(centre, "drill-record", "d-1") == 1
    assert "--agent one of another, " in capsys.readouterr().err
    assert command(centre, "drill-record", "d-1", "--agent", OWNER.agent_id) == 0
