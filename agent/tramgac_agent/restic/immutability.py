"""Whether a REST server would let this host delete its backups, asked without any risk.

One DELETE of a random snapshot id that does not exist, with the repository's own credentials:
an append-only rest-server answers 403, any other 200 or 404, since there is nothing to delete
(restic/rest-server: repo/repo.go, ``deleteBlob``). No other method or path is ever used.
"""

import base64
import http.client
import secrets
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from tramgac_agent.drop.records import Code

TIMEOUT_SECONDS = 10.0
_PREFIX = "rest:"
_ANSWERS: dict[int, Literal["refused", "allowed"]] = {
    403: "refused",
    200: "allowed",
    404: "allowed",
}
_CODES: dict[int, Code] = {401: "blind_auth", 407: "blind_auth"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server made of it; ``failure`` says why it is unknown."""

    result: Literal["refused", "allowed", "unknown"]
    failure: Code = ""


@dataclass(frozen=True, slots=True)
class Server:
    """A repository on a REST server. Never printed: the address may hold a password."""

    url: SplitResult
    environment: Mapping[str, str]

    @property
    def _headers(self) -> dict[str, str]:
        headers = {"User-Agent": "tramgac-agent", "Connection": "close"}
        name = unquote(self.url.username or "") or self.environment.get("RESTIC_REST_USERNAME", "")
        word = unquote(self.url.password or "") or self.environment.get("RESTIC_REST_PASSWORD", "")
        if name or word:
            pair = base64.b64encode(f"{name}:{word}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        return headers

    def _connection(self) -> http.client.HTTPConnection:
        """To where restic itself connects: without a port that is 80 or 443, never 8000."""
        host, port = self.url.hostname or "", self.url.port
        if self.url.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        context = ssl.create_default_context(cafile=self.environment.get("RESTIC_CACERT") or None)
        own = self.environment.get("RESTIC_TLS_CLIENT_CERT")
        if own:
            context.load_cert_chain(own)
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)

    def delete_nothing(self) -> int:
        """Try to delete a snapshot that does not exist; return the HTTP status.

        The body is not read and a redirect is not followed.

        Raises:
            OSError: No answer: network, TLS or time.
            http.client.HTTPException: What came is not HTTP.
        """
        path = f"{self.url.path.rstrip('/')}/snapshots/{secrets.token_hex(32)}"
        connection = self._connection()
        with _in_time(connection):
            connection.request("DELETE", path, headers=self._headers)
            return connection.getresponse().status


def server_of(address: str, environment: Mapping[str, str]) -> Server | None:
    """The server in a repository's address; None when it is on none."""
    if not address.startswith(_PREFIX):
        return None
    try:
        url = urlsplit(address.removeprefix(_PREFIX).strip())
        usable = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:  # a port that is none
        return None
    return Server(url, environment) if usable else None


def probe(server: Server) -> Answer:
    """Ask once; whatever happens is an answer."""
    try:
        status = server.delete_nothing()
    except TimeoutError:
        return Answer("unknown", "blind_timeout")
    except ssl.SSLError:
        return Answer("unknown", "untrusted_tls")
    except OSError:
        return Answer("unknown", "blind_unreachable")
    except (http.client.HTTPException, ValueError):  # control characters in the address
        return Answer("unknown", "not_http")
    result = _ANSWERS.get(status)
    return Answer(result) if result else Answer("unknown", _CODES.get(status, f"http_{status}"))


@contextmanager
def _in_time(connection: http.client.HTTPConnection) -> Iterator[None]:
    """Close the connection at the deadline: a socket's own limit starts anew at each byte."""
    late = threading.Event()

    def end() -> None:
        late.set()
        with suppress(OSError, AttributeError):  # not connected yet: its own limit holds
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(TIMEOUT_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise TimeoutError if late.is_set() else error from error
    else:
        if late.is_set():  # cut off, an answer may look whole
            raise TimeoutError
    finally:
        timer.cancel()
        connection.close()
