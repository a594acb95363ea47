"""gRPC without asyncio, and no surprise for those who want asyncio."""

import subprocess
import sys

_RSS = "import re;print(int(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1]))"
_ROUND_TRIP = """
import asyncio, grpc
async def main():
    async def answer(request, context):
        return request + b'!'
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(answer)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler('S', {'M': handler})])
    port = server.add_insecure_port('127.0.0.1:0')
    await server.start()
    async with grpc.aio.insecure_channel(f'127.0.0.1:{port}') as channel:
        print(await channel.unary_unary('/S/M')(b'hello'))
    await server.stop(None)
asyncio.run(main())
"""


def run(code: str) -> str:
    """Run ``code`` in a fresh interpreter; a warning is an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_asyncio_is_not_loaded() -> None:
    """Neither by the import nor by a call, and 6 MiB at least stay free."""
    code = (
        "from tramgac_agent.lean_grpc import grpc\n"
        "from tramgac_proto.v1 import fleet_pb2, fleet_pb2_grpc\n"
        "stub = fleet_pb2_grpc.FleetServiceStub(grpc.insecure_channel('127.0.0.1:1'))\n"
        "try: stub.Report(fleet_pb2.ReportRequest(), timeout=5.0)\n"
        "except grpc.RpcError as error: assert error.code() is grpc.StatusCode.UNAVAILABLE\n"
    )
    check = (
        "import sys\n"
        "for one in ('asyncio', 'ssl', 'typing_extensions'): assert one not in sys.modules\n"
    )
    lean = int(run(code + check + _RSS))
    full = int(run("import grpc\n" + code + _RSS))
    assert full - lean > 6_000


def test_whoever_asks_for_asyncio_gets_it() -> None:
    """A server and a client on asyncio work in the same process."""
    assert run("import tramgac_agent.lean_grpc\n" + _ROUND_TRIP) == "b'hello!'"


def test_the_real_modules_take_their_places() -> None:
    """After first use nothing of the placeholders is to be seen."""
    code = (
        "from tramgac_agent.lean_grpc import grpc\n"
        "import asyncio, asyncio.subprocess, sys\n"
        "assert asyncio.__file__\n"
        "from grpc.aio import Channel\n"
        "import grpc.aio\n"
        "assert sys.modules['grpc.aio'] is grpc.aio and grpc.aio.__file__\n"
        "print(grpc.aio.Channel is Channel)\n"
    )
    assert run(code) == "True"


def test_a_grpc_that_is_there_already_is_left_alone() -> None:
    """In one process with an asyncio server nothing changes."""
    code = (
        "import grpc; before = grpc.aio\n"
        "from tramgac_agent.lean_grpc import grpc as lean\n"
        "print(lean is grpc and lean.aio is before and bool(before.__file__))\n"
    )
    assert run(code) == "True"
