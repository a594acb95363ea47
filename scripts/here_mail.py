"""A mail server on loopback that keeps what it is given: ``here_mail.py PORT FOLDER``.

`make run` starts it, so that a real alert has somewhere to go.
"""

import socketserver
import sys
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast

_MAX_BYTES = 1 << 20


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        sink = cast("MailSink", self.server)
        self._say("220 sink")
        while line := self.rfile.readline(1000).strip().upper():
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
        lines: list[bytes] = []
        size = 0
        while (line := self.rfile.readline()) not in {b".\r\n", b""} and size < _MAX_BYTES:
            lines.append(line)
            size += len(line)
        sink.keep(message_from_bytes(b"".join(lines), policy=policy.default))
        self._say("250 kept")


class MailSink(socketserver.ThreadingTCPServer):
    """Takes every mail on one port of loopback."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Session)
        self.mails: list[EmailMessage] = []
        self.refuses = False

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def keep(self, mail: EmailMessage) -> None:
        """Take one in."""
        self.mails.append(mail)


class _Folder(MailSink):
    """One file a mail, named by when it came."""

    def __init__(self, port: int, folder: Path) -> None:
        super().__init__(port)
        self._folder = folder

    def keep(self, mail: EmailMessage) -> None:
        """Write it down."""
        scratch = self._folder / "new"
        scratch.write_bytes(mail.as_bytes())
        scratch.rename(self._folder / f"{time.time_ns()}.eml")


if __name__ == "__main__":
    _Folder(int(sys.argv[1]), Path(sys.argv[2])).serve_forever()
