"""What the fleet says now: values while they are valid, liveness always."""

import time
from collections.abc import Iterable, Sequence
from typing import Protocol

from tramgac_collector import metrics
from tramgac_collector.live.agents import Agent
from tramgac_collector.live.collected import CollectedLines
from tramgac_collector.live.fragments import Page
from tramgac_collector.live.layout import Layout, Series, make_layout
from tramgac_collector.live.names import Info, render_names
from tramgac_collector.live.streams import Place, Stream, Streams
from tramgac_collector.model import Owner
from tramgac_proto import limits
from tramgac_proto.v1 import fleet_pb2

_SILENT_MS = int(limits.SILENT_AFTER_SECONDS * 1000)
_SETTLE_MS = int(limits.COLLECTOR_SETTLE_SECONDS * 1000)
MAX_STREAMS_PER_AGENT = 1_000


class Expected(Protocol):
    """The part of the inventory the page needs."""

    def expected_hosts(self) -> Sequence[Owner]:
        """Every declared host."""
        ...


class LiveState:
    """Current values of every agent as Prometheus text.

    ``apply`` and its like belong to the ingest loop, ``render`` to any thread: both take
    a lock that is held for microseconds (a scrape holds it to list what changed).

    Args:
        inventory: Hosts that should report.
        started_ms: Start of the collector, wall clock; silence is judged only after
            ``COLLECTOR_SETTLE_SECONDS`` from here.
    """

    def __init__(self, inventory: Expected, started_ms: int | None = None) -> None:
        self._page = Page()
        self._lock = self._page.lock
        self._streams = Streams(self._page)
        self._lines = CollectedLines(self._page, self._streams)
        self._agents: dict[str, Agent] = {}
        # Which agent speaks for a host: the newest one that is not silent.
        self._speakers: dict[Place, Agent] = {}
        self._started_ms = int(time.time() * 1000) if started_ms is None else started_ms
        self._now_ms = self._started_ms
        self._ranks = 0
        self.set_inventory(inventory)

    def layout(self, owner: Owner, series: Sequence[Series]) -> Layout:
        """Render the labels of an observation once; keep the result beside its series ids.

        Raises:
            RefusedSeries: A name or label the catalogue does not allow an agent.
        """
        return make_layout(owner, series)

    def known(self, owner: Owner, last_seen_ms: int, not_after_ms: int, version: str = "") -> None:
        """Name an agent of the registry at start-up, oldest enrolment first.

        Its last call, certificate and version are shown though it has not reported yet.
        """
        with self._lock:
            agent = self._agent(owner.agent_id)
            agent.last_seen_ms = max(agent.last_seen_ms, last_seen_ms)
            if self._settle_home(agent, owner):
                self._lines.last_seen(owner, agent.last_seen_ms)
                self._lines.certificate(owner, not_after_ms)
                self._lines.version(owner, version)

    def seen(
        self,
        owner: Owner,
        now_ms: int,
        status: fleet_pb2.AgentStatus,
        clock_offset_ms: int,
        not_after_ms: int,
    ) -> None:
        """Note an accepted call of an agent."""
        with self._lock:
            self._now_ms = max(self._now_ms, now_ms)
            agent = self._agent(owner.agent_id)
            agent.last_seen_ms = max(agent.last_seen_ms, now_ms)
            if not self._settle_home(agent, owner):
                metrics.LIVE_REFUSED.labels("two_agents_on_one_host").inc()
                return
            if agent.silent:
                agent.silent = False
                self._show_all(agent)
            self._lines.alive(owner, status, clock_offset_ms)
            self._lines.last_seen(owner, now_ms)
            self._lines.certificate(owner, not_after_ms)

    def apply(  # noqa: PLR0917 - the hot call; its fields are an observation
        self,
        owner: Owner,
        stream: str,
        layout: Layout,
        values: Sequence[float],
        event_ms: int,
        expires_ms: int,
    ) -> None:
        """Show an observation unless a newer one of its stream is shown or it expired.

        Args:
            owner: The reporting agent.
            stream: What the observation replaces: check, subject and stream of the wire.
            layout: Of the observation's series, from ``layout``.
            values: Parallel to the series the layout was made from.
            event_ms: Corrected event time.
            expires_ms: From when on the values say nothing.
        """
        with self._lock:
            agent = self._agent(owner.agent_id)
            entry = agent.streams.get(stream)
            if expires_ms <= self._now_ms:
                # Says nothing any more, and neither does what it replaced.
                if entry is not None and event_ms > entry.event_ms:
                    self._streams.hide(entry)
                    entry.layout, entry.event_ms = None, event_ms
                return
            if entry is None:
                entry = self._open(agent, stream)
            if entry is None or event_ms < entry.event_ms:
                return
            entry.event_ms = event_ms
            entry.expires_ms = expires_ms
            agent.next_expiry_ms = min(agent.next_expiry_ms, expires_ms)
            taken = layout.order
            chosen = tuple(values) if taken is None else tuple([values[i] for i in taken])
            if layout is entry.layout and entry.blocks:
                self._streams.update(entry, chosen)
                return
            self._streams.hide(entry)
            entry.layout = layout
            entry.values = chosen
            self._show(agent, entry)

    def clear(self, owner: Owner, stream: str, event_ms: int) -> None:
        """Take a stream off the page: its check failed at ``event_ms``."""
        with self._lock:
            agent = self._agent(owner.agent_id)
            entry = agent.streams.get(stream) or self._open(agent, stream)
            if entry is None or event_ms < entry.event_ms:
                return
            self._streams.hide(entry)
            entry.layout = None
            entry.event_ms = event_ms
            entry.expires_ms = self._now_ms + 86_400_000
            agent.next_expiry_ms = min(agent.next_expiry_ms, entry.expires_ms)

    def derived(
        self, name: str, owner: Owner, labels: tuple[tuple[str, str], ...], value: float | None
    ) -> None:
        """Set a series the collector owns; ``None`` removes it. It outlives silence."""
        with self._lock:
            self._lines.derived(name, owner, labels, value)

    def name(self, source: str, infos: Iterable[Info]) -> None:
        """Show what one source calls things, in place of all it called them before."""
        named = render_names(infos)
        with self._lock:
            self._lines.name(source, named)

    def forget(self, agent_id: str) -> None:
        """Remove everything of an agent that is no longer registered."""
        with self._lock:
            agent = self._agents.pop(agent_id, None)
            if agent is None:
                return
            for entry in agent.streams.values():
                self._streams.hide(entry)
            if agent.home is not None and self._speakers.get(agent.home) is agent:
                del self._speakers[agent.home]
                self._lines.remove_place(agent.home)
            self._lines.remove_derived(agent_id)

    def sweep(self, now_ms: int) -> None:
        """Let expired values and silent agents vanish; call it every second or so."""
        with self._lock:
            self._now_ms = max(self._now_ms, now_ms)
            settled = self._settled
            for agent in self._agents.values():
                if agent.next_expiry_ms <= self._now_ms:
                    self._expire(agent)
                if settled and not agent.silent and self._is_silent(agent):
                    self._silence(agent)
            self._liveness()

    def set_inventory(self, inventory: Expected) -> None:
        """Take a new inventory: what is expected, coverage."""
        with self._lock:
            hosts = inventory.expected_hosts()
            self._expected = [(one.facility, one.site, one.host) for one in hosts]
            self._lines.keep_places({*self._expected, *self._speakers})
            self._liveness()

    def render(self) -> bytes:
        """The whole page."""
        return b"".join(self.parts(packed=False))

    def render_gzip(self) -> bytes:
        """The whole page as gzip members."""
        return b"".join(self.parts(packed=True))

    def parts(self, *, packed: bool) -> list[bytes]:
        """The page in pieces, so that a server need not hold it twice."""
        return self._page.parts(packed=packed)

    @property
    def _settled(self) -> bool:
        return self._now_ms >= self._started_ms + _SETTLE_MS

    def _is_silent(self, agent: Agent) -> bool:
        return self._now_ms - agent.last_seen_ms > _SILENT_MS

    def _agent(self, agent_id: str) -> Agent:
        agent = self._agents.get(agent_id)
        if agent is None:
            self._ranks += 1
            agent = self._agents[agent_id] = Agent(self._ranks)
        return agent

    def _settle_home(self, agent: Agent, owner: Owner) -> bool:
        """Decide whether ``agent`` speaks for its host; the newest live one does."""
        home = (owner.facility, owner.site, owner.host)
        if agent.home == home and self._speakers.get(home) is agent:
            return True
        if agent.home is not None and self._speakers.get(agent.home) is agent:
            del self._speakers[agent.home]
            self._lines.remove_place(agent.home)
        agent.home = home
        other = self._speakers.get(home)
        if other is not None and other.rank > agent.rank and not self._is_silent(other):
            self._mute(agent)
            return False
        if other is not None:
            self._mute(other)
            self._lines.remove_place(home)
        self._speakers[home] = agent
        if agent.muted:
            agent.muted = False
            self._show_all(agent)
        return True

    def _mute(self, agent: Agent) -> None:
        agent.muted = True
        for entry in agent.streams.values():
            self._streams.hide(entry)

    def _open(self, agent: Agent, stream: str) -> Stream | None:
        if len(agent.streams) >= MAX_STREAMS_PER_AGENT:
            metrics.LIVE_REFUSED.labels("too_many_streams").inc()
            return None
        agent.opened += 1
        entry = agent.streams[stream] = Stream((agent.rank, agent.opened))
        return entry

    def _show(self, agent: Agent, entry: Stream) -> None:
        if agent.silent:
            return
        if agent.muted:
            metrics.LIVE_REFUSED.labels("two_agents_on_one_host").inc()
        elif entry.layout and agent.lines() + entry.layout.size > limits.MAX_SERIES_PER_AGENT:
            metrics.LIVE_REFUSED.labels("too_many_series").inc()
        else:
            rivals = self._streams.show(entry)
            refused = 1 if rivals is None else len(rivals)
            if refused:
                metrics.LIVE_REFUSED.labels("series_of_two_streams").inc(refused)

    def _show_all(self, agent: Agent) -> None:
        for entry in agent.streams.values():
            if entry.expires_ms > self._now_ms and not entry.blocks:
                self._show(agent, entry)

    def _expire(self, agent: Agent) -> None:
        for name, entry in list(agent.streams.items()):
            if entry.expires_ms <= self._now_ms:
                self._streams.hide(entry)
                del agent.streams[name]
        agent.find_next_expiry()

    def _silence(self, agent: Agent) -> None:
        agent.silent = True
        for entry in agent.streams.values():
            self._streams.hide(entry)
        if agent.home is not None and self._speakers.get(agent.home) is agent:
            self._lines.silent(agent.home)

    def _liveness(self) -> None:
        """Expected hosts that never reported, and coverage."""
        reporting = {
            place
            for place, agent in self._speakers.items()
            if agent.last_seen_ms >= self._started_ms and not agent.silent
        }
        if self._settled:
            for place in self._expected:
                if place not in self._speakers:
                    self._lines.silent(place)
        self._lines.coverage(self._expected, reporting, settled=self._settled)
