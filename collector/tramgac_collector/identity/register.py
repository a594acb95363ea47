"""The rules of enrolment: who gets which identity. Pure decisions over the store's tables.

Each door first *decides* (nothing is written), then has the key signed outside any
transaction, then *records*, deciding again so that two applicants cannot both win.
"""

from dataclasses import dataclass, replace
from uuid import uuid4

from cryptography import x509
from sqlalchemy import Connection, delete, insert, select, update

from tramgac_collector.identity import tokens, waiting
from tramgac_collector.identity.codes import HOST, Code, Refused
from tramgac_collector.identity.registry import RegisteredAgent, read_agent
from tramgac_collector.identity.signer import BACKDATE, key_sha256, to_ms
from tramgac_collector.identity.waiting import Application
from tramgac_collector.store.engine import bump_generation
from tramgac_collector.store.schema import agents, audit, certificates, pending

# A known key dark for longer is let in by a person only.
MAX_DARK_MS = 90 * 86_400_000
ACTOR = "enrollment"


@dataclass(frozen=True, slots=True)
class Permit:
    """An identity that may be issued.

    Attributes:
        token_id: The token that pays for it; empty if none is spent.
        replaces: Agents of the same place that lose their identity by it.
        known: The agent exists; only its certificate is new.
    """

    agent_id: str
    facility: str
    site: str
    host: str
    role: str
    token_id: str = ""
    replaces: tuple[str, ...] = ()
    known: bool = False

    @property
    def place(self) -> tuple[str, str, str]:
        """Facility, site, host."""
        return (self.facility, self.site, self.host)


def note(connection: Connection, now_ms: int, what: tuple[str, str, str], detail: str = "") -> None:
    """Write ``(actor, action, object)`` to the audit trail."""
    actor, action, subject = what
    connection.execute(
        insert(audit).values(
            at_ms=now_ms, actor=actor, action=action, object=subject[:200], detail=detail[:500]
        )
    )


def _owner_of_key(connection: Connection, key: str) -> tuple[RegisteredAgent, int] | None:
    """The agent whose key it is, and when the key's newest certificate ends."""
    row = connection.execute(
        select(certificates.c.agent_id, certificates.c.not_after_ms)
        .where(certificates.c.public_key_sha256 == key)
        .order_by(certificates.c.not_after_ms.desc())
        .limit(1)
    ).one_or_none()
    agent = None if row is None else read_agent(connection, row[0])
    return None if row is None or agent is None else (agent, row[1])


def _permit_again(agent: RegisteredAgent, application: Application) -> Permit:
    """The answer to an earlier request was lost on the way: it is given again, free."""
    if application.fingerprint != agent.fingerprint:
        raise Refused(Code.KEY_IN_USE)
    return _permit_of(agent)


def require_allowed(agent: RegisteredAgent) -> None:
    """Stop a denied agent.

    Raises:
        Refused: ``superseded`` if another machine holds its place now, else ``denied``.
    """
    if agent.denied:
        raise Refused(Code.SUPERSEDED if agent.reason == Code.SUPERSEDED else Code.DENIED)


def _permit_of(agent: RegisteredAgent) -> Permit:
    owner = agent.owner
    return Permit(owner.agent_id, owner.facility, owner.site, owner.host, owner.role, known=True)


def _holders(connection: Connection, permit: Permit) -> list[tuple[str, bytes]]:
    rows = connection.execute(
        select(agents.c.id, agents.c.fingerprint).where(
            agents.c.facility == permit.facility,
            agents.c.site == permit.site,
            agents.c.host == permit.host,
            agents.c.state != "denied",
        )
    )
    return [(row[0], bytes(row[1])) for row in rows]


def _with_holders(connection: Connection, permit: Permit) -> Permit:
    holders = _holders(connection, permit)
    return replace(permit, replaces=tuple(identifier for identifier, _ in holders))


def _decide_with_token(
    connection: Connection, application: Application, text: str, now_ms: int
) -> Permit:
    token = tokens.find(connection, text, now_ms)
    if token.host and token.host != application.host:
        raise Refused(Code.TOKEN_WRONG_HOST)
    wanted = Permit(
        str(uuid4()), token.facility, token.site, application.host, token.role, token.id
    )
    known = _owner_of_key(connection, application.key)
    if known is not None:
        permit = _permit_again(known[0], application)
        if permit.place != wanted.place:
            raise Refused(Code.KEY_IN_USE)
        return permit
    if token.used >= token.max_uses:
        raise Refused(Code.TOKEN_USED)
    holders = _holders(connection, wanted)
    same = all(application.fingerprint and mark == application.fingerprint for _, mark in holders)
    if not (same or token.host):
        # A token for the whole site must not take the name of a machine that lives.
        raise Refused(Code.HOST_TAKEN)
    return replace(wanted, replaces=tuple(identifier for identifier, _ in holders))


def _decide_without_token(
    connection: Connection, application: Application, now_ms: int
) -> Permit | None:
    known = _owner_of_key(connection, application.key)
    if known is not None:
        if known[1] <= now_ms:
            raise Refused(Code.USE_REJOIN)
        return _permit_again(known[0], application)
    approved = waiting.approved(connection, application.key)
    if approved is None or approved.agent_id:
        return None
    wanted = Permit(str(uuid4()), approved.facility, approved.site, approved.host, approved.role)
    return _with_holders(connection, wanted)


def decide_enrolment(
    connection: Connection, application: Application, token: str, now_ms: int
) -> Permit | None:
    """Whether the applicant gets an identity; None means a person has to say so.

    Raises:
        Refused: With the reason.
    """
    if not HOST.fullmatch(application.host):
        raise Refused(Code.HOST_INVALID)
    known = _owner_of_key(connection, application.key)
    if known is not None:
        require_allowed(known[0])
    if token:
        return _decide_with_token(connection, application, token, now_ms)
    return _decide_without_token(connection, application, now_ms)


