"""One HTTP(S) request, bounded in time and bytes, with the peer's certificate looked at.

The parser is the standard library's; only its reads go through a stream that keeps to the
deadline, since a socket timeout alone starts afresh with every byte of a slow drip.
"""

import io
import socket
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import urljoin, urlsplit

from tramgac_agent.probes.base import Deadline, ProbeFailed, code_of
from tramgac_agent.probes.tcp import connect

if TYPE_CHECKING:
    import ssl

    from _typeshed import WriteableBuffer

MAX_BODY = 64 * 1024
# Headers beside the body; a page that needs more is not one we read.
MAX_ANSWER = MAX_BODY + 64 * 1024
MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}


class Url(NamedTuple):
    """An address as it is asked for."""

    secure: bool
    host: str
    port: int
    target: str
    text: str

    @property
    def host_header(self) -> str:
        """Value of ``Host``: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def parse_url(text: str) -> Url:
    """Take an absolute http or https URL apart.

    Raises:
        ValueError: Another scheme, no host, a password inside, or characters a URL has not.
    """
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a URL has printable ASCII characters only")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the URL must start with http:// or https:// and name a host")
    if parts.username is not None:
        raise ValueError("the URL must not carry a user name or password")
    secure = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(secure, parts.hostname, parts.port or (443 if secure else 80), target, text)


class Trust(NamedTuple):
    """Whom to believe: the system's authorities, those of ``ca_file``, or anybody."""

    ca_file: str = ""
    verify: bool = True


class _BoundedStream(io.RawIOBase):
    """Reads a socket until the deadline or the byte limit, whichever comes first."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self._left = MAX_ANSWER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        self._connection.settimeout(self._deadline.need())
        count = self._connection.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise ProbeFailed("answer_too_long")
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What HTTPResponse asks of a socket."""
        return io.BufferedReader(self)


class Reply(NamedTuple):
    """What the peer answered.

    Attributes:
        found: Whether the wanted text is in the body's first 64 KiB; True if none was wanted.
    """

    status: int
    location: str
    found: bool


@dataclass(slots=True)
class Visit:
    """One request to one URL.

    Attributes:
        wanted: Text that must be in the body; empty: the body is not read.
        expiry: End of the peer's certificate, seconds since the epoch, once it was seen;
            also when the request failed, for that reason or a later one.
    """

    url: Url
    trust: Trust
    wanted: bytes
    deadline: Deadline
    expiry: float | None = field(default=None, init=False)

    def ask(self) -> Reply:
        """Connect, ask, read.

        Raises:
            ProbeFailed: Code of ``tcp.connect``, ``tls_*``, ``reset``, ``bad_answer``,
                ``answer_too_long`` or ``timeout``.
        """
        try:
            connection = connect(self.url.host, self.url.port, self.deadline)
            if self.url.secure:
                connection = self._secure(connection)
            with closing(connection):
                return self._exchange(connection)
        except OSError as error:
            # The numbers of ssl.SSLError, an OSError too, are OpenSSL's.
            code = "tls_failed" if type(error).__module__ == "ssl" else code_of(error)
            raise ProbeFailed(code, str(error)) from error
        except (HTTPException, ValueError) as error:
            raise ProbeFailed("bad_answer", repr(error)) from error

    def _secure(self, connection: socket.socket) -> "ssl.SSLSocket":
        from tramgac_agent.probes import tls  # noqa: PLC0415 - brings OpenSSL, 5 MiB

        try:
            secured = tls.handshake(connection, self.url.host, self.trust, self.deadline)
        except tls.Untrusted as untrusted:
            self._look_again()
            raise ProbeFailed(untrusted.code, str(untrusted)) from untrusted
        self._note(secured)
        return secured

    def _look_again(self) -> None:
        """Fetch a certificate that failed verification, only to read its end."""
        from tramgac_agent.probes import tls  # noqa: PLC0415

        unverified = Trust(verify=False)
        try:
            connection = connect(self.url.host, self.url.port, self.deadline)
            seen = tls.handshake(connection, self.url.host, unverified, self.deadline)
        except (OSError, ProbeFailed):
            return  # the reason told is why verification failed; the date stays unknown
        with closing(seen):
            self._note(seen)

    def _note(self, secured: "ssl.SSLSocket") -> None:
        from tramgac_agent.probes import tls  # noqa: PLC0415

        self.expiry = tls.certificate_end(secured)

    def _exchange(self, connection: socket.socket) -> Reply:
        request = (
            f"GET {self.url.target} HTTP/1.1\r\n"
            f"Host: {self.url.host_header}\r\n"
            "User-Agent: tramgac-agent\r\n"
            "Accept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n"
        )
        connection.settimeout(self.deadline.need())
        connection.sendall(request.encode("ascii"))
        stream = _BoundedStream(connection, self.deadline)
        with closing(HTTPResponse(cast("socket.socket", stream), method="GET")) as response:
            response.begin()
            found = not self.wanted or _contains(response, self.wanted)
            return Reply(response.status, response.getheader("Location") or "", found)


def _contains(response: HTTPResponse, wanted: bytes) -> bool:
    body = bytearray()
    while len(body) < MAX_BODY:
        piece = response.read1(8192)
        if not piece:
            return False
        # Only where the text may newly have come together: a slow drip is not searched anew.
        start = max(0, len(body) - len(wanted) + 1)
        body += piece
        if body.find(wanted, start, MAX_BODY) >= 0:
            return True
    return False


def follow(first: Visit) -> Reply:
    """Ask, and follow redirects to other http and https addresses.

    Raises:
        ProbeFailed: Of ``Visit.ask``; ``redirect_bad`` for a place we do not go to (another
            scheme, or from https back to http), ``redirect_loop`` for too many.
    """
    visit = first
    for _ in range(MAX_REDIRECTS):
        reply = visit.ask()
        if reply.status not in _REDIRECTS or not reply.location:
            return reply
        try:
            url = parse_url(urljoin(visit.url.text, reply.location))
        except ValueError as error:
            raise ProbeFailed("redirect_bad", str(error)) from error
        if visit.url.secure and not url.secure:
            raise ProbeFailed("redirect_bad", "from https to http")
        visit = Visit(url, visit.trust, visit.wanted, visit.deadline)
    raise ProbeFailed("redirect_loop")
