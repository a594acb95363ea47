"""``/metrics``, ``/-/healthy`` and ``/-/ready`` of the ingest process."""

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from isal import igzip_lib
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from tramgac_collector.live.state import LiveState
from tramgac_collector.metrics import REGISTRY
from tramgac_collector.wsgi import Server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

log = logging.getLogger(__name__)

Answer = tuple[str, str, bytes, bool]
READY_SECONDS = 2.0
_TEXT = "text/plain; charset=utf-8"


def accepts_gzip(header: str) -> bool:
    """Whether an ``Accept-Encoding`` header allows gzip (RFC 9110, 12.5.3)."""
    for part in header.lower().split(","):
        coding, _, weight = part.strip().partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0") not in {"q=", "q=0."}
    return False


class Probe:
    """Asks a question that may never be answered, and waits no longer than ``seconds``.

    One question at a time: whoever comes meanwhile waits for the same answer, so that a hanging
    store does not fill the process with threads.
    """

    def __init__(self, ask: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
        self._ask = ask
        self._seconds = seconds
        self._lock = threading.Lock()
        self._asked: Future[bool] | None = None

    def __call__(self) -> bool:
        """The answer; False when it did not come in time."""
        with self._lock:
            asked = self._asked
            if asked is None:
                asked = self._asked = Future()
                threading.Thread(
                    target=self._work, args=(asked,), name="ready", daemon=True
                ).start()
        try:
            return asked.result(self._seconds)
        except TimeoutError:
            return False

    def _work(self, asked: "Future[bool]") -> None:
        try:
            answer, problem = self._ask(), None
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            answer, problem = False, error
        with self._lock:
            self._asked = None
        if problem is None:
            asked.set_result(answer)
        else:
            asked.set_exception(problem)


class MetricsApp:
    """The WSGI application.

    Args:
        live: What the fleet says now.
        ready: Whether the store answers; may take for ever, may raise.
    """

    def __init__(self, live: LiveState, ready: Callable[[], bool]) -> None:
        self._live = live
        self._ready = Probe(ready)

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        method = environ["REQUEST_METHOD"]
        if method not in {"GET", "HEAD"}:
            status, kind, body, packed = "405 Method Not Allowed", _TEXT, b"GET only\n", False
        else:
            packed = accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
            status, kind, body, packed = self._answer(environ["PATH_INFO"], packed=packed)
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        if packed:
            headers.append(("Content-Encoding", "gzip"))
        if status.startswith("405"):
            headers.append(("Allow", "GET, HEAD"))
        headers.append(("Vary", "Accept-Encoding"))
        start_response(status, headers)
        return [] if method == "HEAD" else [body]

    def _answer(self, path: str, *, packed: bool) -> Answer:
        if path == "/metrics":
            return "200 OK", CONTENT_TYPE_PLAIN_0_0_4, self._page(packed=packed), packed
        if path == "/-/healthy":
            return "200 OK", _TEXT, b"healthy\n", False
        if path == "/-/ready":
            if self._is_ready():
                return "200 OK", _TEXT, b"ready\n", False
            return "503 Service Unavailable", _TEXT, b"the store does not answer\n", False
        return "404 Not Found", _TEXT, b"try /metrics, /-/healthy or /-/ready\n", False

    def _page(self, *, packed: bool) -> bytes:
        own = generate_latest(REGISTRY)
        if packed:
            own = igzip_lib.compress(own, 1, igzip_lib.COMP_GZIP)
        return b"".join([*self._live.parts(packed=packed), own])

    def _is_ready(self) -> bool:
        try:
            return self._ready()
        except Exception:  # whatever keeps the store from answering means not ready
            log.warning("the store does not answer", exc_info=True)
            return False


def start_metrics_server(listen: str, live: LiveState, ready: Callable[[], bool]) -> Server:
    """Answer scrapes in threads of their own.

    Returns:
        The running server: ``.port``, ``.close()``.

    Raises:
        ValueError: ``listen`` is not ``host:port``.
        OSError: The address cannot be bound.
    """
    server = Server(MetricsApp(live, ready), listen)
    server.start()
    return server
