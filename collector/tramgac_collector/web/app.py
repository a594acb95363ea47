"""The Flask application. It only reads; it needs no script in the browser."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from tramgac_collector.backups.record_page import drill_page
from tramgac_collector.config import Config
from tramgac_collector.web import access, ack, words
from tramgac_collector.web.access import Foreign, may_see, viewer
from tramgac_collector.web.address import check_door
from tramgac_collector.web.backup_list import Choice, backup_list
from tramgac_collector.web.desk import Desk
from tramgac_collector.web.gate import LOGIN, Gate
from tramgac_collector.web.incident_pages import IncidentPages
from tramgac_collector.web.lan_pages import LanPages
from tramgac_collector.web.login import LoginPages
from tramgac_collector.web.report_pages import ReportPages
from tramgac_collector.web.rule_page import rule_page
from tramgac_collector.web.runbook_pages import RunbookPages
from tramgac_collector.web.store import StoreReader, StoreSilentError
from tramgac_collector.web.view import narrowed, overview
from tramgac_collector.wsgi import REQUEST_BYTES

log = logging.getLogger(__name__)

# They ask `may_see` of everything they show.
_NARROWED = (
    *("home", "agents_home", "backups_home", "facilities", "agents", "backups", "rules", "drill"),
    *("logout", "ready"),
)
# No database counts further.
_LARGEST = 2**63 - 1

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def create_app(config: Config, now_ms: Callable[[], int] = _now_ms) -> Flask:
    """Build the application.

    Raises:
        ConfigError: It would show the pages to strangers.
    """
    check_door(config)
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = REQUEST_BYTES
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["store"] = reader = StoreReader(config.store_url)
    app.extensions["desk"] = desk = Desk(config.store_url, now_ms)
    # Before everything else: nothing is answered that it has not looked at.
    gate = Gate(app, config, desk)
    pages = _Pages(reader, now_ms)
    app.add_url_rule("/", "home", pages.choose, defaults={"page": "facilities"})
    app.add_url_rule("/agents", "agents_home", pages.choose, defaults={"page": "agents"})
    app.add_url_rule("/<any(vi, en):language>/", "facilities", partial(pages.show, "facilities"))
    app.add_url_rule("/<any(vi, en):language>/agents", "agents", partial(pages.show, "agents"))
    app.add_url_rule("/backups", "backups_home", pages.choose, defaults={"page": "backups"})
    app.add_url_rule("/<any(vi, en):language>/backups", "backups", pages.backups)
    app.add_url_rule("/<any(vi, en):language>/facilities/<facility>", "rules", pages.rules)
    app.add_url_rule("/drills/<int:number>", "drill", pages.drill)
    app.add_url_rule("/-/healthy", "healthy", lambda: _text("healthy\n"))
    app.add_url_rule("/-/ready", "ready", pages.ready)
    ack.register(app, config, now_ms)
    LoginPages(app, gate, desk, pages.render)
    IncidentPages(app, gate, config, reader, pages.render)
    ReportPages(app, desk, pages.render)
    LanPages(app, reader, desk, pages.render)
    RunbookPages(app, pages.render)
    access.narrow_endpoints(app, *_NARROWED)
    app.after_request(partial(_protect, secure=config.web.secure))
    app.register_error_handler(HTTPException, pages.failed)
    app.register_error_handler(StoreSilentError, pages.silent)
    app.register_error_handler(Foreign, partial(pages.foreign, gate))
    return app


def _text(body: str, status: int = 200) -> Response:
    return Response(body, status, mimetype="text/plain")


def _protect(response: Response, *, secure: bool) -> Response:
    headers = dict(_HEADERS)
    if viewer().form_key or request.endpoint == LOGIN:
        policy = headers["Content-Security-Policy"]
        headers["Content-Security-Policy"] = policy.replace(
            "form-action 'none'", "form-action 'self'"
        )
    if secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    for name, value in headers.items():
        # The page with a form says itself where the form may go.
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


class _Pages:
    """What the addresses answer."""

    def __init__(self, reader: StoreReader, now_ms: Callable[[], int]) -> None:
        self._reader = reader
        self._now_ms = now_ms

    def choose(self, page: str) -> AnyResponse:
        """Send the reader to the language their browser asks for."""
        kept: dict[str, Any] = {
            key: request.args[key] for key in ("facility",) if key in request.args
        }
        response = redirect(url_for(page, language=_language(), **kept), 302)
        response.headers["Vary"] = "Accept-Language"
        return response

    def show(self, page: str, language: str) -> str | tuple[str, int]:
        """One page in one language."""
        try:
            picture = self._reader.read()
        except StoreSilentError:
            log.warning("the store does not answer", exc_info=True)
            return self.render("message.html", language, text="no_store"), 503
        rows = overview(narrowed(picture, may_see), self._now_ms(), language)
        return self.render(f"{page}.html", language, page=page, overview=rows)

    def backups(self, language: str) -> str | tuple[str, int]:
        """Every backup series, worst first, a page at a time."""
        choice = Choice.of(request.args)
        try:
            known = self._reader.backups(self._now_ms(), choice.facility, may_see)
            inventory = narrowed(self._reader.read(), may_see).inventory
            shown = backup_list(known.rows, choice, inventory, language)
            drills = self._reader.drill_numbers(shown.drills)
        except StoreSilentError:
            log.warning("the store does not answer", exc_info=True)
            return self.render("message.html", language, text="no_store"), 503
        return self.render(
            "backups.html",
            language,
            page="backups",
            list=shown,
            drills=drills,
            kept=choice.kept,
            judged=known,
        )

    def rules(self, language: str, facility: str) -> str | tuple[str, int]:
        """What a facility is asked for, and what its evidence says."""
        try:
            declared = self._reader.read().inventory.facility(facility)
            results = [] if declared is None else self._reader.results(facility)
            library = self._reader.library()
        except StoreSilentError:
            log.warning("the store does not answer", exc_info=True)
            return self.render("message.html", language, text="no_store"), 503
        if declared is None:
            return self.render("message.html", language, text="not_found"), 404
        shown = rule_page(declared, results, library, language)
        return self.render(
            "rules.html", language, page="rules", rules=shown, kept={"facility": facility}
        )

    def drill(self, number: int) -> str | tuple[str, int]:
        """The evidence record of a drill, as it is printed."""
        try:
            record = self._reader.drill(number) if number <= _LARGEST else None
        except StoreSilentError:
            log.warning("the store does not answer", exc_info=True)
            return self.render("message.html", _language(), text="no_store"), 503
        if record is None:
            return self.render("message.html", _language(), text="not_found"), 404
        access.require(str(record["facility"]))
        return drill_page(record, url_for("static", filename="record.css"))

    def ready(self) -> Response:
        """Whether the store can be read."""
        try:
            self._reader.read()
        except StoreSilentError as error:
            log.warning("not ready: %s", error)
            return _text("the store does not answer\n", 503)
        return _text("ready\n")

    def failed(self, error: HTTPException) -> AnyResponse | tuple[str, int]:
        """An error page that tells nothing of the inside."""
        code = error.code or 500
        if code == 404:  # noqa: PLR2004 - HTTP's
            return self.render("message.html", _language(), text="not_found"), code
        if error.response is not None:
            return Response(status=code)
        return _text(f"{code} {error.name}\n", code)

    def silent(self, error: StoreSilentError) -> tuple[str, int]:
        """The store does not say who it is: nobody is let in."""
        log.warning("the store does not answer: %s", error)
        return self.render("message.html", _language(), text="no_store"), 503

    def foreign(self, gate: Gate, error: Foreign) -> AnyResponse | tuple[str, int]:
        """As if it did not exist; written down."""
        gate.refuse("foreign")
        return self.failed(error)

    def render(self, template: str, language: str, **values: Any) -> str:  # noqa: ANN401
        """One template in one language, with what every page shows."""
        now = self._now_ms()
        return render_template(
            template,
            language=language,
            word=partial(words.word, language=language),
            age=lambda at_ms: words.age((now - at_ms) / 1000, language),
            moment=words.moment,
            day=words.day,
            now=now,
            viewer=viewer(),
            **{"kept": {}, **values},
        )


def _language() -> str:
    view = request.view_args or {}
    if view.get("language") in words.LANGUAGES:
        return str(view["language"])
    found = next((one for one in request.path.split("/")[1:3] if one in words.LANGUAGES), "")
    if found:
        return found
    return request.accept_languages.best_match(words.LANGUAGES) or words.LANGUAGES[0]
