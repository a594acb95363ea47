"""What a failed call means: one reason code, and how long to leave the collector alone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tramgac_agent.lean_grpc import grpc

_CODE = re.compile(r"[a-z][a-z0-9_]{2,39}")
_DIGITS = re.compile(r"[0-9]{1,9}")
# What BoringSSL says when it does not accept the server's certificate, and our codes.
_TLS = (
    ("certificate is not yet valid", "clock_behind"),
    ("certificate has expired", "clock_ahead"),
    ("CERTIFICATE_VERIFY_FAILED", "ca_wrong"),
)
_RETRY_KEY = "retry-after-ms"
_MAX_RETRY_MS = 900_000


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that was not answered, or answered with a refusal.

    Attributes:
        reason: Stable code.
        detail: What gRPC or the collector said, at most 200 characters.
        trusted: False when the collector refuses this agent as such.
        batch: The batch may be at fault: half of it could pass.
        deadline: No answer at all; the connection may be dead without knowing.
        retry_after: Seconds the collector asked us to wait; 0 when it did not.
    """

    reason: str
    detail: str = ""
    trusted: bool = True
    batch: bool = False
    deadline: bool = False
    retry_after: float = 0.0


def judge(error: grpc.RpcError, verdict: str) -> Failure:
    """Name the reason of a failed call.

    Args:
        error: As raised by the stub.
        verdict: What our own certificate and clock look like. gRPC reports a refused
            certificate as a closed socket, so this is the better reason.
    """
    code = error.code()
    said = error.details() or ""
    detail = said[:200]
    retry = _retry_after(error)
    match code:
        case grpc.StatusCode.UNAVAILABLE:
            return Failure(_absence(verdict, said, retry), detail, retry_after=retry)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return Failure("deadline", detail, deadline=True)
        case grpc.StatusCode.PERMISSION_DENIED | grpc.StatusCode.UNAUTHENTICATED:
            found = _CODE.match(detail)
            return Failure(found.group() if found else "denied", detail, trusted=False)
        case grpc.StatusCode.RESOURCE_EXHAUSTED | grpc.StatusCode.INVALID_ARGUMENT:
            return Failure(code.name.lower(), detail, batch=True, retry_after=retry)
    return Failure(code.name.lower(), detail, retry_after=retry)


def _absence(verdict: str, said: str, retry: float) -> str:
    """Why nobody answered; a collector that asks for patience says why itself."""
    if retry and _CODE.fullmatch(said):
        return said
    if verdict in {"expired", "not_yet_valid"}:
        return f"certificate_{verdict}"
    return next((code for sign, code in _TLS if sign in said), "unreachable")


def _retry_after(error: grpc.RpcError) -> float:
    # Pairs at run time; the type stubs know less.
    metadata: Iterable[tuple[str, str | bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]
    for key, value in metadata:
        if key == _RETRY_KEY and isinstance(value, str) and _DIGITS.fullmatch(value):
            return min(int(value), _MAX_RETRY_MS) / 1000.0
    return 0.0
