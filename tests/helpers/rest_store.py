"""A stand-in for rest-server over a local restic repository: reads only, and not always willing.

It speaks version 2 of restic's REST protocol (restic: doc/100_references.rst, "REST Backend").
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_LISTING = "application/vnd.x.restic.rest.v2"


class RestStore:
    """What the server was asked, and what it refuses.

    Attributes:
        requests: ``METHOD /path`` of each.
        refused: Paths that start with one of these are answered with ``refusal``.
        held: While this is clear, reading a path of ``refused`` waits.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[str] = []
        self.refused: tuple[str, ...] = ()
        self.refusal = HTTPStatus.FORBIDDEN
        self.held = threading.Event()
        self.held.set()
        self.address = ""

    def asked(self, start: str) -> int:
        """How many requests started like this."""
        return sum(one.startswith(start) for one in self.requests)

    def answer(self, method: str, path: str) -> tuple[HTTPStatus, bytes, str]:
        """Status, body and content type."""
        self.requests.append(f"{method} {path}")
        if self.refused and path.startswith(self.refused):
            if self.held.is_set():
                return self.refusal, b"", "text/plain"
            self.held.wait()
        if method not in ("GET", "HEAD"):
            return HTTPStatus.FORBIDDEN, b"", "text/plain"
        kind, _, name = path.strip("/").partition("/")
        if not name and kind != "config":
            files = [one for one in (self.folder / kind).rglob("*") if one.is_file()]
            listed = [{"name": one.name, "size": one.stat().st_size} for one in files]
            return HTTPStatus.OK, json.dumps(listed).encode(), _LISTING
        place = Path(kind, name[:2], name) if kind == "data" else Path(kind, name)
        try:
            body = (self.folder / place).read_bytes()
        except OSError:
            return HTTPStatus.NOT_FOUND, b"", "text/plain"
        return HTTPStatus.OK, body, "application/octet-stream"


def _handler(store: RestStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body, kind = store.answer(self.command, self.path)
            wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            if wanted and status == HTTPStatus.OK:
                status = HTTPStatus.PARTIAL_CONTENT
                body = body[int(wanted[1]) : int(wanted[2]) + 1 if wanted[2] else None]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_DELETE = _answer  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A restic that was ended hangs up; that is no news."""


@contextmanager
def rest_store(folder: Path) -> Iterator[RestStore]:
    """Serve the repository in ``folder`` on a free port of this machine."""
    store = RestStore(folder)
    server = _Server(("127.0.0.1", 0), _handler(store))
    store.address = f"rest:http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield store
    finally:
        store.held.set()
        server.shutdown()
        server.server_close()
        thread.join()
