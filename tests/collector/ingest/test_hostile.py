"""What an agent must not do: each refusal has a code, is counted, and touches nobody else."""

import math
from pathlib import Path
from typing import Any

import grpc
import pytest
from helpers.fleet import SimulatedAgent
from helpers.ingesting import (
    Running,
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
from sqlalchemy import text

from tramgac_collector.ingest.intake import MAX_QUARANTINED
from tramgac_collector.store.engine import bump_generation
from tramgac_proto.limits import MAX_BATCH_RECORDS, MAX_MESSAGE_BYTES, MAX_RECORD_BYTES
from tramgac_proto.v1 import fleet_pb2

UPTIME = define(1, "tramgac_host_uptime_seconds")
INVENTORY = """
province: {name: Test}
facilities:
  - id: bv-0000
    code: "1"
    sites:
      - id: main
        hosts: [{id: sim-00000}, {id: sim-00001}]
        devices: [{id: core, kind: switch, probed_by: sim-00000}]
"""


def one(seq: int, number: int = 1, value: float = 1.0, **more: Any) -> fleet_pb2.Record:
    """A record of one series."""
    return record(seq, observation("uptime", series=[number], values=[value], **more))


async def refusal(agent: SimulatedAgent, raw: bytes) -> tuple[grpc.StatusCode, str]:
    """Send raw bytes; status and details of the refusal."""
    assert agent.channel is not None
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = agent.channel.unary_unary(
        "/tramgac_proto.v1.FleetService/Report"
    )
    with pytest.raises(grpc.RpcError) as error:
        await call(raw, timeout=20)
    return error.value.code(), error.value.details() or ""


async def assert_unaffected(centre: Running) -> None:
    """Another agent reports as if nothing had happened."""
    assert (await centre.agent().report()).contiguous_seq == 4


BAD_SERIES = (
    (define(9, "tramgac_patient_names"), "unknown_metric"),
    (define(9, "tramgac_agent_up"), "not_an_agent_metric"),
    (define(9, "tramgac_host_uptime_seconds", facility="other"), "bad_labels"),
    (define(9, "tramgac_network_link_up"), "bad_labels"),
    (define(9, "tramgac_network_link_up", interface="x" * 201), "bad_label_value"),
    (define(9, "tramgac_network_link_up", interface="a\nb 1"), "bad_label_value"),
    (define(9, "tramgac_backup_locks", series="bv-0001/sim-1/db@nas"), "foreign_series"),
)
BAD_BODIES = (
    (observation("uptime", series=[1], values=[math.nan]), "not_finite"),
    (observation("uptime", series=[1], values=[math.inf]), "not_finite"),
    (observation("uptime", series=[1], values=[1.0, 2.0]), "bad_shape"),
    (observation("uptime", series=[1, 1], values=[1.0, 2.0]), "double_series"),
    (observation("../etc", series=[1], values=[1.0]), "bad_check"),
    (observation("uptime", series=[1], values=[1.0], subject="core"), "foreign_subject"),
    (observation("uptime", failure="Cannot open /home/an"), "bad_failure"),
    (
        observation("drop", backup_run=fleet_pb2.BackupRun(series="bv-0009/h/db@nas")),
        "foreign_series",
    ),
    (
        observation(
            "drop",
            backup_run=fleet_pb2.BackupRun(series="bv-0000/sim-00000/db@nas", tool="x\x00"),
        ),
        "bad_text",
    ),
    (fleet_pb2.GapRecord(reason="lost_at_centre"), "bad_gap_reason"),
    (
        fleet_pb2.GapRecord(reason="thinned", ranges=[fleet_pb2.SeqRange(first=5, last=4)]),
        "bad_gap_ranges",
    ),
)


def test_a_bad_series_puts_its_records_into_quarantine(tmp_path: Path) -> None:
    """The record is kept aside with the reason and settled; its neighbours are stored."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            for definition, code in BAD_SERIES:
                agent.epoch = new_epoch()
                response = await send(agent, one(1), one(2, 9), one(3), series=[UPTIME, definition])
                assert response.contiguous_seq == 3
                assert [(r.seq, r.code) for r in response.refusals] == [(2, code)]
            codes: list[str] = [
                row[0] for row in centre.rows("SELECT code FROM quarantine ORDER BY id")
            ]
            assert codes == [code for _, code in BAD_SERIES]
            assert centre.seqs() == [1] * len(BAD_SERIES) + [3] * len(BAD_SERIES)
            await assert_unaffected(centre)

    run(main)


def test_a_bad_record_is_refused_alone(tmp_path: Path) -> None:
    """Whatever is wrong with one record, it is named, settled and not stored."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            for body, code in BAD_BODIES:
                agent.epoch = new_epoch()
                response = await send(agent, one(1), record(2, body), series=[UPTIME])
                assert [(r.seq, r.code) for r in response.refusals] == [(2, code)]
                assert response.contiguous_seq == 2
            assert centre.seqs() == [1] * len(BAD_BODIES)

    run(main)


def test_a_record_too_large_is_refused_alone(tmp_path: Path) -> None:
    """One huge record does not block the queue behind it."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            huge = record(2, observation("drop", failure="x" * (MAX_RECORD_BYTES + 1)))
            response = await send(centre.agent(), one(1), huge, series=[UPTIME])
            assert [r.code for r in response.refusals] == ["record_too_large"]
            assert response.contiguous_seq == 2

    run(main)


def test_subjects_are_those_the_inventory_assigns(tmp_path: Path) -> None:
    """An agent may report on its switch, under the switch's labels, and on no other's."""
    (tmp_path / "inventory.yml").write_text(INVENTORY)

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            first, second = centre.agent(), centre.agent()
            response = await send(first, one(1, subject="core"), series=[UPTIME])
            assert not response.refusals
            assert 'tramgac_host_uptime_seconds{facility="bv-0000",host="core"' in centre.page()
            response = await send(second, one(1, subject="core"), series=[UPTIME])
            assert [r.code for r in response.refusals] == ["foreign_subject"]

    run(main)


def test_ten_thousand_labels_stay_bounded(tmp_path: Path) -> None:
    """Series beyond the limit are refused by name; those within it still work."""

    async def main() -> None:
        config = make_config(tmp_path, series_per_agent=100)
        async with running_ingest(config) as centre:
            agent = centre.agent()
            many = [
                define(n, "tramgac_network_link_up", interface=f"if{n}") for n in range(1, 10_001)
            ]
            response = await send(agent, one(1, 50), one(2, 5_000), one(3, 100), series=many)
            assert [(r.seq, r.code) for r in response.refusals] == [(2, "too_many_series")]
            assert not response.need_series
            assert centre.rows("SELECT count(*) FROM series") == [(100,)]
            assert centre.page().count("tramgac_network_link_up{") <= 100
            await assert_unaffected(centre)

    run(main)


def test_a_series_may_not_change_its_meaning(tmp_path: Path) -> None:
    """An id that is defined anew with another name would falsify what was stored."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            await send(agent, one(1), series=[UPTIME])
            other = define(1, "tramgac_host_boot_timestamp_seconds")
            response = await send(agent, one(2), series=[other])
            assert [r.code for r in response.refusals] == ["series_changed"]

    run(main)


def test_quarantine_is_bounded(tmp_path: Path) -> None:
    """A broken agent fills a fixed number of rows, not the disk; all is still settled."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            bad = define(1, "tramgac_no_such_thing")
            response = await send(agent, *(one(n) for n in range(1, 401)), series=[bad])
            assert (response.contiguous_seq, len(response.refusals)) == (400, 400)
            assert centre.rows("SELECT count(*) FROM quarantine") == [(MAX_QUARANTINED,)]
            assert centre.ingest.centre.tally.quarantined["unknown_metric"] == 400

    run(main)


def test_garbage_is_refused_as_a_whole(tmp_path: Path) -> None:
    """What is not a report at all is answered INVALID_ARGUMENT with the reason."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            frame = agent.request([])
            wrong_epoch = fleet_pb2.ReportRequest()
            wrong_epoch.CopyFrom(frame)
            wrong_epoch.epoch = "no"
            no_status = fleet_pb2.ReportRequest(epoch=agent.epoch)
            many = fleet_pb2.ReportRequest()
            many.CopyFrom(frame)
            for n in range(MAX_BATCH_RECORDS + 1):
                many.records.add(seq=n + 1)
            far = fleet_pb2.ReportRequest()
            far.CopyFrom(frame)
            far.records.add(seq=2**63)
            invalid = grpc.StatusCode.INVALID_ARGUMENT
            for raw, code in (
                (b"\xff" * 100, "not_a_report"),
                (wrong_epoch.SerializeToString(), "bad_epoch"),
                (no_status.SerializeToString(), "no_status"),
                (many.SerializeToString(), "too_many_records"),
                (far.SerializeToString(), "bad_seq"),
            ):
                assert await refusal(agent, raw) == (invalid, code)
                assert centre.ingest.centre.tally.refused[code] == 1
            await assert_unaffected(centre)

    run(main)


def test_a_message_too_large_is_refused_before_parsing(tmp_path: Path) -> None:
    """The transport itself refuses; the agent halves its batch."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            status, _ = await refusal(centre.agent(), b"\0" * (MAX_MESSAGE_BYTES + 1))
            assert status is grpc.StatusCode.RESOURCE_EXHAUSTED

    run(main)


def test_denied_and_forgotten_agents_are_told_so(tmp_path: Path) -> None:
    """The deny list counts from the next call on; an agent the store lost is told to rejoin."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            await agent.report()
            with centre.ingest.engine.begin() as connection:
                connection.execute(text("UPDATE agents SET state = 'denied'"))
                bump_generation(connection)
            await until(lambda: next(iter(centre.ingest.registry.agents())).denied)
            raw = agent.request([]).SerializeToString()
            assert await refusal(agent, raw) == (grpc.StatusCode.PERMISSION_DENIED, "denied")
            assert "sim-00000" not in centre.page()
            with centre.ingest.engine.begin() as connection:
                for table in ("records", "series", "latest", "epochs", "certificates", "agents"):
                    connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - ours
                bump_generation(connection)
            await until(lambda: not centre.ingest.registry.agents())
            assert await refusal(agent, raw) == (
                grpc.StatusCode.UNAUTHENTICATED,
                "agent_unknown",
            )

    run(main)


def test_a_second_machine_on_one_certificate_is_refused(tmp_path: Path) -> None:
    """The first goes on, the copy is refused, and the agent is marked for all to see."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            await agent.report()
            copy = agent.request([])
            copy.status.instance = b"another process"
            copy.status.fingerprint = b"another machine"
            assert await refusal(agent, copy.SerializeToString()) == (
                grpc.StatusCode.PERMISSION_DENIED,
                "cloned",
            )
            assert (await agent.report()).contiguous_seq == 8
            await until(lambda: centre.rows("SELECT state FROM agents") == [("cloned",)])

    run(main)


def test_a_flood_is_slowed_down(tmp_path: Path) -> None:
    """Beyond its calls a minute an agent is told how long to wait; others are not."""

    async def main() -> None:
        config = make_config(tmp_path, calls_per_minute=5)
        async with running_ingest(config) as centre:
            agent = centre.agent()
            for _ in range(5):
                await agent.report()
            with pytest.raises(grpc.RpcError) as error:
                await agent.report()
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE
            assert error.value.details() == "rate_limited"
            trailing: dict[str, Any] = dict(iter(error.value.trailing_metadata() or ()))  # type: ignore[arg-type]
            assert 0 < int(trailing["retry-after-ms"]) <= 12_001
            await assert_unaffected(centre)

    run(main)


def test_large_calls_count_for_several(tmp_path: Path) -> None:
    """The rate bounds bytes as well as calls."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, calls_per_minute=5)) as centre:
            agent = centre.agent()
            junk = b"\xff" * (2 * 1024 * 1024)
            status, code = await refusal(agent, junk)
            assert (status, code) == (grpc.StatusCode.INVALID_ARGUMENT, "not_a_report")
            assert (await refusal(agent, b""))[1] == "rate_limited"
            await assert_unaffected(centre)

    run(main)


def test_a_full_centre_sheds_load(tmp_path: Path) -> None:
    """More bytes in hand than allowed: come back later, nothing half-taken."""

    async def main() -> None:
        config = make_config(tmp_path, inflight_bytes=100)
        async with running_ingest(config) as centre:
            with pytest.raises(grpc.RpcError) as error:
                await centre.agent().report()
            assert (error.value.code(), error.value.details()) == (
                grpc.StatusCode.UNAVAILABLE,
                "busy",
            )
            assert centre.seqs() == []
            await until(lambda: centre.ingest.centre.admission.inflight_bytes == 0)

    run(main)
