"""A real identity service on loopback: both ports, the real writer behind them, a clock to hold."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from tramgac_collector.identity import tokens
from tramgac_collector.identity.ca import Authority
from tramgac_collector.identity.registry import Registry
from tramgac_collector.identity.servicer import EnrollmentServicer
from tramgac_collector.identity.tokens import TokenTerms
from tramgac_collector.store.engine import open_engine
from tramgac_collector.store.schema import metadata
from tramgac_collector.store.writer import Writer
from tramgac_proto.v1 import enrollment_pb2_grpc


class Centre:
    """A running service. ``shift_ms`` moves its clock; nobody else's."""

    def __init__(self, state_dir: Path, url: str = "") -> None:
        self.state_dir = state_dir
        self.authority = Authority.open_or_create(state_dir)
        self.engine = open_engine(url or f"sqlite:///{state_dir / 'store.db'}")
        metadata.create_all(self.engine)
        self.writer = Writer(self.engine, linger=0.0)
        self.registry = Registry()
        self.refused: list[str] = []
        self.shift_ms = 0
        self.mtls_port = 0
        self.enrollment_port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._server: Any = None
        self._enrollment: Any = None

    def now_ms(self) -> int:
        """The service's clock."""
        return time.time_ns() // 1_000_000 + self.shift_ms

    async def _serve(self) -> None:
        servicer = EnrollmentServicer(
            self.authority,
            self.registry,
            self.writer.execute,
            now_ms=self.now_ms,
            on_refusal=self.refused.append,
        )
        with self.engine.begin() as connection:
            self.registry.reload(connection)
        self._server = grpc.aio.server()
        self._enrollment = grpc.aio.server()
        for server in (self._server, self._enrollment):
            enrollment_pb2_grpc.add_EnrollmentServiceServicer_to_server(servicer, server)
        self.mtls_port = self._server.add_secure_port(
            "127.0.0.1:0", self.authority.server_credentials()
        )
        self.enrollment_port = self._enrollment.add_secure_port(
            "127.0.0.1:0", self.authority.enrollment_credentials()
        )
        await self._server.start()
        await self._enrollment.start()
        self._ready.set()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.run_forever()

    async def _halt(self) -> None:
        await asyncio.gather(self._server.stop(0), self._enrollment.stop(0))

    def start(self) -> None:
        """Bring both ports up."""
        self.writer.start()
        self._thread.start()
        if not self._ready.wait(15):
            raise TimeoutError("the service did not start")

    def stop(self) -> None:
        """Take both ports down and end the thread."""
        asyncio.run_coroutine_threadsafe(self._halt(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self.writer.stop(10)
        self.engine.dispose()

    def token(self, *, life_ms: int = 3_600_000, uses: int = 1, host: str = "") -> str:
        """A token for facility ``bvdk``, site ``main``."""
        terms = TokenTerms("bvdk", "main", host, max_uses=uses, life_ms=life_ms)
        with self.engine.begin() as connection:
            return tokens.create(connection, terms, self.authority.pin, self.now_ms())


@contextmanager
def running_centre(state_dir: Path, url: str = "") -> Iterator[Centre]:
    """A ``Centre`` that is stopped at the end."""
    centre = Centre(state_dir, url)
    centre.start()
    try:
        yield centre
    finally:
        centre.stop()
