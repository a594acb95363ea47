"""What is acknowledged is known at once and for good, and what an agent may leave is bounded."""

import asyncio
from pathlib import Path

import grpc
import pytest
from helpers.ingesting import (
    define,
    make_config,
    new_epoch,
    observation,
    record,
    run,
    running_ingest,
    send,
    until,
)

from tramgac_collector.facts.ledger import MAX_FACTS_PER_AGENT
from tramgac_collector.ingest.intake import MAX_RANGES_PER_REPORT, MAX_STREAMS
from tramgac_collector.ingest.session import MAX_NEW_EPOCHS
from tramgac_collector.store.ledger import MAX_LEDGER_RANGES, MAX_SEQ
from tramgac_proto.limits import MAX_BATCH_RECORDS, MAX_GAP_RANGES
from tramgac_proto.v1 import fleet_pb2

UPTIME = define(1, "tramgac_host_uptime_seconds")
SERIES = "bv-0000/sim-00000/db@nas"


def uptime(seq: int, value: float = 1.0) -> fleet_pb2.Record:
    """A record of one series."""
    return record(seq, observation("uptime", series=[1], values=[value]))


def backup_run(seq: int, series: str = SERIES) -> fleet_pb2.Record:
    """A complete run that has just ended."""
    now = record(seq, observation("x")).wall_unix_ms
    run = fleet_pb2.BackupRun(
        series=series, outcome="complete", started_unix_ms=now - 60_000, ended_unix_ms=now
    )
    return record(seq, observation("drop", backup_run=run))


def gap(seq: int, reason: str, *ranges: tuple[int, int]) -> fleet_pb2.Record:
    """A gap record."""
    spans = [fleet_pb2.SeqRange(first=first, last=last) for first, last in ranges]
    return record(seq, fleet_pb2.GapRecord(reason=reason, ranges=spans))


def test_a_call_that_hangs_up_is_still_shown(tmp_path: Path) -> None:
    """Its batch is stored and never comes again, so values and facts must not wait for it."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            await send(agent, uptime(1), series=[UPTIME])
            call = asyncio.create_task(send(agent, uptime(2, 4711.0), backup_run(3)))
            await until(lambda: centre.ingest.writer.depth or call.done())
            call.cancel()
            await until(lambda: centre.seqs() == [1, 2, 3])
            await until(lambda: " 4711.0\n" in centre.page())
            assert centre.ingest.facts.get("bk.last_good", SERIES) is not None
            assert (await send(agent)).contiguous_seq == 3

    run(main)


# Of a complete run that tells no sizes.
FACTS_OF_A_RUN = (
    *("bk.last_good", "bk.last_good.started"),
    *("bk.run", "bk.run.ended", "bk.run.reason"),
)


def test_a_run_is_a_fact_in_the_commit_that_acknowledges_it(tmp_path: Path, store_url: str) -> None:
    """A collector that dies right after the acknowledgement knows of the backup."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent = centre.agent()
            await send(agent, backup_run(1), backup_run(2))
            # Asked at once: the turn of writing facts comes seconds later.
            names = FACTS_OF_A_RUN
            found = centre.rows("SELECT name FROM facts WHERE subject = :s ORDER BY 1", s=SERIES)
            assert found == [(name,) for name in names]
            told = centre.rows("SELECT DISTINCT name FROM fact_history ORDER BY 1")
            assert told == [(name,) for name in names]

    run(main)


def test_a_loss_has_one_row_however_it_was_explained(tmp_path: Path, store_url: str) -> None:
    """Losses that touch, explained in parts by one report, are counted once each."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent = centre.agent()
            await send(agent, oldest=11, last=200)
            await send(agent, oldest=101, last=200)
            assert centre.gaps() == [(1, 10, "lost_at_centre"), (11, 100, "lost_at_centre")]
            await send(
                agent,
                gap(101, "thinned", (5, 20)),
                gap(102, "torn", (30, 40)),
                oldest=101,
                last=200,
            )
            assert centre.gaps() == [
                (1, 4, "lost_at_centre"),
                (5, 20, "thinned"),
                (21, 29, "lost_at_centre"),
                (30, 40, "torn"),
                (41, 100, "lost_at_centre"),
            ]

    run(main)


def test_reasons_on_the_page_are_a_closed_set(tmp_path: Path) -> None:
    """A reason nobody knows is still a loss; a thousand of them are one series."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            names = ["a" * number for number in range(1, 31)]
            await send(
                agent, *[gap(n, name, (n + 100, n + 100)) for n, name in enumerate(names, 1)]
            )
            lines = [line for line in centre.page().splitlines() if "lost_records{" in line]
            assert [line.split()[1] for line in lines] == ["30.0"]
            assert 'reason="other"' in lines[0]

    run(main)


