"""How the resident agent starts small; ``docs/decisions/0002-lean-grpc-import.md`` has figures.

Two things, both harmless where they do not apply. The process starts itself once more with an
environment that keeps glibc to one heap and Python from loading column tables. Then modules that
asyncio and msgspec import only if they can (and the agent never uses) are hidden while the agent
is being imported: OpenSSL, of which gRPC brings its own, and the backports of typing.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tramgac_agent.late import late

_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1", "PYTHONNODEBUGRANGES": "1"}
_HIDDEN = ("_hashlib", "ssl", "typing_extensions")
# Protocol Buffers without C, which its C code never calls.
_LATE: dict[str, dict[str, object]] = {"google.protobuf.internal.python_message": {}}


def start_again() -> None:
    """Replace this process by itself in a lean environment, unless it has one already."""
    # Elsewhere the new process is another one, and whoever started this one sees it end.
    if os.name != "posix" or all(os.environ.get(name) for name in _ENVIRONMENT):
        return
    os.execve(  # noqa: S606 - the same program with the same arguments, no shell
        sys.executable, [sys.executable, *sys.orig_argv[1:]], {**_ENVIRONMENT, **os.environ}
    )


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Let ``import`` of modules fail; afterwards they can be had again.

    Args:
        names: Which; all that the resident agent can do without when empty.
    """
    put = [name for name in names or _HIDDEN if name not in sys.modules]
    for name in put:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        with late(_LATE):
            yield
    finally:
        for name in put:
            del sys.modules[name]
