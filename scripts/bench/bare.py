"""gRPC alone, for comparison: answers every report with nothing, over the same mTLS.

``python -m bench.bare STATE_DIR ADDRESS`` serves until it is told to stop.
"""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import grpc
import uvloop

from tramgac_collector.identity.ca import Authority


async def _nothing(_raw: bytes, _context: Any) -> bytes:  # noqa: ANN401 - grpc's own
    return b""


async def _serve(state: Path, address: str) -> None:
    server = grpc.aio.server()
    method: Any = grpc.unary_unary_rpc_method_handler(
        _nothing, request_deserializer=None, response_serializer=None
    )
    handler = grpc.method_handlers_generic_handler(
        "tramgac_proto.v1.FleetService", {"Report": method}
    )
    server.add_generic_rpc_handlers((handler,))
    server.add_secure_port(address, Authority.open_or_create(state).server_credentials())
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.stop(1)


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1]), sys.argv[2]))
