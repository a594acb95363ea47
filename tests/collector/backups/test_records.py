"""The evidence record of a drill: stored once with its report, kept for years, checkable."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.fleet import now_ms
from helpers.ingesting import make_config, observation, record, run, running_ingest, send
from sqlalchemy import Engine, insert

from tramgac_collector.backups.record_page import drill_page, drill_text
from tramgac_collector.backups.records import (
    digest_of,
    evidence_of,
    find_drills,
    get_drill,
    list_drills,
    numbers_of,
)
from tramgac_collector.config import RetentionSection
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.store import schema
from tramgac_collector.store.retention import Retention
from tramgac_collector.store.rollup import DAY_MS
from tramgac_proto.v1 import fleet_pb2

PLACE = "bv-0000/sim-00000"
SERIES = f"{PLACE}/csdl@nas"
NOW = 20_000 * DAY_MS
PAGE = (Path(__file__).parents[3] / "docs/formats/drill-record.md").read_text()
INVENTORY = """
facilities:
  - id: bv-0000
    name: {{vi: "{name}", en: General Hospital}}
    code: "24001"
    sites: [{{id: main, hosts: [{{id: sim-00000, name: Máy chủ HIS}}]}}]
    datasets:
      - {{id: csdl, host: sim-00000, name: "Cơ sở dữ liệu <b>HIS</b>", rpo_hours: 24,
         destinations: [{{id: nas}}]}}
"""


def drill(drill_id: str = "d-1", **more: object) -> fleet_pb2.Drill:
    """A full drill that passed."""
    values: dict[str, object] = {
        "series": SERIES,
        "kind": "full",
        "passed": True,
        "conclusive": True,
        "started_unix_ms": now_ms() - 90_000,
        "ended_unix_ms": now_ms() - 5_000,
        "restore_seconds": 60.0,
        "bytes": 3 * 2**30,
        "files": 7,
        "files_expected": 7,
        "proof": "postgres",
        "proof_count": 41,
        "started_by": "hand",
        "snapshot_id": "abcdef01",
        "tool": "restic",
        "tool_version": "0.18.0",
    }
    return fleet_pb2.Drill(drill_id=drill_id, **(values | more))  # type: ignore[arg-type]


def told(seq: int, one: fleet_pb2.Drill) -> fleet_pb2.Record:
    """The record an agent sends of it."""
    kind = fleet_pb2.RECORD_CLASS_EVENT
    return record(seq, observation("repository", drill=one), record_class=kind)


def test_a_drill_is_stored_once_with_its_report(tmp_path: Path, store_url: str) -> None:
    """Acknowledged means the evidence is there; told again, under any number, it stays one."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent = centre.agent()
            await send(
                agent,
                told(1, drill()),
                told(2, drill("d-2", passed=False, failure="x", ended_unix_ms=now_ms() - 50)),
            )
            await send(agent, told(1, drill()), told(3, drill(passed=False, failure="damaged")))
            with centre.ingest.engine.connect() as connection:
                (one,) = find_drills(connection, "d-1")
                assert numbers_of(connection, {SERIES: 1}) == {}
                numbers = numbers_of(connection, {SERIES: one.ended_ms})
                assert get_drill(connection, numbers[SERIES]) == one
                both = list_drills(connection, facility="bv-0000", series=SERIES)
            assert (one.result, one.kind, one.host) == ("passed", "full", "sim-00000")
            assert one.ended_ms - one.started_ms == pytest.approx(85_000, abs=100)
            assert {stored.drill_id for stored in both} == {"d-1", "d-2"}

    run(main)


def test_a_drill_of_somebody_elses_series_is_refused(tmp_path: Path) -> None:
    """No evidence for a host by another's agent; one without an id makes no row."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            foreign = drill(series="bv-9999/other/csdl@nas")
            response = await send(centre.agent(), told(1, foreign), told(2, drill("")))
            assert response.contiguous_seq == 2
            assert centre.rows("SELECT * FROM drills") == []

    run(main)


def test_absurd_figures_are_kept_and_do_no_harm(tmp_path: Path, store_url: str) -> None:
    """The largest numbers and longest texts an agent can send fit, and the record is made."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            huge = drill(
                "d" * 200,
                kind="k" * 200,
                started_unix_ms=-(2**63),
                ended_unix_ms=2**63 - 1,
                bytes=2**64 - 1,
                restore_seconds=1e308,
                snapshot_unix_ms=2**63 - 1,
            )
            response = await send(centre.agent(), told(1, huge))
            assert response.contiguous_seq == 1
            with centre.ingest.engine.connect() as connection:
                (one,) = list_drills(connection)
                content = evidence_of(connection, one)
            assert (one.started_ms, content["bytes"]) == (0, 2**64 - 1)
            assert one.ended_ms <= one.received_ms

    run(main)


