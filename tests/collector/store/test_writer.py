"""The writer: group commit, isolation of faults, recovery."""

import asyncio
from collections.abc import Iterator

import pytest
from helpers.rows import add_epoch, count, record_row
from sqlalchemy import Connection, Engine, insert, text

from tramgac_collector.store import schema
from tramgac_collector.store.engine import open_engine, upgrade
from tramgac_collector.store.records import Batch
from tramgac_collector.store.writer import StoreUnavailable, Writer


@pytest.fixture
def writer(engine: Engine) -> Iterator[Writer]:
    """A running writer."""
    writer = Writer(engine, linger=0.001)
    writer.start()
    yield writer
    assert writer.stop(10)


def batch(epoch_id: int, *seqs: int, payload: bytes = b"x") -> Batch:
    """A batch of some records of one epoch."""
    return Batch(
        epoch=(epoch_id, "a1", f"e{epoch_id}", 0, max(seqs), b""),
        records=[record_row(epoch_id, seq, payload=payload) for seq in seqs],
    )


def test_batches_are_durable_when_answered(engine: Engine, writer: Writer) -> None:
    """Many batches at once become few commits; each future is done after its commit."""
    epoch_id = add_epoch(engine)

    async def main() -> None:
        waiting = [writer.submit(batch(epoch_id, n)) for n in range(1, 201)]
        stored = await asyncio.gather(*waiting)
        assert len(stored) == 200
        assert count(engine, schema.records) == 200

    asyncio.run(main())
    assert writer.stats.commits < 100


def test_records_are_stored_once(engine: Engine, writer: Writer) -> None:
    """The same key again changes nothing and is counted."""
    epoch_id = add_epoch(engine)

    async def main() -> None:
        await writer.submit(batch(epoch_id, 1, 2, payload=b"first"))
        again = await writer.submit(batch(epoch_id, 2, 3, payload=b"second"))
        assert again.duplicates == 1

    asyncio.run(main())
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT seq, payload FROM records ORDER BY seq")).all()
    assert [(seq, bytes(payload)) for seq, payload in rows] == [
        (1, b"first"),
        (2, b"first"),
        (3, b"second"),
    ]


def test_one_bad_batch_fails_alone(engine: Engine, writer: Writer) -> None:
    """A batch the database refuses does not take its neighbours down."""
    epoch_id = add_epoch(engine)

    async def main() -> list[object]:
        waiting = [writer.submit(batch(epoch_id, n)) for n in (1, 2)]
        waiting.append(writer.submit(batch(999_999, 3)))  # no such epoch
        waiting += [writer.submit(batch(epoch_id, n)) for n in (4, 5)]
        return await asyncio.gather(*waiting, return_exceptions=True)

    results = asyncio.run(main())
    assert [isinstance(one, StoreUnavailable) for one in results] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert count(engine, schema.records) == 4


def test_a_jobs_refusal_is_its_own(engine: Engine, writer: Writer) -> None:
    """What a job raises undoes its own writes, reaches its caller, and nobody else."""
    epoch_id = add_epoch(engine)

    def refuse(connection: Connection) -> None:
        connection.execute(insert(schema.settings).values(key="k", value="v"))
        raise LookupError("not today")

    async def main() -> None:
        first = writer.submit(batch(epoch_id, 1))
        refused = writer.execute(refuse)
        value = writer.execute(lambda connection: connection.scalar(text("SELECT 41 + 1")))
        await first
        assert await asyncio.wrap_future(value) == 42
        with pytest.raises(LookupError, match="not today"):
            await asyncio.wrap_future(refused)

    asyncio.run(main())
    assert count(engine, schema.records) == 1
    assert count(engine, schema.settings) == 0


def test_store_away_and_back(engine: Engine, writer: Writer) -> None:
    """While the store fails nothing is acknowledged; afterwards it goes on by itself."""
    epoch_id = add_epoch(engine)

    async def main() -> None:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE records RENAME TO records_away"))
        with pytest.raises(StoreUnavailable):
            await writer.submit(batch(epoch_id, 1))
        assert not writer.stats.healthy
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE records_away RENAME TO records"))
        await writer.submit(batch(epoch_id, 1))
        assert writer.stats.healthy

    asyncio.run(main())
    assert count(engine, schema.records) == 1


def test_disk_full_is_said_and_survived(tmp_path: object) -> None:
    """A full disk fails the batches in hand; with room again the next is stored."""
    url = f"sqlite:///{tmp_path}/store.db"
    upgrade(url)
    engine = open_engine(url)
    epoch_id = add_epoch(engine)
    writer = Writer(engine, linger=0.001)
    writer.start()

    async def main() -> None:
        await asyncio.wrap_future(
            writer.execute(lambda c: c.exec_driver_sql("PRAGMA max_page_count=60").scalar())
        )
        with pytest.raises(StoreUnavailable):
            await writer.submit(batch(epoch_id, *range(1, 100), payload=b"x" * 4000))
        assert "full" in writer.stats.last_error
        await asyncio.wrap_future(
            writer.execute(lambda c: c.exec_driver_sql("PRAGMA max_page_count=9999").scalar())
        )
        await writer.submit(batch(epoch_id, *range(1, 100), payload=b"x" * 4000))

    asyncio.run(main())
    assert writer.stop(10)
    assert count(engine, schema.records) == 99
    engine.dispose()


def test_the_queue_is_bounded(engine: Engine) -> None:
    """A writer that cannot keep up refuses at once instead of growing."""
    writer = Writer(engine, max_queue=3)  # not started: nothing is taken out

    async def main() -> None:
        for _ in range(3):
            writer.submit(Batch())
        with pytest.raises(StoreUnavailable, match="queue_full"):
            writer.submit(Batch())

    asyncio.run(main())


def test_stop_writes_what_is_queued(engine: Engine) -> None:
    """Stopping is not losing: what was handed over before is written first."""
    epoch_id = add_epoch(engine)
    writer = Writer(engine, linger=0.2)
    writer.start()

    async def main() -> None:
        waiting = [writer.submit(batch(epoch_id, n)) for n in range(1, 51)]
        assert await asyncio.to_thread(writer.stop, 10)
        await asyncio.gather(*waiting)
        with pytest.raises(StoreUnavailable, match="stopping"):
            writer.submit(batch(epoch_id, 99))

    asyncio.run(main())
    assert count(engine, schema.records) == 50
