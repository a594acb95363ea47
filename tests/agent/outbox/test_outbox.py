"""What the outbox promises while the disk is well."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.outboxes import (
    START_MS,
    WIDE,
    HandClock,
    event,
    everything,
    gaps,
    open_box,
    point,
    unaccounted,
)

from tramgac_agent.checks.base import Observation, Sample
from tramgac_agent.outbox import Outbox, OutboxLimits
from tramgac_proto.limits import MAX_SAMPLES_PER_RECORD, MAX_SERIES_PER_AGENT
from tramgac_proto.v1 import fleet_pb2

DAY_MS = 86_400_000


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def box(tmp_path: Path, clock: HandClock) -> Iterator[Outbox]:
    opened = open_box(tmp_path, clock)
    yield opened
    opened.close()


def test_a_record_carries_three_clocks_and_its_class(box: Outbox) -> None:
    """Wall clock, time since boot, boot id, class and validity are on every record."""
    assert box.append("disk", [point(), event()], valid_seconds=150) == 2
    first, second = everything(box)
    assert (first.seq, second.seq) == (1, 2)
    assert (first.wall_unix_ms, first.boottime_ms) == (START_MS, DAY_MS)
    assert first.boot_id == bytes(range(16))
    assert first.record_class == fleet_pb2.RECORD_CLASS_POINT
    assert second.record_class == fleet_pb2.RECORD_CLASS_EVENT
    assert first.observation.valid_seconds == 150
    assert second.observation.outage.kind == "boot"


def test_what_was_seen_before_this_boot_is_not_put_on_its_clock(box: Outbox) -> None:
    """An old drop file keeps its wall time; the boot that wrote it is unknown."""
    box.append("drop", [Observation(event=True, age_seconds=2 * 86400)], valid_seconds=1)
    (record,) = everything(box)
    assert record.wall_unix_ms == START_MS - 2 * DAY_MS
    assert (record.boottime_ms, record.boot_id) == (0, b"")


def test_an_observation_overrides_the_validity_of_its_check(box: Outbox) -> None:
    """A daily result of a check that runs every minute lives a day."""
    box.append("restic", [Observation(valid_seconds=90_000)], valid_seconds=150)
    assert everything(box)[0].observation.valid_seconds == 90_000


def test_series_are_named_once_and_referred_to_by_id(box: Outbox, tmp_path: Path) -> None:
    """The same series has the same id in every record, after a restart as well."""
    box.append("disk", [point(1)], valid_seconds=1)
    box.close()
    again = open_box(tmp_path)
    again.append("disk", [point(2)], valid_seconds=1)
    first, second = again.read(0)
    assert first.series_ids == second.series_ids == (1,)
    (series,) = again.series([1])
    assert series.name == "tramgac_check_duration_seconds"
    assert [(one.name, one.value) for one in series.labels] == [("check", "disk0")]
    again.close()


@pytest.mark.parametrize(
    "sample",
    [
        Sample("tramgac_no_such_thing", 1.0),
        Sample("tramgac_agent_up", 1.0),
        Sample("tramgac_check_success", 1.0),
        Sample("tramgac_check_success", 1.0, {"check": "disk", "patient": "x"}),
    ],
    ids=["unknown", "the collector's own", "label missing", "label too many"],
)
def test_a_series_outside_the_catalogue_is_refused(box: Outbox, sample: Sample) -> None:
    """A mistake in a check is told to the check; nothing of the run is stored."""
    with pytest.raises(ValueError, match=sample.name):
        box.append("disk", [point(), Observation((sample,))], valid_seconds=1)
    assert everything(box) == []


def test_a_value_that_is_no_number_does_not_cost_the_record(box: Outbox) -> None:
    """NaN and a series named twice are left out; the collector would refuse the whole."""
    name = "tramgac_check_duration_seconds"
    samples = (
        Sample(name, float("nan"), {"check": "a"}),
        Sample(name, 1.0, {"check": "b\n"}),
        Sample(name, 2.0, {"check": "b\n"}),
    )
    box.append("disk", [Observation(samples)], valid_seconds=1)
    (record,) = box.read(0)
    assert list(record.message.observation.values) == [2.0]
    assert box.series(record.series_ids)[0].labels[0].value == "b\N{REPLACEMENT CHARACTER}"


def test_a_token_is_taken_once_for_ever(box: Outbox, tmp_path: Path) -> None:
    """A source that is read again after a crash is not stored twice; others are apart."""
    told = Observation(event=True, token="run-1")
    assert box.append("drop", [told, told], valid_seconds=1) == 1
    box.close()
    again = open_box(tmp_path)
    assert again.append("drop", [told], valid_seconds=1) == 0
    assert again.append("tick", [told], valid_seconds=1) == 1
    assert again.stats().last_seq == 2
    again.close()


def test_tokens_are_bounded_per_check(box: Outbox) -> None:
    """Only the newest 2,000 tokens of a check are remembered."""
    box.append("drop", [Observation(token=f"t{n}") for n in range(2_001)], valid_seconds=1)
    assert box.append("drop", [Observation(token="t1")], valid_seconds=1) == 0
    assert box.append("drop", [Observation(token="t0")], valid_seconds=1) == 1


def test_too_large_an_observation_becomes_a_gap(box: Outbox) -> None:
    """It cannot be sent, and it is not lost without a word; the run's others are stored."""
    huge = point(width=MAX_SAMPLES_PER_RECORD + 1)
    fat = Observation(detail=fleet_pb2.BackupRun(series="x" * 70_000))
    assert box.append("disk", [huge, fat, point()], valid_seconds=1) == 1
    assert [(one.reason, one.records) for one in gaps(box)] == [("oversized", 2)]


