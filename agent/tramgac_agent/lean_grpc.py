"""``import grpc`` without asyncio: every module of the agent takes gRPC from here.

gRPC's core imports asyncio, and ``grpc/__init__`` ends with ``from grpc import aio``. The
agent makes synchronous calls only and would carry asyncio, ssl and typing extensions for
nothing: 8 MiB of resident memory (``docs/decisions/0002-lean-grpc-import.md`` has the
figures). Placeholders put where those imports look first are all that gRPC then holds; each
loads the real module when somebody asks it for anything, so nothing is cut off. They are
not used at all when gRPC was imported before, and for asyncio only while gRPC is imported.

Import this on the main thread before others start: another thread that imports a part of
asyncio at that very moment would miss it.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_AIO = "grpc.aio"
_ASYNCIO = "asyncio"


class _Late(ModuleType):
    """Stands for a module until somebody needs it."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a module
        # Dunders are asked for by the import system itself, not by users of the module.
        if name.startswith("__"):
            raise AttributeError(name)
        _withdraw(self)
        return getattr(import_module(self.__name__), name)


def _withdraw(late: _Late) -> None:
    if sys.modules.get(late.__name__) is late:
        del sys.modules[late.__name__]


def _load() -> None:
    if "grpc" in sys.modules:
        return
    late = [_Late(name) for name in (_ASYNCIO, _AIO) if name not in sys.modules]
    sys.modules.update((one.__name__, one) for one in late)
    try:
        import_module("grpc")
    except ImportError:  # a gRPC that is laid out otherwise: take it as it comes
        for one in late:
            _withdraw(one)
        import_module("grpc")
    for one in late:
        if one.__name__ == _ASYNCIO:
            _withdraw(one)


_load()

import grpc  # noqa: E402 - only now may anyone import it

__all__ = ["grpc"]
