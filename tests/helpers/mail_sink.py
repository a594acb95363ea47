"""A mail server on loopback that keeps what it is given, and can refuse."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import here_mail


class MailSink(here_mail.MailSink):
    """Listens on a free port of its own."""

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
