"""``import grpc`` without asyncio: every module of the agent takes gRPC from here.

gRPC's core imports asyncio, and ``grpc/__init__`` ends with ``from grpc import aio``. The
agent makes synchronous calls only and would carry asyncio, ssl and typing extensions for
nothing: 8 MiB of resident memory (``docs/decisions/0002-lean-grpc-import.md`` has the
figures). Placeholders put where those imports look first are all that gRPC then holds; each
loads the real module when somebody asks it for anything, so nothing is cut off. They are
not used at all when gRPC was imported before, and for asyncio only while gRPC is imported.
"""

import sys
from importlib import import_module

from tramgac_agent.late import late, put, withdraw


def _load() -> None:
    if "grpc" in sys.modules:
        return
    aio = put("grpc.aio")
    try:
        with late({"asyncio": {}}):
            import_module("grpc")
    except ImportError:  # a gRPC that is laid out otherwise: take it as it comes
        for one in aio:
            withdraw(one)
        import_module("grpc")


_load()

import grpc  # noqa: E402 - only now may anyone import it

__all__ = ["grpc"]
