"""TCP peers on loopback that answer as a test tells them, or do not."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from helpers.certs import Issued

# Speaks on one accepted connection; the event is set when the test is over.
Talk = Callable[[socket.socket, threading.Event], None]


@dataclass(slots=True)
class Peer:
    """A listening peer; ``over`` is set when the test is done with it."""

    port: int
    over: threading.Event = field(default_factory=threading.Event)


def _accept(server: socket.socket, peer: Peer, talk: Talk, context: ssl.SSLContext | None) -> None:
    def speak(connection: socket.socket) -> None:
        connection.settimeout(10)
        try:
            with connection:
                if context is None:
                    talk(connection, peer.over)
                else:
                    with context.wrap_socket(connection, server_side=True) as secured:
                        talk(secured, peer.over)
        except OSError:
            return  # the client hung up, as it may

    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return  # closed: the test is over
        threading.Thread(target=speak, args=(connection,), daemon=True).start()


@contextmanager
def peer(talk: Talk, tls: Issued | None = None) -> Iterator[Peer]:
    """Listen on a free port of 127.0.0.1 and ``talk`` on every connection."""
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Peer(server.getsockname()[1])
        acceptor = threading.Thread(target=_accept, args=(server, made, talk, context), daemon=True)
        acceptor.start()
        try:
            yield made
        finally:
            made.over.set()
            server.shutdown(socket.SHUT_RDWR)
            acceptor.join(5)


def read_request(connection: socket.socket) -> bytes:
    """Read one request without a body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            break
        data += piece
    return data


def page(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    """One whole HTTP/1.1 answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def answering(answer: bytes | Callable[[bytes], bytes]) -> Talk:
    """Read a request, send ``answer`` (or what it makes of the request), hang up."""

    def talk(connection: socket.socket, _over: threading.Event) -> None:
        asked = read_request(connection)
        connection.sendall(answer(asked) if callable(answer) else answer)

    return talk


def hung(_connection: socket.socket, over: threading.Event) -> None:
    """Accept and never say a word."""
    over.wait(60)


def dripping(data: bytes, pause: float = 0.02) -> Talk:
    """Answer one byte at a time, for ever: ``data`` first, then blanks."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        read_request(connection)
        connection.sendall(data)
        while not over.wait(pause):
            connection.sendall(b" ")

    return talk


def fake_command(folder: Path, name: str, script: str) -> Path:
    """A shell script ``name`` in ``folder``, to be found first on PATH."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
