"""The same pages behind TLS: a server whose slow or silent visitors hold up nobody else's accept.

cheroot shakes hands in the thread that accepts; one visitor who says nothing would stop
everybody for its timeout. Here the thread that answers a visitor does it.
"""

import logging
import ssl
import threading
from typing import TYPE_CHECKING, Any

from cheroot.server import HTTPConnection
from cheroot.ssl import Adapter
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server as CherootServer

from tramgac_collector.wsgi import REQUEST_BYTES, split_address, tls_context

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_THREADS = 16
_QUEUE = 64
_SECONDS = 10

log = logging.getLogger(__name__)


class _LateHandshake(BuiltinSSLAdapter):
    def __init__(self, context: ssl.SSLContext) -> None:
        Adapter.__init__(self, "", "")
        self._context = context

    @property
    def context(self) -> ssl.SSLContext:
        return self._context

    @context.setter
    def context(self, context: ssl.SSLContext | None) -> None:
        if context is not None:
            self._context = context

    def bind(self, sock: Any) -> Any:  # noqa: ANN401 - as in the base
        return sock

    def wrap(self, sock: Any) -> Any:  # noqa: ANN401
        wrapped = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return wrapped, {"wsgi.url_scheme": "https", "HTTPS": "on"}


class _Connection(HTTPConnection):
    _met = False

    def communicate(self) -> bool:
        if not self._met:
            try:
                self.socket.do_handshake()
            except OSError as error:
                log.debug("no TLS with %s: %s", self.remote_addr, error)
                return False
            self._met = True
        return bool(super().communicate())  # type: ignore[no-untyped-call] # cheroot's


class _Server(CherootServer):
    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:  # noqa: FBT001, FBT002 - cheroot's
        log.log(level, "%s", msg[:200], exc_info=traceback)


class TlsServer:
    """cheroot on one address, TLS 1.2 or later.

    Args:
        application: What answers.
        listen: ``host:port``; port 0 takes a free one.
        certificate: PEM file with its chain.
        key: PEM file.

    Raises:
        OSError: The address is taken, or a file cannot be used.
    """

    def __init__(
        self, application: "WSGIApplication", listen: str, certificate: str, key: str
    ) -> None:
        server = _Server(
            split_address(listen),
            application,
            numthreads=_THREADS,
            max=_THREADS,
            request_queue_size=_QUEUE,
            accepted_queue_size=_QUEUE,
            accepted_queue_timeout=1,
            timeout=_SECONDS,
            shutdown_timeout=1,
            server_name="tramgac",
        )
        server.ConnectionClass = _Connection
        server.ssl_adapter = _LateHandshake(tls_context(certificate, key))
        server.max_request_header_size = server.max_request_body_size = REQUEST_BYTES
        server.prepare()
        self._server = server
        self.port: int = server.bind_addr[1]
        self._thread = threading.Thread(target=server.serve, name="https", daemon=True)

    def start(self) -> None:
        """Answer in threads of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering and close every connection."""
        self._server.stop()
        self._thread.join()
