"""The ingest process, put together: doors, writer, live state, timers."""

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path

import grpc
from sqlalchemy import Engine, select

from tramgac_collector import metrics
from tramgac_collector.config import Config
from tramgac_collector.facts.derived import Derived
from tramgac_collector.facts.ledger import FactLedger
from tramgac_collector.identity.ca import Authority
from tramgac_collector.identity.clones import CloneWatch
from tramgac_collector.identity.registry import RegisteredAgent, Registry, renewal_due
from tramgac_collector.identity.servicer import EnrollmentServicer
from tramgac_collector.ingest.admission import Admission, Bounds
from tramgac_collector.ingest.housekeeping import (
    FACTS_SECONDS,
    HOUR,
    MINUTE,
    PUBLISH_SECONDS,
    SECOND,
    SIGHT_SECONDS,
    Housekeeping,
    every,
)
from tramgac_collector.ingest.plans import Rules
from tramgac_collector.ingest.restore import show_known, show_latest
from tramgac_collector.ingest.servicer import Centre, FleetServicer, Settings
from tramgac_collector.inventory.infos import inventory_infos
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import import_inventory, newest
from tramgac_collector.lan.book import LedgerBook
from tramgac_collector.lan.budget import DAY_MS
from tramgac_collector.lan.conductor import Conductor, remembered_ms
from tramgac_collector.lan.ledger import read_entries, read_past
from tramgac_collector.live.state import LiveState
from tramgac_collector.metrics_app import start_metrics_server
from tramgac_collector.model import Owner
from tramgac_collector.store import schema
from tramgac_collector.store.engine import open_engine, reading, upgrade
from tramgac_collector.store.retention import Retention
from tramgac_collector.store.writer import StoreUnavailable, Writer
from tramgac_proto import limits
from tramgac_proto.v1 import enrollment_pb2_grpc

# Less than the parent waits before it kills.
GRACE_SECONDS = 3.0
_MAX_CALLS = 10_000
_OPTIONS: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", limits.MAX_MESSAGE_BYTES),
    # A second process on the port must fail at once, not share its calls.
    ("grpc.so_reuseport", 0),
    # Spelled without RECV; the core ignores names it does not know without a word.
    ("grpc.http2.min_ping_interval_without_data_ms", limits.SERVER_MIN_PING_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 120_000),
    ("grpc.keepalive_timeout_ms", limits.KEEPALIVE_TIMEOUT_MS),
    ("grpc.max_concurrent_streams", 16),
]
# A signing request and a certificate of 8 KiB each are the most a door takes.
_MAX_STRANGERS = 200
_STRANGERS_OPTIONS = [
    *[one for one in _OPTIONS if one[0] != "grpc.max_receive_message_length"],
    ("grpc.max_receive_message_length", 64 * 1024),
]

log = logging.getLogger(__name__)


class BindError(OSError):
    """An address is taken or not ours."""


