"""Who may report: the agents table in memory, read on every call."""

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from tramgac_collector.identity.signer import BACKDATE
from tramgac_collector.model import Owner
from tramgac_collector.store.schema import agents, certificates

RENEW_BEFORE_MS = 120 * 86_400_000
_BACKDATE_MS = int(BACKDATE.total_seconds() * 1000)
_SAN = "x509_subject_alternative_name"
_URN = b"urn:uuid:"


@dataclass(frozen=True, slots=True)
class RegisteredAgent:
    """One agent as the store knows it.

    Attributes:
        state: ``active``, ``cloned`` (may report; a second machine tried to) or ``denied``.
        reason: Code or the words of whoever denied it.
        issued_ms: When its newest certificate was issued.
        not_after_ms: When its newest certificate ends.
    """

    owner: Owner
    state: str
    reason: str
    fingerprint: bytes
    enrolled_ms: int
    last_seen_ms: int
    issued_ms: int
    not_after_ms: int
    version: str

    @property
    def denied(self) -> bool:
        """Whether every call of this agent is refused."""
        return self.state == "denied"


def agent_id_of(auth_context: Mapping[str, Iterable[bytes]]) -> str | None:
    """The agent id in a peer's verified certificate.

    Args:
        auth_context: Of a call on the mTLS port; gRPC fills it from the handshake.
    """
    for name in auth_context.get(_SAN, ()):
        if name.startswith(_URN):
            try:
                return str(UUID(name.removeprefix(_URN).decode("ascii")))
            except ValueError:
                return None
    return None


_NEWEST = (
    select(
        certificates.c.agent_id,
        func.max(certificates.c.not_before_ms).label("not_before_ms"),
        func.max(certificates.c.not_after_ms).label("not_after_ms"),
    )
    .group_by(certificates.c.agent_id)
    .subquery()
)
_AGENTS = select(
    agents,
    func.coalesce(_NEWEST.c.not_before_ms, 0).label("not_before_ms"),
    func.coalesce(_NEWEST.c.not_after_ms, 0).label("not_after_ms"),
).join_from(agents, _NEWEST, agents.c.id == _NEWEST.c.agent_id, isouter=True)


def _registered(row: Row[Any]) -> RegisteredAgent:
    return RegisteredAgent(
        owner=Owner(row.id, row.facility, row.site, row.host, row.role),
        state=row.state,
        reason=row.reason,
        fingerprint=bytes(row.fingerprint),
        enrolled_ms=row.enrolled_ms,
        last_seen_ms=row.last_seen_ms,
        issued_ms=row.not_before_ms + _BACKDATE_MS if row.not_before_ms else 0,
        not_after_ms=row.not_after_ms,
        version=row.version,
    )


def read_agents(connection: Connection) -> list[RegisteredAgent]:
    """Every agent ever enrolled, by place."""
    rows = connection.execute(_AGENTS.order_by(agents.c.facility, agents.c.site, agents.c.host))
    return [_registered(row) for row in rows]


def read_agent(connection: Connection, agent_id: str) -> RegisteredAgent | None:
    """One agent."""
    row = connection.execute(_AGENTS.where(agents.c.id == agent_id)).one_or_none()
    return None if row is None else _registered(row)


class Registry:
    """The agents by id, as last read. Swapped whole, so a reader never sees half of it."""

    def __init__(self) -> None:
        self._agents: dict[str, RegisteredAgent] = {}
        # Without it a `reload` that read before an enrolment could undo its `refresh`.
        self._reading = threading.Lock()

    def reload(self, connection: Connection) -> None:
        """Read everything: at the start, and whenever the generation moved."""
        with self._reading:
            self._agents = {agent.owner.agent_id: agent for agent in read_agents(connection)}

    def refresh(self, connection: Connection, *agent_ids: str) -> None:
        """Read a few again, so that a new agent need not wait for the next reload."""
        with self._reading:
            changed = dict(self._agents)
            for agent_id in agent_ids:
                agent = read_agent(connection, agent_id)
                if agent is not None:
                    changed[agent_id] = agent
            self._agents = changed

    def lookup(self, agent_id: str) -> RegisteredAgent | None:
        """The agent of that id, denied or not; None if it was never enrolled here."""
        return self._agents.get(agent_id)

    def agents(self) -> Collection[RegisteredAgent]:
        """All of them."""
        return self._agents.values()


def renewal_due(agent: RegisteredAgent, anchors_changed_ms: int, now_ms: int) -> bool:
    """Whether the agent should be told to renew: 120 d left, or it lacks a new trust anchor."""
    return agent.not_after_ms - now_ms < RENEW_BEFORE_MS or agent.issued_ms < anchors_changed_ms
