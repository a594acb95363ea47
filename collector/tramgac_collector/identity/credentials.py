"""Server credentials that follow the files on disk, handshake by handshake."""

import logging
import time
from pathlib import Path
from typing import Protocol

import grpc

log = logging.getLogger(__name__)

_WATCHED = ("ca.pem", "next.pem", "previous.crt", "server.pem")
_REFRESH_SECONDS = 3600.0


class Source(Protocol):
    """What the credentials are made from: an ``Authority``."""

    folder: Path

    def refresh(self) -> None:
        """Read the files again."""

    def server_pair(self) -> tuple[bytes, bytes]:
        """Key and chain of the server, PEM."""
        ...

    @property
    def ca_pem(self) -> bytes:
        """The anchors that a client's certificate may chain to."""
        ...


def stamp(folder: Path) -> tuple[tuple[int, int], ...]:
    """Changes whenever a file does that credentials are made from."""
    found = []
    for name in _WATCHED:
        try:
            status = (folder / name).stat()
        except FileNotFoundError:
            found.append((0, 0))
        else:
            found.append((status.st_mtime_ns, status.st_ino))
    return tuple(found)


class _Fetcher:
    """gRPC calls it before every handshake; it costs four stats when nothing changed."""

    def __init__(self, source: Source, *, require_client: bool) -> None:
        self._source = source
        self._require_client = require_client
        self._stamp = stamp(source.folder)
        self._refresh_at = time.monotonic() + _REFRESH_SECONDS

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        roots = self._source.ca_pem if self._require_client else None
        return grpc.ssl_server_certificate_configuration([self._source.server_pair()], roots)

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        now = time.monotonic()
        now_there = stamp(self._source.folder)
        if now_there == self._stamp and now < self._refresh_at:
            return None
        self._refresh_at = now + _REFRESH_SECONDS
        try:
            self._source.refresh()
            configuration = self.configuration()
        except (OSError, ValueError):
            # The certificate in force goes on serving; the files are looked at again.
            log.exception("the server certificate on disk cannot be used")
            self._stamp = now_there
            return None
        self._stamp = stamp(self._source.folder)
        return configuration


def reloading(source: Source, *, require_client: bool) -> grpc.ServerCredentials:
    """Credentials of a port; new files take effect with the next connection."""
    fetcher = _Fetcher(source, require_client=require_client)
    return grpc.dynamic_ssl_server_credentials(
        fetcher.configuration(),
        # The stub forgets that None means "no change".
        fetcher,  # type: ignore[arg-type]
        require_client_authentication=require_client,
    )
