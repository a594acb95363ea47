"""The ledger in the store: what was granted, how it ended, who was refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.lan_site import inventory, owner
from helpers.leases import KEY
from sqlalchemy import Connection, Engine

from tramgac_collector.__main__ import main
from tramgac_collector.config import Config, ThroughputSection
from tramgac_collector.lan.book import TOGETHER_MS, LedgerBook
from tramgac_collector.lan.budget import DAY_MS
from tramgac_collector.lan.conductor import Conductor, remembered_ms
from tramgac_collector.lan.ledger import (
    Entry,
    Grant,
    insert_grant,
    overlaps,
    read_entries,
    read_past,
    read_refusals,
)
from tramgac_collector.store.engine import open_engine, upgrade
from tramgac_collector.store.retention import Retention
from tramgac_proto.throughput.lease import read_unverified
from tramgac_proto.v1 import fleet_pb2

NOW = 1_790_000_000_000
MB = 1_000_000


class Office:
    """A conductor that writes into a real store."""

    def __init__(self, engine: Engine, site_bytes_per_day: int = 1000 * MB) -> None:
        self.engine = engine
        section = ThroughputSection(site_bytes_per_day=site_bytes_per_day)
        self.desk = Conductor(
            KEY, inventory(), Config(throughput=section), LedgerBook(self._execute)
        )

    def _execute(self, job: Callable[[Connection], None]) -> None:
        with self.engine.begin() as connection:
            job(connection)

    def restore(self, now_ms: int) -> None:
        with self.engine.connect() as connection:
            past = read_past(connection, now_ms - remembered_ms(ThroughputSection()))
            self.desk.restore(read_entries(connection, now_ms - DAY_MS), past)

    def ask(self, number: int, target: str = "h0", now_ms: int = NOW) -> bytes | str:
        wish = fleet_pb2.LeaseRequest(
            target=target, direction="send", proves="floor", pace_bytes_per_second=10 * MB
        )
        answer = self.desk.grant(owner(number), [wish], now_ms)
        return answer.tokens[0] if answer.tokens else answer.refusals[0].code


def test_a_restart_forgets_neither_turn_nor_budget(engine: Engine) -> None:
    """What was written down keeps the segment taken and the bytes spent."""
    before = Office(engine)
    assert isinstance(before.ask(6), bytes)

    after = Office(engine, site_bytes_per_day=6 * MB)
    after.restore(NOW + 5_000)
    assert after.ask(12, now_ms=NOW + 5_000) == "segment_busy"
    assert after.ask(12, now_ms=NOW + 60_000) == "budget_spent"
    assert isinstance(after.ask(12, now_ms=NOW + DAY_MS), bytes)


def test_after_a_restart_an_old_report_frees_no_newer_test(engine: Engine) -> None:
    """Told twice, before and after: the segment belongs to somebody else by then."""
    before = Office(engine)
    token = before.ask(6)
    assert isinstance(token, bytes)
    result = fleet_pb2.ThroughputResult(lease_id=read_unverified(token).id, verdict="held")
    before.desk.ended(owner(6), result, NOW + 3_000)
    assert isinstance(before.ask(12, now_ms=NOW + 3_000), bytes)

    after = Office(engine)
    after.restore(NOW + 4_000)
    after.desk.ended(owner(6), result, NOW + 4_000)
    assert after.ask(18, now_ms=NOW + 4_000) == "segment_busy"


def test_a_line_says_how_the_test_ended(engine: Engine) -> None:
    """Granted, locked, released; a second report of the same test changes nothing."""
    office = Office(engine)
    token = office.ask(6)
    assert isinstance(token, bytes)
    result = fleet_pb2.ThroughputResult(
        lease_id=read_unverified(token).id, target="h0", direction="send", proves="floor",
        verdict="held", bytes=4 * MB,
    )  # fmt: skip
    office.desk.ended(owner(6), result, NOW + 3_000)
    office.desk.ended(owner(6), result, NOW + 9_000)

    with engine.connect() as connection:
        (entry,) = read_entries(connection, NOW - 1)
    assert entry.grant.locks == ("segment:bv/main/s0",)
    assert (entry.grant.direction, entry.grant.proves) == ("send", "floor")
    assert (entry.released_ms, entry.verdict, entry.bytes) == (NOW + 3_000, "held", 4 * MB)
    assert entry.free_ms == NOW + 3_000


def test_refusals_alike_are_one_line(engine: Engine) -> None:
    """Written at once, then together, so that asking costs little; garbage is not kept."""
    office = Office(engine)
    office.ask(6)
    for second in range(10):
        office.ask(12, now_ms=NOW + second)
    office.ask(12, "x" * 5000)
    office.ask(12, now_ms=NOW + TOGETHER_MS)
    office.ask(12, "h3", now_ms=NOW + TOGETHER_MS)

    with engine.connect() as connection:
        found = {(one.code, one.target): one.count for one in read_refusals(connection, 0)}
    assert found == {
        ("segment_busy", "h0"): 1,
        ("unknown_target", ""): 1,
        ("segment_busy", "h3"): 1,
    }

    office.ask(18, now_ms=NOW + TOGETHER_MS)
    office.ask(12, now_ms=NOW + TOGETHER_MS + 1)
    with engine.connect() as connection:
        lines = read_refusals(connection, 0)
    assert {one.count for one in lines if one.initiator == "agent-12" and one.target == "h0"} == {
        11
    }


def test_the_ledger_is_forgotten_after_a_month(engine: Engine) -> None:
    """Permits and refusals alike; what is younger stays."""
    office = Office(engine)
    for now_ms in (NOW, NOW + 20 * DAY_MS):
        office.ask(6, now_ms=now_ms)
        office.ask(12 if now_ms == NOW else 18, now_ms=now_ms)
    retention = Retention(engine, Config().retention, lambda: NOW + 31 * DAY_MS)
    for job in retention.other_steps():
        with engine.begin() as connection:
            job(connection)

    with engine.connect() as connection:
        assert [one.grant.granted_ms for one in read_entries(connection, 0)] == [NOW + 20 * DAY_MS]
        assert [one.last_ms for one in read_refusals(connection, 0)] == [NOW + 20 * DAY_MS]


def grant(name: str, at: int, until: int, *locks: str) -> Grant:
    return Grant(
        name,
        "f/s",
        "a",
        "t",
        NOW + at,
        NOW + until,
        1,
        "send",
        "floor",
        NOW + at,
        NOW + until,
        locks,
    )


def test_an_overlap_would_be_found() -> None:
    """The proof of the ledger must be able to fail."""
    first = Entry(grant("1", 0, 20, "a", "b"))
    early, after = Entry(grant("2", 19, 30, "b")), Entry(grant("3", 20, 30, "a"))

    assert overlaps([first, early, after]) == [("b", "1", "2")]
    assert overlaps([replace(first, released_ms=NOW + 15), early, after]) == []
    assert overlaps([first, after, Entry(grant("4", 25, 26, "a"))]) == [("a", "3", "4")]


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "collector.toml"
    path.write_text(f'[collector]\nstate_dir = "{tmp_path / "state"}"\n')
    return path


def _store(tmp_path: Path) -> Engine:
    (tmp_path / "state").mkdir(mode=0o700)
    url = f"sqlite:///{tmp_path / 'state' / 'store.db'}"
    upgrade(url)
    return open_engine(url)


def _run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["tramgac-collector", "lan", *words])
    return main()


def test_the_command_shows_the_ledger(
    tmp_path: Path,
    settings: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Tests, refusals, and whether any two were at once; of one facility, if asked for."""
    monkeypatch.setattr("tramgac_collector.commands.lan.wall_ms", lambda: NOW + 60_000)
    engine = _store(tmp_path)
    office = Office(engine)
    office.ask(6)
    office.ask(12)
    with engine.begin() as connection:
        insert_grant(connection, grant("0" * 32, 1, 2, "segment:bv/main/s0"))
    engine.dispose()
    where = ("--config", str(settings))

    assert _run(monkeypatch, "ledger", "--json", "--facility", "bv", *where) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [one["target"] for one in shown["tests"]] == ["h0"]
    assert [one["code"] for one in shown["refusals"]] == ["segment_busy"]
    assert [one[0] for one in shown["overlaps"]] == ["segment:bv/main/s0"]

    assert _run(monkeypatch, "ledger", *where) == 0
    text = capsys.readouterr().out
    assert "not reported" in text
    assert "AT ONCE on segment:bv/main/s0" in text


def test_the_command_shows_the_plan(
    tmp_path: Path,
    settings: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the inventory in force; a facility that is not there is a failure, not an empty plan."""
    where = ("--config", str(settings))
    _store(tmp_path).dispose()
    (tmp_path / "i.yml").write_text(
        'facilities: [{id: f, code: "1", sites: [{id: s, wan_mbps: 20, hosts: '
        "[{id: h, expect_mbps: 100}]}]}]"
    )
    words = ["tramgac-collector", "inventory", "import", "--file", str(tmp_path / "i.yml"), *where]
    monkeypatch.setattr("sys.argv", words)
    assert main() == 0
    capsys.readouterr()

    assert _run(monkeypatch, "plan", "--json", *where) == 0
    shown = {one["kind"]: one for one in json.loads(capsys.readouterr().out)}
    assert shown["site_collector"]["expect_mbps"] == 20
    assert shown["site_site"]["why_not"] == "no_hub"
    assert _run(monkeypatch, "plan", *where) == 0
    assert "no_hub" in capsys.readouterr().out
    assert _run(monkeypatch, "plan", "--facility", "g", *where) == 1
