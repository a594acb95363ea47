"""A small HTTP server for a WSGI application: bounded threads, clean end."""

import ssl
import threading
from typing import TYPE_CHECKING

from waitress import wasyncore
from waitress.server import create_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# A page of a million series is about 140 MB; it is sent from memory, not from a file.
_BODY_IN_MEMORY = 1 << 30
REQUEST_BYTES = 64 * 1024
_CONNECTIONS = 100
_IDLE_SECONDS = 30


def split_address(text: str) -> tuple[str, int]:
    """``host:port`` or ``[v6]:port`` in two.

    Raises:
        ValueError: It is neither.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004
        raise ValueError(f"`{text}` is not host:port, e.g. 127.0.0.1:8480")
    return host.removeprefix("[").removesuffix("]"), int(port)


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """What a server needs to speak TLS 1.2 or later.

    Raises:
        OSError: A file cannot be read, or is not what it should be (``ssl.SSLError``).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without a callback OpenSSL would ask for the passphrase of the key at the terminal.
    context.load_cert_chain(certificate, key, password=lambda: "")
    return context


class Server:
    """waitress on one address.

    Args:
        application: What answers.
        listen: ``host:port``; port 0 takes a free one.
        threads: Requests answered at the same time.
        forwarded: Leave ``X-Forwarded-*`` to the application; else nobody sees them.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        listen: str,
        *,
        threads: int = 4,
        forwarded: bool = False,
    ) -> None:
        host, port = split_address(listen)
        self._server = create_server(
            application,
            host=host,
            port=port,
            threads=threads,
            ident=None,
            connection_limit=_CONNECTIONS,
            channel_timeout=_IDLE_SECONDS,
            max_request_header_size=REQUEST_BYTES,
            max_request_body_size=REQUEST_BYTES,
            outbuf_overflow=_BODY_IN_MEMORY,
            outbuf_high_watermark=_BODY_IN_MEMORY,
            clear_untrusted_proxy_headers=not forwarded,
            # select() knows no descriptor above 1023, and every agent has one.
            asyncore_use_poll=True,
        )
        self.port: int = self._server.socket.getsockname()[1]
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Answer until ``close`` is called from another thread or a signal handler."""
        self._server.run()

    def start(self) -> None:
        """Answer in a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and close every connection."""
        # Sockets belong to the loop's thread; the trigger hands it the work.
        self._server.trigger.pull_trigger(self._shut)
        if self._thread is not None:
            self._thread.join()

    def _shut(self) -> None:
        self._server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._server._map, ignore_all=True)  # noqa: SLF001 - no other way