def test_numbers_are_never_used_twice(box: Outbox, tmp_path: Path) -> None:
    """Not even when everything was settled and the process started again."""
    box.append("disk", [point(), point()], valid_seconds=1)
    box.mark_sent(2)
    box.settle(2, epoch=box.epoch)
    epoch = box.epoch
    box.close()
    again = open_box(tmp_path)
    assert again.stats().records == 0
    again.append("disk", [point()], valid_seconds=1)
    assert again.read(0)[0].seq == 3
    assert again.epoch == epoch
    again.close()


def test_reading_keeps_both_bounds_and_gives_at_least_one(box: Outbox) -> None:
    """Records, bytes and the upper end bound a batch; one too large still comes."""
    box.append("disk", [point(n, width=20) for n in range(10)], valid_seconds=1)
    sizes = [one.size for one in box.read(0)]
    assert [one.seq for one in box.read(3, max_records=2)] == [4, 5]
    assert [one.seq for one in box.read(0, max_bytes=sizes[0] + sizes[1])] == [1, 2]
    assert [one.seq for one in box.read(0, max_bytes=1)] == [1]
    assert [one.seq for one in box.read(8, upto=9)] == [9]


def test_the_newest_of_each_stream_comes_first(box: Outbox) -> None:
    """Gap records are no state and stay out of it."""
    for number in range(3):
        for check in ("disk", "link"):
            box.append(check, [point(number, check=check)], valid_seconds=1)
    box.quarantine(1, "bad")
    assert [one.seq for one in box.newest_per_stream()] == [6, 5]


def test_settling_deletes_only_what_was_acknowledged_in_this_epoch(box: Outbox) -> None:
    """An ack of another epoch deletes nothing."""
    box.append("disk", [point(), point(), point()], valid_seconds=1)
    box.mark_sent(3)
    box.settle(2, epoch="0" * 32)
    assert box.stats().records == 3
    box.settle(2, epoch=box.epoch)
    assert [one.seq for one in box.read(0)] == [3]
    box.settle(1, epoch=box.epoch)
    assert box.stats().settled_seq == 2


def test_an_older_copy_of_the_file_starts_a_new_epoch(tmp_path: Path) -> None:
    """A host restored from a backup must not use numbers the centre has already seen."""
    box = open_box(tmp_path)
    box.append("disk", [point(n) for n in range(5)], valid_seconds=1)
    box.quarantine(4, "bad")
    box.mark_sent(3)
    box.settle(2, epoch=box.epoch)
    before = box.epoch
    box.settle(2, epoch=before, highest=40)
    assert box.epoch != before
    assert [one.seq for one in box.read(0)] == [1, 3, 4]
    assert [(one.first, one.last) for one in gaps(box)[0].ranges] == [(2, 2)]
    assert unaccounted(box) == set()
    assert box.append("disk", [point(9)], valid_seconds=1) == 1
    assert box.read(4)[0].seq == 5
    box.close()


