"""The page behind a link of a message: GET shows the incident, POST takes it on.

Mail programs and chats open links by themselves to preview them; only a person presses a button.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, Response, make_response, render_template, request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from tramgac_collector.config import Config
from tramgac_collector.identity.register import note
from tramgac_collector.inventory.load import InventoryError, parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import newest
from tramgac_collector.notify.acks import BY_LINK, NotAcknowledged, acknowledge
from tramgac_collector.notify.links import Link, LinkRefused, link_key, verify
from tramgac_collector.notify.message import Message, Topic, compose
from tramgac_collector.notify.pipeline import ALERTMANAGER
from tramgac_collector.notify.roster import Roster, roster_of
from tramgac_collector.notify.rows import get_incident
from tramgac_collector.notify.words import LABELS
from tramgac_collector.store.engine import open_engine, reading
from tramgac_collector.web.doors import Doors
from tramgac_collector.web.words import LANGUAGES, moment
from tramgac_proto.configfile import ConfigError

ENDPOINT = "acknowledge"
# A stranger who tries links must not fill the audit trail.
_NOTES_PER_MINUTE = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the page shows.

    Attributes:
        state: ``open``, ``taken`` or ``over``; of a link that was refused, why.
        until_ms: How long it is quiet.
    """

    state: str
    message: Message | None = None
    until_ms: int = 0


def register(app: Flask, config: Config, now_ms: Callable[[], int]) -> None:
    """Add the page; web/doors.py says by which names it is reached."""
    pages = _AckPages(config, now_ms)
    app.add_url_rule("/ack/<token>", ENDPOINT, pages.answer, methods=["GET", "POST"])


class _AckPages:
    """Opens the store for writing only when somebody presses the button."""

    def __init__(self, config: Config, now_ms: Callable[[], int]) -> None:
        self._config = config
        self._now_ms = now_ms
        self._doors = Doors(config)
        self._lock = threading.Lock()
        self._noted: list[float] = []

    def answer(self, token: str) -> Response:
        """Show, or take on."""
        now_ms = self._now_ms()
        engine = open_engine(self._config.store_url)
        link = None
        try:
            link = verify(link_key(self._config.state_dir), token, now_ms)
            language = self._language(link)
            if request.method == "POST":
                shown = self._take(engine, link, now_ms)
            else:
                shown = self._show(engine, link, language)
            status = _STATUS.get(shown.state, 200)
            if shown.state in _STATUS:
                self._note_refusal(engine, shown.state, link, now_ms)
        except LinkRefused as refused:
            self._note_refusal(engine, refused.code, link, now_ms)
            shown, status = _Shown(refused.code), 403
        except SQLAlchemyError:
            log.warning("the store does not answer", exc_info=True)
            shown, status = _Shown("no_store"), 503
        finally:
            engine.dispose()
        return _page(shown, token, status)

    def _show(self, engine: Engine, link: Link, language: str) -> _Shown:
        with reading(engine) as connection:
            incident = get_incident(connection, link.incident)
            version = newest(connection)
        if incident is None:
            raise LinkRefused("no_incident")
        inventory = Inventory()
        if version is not None:
            try:
                inventory = parse_inventory(version.document, "inventory in force")
            except InventoryError:
                log.exception("the inventory in the store cannot be used")
        message = compose([Topic(incident)], inventory, language)
        return _Shown("open" if incident.closed_ms is None else "over", message)

    def _take(self, engine: Engine, link: Link, now_ms: int) -> _Shown:
        try:
            with engine.begin() as connection:
                until = acknowledge(
                    connection, link.incident, link.recipient, how=BY_LINK, now_ms=now_ms,
                    minutes=self._config.notify.ack_minutes,
                )  # fmt: skip
        except NotAcknowledged as refused:
            if refused.code == "no_incident":
                raise LinkRefused(refused.code) from None
            return _Shown("over" if refused.code == "closed" else refused.code)
        return _Shown("taken", until_ms=until)

    def _roster(self) -> Roster | None:
        """Who may acknowledge; None while nobody can say, so that nobody does."""
        try:
            return roster_of(self._config.notify)
        except ConfigError:
            log.exception("the roster cannot be used")
            return None

    def _language(self, link: Link) -> str:
        """Of whom the link is, if they still are one of us.

        Raises:
            LinkRefused: They are not.
        """
        if link.recipient == ALERTMANAGER.recipient and self._config.notify.alertmanager:
            return _asked_language()
        roster = self._roster()
        if roster is None:
            raise LinkRefused("no_roster")
        person = roster.person(link.recipient)
        if person is None:
            raise LinkRefused("not_in_roster")
        return person.language

    def _note_refusal(self, engine: Engine, code: str, link: Link | None, now_ms: int) -> None:
        with self._lock:
            now = time.monotonic()
            self._noted = [at for at in self._noted if now - at < 60]  # noqa: PLR2004 - a minute
            if len(self._noted) >= _NOTES_PER_MINUTE:
                return
            self._noted.append(now)
        log.warning("a link was refused: %s", code)
        try:
            with engine.begin() as connection:
                what = ("web", "link_refused", code)
                note(connection, now_ms, what, _refusal(link, self._doors.client()))
        except SQLAlchemyError:
            log.warning("the refusal cannot be noted", exc_info=True)


def _refusal(link: Link | None, client: str) -> str:
    """From where it came and, of a link that is ours, what it would have acknowledged."""
    of = "" if link is None else f", {link.recipient} for incident {link.incident}"
    return f"{request.method} from {client}{of}"


def _asked_language() -> str:
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def _page(shown: _Shown, token: str, status: int) -> Response:
    language = _asked_language()
    state = shown.state if shown.state in _STATES else "refused"
    text = _STATES[state][LANGUAGES.index(language)]
    until = f" {moment(shown.until_ms)}" if shown.until_ms else ""
    body = render_template(
        "ack.html",
        language=language,
        title=f"{LABELS['incident'][LANGUAGES.index(language)]}",
        text=text + until,
        message=shown.message,
        button=_BUTTON[LANGUAGES.index(language)] if state == "open" else "",
        action=f"/ack/{token}",
    )
    response = make_response(body, status)
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return response


# All other answers to a good link are 200.
_STATUS = {"too_often": 429}
_BUTTON = ("Tôi nhận xử lý", "I take it on")
_STATES = {
    "open": ("Chưa ai nhận qua liên kết này.", "Nobody has taken it on by this link."),
    "taken": (
        "Đã ghi nhận. Sẽ nhắc lại nếu chưa xong sau",
        "Noted. You are reminded if it lasts after",
    ),
    "over": ("Sự cố đã hết, không cần làm gì.", "It is over; there is nothing to do."),
    "expired": ("Liên kết đã hết hạn; chờ tin mới.", "The link has ended; wait for a new message."),
    "not_in_roster": (
        "Liên kết của người không còn trong danh sách trực.",
        "This link belongs to somebody who is no longer in the roster.",
    ),
    "too_often": (
        "Liên kết này vừa được dùng quá nhiều lần; thử lại sau một giờ.",
        "This link was used too often; try again in an hour.",
    ),
    "no_store": (
        "Cơ sở dữ liệu chưa trả lời; thử lại sau.",
        "The store does not answer; try again.",
    ),
    "refused": ("Liên kết không đúng.", "This is not a valid link."),
}