def _store(engine: Engine, drill_id: str, received_ms: int, kind: str = "full") -> None:
    one = drill(drill_id, started_unix_ms=received_ms - 90_000, ended_unix_ms=received_ms - 5_000)
    with engine.begin() as connection:
        connection.execute(
            insert(schema.drills).values(
                agent_id="a", facility="bv-0000", host="sim-00000", agent_version="0.1.0",
                series=SERIES, drill_id=drill_id, kind=kind, passed=True, conclusive=True,
                started_ms=one.started_unix_ms, ended_ms=one.ended_unix_ms,
                received_ms=received_ms, payload=one.SerializeToString(),
            )
        )  # fmt: skip


def test_a_key_that_opened_is_not_called_a_restore(engine: Engine) -> None:
    """The record of such a drill says, in both languages, that nothing was restored."""
    _store(engine, "d-1", NOW, "key")
    with engine.connect() as connection:
        found = evidence_of(connection, find_drills(connection, "d-1")[0])
    assert drill_text(found, "en").startswith("PASSED: The recovery key opened")
    assert "nothing was restored" in drill_text(found, "en")
    assert "không khôi phục gì" in drill_page(found)


def test_drills_stay_for_ten_years(engine: Engine) -> None:
    """However short other evidence is kept; after that they go."""
    for age in (1, 3_659, 3_661):
        _store(engine, f"d-{age}", NOW - age * DAY_MS)
    for job in Retention(engine, RetentionSection(evidence_days=1), lambda: NOW).other_steps():
        with engine.begin() as connection:
            job(connection)
    with engine.connect() as connection:
        assert [one.drill_id for one in list_drills(connection)] == ["d-1", "d-3659"]


def test_the_record_outlives_a_change_of_names(engine: Engine, tmp_path: Path) -> None:
    """Names are those of the day it was told; the digest stays what was printed."""
    before, after = tmp_path / "before.yml", tmp_path / "after.yml"
    before.write_text(INVENTORY.format(name="Bệnh viện Cũ"))
    after.write_text(INVENTORY.format(name="Bệnh viện Mới"))
    with engine.begin() as connection:
        import_inventory(connection, before)
    _store(engine, "d-1", now_ms() + 1)
    with engine.connect() as connection:
        first = evidence_of(connection, find_drills(connection, "d-1")[0])
    with engine.begin() as connection:
        connection.execute(schema.inventories.update().values(imported_ms=1))
        import_inventory(connection, after)
        later = schema.inventories.c.version == 2
        values = {"imported_ms": now_ms() + 60_000}
        connection.execute(schema.inventories.update().where(later).values(values))
        again = evidence_of(connection, find_drills(connection, "d-1")[0])

    assert first == again
    assert first["facility_name"] == {"vi": "Bệnh viện Cũ", "en": "General Hospital"}
    assert first["dataset_name"]["vi"] == "Cơ sở dữ liệu <b>HIS</b>"
    assert first["bytes_per_second"] == 3 * 2**30 // 60
    assert first["sha256"] == digest_of(first)
    assert digest_of({**first, "result": "failed"}) != first["sha256"]


def test_the_page_says_how_to_check_a_record(engine: Engine, tmp_path: Path) -> None:
    """The command of the documentation finds the same digest, every key is explained."""
    _store(engine, "d-1", NOW)
    with engine.connect() as connection:
        content = evidence_of(connection, find_drills(connection, "d-1")[0])
    (tmp_path / "record.json").write_text(json.dumps(content, indent=2, ensure_ascii=False))
    script = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]

    done = subprocess.run(
        [sys.executable, "-c", script, "record.json"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout.strip()) == (0, "unchanged")
    assert set(content) == set(re.findall(r"^\| `([a-z0-9_]+)`", PAGE, re.MULTILINE))
    (tmp_path / "record.json").write_text(json.dumps({**content, "files": 8}))
    command = [sys.executable, "-c", script, "record.json"]
    assert subprocess.run(command, cwd=tmp_path, check=False, stderr=subprocess.DEVNULL).returncode
