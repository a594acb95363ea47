"""Forgetting: points become rollups, evidence stays for years, ingest goes on."""

import asyncio
from pathlib import Path

import pytest
from helpers.fleet import TABLE, values_of
from helpers.ingesting import make_config, run, running_ingest
from helpers.rows import add_epoch, count, record_row
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select, text

from tramgac_collector.config import RetentionSection
from tramgac_collector.store import schema
from tramgac_collector.store.bulk import insert_ignore
from tramgac_collector.store.engine import open_engine, upgrade
from tramgac_collector.store.retention import (
    ChangedMeanwhile,
    Retention,
    store_size,
    vacuum,
)
from tramgac_collector.store.rollup import DAY_MS, Day, SeriesKey, fold, pack, unpack
from tramgac_proto.v1 import fleet_pb2

NOW = 20_000 * DAY_MS
HOUR = 3_600_000
RECORD = ("epoch_id", "seq", "event_ms", "received_ms", "keep", "payload")
LINK: SeriesKey = ("tramgac_network_link_up", (("interface", "eno1"),))
BOOT: SeriesKey = ("tramgac_host_boot_timestamp_seconds", ())


def payload(value: float) -> bytes:
    """A stored record with one value of series 1."""
    observation = fleet_pb2.Observation(check="link", series_ids=[1], values=[value])
    return fleet_pb2.Record(seq=1, observation=observation).SerializeToString()


def fill(engine: Engine, epoch_id: int, rows: list[tuple[int, int, int, float]]) -> None:
    """Store ``(seq, time, keep, value)``."""
    definition = fleet_pb2.Series(id=1, name=LINK[0])
    definition.labels.add(name="interface", value="eno1")
    with engine.begin() as connection:
        insert_ignore(
            connection,
            schema.series,
            ("epoch_id", "series_id", "definition"),
            [(epoch_id, 1, definition.SerializeToString())],
        )
        insert_ignore(
            connection,
            schema.records,
            RECORD,
            [
                record_row(epoch_id, seq, at_ms=at_ms, keep=keep, payload=payload(value))
                for seq, at_ms, keep, value in rows
            ],
        )


def forget(engine: Engine, **section: float) -> None:
    """One whole turn of forgetting."""
    retention = Retention(engine, RetentionSection(**section), lambda: NOW)
    for epoch in retention.epochs():
        for step in retention.record_steps(epoch):
            with engine.begin() as connection:
                step.apply(connection)
    for job in retention.other_steps():
        with engine.begin() as connection:
            job(connection)


def rolled(engine: Engine) -> dict[int, Day]:
    """Every stored rollup of the agent."""
    with engine.connect() as connection:
        rows = connection.execute(select(schema.rollups.c.day, schema.rollups.c.payload))
        return {day: unpack(packed) for day, packed in rows}


def seqs(engine: Engine) -> list[int]:
    """Sequence numbers that are left."""
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT seq FROM records ORDER BY seq")))


def test_each_class_has_its_own_time(engine: Engine) -> None:
    """Points go after days, events after a year, evidence after ten."""
    epoch_id = add_epoch(engine)
    ages = (3661, 401, 4, 1)
    rows = [
        (1 + 3 * i + keep, NOW - age * DAY_MS, keep, 1.0)
        for i, age in enumerate(ages)
        for keep in range(3)
    ]
    fill(engine, epoch_id, rows)
    forget(engine)
    left = [
        [age for i, age in enumerate(ages) if 1 + 3 * i + keep in seqs(engine)] for keep in range(3)
    ]
    assert left == [[1], [4, 1], [401, 4, 1]]


