"""Reports over real mTLS: stored once, acknowledged after, shown, and holes accounted for."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from grpc import RpcError, StatusCode
from helpers.fleet import SimulatedAgent
from helpers.ingesting import (
    define,
    make_config,
    observation,
    record,
    run,
    running_ingest,
    send,
    until,
)
from sqlalchemy import text

from tramgac_proto.limits import MAX_ACK_RANGES
from tramgac_proto.v1 import fleet_pb2

UPTIME = define(1, "tramgac_host_uptime_seconds")


def uptime(seq: int, value: float = 1.0, **more: object) -> fleet_pb2.Record:
    """A record of one series."""
    return record(seq, observation("uptime", series=[1], values=[value]), **more)


def test_a_report_is_stored_shown_and_acknowledged(tmp_path: Path, store_url: str) -> None:
    """After the ack every record is in the store and its values are on the page."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent = centre.agent()
            response = await agent.report()
            assert response.contiguous_seq == 4
            assert centre.seqs() == [1, 2, 3, 4]
            page = centre.page()
            assert 'tramgac_agent_up{facility="bv-0000",host="sim-00000",site="main"} 1.0' in page
            assert page.count("tramgac_filesystem_avail_bytes{") == 10
            assert page.count('tramgac_service_up{facility="bv-0000"') == 12
            assert len(centre.rows("SELECT * FROM series")) == 100

    run(main)


def test_the_same_report_again_changes_nothing(tmp_path: Path, store_url: str) -> None:
    """A lost answer makes the agent repeat itself; the store keeps the first copy only."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent = centre.agent()
            first = await send(agent, uptime(1), uptime(2), series=[UPTIME])
            again = await send(agent, uptime(1, 99.0), uptime(2), uptime(3))
            assert (first.contiguous_seq, again.contiguous_seq) == (2, 3)
            assert centre.seqs() == [1, 2, 3]
            assert centre.ingest.centre.tally.duplicates == 2

    run(main)


def test_newest_first_leaves_holes_that_close(tmp_path: Path) -> None:
    """Ranges above the contiguous number are acknowledged until the backlog closes them."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            newest = await send(agent, uptime(10), uptime(12), series=[UPTIME])
            assert newest.contiguous_seq == 0
            assert [(r.first, r.last) for r in newest.ranges] == [(10, 10), (12, 12)]
            backlog = await send(agent, *(uptime(n) for n in range(1, 10)))
            assert backlog.contiguous_seq == 10
            closed = await send(agent, uptime(11))
            assert (closed.contiguous_seq, len(closed.ranges)) == (12, 0)

    run(main)


def test_an_ack_has_at_most_32_ranges(tmp_path: Path) -> None:
    """However many holes there are, the answer stays small."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            response = await send(agent, *(uptime(n) for n in range(2, 202, 2)), series=[UPTIME])
            assert len(response.ranges) == MAX_ACK_RANGES
            assert len(centre.seqs()) == 100

    run(main)


def test_unknown_series_are_asked_for(tmp_path: Path) -> None:
    """A record of an undefined series is neither stored nor settled; others are."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            other = record(2, observation("uptime", series=[7], values=[1.0]))
            response = await send(agent, uptime(1), other, series=[UPTIME])
            assert (response.contiguous_seq, response.need_series) == (1, True)
            boot = define(7, "tramgac_host_boot_timestamp_seconds")
            response = await send(agent, other, series=[UPTIME, boot])
            assert (response.contiguous_seq, response.need_series) == (2, False)

    run(main)


def test_a_gap_record_settles_what_will_never_come(tmp_path: Path, store_url: str) -> None:
    """Numbers a gap record names are settled with its reason, except those already stored."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent = centre.agent()
            await send(agent, uptime(1), uptime(5), series=[UPTIME])
            gap = fleet_pb2.GapRecord(reason="thinned", records=5)
            gap.ranges.add(first=2, last=7)
            response = await send(agent, record(8, gap))
            assert response.contiguous_seq == 8
            assert centre.gaps() == [(2, 4, "thinned"), (6, 7, "thinned")]
            assert 'host="sim-00000",reason="thinned",site="main"} 5.0' in centre.page()

    run(main)


def test_losses_without_numbers_are_counted(tmp_path: Path) -> None:
    """An outbox that lost records before they had a number says how many."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            await send(agent, record(1, fleet_pb2.GapRecord(reason="corrupt", records=40)))
            assert 'host="sim-00000",reason="corrupt",site="main"} 40.0' in centre.page()
            ((first, last, _),) = centre.gaps()
            assert int(str(first)) <= int(str(last)) < 0, "no number of a record is touched"

    run(main)


def test_what_is_gone_at_the_agent_is_closed_as_lost_at_the_centre(tmp_path: Path) -> None:
    """Below the oldest kept record nothing can come any more; the ack must not wait for it."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            response = await send(agent, uptime(8), series=[UPTIME], oldest=6, last=8)
            assert response.contiguous_seq == 5
            assert centre.gaps() == [(1, 5, "lost_at_centre")]
            assert 'reason="lost_at_centre",site="main"} 5.0' in centre.page()

    run(main)


def test_a_gap_record_that_comes_late_explains_the_loss(tmp_path: Path, store_url: str) -> None:
    """What was closed as lost at the centre gets the reason its gap record tells."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent = centre.agent()
            await send(agent, uptime(10), series=[UPTIME], oldest=9, last=11)
            assert centre.gaps() == [(1, 8, "lost_at_centre")]
            gap = fleet_pb2.GapRecord(reason="thinned", records=4)
            gap.ranges.add(first=3, last=6)
            await send(agent, record(11, gap), oldest=9, last=11)
            assert centre.gaps() == [
                (1, 2, "lost_at_centre"),
                (3, 6, "thinned"),
                (7, 8, "lost_at_centre"),
            ]
            assert 'reason="lost_at_centre",site="main"} 4.0' in centre.page()
            assert 'reason="thinned",site="main"} 4.0' in centre.page()

    run(main)


