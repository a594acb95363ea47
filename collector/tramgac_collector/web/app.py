"""The Flask application. It only reads; it needs no script in the browser."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask, Response, g, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from tramgac_collector.backups.record_page import drill_page
from tramgac_collector.config import Config
from tramgac_collector.rules.library import Library
from tramgac_collector.web import ack, words
from tramgac_collector.web.access import LOCAL
from tramgac_collector.web.address import check_loopback
from tramgac_collector.web.backup_list import Choice, backup_list
from tramgac_collector.web.rule_page import rule_page
from tramgac_collector.web.store import StoreReader, StoreSilentError
from tramgac_collector.web.view import overview

log = logging.getLogger(__name__)

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
        ConfigError: It would listen beyond loopback.
    """
    check_loopback(config.listen.web)
    app = Flask(__name__)
    # A page elsewhere that rebinds its name to 127.0.0.1 gets nothing.
    app.config["TRUSTED_HOSTS"] = ["localhost", "127.0.0.1", "[::1]"]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["store"] = reader = StoreReader(config.store_url)
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
    app.before_request(_let_in)
    app.after_request(_protect)
    app.register_error_handler(HTTPException, pages.failed)
    return app


def _let_in() -> None:
    g.viewer = LOCAL


def _text(body: str, status: int = 200) -> Response:
    return Response(body, status, mimetype="text/plain")


def _protect(response: Response) -> Response:
    for name, value in _HEADERS.items():
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
            return self._render("message.html", language, text="no_store"), 503
        rows = overview(picture, self._now_ms(), language)
        return self._render(f"{page}.html", language, page=page, overview=rows)

    def backups(self, language: str) -> str | tuple[str, int]:
        """Every backup series, worst first, a page at a time."""
        choice = Choice.of(request.args)
        try:
            rows = self._reader.backups(self._now_ms(), choice.facility)
            shown = backup_list(rows, choice, self._reader.read().inventory, language)
            drills = self._reader.drill_numbers(shown.drills)
        except StoreSilentError:
            log.warning("the store does not answer", exc_info=True)
            return self._render("message.html", language, text="no_store"), 503
        return self._render(
            "backups.html", language, page="backups", list=shown, drills=drills, kept=choice.kept
        )

    def rules(self, language: str, facility: str) -> str | tuple[str, int]:
        """What a facility is asked for, and what its evidence says."""
        try:
            declared = self._reader.read().inventory.facility(facility)
            results = [] if declared is None else self._reader.results(facility)
        except StoreSilentError:
            log.warning("the store does not answer", exc_info=True)
            return self._render("message.html", language, text="no_store"), 503
        if declared is None:
            return self._render("message.html", language, text="not_found"), 404
        shown = rule_page(declared, results, Library.read(), language)
        return self._render(
            "rules.html", language, page="rules", rules=shown, kept={"facility": facility}
        )

    def drill(self, number: int) -> str | tuple[str, int]:
        """The evidence record of a drill, as it is printed."""
        try:
            record = self._reader.drill(number) if number <= _LARGEST else None
        except StoreSilentError:
            log.warning("the store does not answer", exc_info=True)
            return self._render("message.html", _language(), text="no_store"), 503
        if record is None:
            return self._render("message.html", _language(), text="not_found"), 404
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
            return self._render("message.html", _language(), text="not_found"), code
        if error.response is not None:
            return Response(status=code)
        return _text(f"{code} {error.name}\n", code)

    def _render(self, template: str, language: str, **values: Any) -> str:  # noqa: ANN401
        now = self._now_ms()
        return render_template(
            template,
            language=language,
            word=partial(words.word, language=language),
            age=lambda at_ms: words.age((now - at_ms) / 1000, language),
            moment=words.moment,
            day=words.day,
            now=now,
            **{"kept": {}, **values},
        )


def _language() -> str:
    view = request.view_args or {}
    if view.get("language") in words.LANGUAGES:
        return str(view["language"])
    first = request.path.split("/")[1]
    if first in words.LANGUAGES:
        return first
    return request.accept_languages.best_match(words.LANGUAGES) or words.LANGUAGES[0]
