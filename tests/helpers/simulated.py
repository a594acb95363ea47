"""Puts simulated agents into a collector's store, as if each had been enrolled."""

import hashlib
import time
import uuid
from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from helpers.fleet import SimulatedIdentity, make_csr, private_pem, public_key_sha256
from sqlalchemy import Engine, insert

from tramgac_collector.identity.ca import Authority
from tramgac_collector.identity.signer import Grant
from tramgac_collector.store import schema
from tramgac_collector.store.engine import bump_generation

AGENTS_PER_FACILITY = 3


def place_of(number: int) -> tuple[str, str, str]:
    """``(facility, site, host)`` of simulated agent ``number``."""
    return f"bv-{number // AGENTS_PER_FACILITY:04d}", "main", f"sim-{number:05d}"


def _issue(authority: Authority, place: tuple[str, str, str], now_ms: int) -> SimulatedIdentity:
    key = ec.generate_private_key(ec.SECP256R1())
    agent_id = str(uuid.uuid4())
    grant = Grant.at(agent_id, place, now_ms)
    csr = x509.load_der_x509_csr(make_csr(key, grant.host))
    certificate = authority.signer.sign_csr(csr, grant)
    return SimulatedIdentity(
        agent_id=agent_id,
        host=grant.host,
        key_pem=private_pem(key),
        certificate_pem=certificate.public_bytes(serialization.Encoding.PEM),
        serial=f"{certificate.serial_number:x}",
        public_key_sha256=public_key_sha256(key),
        not_before_ms=int(grant.not_before.timestamp() * 1000),
        not_after_ms=int(grant.not_after.timestamp() * 1000),
    )


def _rows(
    identities: Iterable[SimulatedIdentity], places: Iterable[tuple[str, str, str]], now_ms: int
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    agents: list[dict[str, object]] = []
    certificates: list[dict[str, object]] = []
    for one, (facility, site, host) in zip(identities, places, strict=True):
        agents.append(
            {
                "id": one.agent_id, "facility": facility, "site": site, "host": host,
                "role": "server", "state": "active", "version": "0.1.0", "enrolled_ms": now_ms,
                "fingerprint": hashlib.sha256(one.agent_id.encode()).digest(),
            }
        )  # fmt: skip
        certificates.append(
            {
                "serial": one.serial, "agent_id": one.agent_id,
                "public_key_sha256": one.public_key_sha256,
                "not_before_ms": one.not_before_ms, "not_after_ms": one.not_after_ms,
            }
        )  # fmt: skip
    return agents, certificates


def enroll(
    engine: Engine, authority: Authority, count: int, first: int = 0
) -> list[SimulatedIdentity]:
    """Issue ``count`` identities and register them in one transaction."""
    return enroll_at(engine, authority, [place_of(one) for one in range(first, first + count)])


def enroll_at(
    engine: Engine, authority: Authority, places: Sequence[tuple[str, str, str]]
) -> list[SimulatedIdentity]:
    """The same for agents of these ``(facility, site, host)``."""
    now_ms = time.time_ns() // 1_000_000
    identities = [_issue(authority, place, now_ms) for place in places]
    agents, certificates = _rows(identities, places, now_ms)
    with engine.begin() as connection:
        connection.execute(insert(schema.agents), agents)
        connection.execute(insert(schema.certificates), certificates)
        bump_generation(connection)
    return identities