def test_an_impossible_oldest_number_settles_nothing(tmp_path: Path) -> None:
    """`oldest_kept_seq` beyond the newest number given is not believed."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            response = await send(agent, uptime(1), series=[UPTIME], oldest=2**60, last=1)
            assert response.contiguous_seq == 1

    run(main)


def test_the_ledger_survives_a_restart(tmp_path: Path, store_url: str) -> None:
    """A new process knows what the old one settled, also where records are gone since."""
    agents = list[SimulatedAgent]()
    config = make_config(tmp_path, store_url)

    async def first() -> None:
        async with running_ingest(config) as centre:
            agents.append(centre.agent())
            await send(agents[0], uptime(1), uptime(2), uptime(5), series=[UPTIME])
            with centre.ingest.engine.begin() as connection:
                connection.execute(text("DELETE FROM records WHERE seq = 1"))

    async def second() -> None:
        async with running_ingest(config) as centre:
            centre.connect(agents[0])
            response = await send(agents[0], uptime(1), uptime(3))
            assert response.contiguous_seq == 3
            assert [(r.first, r.last) for r in response.ranges] == [(5, 5)]
            assert not response.need_series
            assert centre.seqs() == [2, 3, 5]

    run(first)
    run(second)


def test_a_centre_restored_from_an_older_backup_converges(tmp_path: Path) -> None:
    """Settled records the restored centre does not know are closed, and reporting goes on."""
    agents = list[SimulatedAgent]()
    config = make_config(tmp_path)

    async def before() -> None:
        async with running_ingest(config) as centre:
            agents.append(centre.agent())
            await send(agents[0], uptime(1), uptime(2), series=[UPTIME])
        shutil.copy(tmp_path / "state/store.db", tmp_path / "backup.db")
        async with running_ingest(config) as centre:
            centre.connect(agents[0])
            response = await send(agents[0], *(uptime(n) for n in range(3, 7)))
            assert response.contiguous_seq == 6
        for name in ("store.db-wal", "store.db-shm"):
            (tmp_path / "state" / name).unlink(missing_ok=True)
        shutil.copy(tmp_path / "backup.db", tmp_path / "state/store.db")

    async def after() -> None:
        async with running_ingest(config) as centre:
            centre.connect(agents[0])
            # The agent deleted 1..6 on the old centre's word.
            response = await send(agents[0], uptime(7), oldest=7, last=7)
            assert response.contiguous_seq == 7
            assert centre.gaps() == [(3, 6, "lost_at_centre")]
            assert centre.seqs() == [1, 2, 7]

    run(before)
    run(after)


def test_a_store_that_fails_is_not_acknowledged(tmp_path: Path, store_url: str) -> None:
    """While nothing can be written the agent is told to come back; then nothing is missing."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent = centre.agent()
            await send(agent, uptime(1), series=[UPTIME])
            with centre.ingest.engine.begin() as connection:
                connection.execute(text("ALTER TABLE records RENAME TO away"))
            with pytest.raises(RpcError) as error:
                await send(agent, uptime(2))
            assert error.value.code() is StatusCode.UNAVAILABLE
            trailing: Any = error.value.trailing_metadata()
            assert ("retry-after-ms", "5000") in tuple(trailing)
            with centre.ingest.engine.begin() as connection:
                connection.execute(text("ALTER TABLE away RENAME TO records"))
            assert (await send(agent, uptime(2), uptime(3))).contiguous_seq == 3
            assert centre.seqs() == [1, 2, 3]

    run(main)


def test_a_cancelled_call_leaves_the_ledger_true(tmp_path: Path) -> None:
    """A call that ends while its commit runs is repeated by the agent and then settled."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            await send(agent, uptime(1), series=[UPTIME])
            call = asyncio.create_task(send(agent, uptime(2)))
            await until(lambda: centre.ingest.writer.depth or call.done())
            call.cancel()
            response = await send(agent, uptime(2), uptime(3))
            assert response.contiguous_seq == 3
            assert centre.seqs() == [1, 2, 3]

    run(main)


def test_two_epochs_of_one_agent_are_apart(tmp_path: Path) -> None:
    """A lost outbox begins a new life with numbers of its own."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            await send(agent, uptime(1), uptime(2), series=[UPTIME])
            agent.epoch = "f" * 32
            response = await send(agent, uptime(1), series=[UPTIME])
            assert response.contiguous_seq == 1
            assert centre.seqs() == [1, 1, 2]

    run(main)


def test_slow_streams_are_back_after_a_restart(tmp_path: Path, store_url: str) -> None:
    """Values of streams that report rarely are on the page before their agent calls again."""
    config = make_config(tmp_path, store_url)

    async def before() -> None:
        async with running_ingest(config) as centre:
            await centre.agent().report()

    async def after() -> None:
        async with running_ingest(config) as centre:
            page = centre.page()
            assert page.count("tramgac_filesystem_avail_bytes{") == 10
            assert "tramgac_service_up{" not in page

    run(before)
    run(after)
