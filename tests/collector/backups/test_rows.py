"""The list of backups: one row a series, worst first, from the store as from the ledger."""

import pytest
from helpers.evidence import NOW, SERIES
from helpers.told import HOUR, Told, good, inventory
from helpers.told_store import write_store

from tramgac_collector.backups.listing import explanation, row_dict, table
from tramgac_collector.backups.rows import BackupRow, judge_one, list_rows
from tramgac_collector.facts.ledger import FactLedger
from tramgac_collector.facts.stored import StoredFacts
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.store.engine import open_engine, reading

FAR = "bvdk/his-1/db@far"
STRAY = "bvdk/his-1/old@nas"
TWO = inventory("copies: 2", more=", {id: far}")


def stored(url: str, facts: FactLedger, facility: str = "") -> StoredFacts:
    """The same facts, read back from a store."""
    write_store(url, facts)
    engine = open_engine(url)
    with reading(engine) as connection:
        found = StoredFacts.load(connection, facility)
    engine.dispose()
    return found


@pytest.fixture
def told(store_url: str) -> StoredFacts:
    """A good series, one that failed, and one nobody declared."""
    facts = FactLedger()
    good(SERIES, facts)
    good(FAR, facts).run(0.5, "failed", reason="no_space")
    Told(STRAY, facts).run(3)
    return stored(store_url, facts)


def by_series(rows: list[BackupRow]) -> dict[str, BackupRow]:
    return {row.series: row for row in rows}


def test_the_worst_comes_first(told: StoredFacts) -> None:
    """Failed before unverified; a series nobody declared is listed as well."""
    rows = list_rows(told, TWO, NOW)

    assert [(row.series, row.state, row.reason) for row in rows] == [
        (FAR, "failed", "run_failed"),
        (STRAY, "unverified", "learning"),
        (SERIES, "unverified", "copies_missing"),
    ]
    row = by_series(rows)[SERIES]
    assert (row.good_ms, row.next_due_ms) == (NOW - HOUR, NOW + 25 * HOUR)
    assert (row.checked_ms, row.data_read) == (NOW - 72 * HOUR, 1.0)
    assert row.drill is not None
    assert (row.drill.kind, row.drill.passed) == ("sample", True)
    assert row.copies is not None
    assert (row.copies.count, row.copies.required) == (1, 2)
    assert by_series(rows)[STRAY].copies is None


def test_nothing_seen_is_not_nothing_shown(told: StoredFacts) -> None:
    """A declared series without any evidence has a row, and no figure in it."""
    asked = inventory(more=", {id: third}")

    row = by_series(list_rows(told, asked, NOW))["bvdk/his-1/db@third"]

    assert row.state != "ok"
    assert (row.good_ms, row.checked_ms, row.data_read, row.drill) == (None, None, None, None)
    assert row_dict(row, "en")["last_drill"] is None


def test_one_facility_is_listed_alone(store_url: str) -> None:
    """Another whose name begins alike stays out, and so do its undeclared series."""
    facts = FactLedger()
    good(SERIES, facts)
    Told("bvdk-2/his-1/x@nas", facts).run(1)
    asked = parse_inventory(
        """
facilities:
  - {id: bvdk-2, code: "2", sites: [{id: main, hosts: [{id: his-1}]}],
     datasets: [{id: y, host: his-1, rpo_hours: 1, destinations: [{id: nas}]}]}
""",
        "test",
    )

    rows = list_rows(stored(store_url, facts, "bvdk-2"), asked, NOW, "bvdk-2")

    assert {row.series for row in rows} == {"bvdk-2/his-1/x@nas", "bvdk-2/his-1/y@nas"}
    assert list_rows(stored(store_url, FactLedger()), asked, NOW, "nowhere") == []


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_table_tells_what_is_wrong_and_what_to_do(told: StoredFacts, language: str) -> None:
    """Each line has its series; what is wrong stands below in words, not in codes."""
    text = table(list_rows(told, TWO, NOW), NOW, language)

    assert len(text.splitlines()) == 1 + 3 * 2
    assert "1/2" in text
    assert "run_failed" not in text
    assert {"vi": "Lần sao lưu gần nhất bị lỗi.", "en": "The newest backup run failed."}[
        language
    ] in text


def test_an_explanation_has_every_finding_and_all_evidence(told: StoredFacts) -> None:
    """Findings with codes, steps once each, facts with their age, what expired marked."""
    judged, row = judge_one(told, TWO, FAR, NOW + 24 * HOUR)
    text = explanation(judged, row, NOW + 24 * HOUR, "en")

    assert "[run_failed]" in text
    assert "[copies_missing]" in text
    assert "To do\n  1. " in text
    assert "bk.check.good" in text
    line = next(line for line in text.splitlines() if line.startswith("  bk.repository "))
    assert line.endswith("ok  (expired)")


def test_a_good_series_has_nothing_to_do(told: StoredFacts) -> None:
    """The explanation of a good one says so."""
    judged, row = judge_one(told, inventory(), SERIES, NOW)

    assert row.state == "ok"
    assert "Nothing to do." in explanation(judged, row, NOW, "en")


def test_the_store_judges_as_the_ledger_does(store_url: str) -> None:
    """Years of history change nothing: the newest values are found, on both sides the same."""
    facts = FactLedger()
    told = Told(SERIES, facts).declared(400)
    for day in range(60, -1, -1):
        told.run(1 + 24 * day)
    told.look().check(3).check(1, "data").drill(5).heard()
    read_back = stored(store_url, facts)

    for name in ("bk.run.bytes", "bk.run.started", "bk.run.ended", "bk.size"):
        assert read_back.recent(name, SERIES) == facts.recent(name, SERIES)
    assert len(read_back.recent("bk.run.bytes", SERIES)) == 20
