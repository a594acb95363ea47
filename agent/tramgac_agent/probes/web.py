"""One HTTP(S) request, bounded in time and bytes, with the peer's certificate looked at.

The parser is the standard library's; only its reads go through a stream that keeps to the
deadline, since a socket timeout alone starts afresh with every byte of a slow drip.
"""

import io
import socket
import ssl
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import urljoin, urlsplit

from tramgac_agent.probes.base import CannotProbe, Deadline, ProbeFailed, code_of
from tramgac_agent.probes.certificate import not_after
from tramgac_agent.probes.tcp import connect

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_BODY = 64 * 1024
# Headers beside the body; a page that needs more is not one we read.
MAX_ANSWER = MAX_BODY + 64 * 1024
MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
# System trust changes with updates of its package, which nobody announces.
_TRUST_SECONDS = 3600

# Of <openssl/x509_vfy.h>.
_VERIFY_CODES = {
    9: "tls_not_yet_valid",
    10: "tls_expired",
    62: "tls_wrong_name",
    64: "tls_wrong_name",
}


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

    def context(self) -> ssl.SSLContext:
        """A context for it, made anew when its source may have changed.

        Raises:
            CannotProbe: ``ca_file_unusable``.
        """
        try:
            if not self.ca_file:
                stamp = int(time.monotonic() // _TRUST_SECONDS)
            else:
                stamp = Path(self.ca_file).stat().st_mtime_ns
            return _context(self, stamp)
        except OSError as error:  # ssl.SSLError is one
            raise CannotProbe("ca_file_unusable", f"{self.ca_file}: {error}") from error


@lru_cache(maxsize=8)
def _context(trust: Trust, _stamp: int) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not trust.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.ca_file:
        context.load_verify_locations(cafile=trust.ca_file)
    else:
        context.load_default_certs()
    return context


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
        except ssl.SSLError as error:  # before OSError: its numbers are OpenSSL's
            raise ProbeFailed("tls_failed", str(error)) from error
        except OSError as error:
            raise ProbeFailed(code_of(error), str(error)) from error
        except (HTTPException, ValueError) as error:
            raise ProbeFailed("bad_answer", repr(error)) from error

    def _secure(self, connection: socket.socket) -> ssl.SSLSocket:
        try:
            secured = _handshake(connection, self.url.host, self.trust, self.deadline)
        except ssl.SSLCertVerificationError as error:
            code = _VERIFY_CODES.get(error.verify_code, "tls_untrusted")
            self._look_again()
            raise ProbeFailed(code, error.verify_message) from error
        self._note(secured)
        return secured

    def _look_again(self) -> None:
        """Fetch a certificate that failed verification, only to read its end."""
        try:
            connection = connect(self.url.host, self.url.port, self.deadline)
            unverified = Trust(verify=False)
            with closing(_handshake(connection, self.url.host, unverified, self.deadline)) as seen:
                self._note(seen)
        except (OSError, ProbeFailed):
            return  # the reason told is why verification failed; the date stays unknown

    def _note(self, secured: ssl.SSLSocket) -> None:
        der = secured.getpeercert(binary_form=True)
        try:
            self.expiry = not_after(der) if der else None
        except ValueError:
            self.expiry = None  # OpenSSL took it, we cannot read it: unknown

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


def _handshake(
    connection: socket.socket, host: str, trust: Trust, deadline: Deadline
) -> ssl.SSLSocket:
    try:
        connection.settimeout(deadline.need())
        return trust.context().wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise


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
