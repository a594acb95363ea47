"""gRPC without asyncio, and no surprise for those who want asyncio."""

import subprocess
import sys

_RSS = "import re;print(int(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1]))"


def run(code: str) -> str:
    """Run ``code`` in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_asyncio_is_not_loaded() -> None:
    """Neither by the import nor by a channel, and several MiB stay free."""
    code = (
        "import sys; from tramgac_agent.lean_grpc import grpc\n"
        "from tramgac_proto.v1 import fleet_pb2_grpc\n"
        "grpc.insecure_channel('127.0.0.1:1').close()\n"
        "assert 'asyncio' not in sys.modules and 'typing_extensions' not in sys.modules\n"
    )
    lean = int(run(code + _RSS))
    full = int(run("import grpc\nfrom tramgac_proto.v1 import fleet_pb2_grpc\n" + _RSS))
    assert full - lean > 4_000


def test_whoever_asks_for_asyncio_gets_it() -> None:
    """The placeholder loads the real module on first use."""
    code = (
        "from tramgac_agent.lean_grpc import grpc\n"
        "assert grpc.aio.insecure_channel.__module__ == 'grpc.aio._channel'\n"
        "import grpc.aio, sys\n"
        "assert sys.modules['grpc.aio'] is grpc.aio and grpc.aio.__file__\n"
        "from grpc.aio import Channel\n"
        "from grpc import aio\n"
        "print(aio.Channel is Channel)\n"
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
