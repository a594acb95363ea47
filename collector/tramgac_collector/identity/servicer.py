"""The four doors: Enroll, Renew, GetNonce, Rejoin."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID
from sqlalchemy import Connection

from tramgac_collector.identity import register, waiting
from tramgac_collector.identity.ca import Authority
from tramgac_collector.identity.codes import Code, Refused
from tramgac_collector.identity.guards import Nonces, RateLimit
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.identity.register import Permit
from tramgac_collector.identity.registry import Registry, agent_id_of
from tramgac_collector.identity.signer import Grant, key_sha256, read_csr
from tramgac_collector.identity.waiting import Application
from tramgac_collector.store.writer import StoreUnavailable
from tramgac_proto.v1 import enrollment_pb2 as pb
from tramgac_proto.v1 import enrollment_pb2_grpc

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]

REJOIN_PREFIX = b"tramgac rejoin v1\n"
MAX_CERTIFICATE_BYTES = 8 * 1024
MAX_FINGERPRINT_BYTES = 64
MAX_VERSION_CHARS = 32
MAX_HOST_CHARS = 64
# Of one agent in an hour: each leaves rows, and has the registry read again.
RENEWALS = 10

# PostgreSQL takes no NUL, and a terminal takes the rest too seriously.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

log = logging.getLogger(__name__)


class Execute(Protocol):
    """The store's writer: runs a function in a transaction of its own thread."""

    def __call__(self, fn: Callable[[Connection], T], /) -> "Future[T]":
        """Run ``fn``; the future is done after the commit."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request for an identity.

    Attributes:
        agent_id: Not empty: a known agent at the quarantine door.
    """

    csr: x509.CertificateSigningRequest
    application: Application
    agent_id: str = ""


def peer_address(peer: str) -> str:
    """Address of gRPC's ``ipv4:10.0.0.1:5123`` or ``ipv6:%5B::1%5D:5123``, port dropped."""
    return peer.partition(":")[2].rpartition(":")[0][:128]


def verify(certificate: x509.Certificate, signature: bytes, message: bytes) -> None:
    """Check a signature by the certificate's key (SHA-256; RSA with PKCS #1 v1.5).

    Raises:
        Refused: ``signature_wrong``.
    """
    key = certificate.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        else:
            raise Refused(Code.SIGNATURE_WRONG)
    except InvalidSignature as error:
        raise Refused(Code.SIGNATURE_WRONG) from error