def test_a_refused_record_goes_to_quarantine_with_a_gap(box: Outbox) -> None:
    """It is out of the way, kept for a person, and accounted for."""
    box.append("disk", [point(), point()], valid_seconds=1)
    box.quarantine(1, "invalid_argument")
    box.quarantine(1, "invalid_argument")
    assert box.stats().quarantined == 1
    (gap,) = gaps(box)
    assert (gap.reason, gap.records, gap.ranges[0].first) == ("quarantined", 1, 1)
    assert unaccounted(box) == set()


def test_too_many_series_heal_with_a_new_epoch(box: Outbox) -> None:
    """Mounts come and go for years; the collector takes 2,000 series of one epoch."""
    half = MAX_SERIES_PER_AGENT // 2
    for start in ("a", "b"):
        box.append("disk", [point(check=start, width=half)], valid_seconds=1)
    assert box.append("disk", [point(check="c")], valid_seconds=1) == 0
    assert gaps(box)[0].reason == "oversized"
    last, epoch = box.stats().last_seq, box.epoch
    box.mark_sent(last)
    box.settle(last, epoch=epoch)
    assert box.epoch != epoch
    assert box.append("disk", [point(check="c")], valid_seconds=1) == 1
    assert everything(box)[0].seq == 1


def test_a_full_outbox_thins_and_keeps_the_beginning(tmp_path: Path, clock: HandClock) -> None:
    """Old points get sparse, events and the oldest point stay, and every loss is told."""
    limits = OutboxLimits(3650, 400_000, 1.0, 0)
    box = open_box(tmp_path, clock, limits)
    for minute in range(600):
        clock.now_ms = START_MS + minute * 60_000
        box.append("disk", [point(minute, width=60)], valid_seconds=1)
        if minute % 50 == 0:
            box.append("outage", [event(minute)], valid_seconds=1)
    stats = box.stats()
    assert stats.bytes <= limits.max_bytes
    assert stats.state == "full"
    records = everything(box)
    assert records[0].seq == 1
    assert sum(one.observation.HasField("outage") for one in records) == 12
    lost = sum(one.records for one in gaps(box))
    assert lost == stats.lost["thinned"]
    kept = sum(one.observation.check == "disk" for one in records)
    assert kept + lost == 600
    assert unaccounted(box) == set()
    walls = [one.wall_unix_ms for one in records if one.observation.check == "disk"]
    steps = [(b - a) // 60_000 for a, b in pairwise(walls)]
    assert max(steps) <= 60
    assert steps[-1] == 1
    box.close()


def test_failed_points_are_not_thinned_into_good_ones(tmp_path: Path, clock: HandClock) -> None:
    """One failure an hour survives among good points of the same stream."""
    box = open_box(tmp_path, clock, OutboxLimits(30, 1 << 30, 1.0, 0))
    for minute in range(120):
        clock.now_ms = START_MS + minute * 60_000
        failed = Observation(stream="disk", failure="timeout")
        box.append("disk", [failed if minute % 60 == 7 else point()], valid_seconds=1)
    box.close()
    clock.now_ms = START_MS + 31 * DAY_MS
    again = open_box(tmp_path, clock, OutboxLimits(30, 1 << 30, 1.0, 0))
    kept = [one.observation.failure for one in everything(again) if not one.HasField("gap")]
    assert sorted(kept) == ["", "", "", "timeout", "timeout"]
    assert unaccounted(again) == set()
    again.close()


def test_old_points_are_thinned_to_one_an_hour(tmp_path: Path, clock: HandClock) -> None:
    """After 30 days an outbox with room keeps the course of things, not every minute."""
    box = open_box(tmp_path, clock, OutboxLimits(30, 1 << 30, 1.0, 0))
    for minute in range(180):
        clock.now_ms = START_MS + minute * 60_000
        box.append("disk", [point()], valid_seconds=1)
    box.close()
    clock.now_ms = START_MS + 31 * DAY_MS
    again = open_box(tmp_path, clock, OutboxLimits(30, 1 << 30, 1.0, 0))
    kept = [one.seq for one in everything(again) if not one.HasField("gap")]
    # The newest of the stream stays too: it is the state the centre is shown first.
    assert kept == [1, 61, 121, 180]
    again.close()


def test_events_go_last_and_not_in_silence(tmp_path: Path, clock: HandClock) -> None:
    """When nothing but events is left, the oldest are given up with a gap record."""
    box = open_box(tmp_path, clock, OutboxLimits(3650, 200_000, 1.0, 0))
    box.append("disk", [point(n) for n in range(50)], valid_seconds=1)
    for start in range(0, 3_000, 50):
        run = [event(number) for number in range(start, start + 50)]
        box.append("outage", run, valid_seconds=1)
    stats = box.stats()
    assert stats.bytes <= 200_000
    assert stats.lost["dropped"] > 0
    assert not [one for one in everything(box) if one.observation.check == "disk"][1:]
    assert everything(box)[-1].observation.outage.seconds == 2_999
    assert unaccounted(box) == set()
    box.close()


def test_settling_gives_space_back(box: Outbox, tmp_path: Path) -> None:
    """After a long outage was delivered the file is small again."""
    box.append("disk", [point(n, width=200) for n in range(400)], valid_seconds=1)
    grown = (tmp_path / "outbox.db").stat().st_size + (tmp_path / "outbox.db-wal").stat().st_size
    box.mark_sent(400)
    box.settle(400, epoch=box.epoch)
    box.close()
    assert (tmp_path / "outbox.db").stat().st_size < grown / 4


def test_status_and_export_read_beside_the_running_agent(tmp_path: Path) -> None:
    """The commands see what waits and never write."""
    config = tmp_path / "agent.toml"
    config.write_text(f'[agent]\nstate_dir = "{tmp_path}"\n[collector]\naddress = "127.0.0.1:1"\n')
    box = open_box(tmp_path)
    box.append("disk", [point(4.5), event()], valid_seconds=1)
    box.quarantine(2, "bad")

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "tramgac_agent", "outbox", *words, "--config", str(config)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    found = json.loads(run("status", "--json"))
    assert (found["records"], found["last_seq"], found["quarantined"]) == (2, 3, 1)
    assert "1 point, 1 gap" in run("status")
    lines = [json.loads(line) for line in run("export").splitlines()]
    sample = {"name": "tramgac_check_duration_seconds", "labels": {"check": "disk0"}, "value": 4.5}
    assert lines[0]["observation"]["samples"] == [sample]
    assert lines[1]["gap"]["reason"] == "quarantined"
    assert lines[2]["quarantined"] == "bad"
    box.close()


def test_wide_bounds_are_wide() -> None:
    """The other tests lean on bounds that nothing reaches."""
    assert WIDE.max_bytes == 256 * 1024 * 1024


def test_a_gap_record_on_its_way_is_not_written_anew(box: Outbox) -> None:
    """Losses between reading a batch and sending it get a gap record of their own."""
    box.append("disk", [point(n) for n in range(4)], valid_seconds=1)
    box.quarantine(1, "bad")
    box.quarantine(2, "bad")
    on_its_way = box.read(0)[-1]
    box.quarantine(3, "bad")
    assert everything(box)[1] == on_its_way.message
    assert [[(r.first, r.last) for r in gap.ranges] for gap in gaps(box)] == [[(1, 2)], [(3, 3)]]


def test_a_new_epoch_does_not_use_a_number_a_gap_record_names(box: Outbox) -> None:
    """The centre would take the next record for one that was given up."""
    box.append("disk", [point()], valid_seconds=1)
    box.quarantine(1, "bad")
    box.append("disk", [point()], valid_seconds=1)
    box.quarantine(3, "bad")
    assert [one.seq for one in everything(box)] == [2]
    box.settle(0, epoch=box.epoch, highest=99)
    box.append("disk", [point()], valid_seconds=1)
    assert [one.seq for one in everything(box)] == [2, 4]
