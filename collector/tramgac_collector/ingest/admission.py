"""Who may report now: identity, deny list, rate, and how much the collector holds already."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import grpc

from tramgac_collector.identity.registry import RegisteredAgent, Registry, agent_id_of
from tramgac_collector.ingest.session import Agent
from tramgac_collector.model import Owner

_CODE = grpc.StatusCode
BUSY_RETRY_MS = 5_000
_NAMES = "x509_subject_alternative_name"
_MAX_NAMED = 200_000


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """A call that is not taken in.

    Args:
        status: gRPC status.
        code: Stable; the call's details, and its label in the metrics.
        retry_after_ms: Not zero: sent as trailing metadata ``retry-after-ms``.
    """

    def __init__(self, status: grpc.StatusCode, code: str, retry_after_ms: int = 0) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.retry_after_ms = retry_after_ms


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the collector holds at most at one time.

    Attributes:
        inflight_bytes: Of calls being handled.
        queue: Batches waiting for the writer.
        calls_per_minute: Of one agent.
    """

    inflight_bytes: int
    queue: int
    calls_per_minute: int


class Admission:
    """The door. Every call passes it once, before a byte of it is parsed.

    Args:
        registry: Known agents and the deny list.
        bounds: See there.
        depth: Batches waiting for the writer now.
    """

    def __init__(self, registry: Registry, bounds: Bounds, depth: Callable[[], int]) -> None:
        self._registry = registry
        self._bounds = bounds
        self._depth = depth
        self.inflight_bytes = 0
        self._named: dict[tuple[bytes, ...], str] = {}
        self.agents: dict[str, Agent] = {}

    def admit(
        self, auth_context: Mapping[str, Iterable[bytes]], size: int
    ) -> tuple[Agent, RegisteredAgent]:
        """Return the agent that calls.

        Raises:
            Refused: ``no_identity``, ``agent_unknown``, ``denied``, ``rate_limited``, ``busy``.
        """
        agent_id = self._agent_id(auth_context)
        if agent_id is None:
            raise Refused(_CODE.UNAUTHENTICATED, "no_identity")
        registered = self._registry.lookup(agent_id)
        if registered is None:
            # A valid certificate of ours, but no such agent: the store was restored from
            # an older backup. Rejoining by the old key brings the agent back.
            raise Refused(_CODE.UNAUTHENTICATED, "agent_unknown")
        if registered.denied:
            raise Refused(_CODE.PERMISSION_DENIED, "denied")
        agent = self.agent(registered.owner)
        wait = agent.take_tokens(size)
        if wait > 0:
            raise Refused(_CODE.UNAVAILABLE, "rate_limited", int(wait * 1000) + 1)
        # This call's own bytes are counted already.
        if self.inflight_bytes > self._bounds.inflight_bytes:
            raise Refused(_CODE.UNAVAILABLE, "busy", BUSY_RETRY_MS)
        if self._depth() >= self._bounds.queue:
            raise Refused(_CODE.UNAVAILABLE, "busy", BUSY_RETRY_MS)
        return agent, registered

    def _agent_id(self, auth_context: Mapping[str, Iterable[bytes]]) -> str | None:
        """Who the certificate names; the names themselves are remembered, not the connection."""
        names = tuple(auth_context.get(_NAMES, ()))
        agent_id = self._named.get(names)
        if agent_id is None:
            agent_id = agent_id_of(auth_context)
            if agent_id is not None and len(self._named) < _MAX_NAMED:
                self._named[names] = agent_id
        return agent_id

    def agent(self, owner: Owner) -> Agent:
        """What is remembered of an agent; it may have been moved to another place."""
        agent = self.agents.get(owner.agent_id)
        if agent is None:
            agent = self.agents[owner.agent_id] = Agent(owner, self._bounds.calls_per_minute)
        elif agent.owner != owner:
            agent.owner = owner
            agent.forget_plans()
        return agent

    def forget_gone(self) -> None:
        """The registry changed: who may not call needs no memory."""
        for agent_id in list(self.agents):
            registered = self._registry.lookup(agent_id)
            if registered is None or registered.denied:
                del self.agents[agent_id]

    def forget_plans(self) -> None:
        """The inventory changed: whom a value belongs to is worked out again."""
        for agent in self.agents.values():
            agent.forget_plans()
