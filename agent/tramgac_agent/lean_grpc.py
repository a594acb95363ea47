"""``import grpc`` without asyncio: every module of the agent takes gRPC from here.

``grpc/__init__`` ends with ``from grpc import aio``, which loads asyncio and typing
extensions that the agent, using synchronous calls only, never touches. A placeholder put
where that import looks first saves about 8 MiB of resident memory
(``docs/decisions/0002-lean-grpc-import.md`` has the figures). The placeholder loads the
real ``grpc.aio`` when someone asks it for anything, and it is not used at all when gRPC
was imported before.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_AIO = "grpc.aio"


class _LateAio(ModuleType):
    """Stands for ``grpc.aio`` until somebody needs it."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a module
        # Dunders are asked for by the import system itself, not by users of asyncio.
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(_AIO) is self:
            del sys.modules[_AIO]
        return getattr(import_module(_AIO), name)


def _load() -> ModuleType:
    if "grpc" in sys.modules or _AIO in sys.modules:
        return import_module("grpc")
    late = _LateAio(_AIO)
    sys.modules[_AIO] = late
    try:
        return import_module("grpc")
    except ImportError:  # a gRPC that is laid out otherwise: take it as it comes
        sys.modules.pop(_AIO, None)
        return import_module("grpc")


_load()

import grpc  # noqa: E402 - only now may anyone import it

__all__ = ["grpc"]