def test_losses_of_any_size_can_be_added_up(tmp_path: Path, store_url: str) -> None:
    """Ranges up to the last number, in several lives, do not break the sum in the store."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent = centre.agent()
            for _ in range(3):
                agent.epoch = new_epoch()
                await send(agent, gap(1, "thinned", (2, MAX_SEQ)))
            assert centre.ingest.writer.stats.failures == 0
            agent.epoch = new_epoch()
            assert (await send(agent, uptime(1), series=[UPTIME])).contiguous_seq == 1

    run(main)


def test_new_lives_are_bounded(tmp_path: Path) -> None:
    """An agent that begins a new outbox with every call is told to come back much later."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            for _ in range(MAX_NEW_EPOCHS):
                agent.epoch = new_epoch()
                await send(agent)
            known, agent.epoch = agent.epoch, new_epoch()
            with pytest.raises(grpc.RpcError) as error:
                await send(agent)
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE
            assert error.value.details() == "too_many_epochs"
            assert centre.rows("SELECT count(*) FROM epochs") == [(MAX_NEW_EPOCHS,)]
            agent.epoch = known
            await send(agent)

    run(main)


def test_streams_kept_for_a_restart_are_bounded(tmp_path: Path) -> None:
    """No more of them are kept than the page would show."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            await send(agent, series=[UPTIME])
            for at in range(0, MAX_STREAMS + MAX_BATCH_RECORDS, MAX_BATCH_RECORDS):
                body = [
                    observation("uptime", series=[1], values=[1.0], stream=f"s{at + n}")
                    for n in range(MAX_BATCH_RECORDS)
                ]
                await send(agent, *[record(at + n, one) for n, one in enumerate(body, 1)])
            assert centre.rows("SELECT count(*) FROM latest") == [(MAX_STREAMS,)]

    run(main)


def test_facts_of_one_agent_are_bounded(tmp_path: Path) -> None:
    """An agent that names a new series with every run fills neither memory nor page."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            for at in range(0, MAX_FACTS_PER_AGENT, MAX_BATCH_RECORDS):
                runs = [backup_run(at + n, f"{SERIES}{at + n}") for n in range(1, 501)]
                await send(agent, *runs)
            assert len(list(centre.ingest.facts.named("bk.run"))) == MAX_FACTS_PER_AGENT // len(
                FACTS_OF_A_RUN
            )
            ((stored,),) = centre.rows("SELECT count(*) FROM facts")
            assert stored <= MAX_FACTS_PER_AGENT + MAX_BATCH_RECORDS

    run(main)


def test_ranges_of_one_report_are_bounded(tmp_path: Path) -> None:
    """What goes beyond is not settled, and is when it comes again."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            full = MAX_RANGES_PER_REPORT // MAX_GAP_RANGES
            await send(agent, gap(1, "thinned", (10_000, 90_000)))
            scattered = [(10_000 + 2 * n, 10_000 + 2 * n) for n in range(MAX_GAP_RANGES)]
            records = [gap(n, "thinned", *scattered) for n in range(2, full + 4)]
            assert (await send(agent, *records)).contiguous_seq == full + 1
            assert (await send(agent, *records)).contiguous_seq == full + 3

    run(main)


def test_scattered_ranges_do_not_fill_the_ledger(tmp_path: Path) -> None:
    """A gap record that would tear the ledger to shreds waits; later calls go on."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            for n in range(1, 8):
                scattered = [(n * 10_000 + 2 * i, n * 10_000 + 2 * i) for i in range(450)]
                await send(agent, gap(n, "thinned", *scattered))
            ((ranges,),) = centre.rows("SELECT ranges FROM epochs")
            assert 450 * 16 <= len(bytes(ranges)) <= MAX_LEDGER_RANGES * 16
            response = await send(agent, gap(3, "thinned", (1, 2)), uptime(4), series=[UPTIME])
            assert response.contiguous_seq == 4

    run(main)


def test_a_version_cannot_break_the_store(tmp_path: Path, store_url: str) -> None:
    """A NUL, which PostgreSQL refuses, must not keep the others' last call from being stored."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent, other = centre.agent(), centre.agent()
            request = agent.request([])
            request.status.version = "1.0\x00\n"
            assert agent.stub is not None
            await agent.stub.Report(request)
            await other.report()
            await centre.ingest.housekeeping.write_seen()
            rows = centre.rows("SELECT version FROM agents WHERE last_seen_ms > 0 ORDER BY host")
            assert len(rows) == 2
            assert rows[0] == ("1.0",)

    run(main)


def test_an_upgrade_is_told_at_once(tmp_path: Path) -> None:
    """Whoever upgrades waits for the new version; it is there within two seconds."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            assert agent.stub is not None
            for version in ("1.0", "1.1"):
                request = agent.request([])
                request.status.version = version
                await agent.stub.Report(request)
                await centre.ingest.housekeeping.sight()
                rows = centre.rows("SELECT version FROM agents WHERE last_seen_ms > 0")
                assert rows == [(version,)]

    run(main)


@pytest.mark.parametrize("field", ["sent_unix_ms", "sent_boottime_ms"])
def test_a_clock_beyond_all_times_is_refused(tmp_path: Path, field: str) -> None:
    """It would give an offset that no field of the answer can hold."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            for value in (-(2**63), 2**63 - 1):
                request = agent.request([])
                setattr(request.status, field, value)
                assert agent.stub is not None
                with pytest.raises(grpc.RpcError) as error:
                    await agent.stub.Report(request)
                assert error.value.details() == "bad_status"
            await agent.report()

    run(main)


def test_a_rate_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """Every number of a typed message is one."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            test = fleet_pb2.ThroughputResult(target="t", rate_bytes_per_second=float("nan"))
            response = await send(agent, record(1, observation("throughput", throughput=test)))
            assert [one.code for one in response.refusals] == ["not_finite"]

    run(main)