def decide_renewal(connection: Connection, agent_id: str, key: str) -> Permit:
    """Whether an agent whose live certificate was just seen gets the next one.

    Raises:
        Refused: Unknown, denied, or the new key is another agent's.
    """
    agent = read_agent(connection, agent_id)
    if agent is None:
        raise Refused(Code.AGENT_UNKNOWN)
    require_allowed(agent)
    known = _owner_of_key(connection, key)
    if known is not None and known[0].owner.agent_id != agent_id:
        raise Refused(Code.KEY_IN_USE)
    return _permit_of(agent)


def decide_rejoin(
    connection: Connection, agent_id: str, application: Application, now_ms: int
) -> Permit | None:
    """Whether an agent that proved its old key comes back; None means a person decides.

    Automatic when it was dark for at most 90 d and the machine is the one that enrolled.
    An agent that only its certificate remembers (the store is older than it, restored from
    a backup) gets its id back once a person named its place.

    Raises:
        Refused: Denied, or the new key is another agent's.
    """
    approved = waiting.approved(connection, application.key)
    if approved is not None and approved.agent_id != agent_id:
        approved = None
    agent = read_agent(connection, agent_id)
    if agent is None:
        if approved is None:
            return None
        place = (approved.facility, approved.site, approved.host)
        return _with_holders(connection, Permit(agent_id, *place, approved.role))
    permit = decide_renewal(connection, agent_id, application.key)
    last_sign = max(agent.last_seen_ms, agent.enrolled_ms, agent.issued_ms)
    same = bool(application.fingerprint) and application.fingerprint == agent.fingerprint
    automatic = same and now_ms - last_sign <= MAX_DARK_MS
    return permit if automatic or approved is not None else None


def _store_agent(
    connection: Connection, permit: Permit, application: Application, now_ms: int
) -> None:
    seen = {"fingerprint": application.fingerprint, "version": application.version}
    if permit.known:
        connection.execute(update(agents).where(agents.c.id == permit.agent_id).values(**seen))
        return
    connection.execute(
        insert(agents).values(
            id=permit.agent_id,
            facility=permit.facility,
            site=permit.site,
            host=permit.host,
            role=permit.role,
            state="active",
            enrolled_ms=now_ms,
            **seen,
        )
    )


def record_certificate(
    connection: Connection, agent_id: str, certificate: x509.Certificate, now_ms: int
) -> None:
    """Remember which key was certified for whom, when, and until when."""
    connection.execute(
        insert(certificates).values(
            serial=f"{certificate.serial_number:x}",
            agent_id=agent_id,
            public_key_sha256=key_sha256(certificate),
            # Finer than the certificate's whole seconds: whether it came before or after a
            # new trust anchor decides if the agent must renew once more.
            not_before_ms=now_ms - int(BACKDATE.total_seconds()) * 1000,
            not_after_ms=to_ms(certificate.not_valid_after_utc),
        )
    )


def require_same(permit: Permit, again: Permit | None) -> None:
    """Stop if the decision no longer stands.

    Raises:
        Refused: ``changed_meanwhile``; the applicant asks again at once.
    """
    if again is None or replace(again, agent_id=permit.agent_id) != permit:
        raise Refused(Code.CHANGED_MEANWHILE, retry_seconds=1)
    if permit.known and again.agent_id != permit.agent_id:
        raise Refused(Code.CHANGED_MEANWHILE, retry_seconds=1)


def record_identity(
    connection: Connection,
    permit: Permit,
    application: Application,
    certificate: x509.Certificate,
    now_ms: int,
) -> None:
    """Write down what was issued through the enrolment or the quarantine door.

    Raises:
        Refused: ``token_used``: another applicant was faster.
    """
    if permit.token_id:
        tokens.spend(connection, permit.token_id, now_ms)
    for old in permit.replaces:
        connection.execute(
            update(agents)
            .where(agents.c.id == old)
            .values(state="denied", reason=Code.SUPERSEDED.value)
        )
        note(connection, now_ms, (ACTOR, "agent_superseded", old), f"by {permit.agent_id}")
    _store_agent(connection, permit, application, now_ms)
    record_certificate(connection, permit.agent_id, certificate, now_ms)
    connection.execute(delete(pending).where(pending.c.public_key_sha256 == application.key))
    paid = f"token {permit.token_id}" if permit.token_id else "approved or known key"
    what = "agent_rejoined" if permit.known else "agent_enrolled"
    note(connection, now_ms, (ACTOR, what, permit.agent_id), f"{'/'.join(permit.place)}, {paid}")
    bump_generation(connection)


def record_renewal(
    connection: Connection, permit: Permit, certificate: x509.Certificate, now_ms: int
) -> None:
    """Write down a renewal over the live channel."""
    record_certificate(connection, permit.agent_id, certificate, now_ms)
    note(connection, now_ms, (ACTOR, "certificate_renewed", permit.agent_id))
    bump_generation(connection)


def note_clone(connection: Connection, agent_id: str, now_ms: int) -> None:
    """Mark an agent whose certificate a second machine used; the first goes on reporting."""
    marked = connection.execute(
        update(agents)
        .where(agents.c.id == agent_id, agents.c.state == "active")
        .values(state="cloned", reason=Code.CLONED.value)
    )
    if marked.rowcount:
        note(connection, now_ms, (ACTOR, "agent_cloned", agent_id))
        bump_generation(connection)
