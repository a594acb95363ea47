"""mTLS channels to the collector, and the change from one certificate to the next."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tramgac_agent.lean_grpc import grpc
from tramgac_proto.limits import KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS, MAX_MESSAGE_BYTES
from tramgac_proto.v1 import fleet_pb2_grpc

DEADLINES_BEFORE_REBUILD = 3

log = logging.getLogger(__name__)


class Identity(Protocol):
    """What a channel needs of this host's identity, as bytes and times."""

    @property
    def key_pem(self) -> bytes:
        """Private key."""
        ...

    @property
    def certificate_pem(self) -> bytes:
        """Certificate chain."""
        ...

    @property
    def ca_pem(self) -> bytes:
        """Trust anchors."""
        ...

    def judge(self, now_ms: int) -> str:
        """``ok``, ``not_yet_valid``, ``expired`` or ``renew_soon``."""
        ...


class IdentitySource(Protocol):
    """Where the identity is kept (``tramgac_agent.identity.files.IdentityFiles``)."""

    @property
    def certificate_path(self) -> Path:
        """Changes when a new certificate was issued."""
        ...

    def load(self) -> Identity | None:
        """The identity as it is now; None before enrolment."""
        ...

    def fingerprint(self) -> bytes:
        """SHA-256 over identifiers of this machine."""
        ...


def open_channel(identity: Identity, address: str, server_name: str) -> grpc.Channel:
    """A channel that trusts only our own authority and shows our certificate."""
    options: list[tuple[str, str | int]] = [
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # gRPC's own 120 s leave an agent dark long after the line is back.
        ("grpc.initial_reconnect_backoff_ms", 1_000),
        ("grpc.max_reconnect_backoff_ms", 10_000),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.enable_http_proxy", 0),
        # Two channels must be two connections, or a new certificate is never shown.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    credentials = grpc.ssl_channel_credentials(
        root_certificates=identity.ca_pem,
        private_key=identity.key_pem,
        certificate_chain=identity.certificate_pem,
    )
    return grpc.secure_channel(address, credentials, options=options)


@dataclass(slots=True)
class Link:
    """One channel and the certificate it shows."""

    channel: grpc.Channel
    stub: fleet_pb2_grpc.FleetServiceStub
    identity: Identity
    stamp: int
    deadlines: int = 0


class Links:
    """The channel in use and, while a certificate changes, the one before.

    A new certificate gets a channel of its own; the old channel is dropped only after the
    first good call on the new one. Until then failed calls alternate between both.
    """

    def __init__(self, source: IdentitySource, connect: Callable[[Identity], grpc.Channel]) -> None:
        self._source = source
        self._connect = connect
        self._links: list[Link] = []

    def current(self) -> Link | None:
        """The link for the next call; None while there is no identity."""
        stamp = self._stamp()
        if stamp and all(link.stamp != stamp for link in self._links):
            self._add(stamp)
        return self._links[0] if self._links else None

    def _stamp(self) -> int:
        try:
            return self._source.certificate_path.stat().st_mtime_ns
        except OSError:
            return 0

    def _add(self, stamp: int) -> None:
        identity = self._source.load()
        if identity is None:
            return
        # Of two older ones only the one that last worked is worth keeping.
        for link in self._links[1:]:
            link.channel.close()
        self._links = [self._build(identity, stamp), *self._links[:1]]

    def _build(self, identity: Identity, stamp: int) -> Link:
        channel = self._connect(identity)
        return Link(channel, fleet_pb2_grpc.FleetServiceStub(channel), identity, stamp)

    def succeeded(self, link: Link) -> None:
        """The call on ``link`` was answered: others are not needed any more."""
        link.deadlines = 0
        for other in self._links:
            if other is not link:
                log.info("new certificate in use")
                other.channel.close()
        self._links = [link]

    def failed(self, link: Link, *, deadline: bool) -> None:
        """The call on ``link`` failed; build it anew after several deadlines in a row."""
        link.deadlines = link.deadlines + 1 if deadline else 0
        if link not in self._links:
            return
        self._links.remove(link)
        if link.deadlines >= DEADLINES_BEFORE_REBUILD:
            log.warning("no answer to %d calls: building a new connection", link.deadlines)
            link.channel.close()
            link = self._build(link.identity, link.stamp)
        self._links.append(link)

    def close(self) -> None:
        """Close all channels; a call under way is cancelled."""
        for link in self._links:
            link.channel.close()
        self._links = []