class Ingest:
    """Everything that lives as long as the process.

    Args:
        config: What is in force.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.engine = _open_store(config)
        self.authority = Authority.open_or_create(config.state_dir, config.collector.names)
        self.registry = Registry()
        self.writer = Writer(self.engine, max_queue=config.limits.queue_batches)
        self.live = LiveState(Inventory())
        self.facts = FactLedger()
        self.derived = Derived(self.facts, self.live, self._owner_of)
        self.facts.on_change = self.derived.note
        self.conductor = Conductor(
            self.authority.lease_signer,
            Inventory(),
            config,
            LedgerBook(self.writer.execute),
            self.facts.get,
        )
        self.inventory = Inventory()
        self.centre = self._make_centre()
        self.housekeeping = Housekeeping(
            self.centre,
            self.engine,
            self.registry,
            self.derived,
            retention=Retention(self.engine, config.retention),
            on_inventory=self._set_inventory,
            on_change=self._note_anchors,
        )
        metrics.STORE_FLOOR_BYTES.set(config.store.floor_bytes)
        self._anchors_changed_ms = 0
        self._servers: list[grpc.aio.Server] = []
        self._doors_open = False
        self.ports: dict[str, int] = {}

    def _make_centre(self) -> Centre:
        config = self.config
        bounds = Bounds(
            config.limits.inflight_bytes,
            config.limits.queue_batches,
            config.limits.calls_per_minute,
        )
        return Centre(
            admission=Admission(self.registry, bounds, lambda: self.writer.depth),
            writer=self.writer,
            live=self.live,
            facts=self.facts,
            conductor=self.conductor,
            clones=CloneWatch(self._fingerprint_of),
            rules=Rules(self.live.layout, self._assigned),
            settings=Settings(
                config.limits.series_per_agent,
                config.limits.backlog_bytes_per_second,
                config.limits.queue_batches,
                self._renewal_due,
            ),
        )

    def _owner_of(self, agent_id: str) -> Owner | None:
        agent = self.registry.lookup(agent_id)
        return None if agent is None or agent.denied else agent.owner

    def _assigned(self, owner: Owner, subject: str) -> Owner | None:
        return self.inventory.assigned(owner, subject)

    def _fingerprint_of(self, agent_id: str) -> bytes:
        agent = self.registry.lookup(agent_id)
        return b"" if agent is None else agent.fingerprint

    def _renewal_due(self, agent: RegisteredAgent, now_ms: int) -> bool:
        return renewal_due(agent, self._anchors_changed_ms, now_ms)

    def _set_inventory(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.live.set_inventory(inventory)
        self.live.name("inventory", inventory_infos(inventory))
        self.derived.set_inventory(inventory)
        self.conductor.set_inventory(inventory)

    def _note_anchors(self) -> None:
        self._anchors_changed_ms = self.authority.anchors_changed_ms

    def restore(self) -> None:
        """Bring back what an earlier process knew: facts, last values, who is registered."""
        with reading(self.engine) as connection:
            # First of all: what the inventory makes of them must not be taken for news.
            self.facts.load(connection)
        self.housekeeping.reload()
        show_known(self.live, self.registry)
        with reading(self.engine) as connection:
            now_ms = self.centre.now_ms()
            past = read_past(connection, now_ms - remembered_ms(self.config.throughput))
            self.conductor.restore(read_entries(connection, now_ms - DAY_MS), past)
            shown = show_latest(connection, self.centre, self.registry)
        self.derived.refresh(self.centre.now_ms())
        log.info("%d agents known, %d streams restored", len(self.registry.agents()), shown)

    async def serve(self, stop: asyncio.Event) -> None:
        """Answer until ``stop`` is set, then end in order.

        Raises:
            BindError: One of the addresses cannot be used.
        """
        self.writer.start()
        address = self.config.listen.metrics
        try:
            metrics_server = start_metrics_server(address, self.live, self._ready)
        except OSError as error:
            raise BindError(f"metrics: {address} cannot be used: {error.strerror}") from error
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._open_doors()
            self._doors_open = True
            log.info("listening: %s", {**self.ports, "metrics": metrics_server.port})
            tasks = [asyncio.create_task(one) for one in self._timers()]
            await stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*(one.stop(GRACE_SECONDS) for one in self._servers))
            await self._last_writes()
            metrics_server.close()
            await asyncio.to_thread(self.writer.stop, GRACE_SECONDS)
            self.engine.dispose()
            log.info("stopped")

    async def _last_writes(self) -> None:
        """Facts and last calls that have not been written yet; what is lost is rebuilt anyway."""
        try:
            await self.housekeeping.write_facts()
            await self.housekeeping.write_seen()
        except StoreUnavailable as error:
            log.warning("last facts not written: %s", error)

    def _timers(self) -> list[Coroutine[None, None, None]]:
        keep = self.housekeeping
        return [
            every(SECOND, keep.second),
            every(SIGHT_SECONDS, keep.sight),
            every(FACTS_SECONDS, keep.write_facts),
            every(PUBLISH_SECONDS, keep.publish),
            every(MINUTE, keep.minute, first=SECOND),
            # Not an hour after the start, or a collector that restarts often never forgets.
            every(HOUR, keep.hour, first=5 * MINUTE),
        ]

    def _ready(self) -> bool:
        """The store answers, and agents can call: the page of metrics is open before the doors."""
        if not self._doors_open:
            return False
        with reading(self.engine) as connection:
            connection.execute(select(schema.settings.c.key).limit(1))
        return self.writer.stats.healthy

    async def _open_doors(self) -> None:
        enrollment = EnrollmentServicer(
            self.authority,
            self.registry,
            self.writer.execute,
            on_refusal=self._count_refusal,
        )
        listen, authority = self.config.listen, self.authority
        for name, address, credentials, options, calls in (
            ("grpc", listen.grpc, authority.server_credentials(), _OPTIONS, _MAX_CALLS),
            # Open to strangers: what they may make us hold is little.
            (
                "enrollment",
                listen.enrollment,
                authority.enrollment_credentials(),
                _STRANGERS_OPTIONS,
                _MAX_STRANGERS,
            ),
        ):
            server = grpc.aio.server(options=options, maximum_concurrent_rpcs=calls)
            enrollment_pb2_grpc.add_EnrollmentServiceServicer_to_server(enrollment, server)
            if name == "grpc":
                server.add_generic_rpc_handlers((FleetServicer(self.centre).handler(),))
            try:
                self.ports[name] = server.add_secure_port(address, credentials)
            except RuntimeError as error:
                raise BindError(f"{name}: {address} cannot be used: {error}") from error
            await server.start()
            self._servers.append(server)

    def _count_refusal(self, code: str) -> None:
        self.centre.tally.refused[code] += 1


def _open_store(config: Config) -> Engine:
    """Open and upgrade the store; put the configured inventory into force if there is none."""
    if not config.store.url:
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    upgrade(config.store_url)
    engine = open_engine(config.store_url)
    path = Path(config.collector.inventory)
    with engine.begin() as connection:
        if newest(connection) is None and path.exists():
            import_inventory(connection, path)
    return engine