def test_points_become_hourly_rollups(engine: Engine) -> None:
    """What was deleted is in the rollup: count, mean, least and greatest of each hour."""
    epoch_id = add_epoch(engine)
    start = NOW - 5 * DAY_MS
    fill(
        engine,
        epoch_id,
        [(n + 1, start + n * 60_000, 0, float(n)) for n in range(1000)],
    )
    forget(engine)
    assert seqs(engine) == []
    day = rolled(engine)[start // DAY_MS]
    hours = day.series[LINK]
    assert sum(hour.count for hour in hours.values()) == 1000
    assert (hours[1].low, hours[1].high, hours[1].count) == (60.0, 119.0, 60)
    assert hours[1].mean == pytest.approx(89.5, rel=2e-5)


def test_late_points_join_the_day_they_belong_to(engine: Engine) -> None:
    """A backlog that arrives after its day was rolled up is merged into it."""
    epoch_id = add_epoch(engine)
    at = NOW - 5 * DAY_MS
    fill(engine, epoch_id, [(1, at, 0, 1.0)])
    forget(engine)
    fill(engine, epoch_id, [(2, at + 60_000, 0, 4.0)])
    forget(engine)
    hour = rolled(engine)[at // DAY_MS].series[LINK][0]
    assert (hour.count, hour.mean, hour.low, hour.high) == (2, 2.5, 1.0, 4.0)


def test_two_processes_do_not_count_a_value_twice(engine: Engine) -> None:
    """A step that somebody else has done already is undone whole."""
    epoch_id = add_epoch(engine)
    fill(engine, epoch_id, [(1, NOW - 5 * DAY_MS, 0, 1.0)])
    retention = Retention(engine, RetentionSection(), lambda: NOW)
    (epoch,) = retention.epochs()
    (first,) = retention.record_steps(epoch)
    (second,) = retention.record_steps(epoch)
    with engine.begin() as connection:
        first.apply(connection)
    with pytest.raises(ChangedMeanwhile), engine.begin() as connection:
        second.apply(connection)
    (day,) = rolled(engine).values()
    assert [hour.count for hour in day.series[LINK].values()] == [1]


def test_what_is_not_a_record_ages_too(engine: Engine) -> None:
    """Quarantine, leases and old rollups go; what is young stays."""
    add_epoch(engine)
    with engine.begin() as connection:
        for age in (1, 40, 500):
            at = NOW - age * DAY_MS
            connection.execute(
                insert(schema.quarantine).values(
                    agent_id="a1", epoch="e", seq=age, code="c", received_ms=at, payload=b""
                )
            )
            connection.execute(
                insert(schema.rollups).values(agent_id="a1", day=at // DAY_MS, payload=pack(Day()))
            )
            connection.execute(
                insert(schema.rule_history).values(
                    facility="f", rule="r", at_ms=at, status="fail", raw_status="fail",
                    reason="refuted", pack_version="p 1",
                )
            )  # fmt: skip
    forget(engine, evidence_days=450)
    assert count(engine, schema.rule_history) == 2
    assert count(engine, schema.quarantine) == 1
    assert count(engine, schema.rollups) == 2


def test_the_file_gives_space_back(tmp_path: Path) -> None:
    """After much was forgotten a SQLite store shrinks, a bounded step at a time."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    upgrade(url)
    engine = open_engine(url)
    epoch_id = add_epoch(engine)
    with engine.begin() as connection:
        rows = [record_row(epoch_id, n, at_ms=NOW, payload=b"x" * 3000) for n in range(1, 1500)]
        insert_ignore(connection, schema.records, RECORD, rows)
    with engine.begin() as connection:
        before = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
        connection.execute(text("DELETE FROM records"))
    steps = 0
    more = True
    while more:
        with engine.begin() as connection:
            more = vacuum(connection)
        steps += 1
    with engine.begin() as connection:
        after = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
    assert steps > 3
    assert after < before / 2
    size = store_size(engine)
    assert size.used_bytes > 0
    assert size.free_bytes
    engine.dispose()


def test_reports_go_on_while_the_centre_forgets(tmp_path: Path) -> None:
    """With a large past to forget, every report is still answered quickly."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            await agent.report()
            epoch_id = add_epoch(centre.ingest.engine)
            old = [(10_000 + n, HOUR, 0, float(n)) for n in range(3000)]
            fill(centre.ingest.engine, epoch_id, old)
            forgetting = asyncio.create_task(centre.ingest.housekeeping.hour())
            answered = 0
            while not forgetting.done():
                await agent.send(agent.request(agent.records(0, 0)), deadline=5)
                answered += 1
            await forgetting
            assert answered > 5
            assert centre.rows("SELECT count(*) FROM records WHERE seq >= 10000") == [(0,)]

    run(main)


VALUES = st.lists(
    st.tuples(
        st.sampled_from([LINK, BOOT]),
        st.integers(0, 2 * DAY_MS - 1),
        st.floats(-1e9, 1e9),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES)
def test_merging_rollups_is_rolling_up_all(
    one: list[tuple[SeriesKey, int, float]], two: list[tuple[SeriesKey, int, float]]
) -> None:
    """Packing, reading back and merging lose nothing but the last bits of a value."""
    whole = fold([*one, *two])
    parts = fold(one)
    for number, day in fold(two).items():
        known = parts.get(number)
        merged = unpack(pack(known)) if known is not None else Day()
        merged.merge(unpack(pack(day)))
        parts = {**parts, number: merged}
    assert parts.keys() == whole.keys()
    for number, day in whole.items():
        found = unpack(pack(parts[number]))
        assert found.series.keys() == day.series.keys()
        for key, hours in day.series.items():
            for hour, values in hours.items():
                other = found.series[key][hour]
                assert other.count == values.count
                assert other.low == pytest.approx(values.low, rel=1e-4, abs=1e-30)
                assert other.high == pytest.approx(values.high, rel=1e-4, abs=1e-30)
                scale = max(abs(values.low), abs(values.high))
                assert other.mean == pytest.approx(values.mean, rel=1e-4, abs=1e-4 * scale + 1e-30)


def test_timestamps_and_counters_keep_every_bit() -> None:
    """A boot time rounded to two minutes would be a reboot that never was."""
    day = Day()
    day.add(BOOT, 0, 1_800_000_001.25)
    (hour,) = unpack(pack(day)).series[BOOT].values()
    assert hour.mean == hour.low == hour.high == 1_800_000_001.25


def test_an_agent_day_is_small() -> None:
    """100 series, every minute, take at most 30 kB a day."""
    day = Day()
    keys = [
        (series.name, tuple((label.name, label.value) for label in series.labels))
        for _, _, table in TABLE
        for series in table
    ]
    for minute in range(0, 1440, 10):
        for key, value in zip(keys, values_of(1, minute * 7919), strict=True):
            day.add(key, minute * 60_000, value)
    assert len(pack(day)) <= 30_000