class EnrollmentServicer(enrollment_pb2_grpc.EnrollmentServiceServicer):
    """Served on the enrolment port, and on the reporting port for ``Renew``.

    Args:
        execute: ``Writer.execute``; the only way to the store.
        now_ms: The collector's clock.
        on_refusal: Called with the code of each refusal, to count it.
    """

    def __init__(
        self,
        authority: Authority,
        registry: Registry,
        execute: Execute,
        *,
        now_ms: Callable[[], int] = wall_ms,
        on_refusal: Callable[[str], None] = lambda _code: None,
    ) -> None:
        self._authority = authority
        self._registry = registry
        self._execute = execute
        self._now_ms = now_ms
        self._on_refusal = on_refusal
        self._nonces = Nonces()
        self._rate = RateLimit()
        self._renewals = RateLimit(burst=RENEWALS, per_second=RENEWALS / 3600)

    async def _store(self, fn: Callable[[Connection], T]) -> T:
        def job(connection: Connection) -> T | Refused:
            # As a value, because an exception would undo the writer's whole group; every
            # refusal comes before the first write, so there is nothing of ours to undo.
            try:
                return fn(connection)
            except Refused as refusal:
                return refusal

        try:
            result = await asyncio.wrap_future(self._execute(job))
        except StoreUnavailable as error:
            raise Refused(Code.STORE_UNAVAILABLE, retry_seconds=30) from error
        if isinstance(result, Refused):
            raise result
        return result

    def _admit(self, context: Context) -> str:
        peer = peer_address(context.peer())
        self._rate.take(peer, self._now_ms())
        return peer

    async def _guarded(self, door: str, context: Context, work: Awaitable[T]) -> T | Refused:
        try:
            return await work
        except Refused as refusal:
            log.info("%s from %s refused: %s", door, context.peer(), refusal.code)
            self._on_refusal(refusal.code)
            return refusal

    def _identity(self, permit: Permit, certificate: x509.Certificate) -> pb.Identity:
        return pb.Identity(
            certificate_pem=certificate.public_bytes(serialization.Encoding.PEM),
            ca_bundle_pem=self._authority.ca_pem,
            lease_public_key=self._authority.lease_public_key,
            agent_id=permit.agent_id,
            facility=permit.facility,
            site=permit.site,
            host=permit.host,
        )

    async def _sign(
        self, csr: x509.CertificateSigningRequest, permit: Permit, now_ms: int
    ) -> x509.Certificate:
        self._authority.follow()
        grant = Grant.at(permit.agent_id, permit.place, now_ms)
        # In a thread, because an outside signer may be slow.
        return await asyncio.to_thread(self._authority.issue, csr, grant)

    async def _issue(
        self, request: Request, decide: Callable[[Connection], Permit | None], now_ms: int
    ) -> pb.Identity | None:
        """Decide, sign, decide again and record. None: the applicant is on the waiting list."""
        application = request.application

        def first(connection: Connection) -> Permit | None:
            permit = decide(connection)
            if permit is None:
                waiting.hold(connection, application, request.agent_id, now_ms)
            return permit

        permit = await self._store(first)
        if permit is None:
            return None
        certificate = await self._sign(request.csr, permit, now_ms)

        def record(connection: Connection) -> None:
            register.require_same(permit, decide(connection))
            register.record_identity(connection, permit, application, certificate, now_ms)

        await self._store(record)
        await self._take_up(permit)
        log.info("%s is agent %s", "/".join(permit.place), permit.agent_id)
        return self._identity(permit, certificate)

    async def _take_up(self, permit: Permit) -> None:
        # After the commit: the registry must never know more than the store.
        refresh = self._registry.refresh
        await self._store(lambda connection: refresh(connection, permit.agent_id, *permit.replaces))

    # Enroll ---------------------------------------------------------------

    async def Enroll(  # noqa: N802 - the name on the wire
        self, request: pb.EnrollRequest, context: Context
    ) -> pb.EnrollResponse:
        """Token and key for a certificate; without a token, a place on the waiting list."""
        answer = await self._guarded("Enroll", context, self._enroll(request, context))
        if isinstance(answer, Refused):
            return pb.EnrollResponse(
                status=pb.ENROLL_STATUS_REFUSED,
                code=answer.code,
                retry_after_seconds=answer.retry_seconds,
            )
        return answer

    async def _enroll(self, request: pb.EnrollRequest, context: Context) -> pb.EnrollResponse:
        peer = self._admit(context)
        csr = read_csr(request.csr_der)
        application = Application(
            key=key_sha256(csr),
            csr_der=request.csr_der,
            fingerprint=request.fingerprint[:MAX_FINGERPRINT_BYTES],
            host=request.host[: MAX_HOST_CHARS + 1],
            version=_CONTROL.sub("", request.version)[:MAX_VERSION_CHARS],
            peer=peer,
        )
        now_ms = self._now_ms()
        decide = partial(
            register.decide_enrolment, application=application, token=request.token, now_ms=now_ms
        )
        identity = await self._issue(Request(csr, application), decide, now_ms)
        if identity is None:
            return pb.EnrollResponse(
                status=pb.ENROLL_STATUS_PENDING,
                code="pending",
                retry_after_seconds=waiting.RETRY_SECONDS,
            )
        return pb.EnrollResponse(status=pb.ENROLL_STATUS_ISSUED, identity=identity)

    # Renew ----------------------------------------------------------------

    async def Renew(  # noqa: N802
        self, request: pb.RenewRequest, context: Context
    ) -> pb.RenewResponse:
        """The next certificate, for the agent at the other end of a live mTLS connection."""
        answer = await self._guarded("Renew", context, self._renew(request, context))
        if isinstance(answer, Refused):
            return pb.RenewResponse(status=pb.ENROLL_STATUS_REFUSED, code=answer.code)
        return answer

    async def _renew(self, request: pb.RenewRequest, context: Context) -> pb.RenewResponse:
        agent_id = agent_id_of(context.auth_context())
        if agent_id is None:
            raise Refused(Code.CLIENT_CERTIFICATE_MISSING)
        self._renewals.take(agent_id, self._now_ms())
        csr = read_csr(request.csr_der)
        now_ms = self._now_ms()
        decide = partial(register.decide_renewal, agent_id=agent_id, key=key_sha256(csr))
        permit = await self._store(decide)
        certificate = await self._sign(csr, permit, now_ms)

        def record(connection: Connection) -> None:
            register.require_same(permit, decide(connection))
            register.record_renewal(connection, permit, certificate, now_ms)

        await self._store(record)
        await self._take_up(permit)
        return pb.RenewResponse(
            status=pb.ENROLL_STATUS_ISSUED, identity=self._identity(permit, certificate)
        )

    # Rejoin ---------------------------------------------------------------

    async def GetNonce(  # noqa: N802
        self, _request: pb.GetNonceRequest, context: Context
    ) -> pb.GetNonceResponse:
        """A challenge for ``Rejoin``."""
        try:
            self._admit(context)
        except Refused as refusal:
            self._on_refusal(refusal.code)
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, refusal.code)
        return pb.GetNonceResponse(nonce=self._nonces.new(self._now_ms()))

    async def Rejoin(  # noqa: N802
        self, request: pb.RejoinRequest, context: Context
    ) -> pb.RejoinResponse:
        """The quarantine door: the old key signs a nonce and asks for a new certificate."""
        answer = await self._guarded("Rejoin", context, self._rejoin(request, context))
        if isinstance(answer, Refused):
            return pb.RejoinResponse(status=pb.ENROLL_STATUS_REFUSED, code=answer.code)
        return answer

    def _prove(self, request: pb.RejoinRequest, now_ms: int) -> tuple[str, str]:
        """Agent id and host of a certificate we issued, to whoever holds its key now."""
        self._nonces.spend(request.nonce, now_ms)
        try:
            if len(request.old_certificate_der) > MAX_CERTIFICATE_BYTES:
                raise ValueError("certificate too large")  # noqa: TRY301 - same answer as below
            certificate = x509.load_der_x509_certificate(request.old_certificate_der)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
            ours = self._authority.is_ours(certificate)
        except (ValueError, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
            raise Refused(Code.CERTIFICATE_FOREIGN) from error
        agent_id = agent_id_of({"x509_subject_alternative_name": [uri.encode() for uri in uris]})
        if not ours or agent_id is None:
            raise Refused(Code.CERTIFICATE_FOREIGN)
        verify(certificate, request.signature, REJOIN_PREFIX + request.nonce + request.csr_der)
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return agent_id, str(common[0].value) if common else ""

    async def _rejoin(self, request: pb.RejoinRequest, context: Context) -> pb.RejoinResponse:
        peer = self._admit(context)
        now_ms = self._now_ms()
        agent_id, host = self._prove(request, now_ms)
        csr = read_csr(request.csr_der)
        known = self._registry.lookup(agent_id)
        application = Application(
            key=key_sha256(csr),
            csr_der=request.csr_der,
            fingerprint=request.fingerprint[:MAX_FINGERPRINT_BYTES],
            host=known.owner.host if known else host,
            version=known.version if known else "",
            peer=peer,
        )

        decide = partial(
            register.decide_rejoin, agent_id=agent_id, application=application, now_ms=now_ms
        )
        identity = await self._issue(Request(csr, application, agent_id), decide, now_ms)
        if identity is None:
            return pb.RejoinResponse(status=pb.ENROLL_STATUS_PENDING, code="pending")
        return pb.RejoinResponse(status=pb.ENROLL_STATUS_ISSUED, identity=identity)
