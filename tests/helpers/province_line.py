"""One site's line to the centre: a TCP relay that can go dead, and come back."""

import asyncio
from contextlib import suppress

_CHUNK = 65_536


class Line:
    """Passes bytes on, unless it is cut.

    Attributes:
        port: Where the site's agents connect; 0 before ``open``.
        cut: Nothing passes: what was connected hangs, as behind a cut fibre.
    """

    def __init__(self, centre_port: int) -> None:
        self.port = 0
        self.cut = False
        self._centre_port = centre_port
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._waiting: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        task = asyncio.current_task()
        if task is not None:
            self._waiting.add(task)
        try:
            while self.cut and await reader.read(_CHUNK):
                continue
            there = await asyncio.open_connection("127.0.0.1", self._centre_port)
            self._ends.add(there[1])
            await asyncio.gather(self._copy(reader, there[1]), self._copy(there[0], writer))
            self._drop(there[1])
        except (OSError, asyncio.CancelledError):
            pass  # the centre is away, or the line ends with the test: the connection ends
        finally:
            self._drop(writer)
            if task is not None:
                self._waiting.discard(task)

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await source.read(_CHUNK):
                if not self.cut:
                    target.write(chunk)
                    await target.drain()
        target.close()

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._ends.discard(writer)
        writer.transport.abort()

    def break_off(self) -> None:
        """Let nothing pass."""
        self.cut = True

    def heal(self) -> None:
        """Let bytes pass again; what hung is dropped, since some of its bytes are lost."""
        self.cut = False
        for writer in list(self._ends):
            self._drop(writer)

    async def close(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        for task in list(self._waiting):
            task.cancel()
        self.heal()
        await asyncio.gather(*self._waiting, return_exceptions=True)
