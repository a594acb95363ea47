"""A stub that speaks rest-server's protocol, append-only or not, as far as restic uses it.

The real rest-server is in no Debian; this follows restic's doc/REST_backend.rst and the answers
of restic/rest-server: repo/repo.go. It serves a repository in restic's own local layout.
"""

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

KINDS = ("data", "index", "keys", "locks", "snapshots")
_LIST = re.compile(rf"/({'|'.join(KINDS)})/")
_BLOB = re.compile(rf"/({'|'.join(KINDS)})/([0-9a-f]{{64}})")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class RestServer(ThreadingHTTPServer):
    """One repository.

    Attributes:
        seen: Method and path of every request.
        answer: Given to every DELETE instead, with that ``Location``; 0: none.
    """

    daemon_threads = True

    def __init__(self, folder: Path, *, append_only: bool, user: str, password: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.append_only = append_only
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.authorization = f"Basic {pair}" if user else ""
        self.seen: list[tuple[str, str]] = []
        self.answer = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: RestServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def _reply(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status in {301, 302, 307, 308}:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _file(self, path: str) -> Path | None:
        if path == "/config":
            return self.server.folder / "config"
        blob = _BLOB.fullmatch(path)
        if not blob:
            return None
        kind, name = blob.groups()
        folder = self.server.folder / kind
        return folder / name[:2] / name if kind == "data" else folder / name

    def _handle(self) -> None:
        self.server.seen.append((self.command, self.path))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.authorization not in {"", self.headers.get("Authorization")}:
            return self._reply(401)
        url = urlsplit(self.path)
        file = self._file(url.path)
        match self.command:
            case "DELETE":
                self._delete(file, locks=url.path.startswith("/locks/"))
            case "POST" if url.path == "/" and "create" in parse_qs(url.query):
                for kind in KINDS:
                    (self.server.folder / kind).mkdir(parents=True, exist_ok=True)
                self._reply(200)
            case "POST" if file:
                self._post(file, body)
            case "GET" | "HEAD":
                self._get(url.path, file)
            case _:
                self._reply(405)
        return None

    def _delete(self, file: Path | None, *, locks: bool) -> None:
        if self.server.answer:
            self._reply(self.server.answer)
        elif file is None or (self.server.append_only and not locks):
            self._reply(403)
        else:
            file.unlink(missing_ok=True)
            self._reply(200)

    def _post(self, file: Path, body: bytes) -> None:
        if file.exists():
            return self._reply(403)
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f"{file.name}-tmp")
        temporary.write_bytes(body)
        temporary.rename(file)
        return self._reply(200)

    def _get(self, path: str, file: Path | None) -> None:
        listed = _LIST.fullmatch(path)
        if listed:
            pattern = "*/*" if listed[1] == "data" else "*"
            found = (self.server.folder / listed[1]).glob(pattern)
            names = [{"name": one.name, "size": one.stat().st_size} for one in found]
            body = json.dumps(names).encode()
            return self._reply(200, body, "application/vnd.x.restic.rest.v2")
        if file is None or not file.is_file():
            return self._reply(404)
        data = file.read_bytes()
        part = _RANGE.fullmatch(self.headers.get("Range", ""))
        if part:
            end = int(part[2]) + 1 if part[2] else len(data)
            return self._reply(206, data[int(part[1]) : end], "application/octet-stream")
        return self._reply(200, data, "application/octet-stream")

    do_GET = do_HEAD = do_POST = do_DELETE = _handle  # noqa: N815 - names the base class looks for


@contextmanager
def rest_server(
    folder: Path, *, append_only: bool = False, user: str = "", password: str = ""
) -> Iterator[RestServer]:
    """Serve the repository in ``folder`` as long as the context lasts."""
    server = RestServer(folder, append_only=append_only, user=user, password=password)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
