"""What the process does between calls: it follows the administrators and never holds up a call."""

import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from helpers.fleet import make_csr
from helpers.ingesting import make_config, run, running_ingest, until
from sqlalchemy import insert, text

from tramgac_collector.identity.servicer import RENEWALS
from tramgac_collector.ingest import housekeeping
from tramgac_collector.ingest.housekeeping import Housekeeping
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.store import schema
from tramgac_collector.store.engine import bump_generation
from tramgac_proto.v1 import enrollment_pb2, enrollment_pb2_grpc

INVENTORY = """
facilities: [{id: bv-0000, code: "1", sites: [{id: main, hosts: [{id: sim-00000}]}]}]
"""


def test_a_first_call_is_in_the_store_within_seconds(tmp_path: Path) -> None:
    """The page, which reads the store, does not say `never reported` to who has just enrolled."""

    async def nothing(_: Housekeeping) -> None:
        """In place of the minute's work, which stores last calls as well."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            await centre.agent().report()
            await until(lambda: centre.rows("SELECT last_seen_ms FROM agents") != [(0,)], 8)

    with patch.object(Housekeeping, "minute", nothing):
        run(main)


def test_an_agent_may_not_renew_all_day(tmp_path: Path) -> None:
    """Every renewal leaves rows and has the registry read again: ten an hour must do."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            assert agent.channel is not None
            stub = enrollment_pb2_grpc.EnrollmentServiceStub(agent.channel)
            csr = make_csr(ec.generate_private_key(ec.SECP256R1()), "sim-00000")
            request = enrollment_pb2.RenewRequest(csr_der=csr)
            answers = [await stub.Renew(request, timeout=20) for _ in range(RENEWALS + 1)]
            assert [one.code for one in answers] == [""] * RENEWALS + ["rate_limited"]
            await agent.report()

    run(main)


def test_an_enrolment_does_not_read_the_inventory_again(tmp_path: Path) -> None:
    """It is read when another version comes into force, in a thread of its own."""
    (tmp_path / "inventory.yml").write_text(INVENTORY)

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            keeping = centre.ingest.housekeeping
            with patch.object(housekeeping, "parse_inventory", wraps=parse_inventory) as parse:
                await centre.agent().report()
                assert parse.call_count == 0
                row = {"sha256": "0" * 64, "imported_ms": 1}
                with centre.ingest.engine.begin() as connection:
                    document = INVENTORY.replace("sim-00000", "sim-00001")
                    connection.execute(insert(schema.inventories).values(document=document, **row))
                    bump_generation(connection)
                await keeping.second()
                hosts = [one.host for one in centre.ingest.inventory.expected_hosts()]
                assert hosts == ["sim-00001"]
                assert parse.call_count == 1

    run(main)


def test_an_inventory_that_cannot_be_read_keeps_the_old_one(tmp_path: Path) -> None:
    """It is said once, not every second, and denying still works."""
    (tmp_path / "inventory.yml").write_text(INVENTORY)

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            await agent.report()
            keeping = centre.ingest.housekeeping
            with patch.object(housekeeping, "parse_inventory", wraps=parse_inventory) as parse:
                with centre.ingest.engine.begin() as connection:
                    row = {"sha256": "0" * 64, "imported_ms": 1, "document": "facilities: 3"}
                    connection.execute(insert(schema.inventories).values(**row))
                    bump_generation(connection)
                await keeping.second()
                await keeping.second()
                assert parse.call_count == 1
                hosts = [one.host for one in centre.ingest.inventory.expected_hosts()]
                assert hosts == ["sim-00000"]
                with centre.ingest.engine.begin() as connection:
                    connection.execute(text("UPDATE agents SET state = 'denied'"))
                    bump_generation(connection)
                await keeping.second()
            with pytest.raises(grpc.RpcError) as error:
                await agent.report()
            assert error.value.details() == "denied"

    run(main)


def test_strangers_may_send_little(tmp_path: Path) -> None:
    """The door without a certificate takes no more than a request needs."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            roots = grpc.ssl_channel_credentials(centre.ingest.authority.ca_pem)
            address = f"127.0.0.1:{centre.ingest.ports['enrollment']}"
            options = [("grpc.ssl_target_name_override", "localhost")]
            async with grpc.aio.secure_channel(address, roots, options) as channel:
                stub = enrollment_pb2_grpc.EnrollmentServiceStub(channel)
                request = enrollment_pb2.EnrollRequest(csr_der=b"x" * 9_000)
                assert (await stub.Enroll(request, timeout=20)).code == "csr_too_large"
                request.csr_der = b"x" * 70_000
                with pytest.raises(grpc.RpcError) as error:
                    await stub.Enroll(request, timeout=20)
                assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    run(main)


def test_free_space_is_unknown_before_it_is_measured() -> None:
    """Zero would be below every floor."""
    script = (
        "from tramgac_collector.metrics import STORE_FREE_BYTES as free;"
        "print(next(iter(free.collect())).samples[0].value)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "nan\n"
