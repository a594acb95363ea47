"""A mail server on loopback that keeps what it is given, and can refuse."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        sink = cast("MailSink", self.server)
        self._say("220 sink")
        while line := self.rfile.readline().strip().upper():
            if line.startswith(b"DATA"):
                self._take(sink)
            elif line.startswith(b"QUIT"):
                self._say("221 bye")
                return
            else:
                self._say("451 not now" if sink.refuses and line.startswith(b"MAIL") else "250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def _take(self, sink: "MailSink") -> None:
        self._say("354 go on")
        body = b"".join(iter(self.rfile.readline, b".\r\n"))
        sink.mails.append(message_from_bytes(body, policy=policy.default))
        self._say("250 kept")


class MailSink(socketserver.ThreadingTCPServer):
    """Listens on a free port of its own."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[EmailMessage] = []
        self.refuses = False

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Its address for apprise."""
        return f"mailto://localhost:{self.port}?from=tramgac@example.org&to=watch@example.org"

    def subjects(self) -> list[str]:
        """Of every mail, in their order."""
        return [str(mail["subject"]) for mail in self.mails]

    def text(self, number: int = -1) -> str:
        """The text of one mail."""
        part = self.mails[number].get_body(("plain", "html"))
        return "" if part is None else str(part.get_content())


@contextmanager
def mail_sink() -> Iterator[MailSink]:
    """A running sink."""
    with MailSink() as sink:
        threading.Thread(target=sink.serve_forever, args=(0.05,), daemon=True).start()
        yield sink
        sink.shutdown()
