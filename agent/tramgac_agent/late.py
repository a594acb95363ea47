"""Placeholders for modules that a library imports on its way in and the agent never uses."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class Late(ModuleType):
    """Stands for a module until somebody needs more of it than it was ``given``."""

    def __init__(self, name: str, given: Mapping[str, object]) -> None:
        super().__init__(name)
        self.__dict__.update(given)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a module
        # Dunders are asked for by the import system itself, not by users of the module.
        if name.startswith("__"):
            raise AttributeError(name)
        withdraw(self)
        return getattr(import_module(self.__name__), name)


def withdraw(late: Late) -> None:
    """Let the next import find the real module."""
    if sys.modules.get(late.__name__) is late:
        del sys.modules[late.__name__]


def put(name: str, given: Mapping[str, object] | None = None) -> list[Late]:
    """Put a placeholder in the place of ``name``, unless the module was imported before."""
    if name in sys.modules:
        return []
    late = Late(name, given or {})
    sys.modules[name] = late
    return [late]


@contextmanager
def late(modules: Mapping[str, Mapping[str, object]]) -> Iterator[None]:
    """Placeholders for what is imported within; afterwards imports find the real modules.

    Use it on the main thread before others start: a thread that imports a submodule of one of
    them at that very moment would miss it.
    """
    put_here = [one for name, given in modules.items() for one in put(name, given)]
    try:
        yield
    finally:
        for one in put_here:
            withdraw(one)
