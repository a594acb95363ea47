"""What a person at the centre may decide: approve, deny, allow. All of it is audited."""

from typing import Any

from sqlalchemy import Connection, Row, select, update

from tramgac_collector.identity.codes import HOST, ID, Code
from tramgac_collector.identity.register import note
from tramgac_collector.identity.registry import RegisteredAgent, read_agent
from tramgac_collector.store.engine import bump_generation
from tramgac_collector.store.schema import agents, pending

ACTOR = "cli"
MIN_PREFIX = 6
_MAX_REASON = 64


def _waiting_row(connection: Connection, prefix: str) -> Row[Any]:
    if len(prefix) < MIN_PREFIX or not prefix.isalnum():
        raise LookupError(f"give at least {MIN_PREFIX} characters of the key")
    rows = connection.execute(
        select(pending).where(pending.c.public_key_sha256.startswith(prefix.lower()))
    ).all()
    if len(rows) != 1:
        found = "nobody waits" if not rows else f"{len(rows)} wait"
        raise LookupError(f"{found} with a key that starts with {prefix}")
    return rows[0]


def approve(connection: Connection, prefix: str, place: tuple[str, str, str], now_ms: int) -> str:
    """Let the next request of a waiting key be signed.

    Args:
        connection: In a transaction.
        prefix: Start of the key, at least 6 characters.
        place: Facility, site, role; facility and site may be empty for a known agent.
        now_ms: For the audit trail.

    Raises:
        LookupError: No such key, or more than one.
        ValueError: The place is missing or malformed.
    """
    row = _waiting_row(connection, prefix)
    facility, site, role = place
    known = read_agent(connection, row.agent_id) if row.agent_id else None
    if known is not None:
        facility, site, role = known.owner.facility, known.owner.site, known.owner.role
    if not ID.fullmatch(facility) or not ID.fullmatch(site):
        raise ValueError("--facility and --site are needed: a-z, 0-9 and `-`")
    if not HOST.fullmatch(row.host):
        raise ValueError("the host calls itself by an impossible name; enrol it with --host")
    connection.execute(
        update(pending)
        .where(pending.c.public_key_sha256 == row.public_key_sha256)
        .values(facility=facility, site=site, role=role)
    )
    where = f"{facility}/{site}/{row.host}"
    note(connection, now_ms, (ACTOR, "agent_approved", row.public_key_sha256), where)
    bump_generation(connection)
    return f"approved as {where}; its next request is answered"


def find_agent(connection: Connection, name: str) -> RegisteredAgent:
    """The agent by id, or by place if one agent at most is not denied there.

    Raises:
        LookupError: None, or several.
    """
    found = read_agent(connection, name)
    if found is not None:
        return found
    parts = name.split("/")
    rows: list[tuple[str, str]] = []
    if len(parts) == 3:  # noqa: PLR2004 - facility/site/host
        here = select(agents.c.id, agents.c.state).where(
            agents.c.facility == parts[0],
            agents.c.site == parts[1],
            agents.c.host == parts[2],
        )
        rows = [(row[0], row[1]) for row in connection.execute(here)]
    live = [row for row in rows if row[1] != "denied"]
    chosen = live or rows
    if len(chosen) != 1:
        raise LookupError(f"{len(chosen)} agents are called {name}; give the id from `agents list`")
    agent = read_agent(connection, chosen[0][0])
    if agent is None:
        raise LookupError(name)
    return agent


def _set_state(connection: Connection, agent_id: str, state: str, reason: str) -> None:
    connection.execute(
        update(agents).where(agents.c.id == agent_id).values(state=state, reason=reason)
    )
    bump_generation(connection)


def deny(connection: Connection, name: str, reason: str, now_ms: int) -> str:
    """Refuse every call of the agent from now on.

    Raises:
        LookupError: No such agent.
        ValueError: No reason, or too long a one.
    """
    agent = find_agent(connection, name)
    if not reason.strip() or len(reason) > _MAX_REASON:
        raise ValueError(f"--reason is 1 to {_MAX_REASON} characters")
    _set_state(connection, agent.owner.agent_id, "denied", reason)
    note(connection, now_ms, (ACTOR, "agent_denied", agent.owner.agent_id), reason)
    return f"denied {agent.owner.place}, agent {agent.owner.agent_id}"


def allow(connection: Connection, name: str, now_ms: int) -> str:
    """Undo a denial or a clone alarm.

    Raises:
        LookupError: No such agent.
        ValueError: Another agent holds its place now.
    """
    agent = find_agent(connection, name)
    owner = agent.owner
    holder = connection.execute(
        select(agents.c.id).where(
            agents.c.facility == owner.facility,
            agents.c.site == owner.site,
            agents.c.host == owner.host,
            agents.c.state != "denied",
            agents.c.id != owner.agent_id,
        )
    ).first()
    if holder is not None:
        raise ValueError(
            f"{Code.SUPERSEDED}: {owner.place} is agent {holder[0]} now; deny that first"
        )
    _set_state(connection, owner.agent_id, "active", "")
    note(connection, now_ms, (ACTOR, "agent_allowed", owner.agent_id))
    return f"allowed {owner.place}, agent {owner.agent_id}"
