"""The gate before every page: closed unless a login, a form and a place say otherwise."""

import hmac
import logging
import re

from flask import Flask, abort, g, redirect, request, url_for
from werkzeug.wrappers import Response

from tramgac_collector.config import Config
from tramgac_collector.web import sessions, tries
from tramgac_collector.web.access import LOCAL, NOBODY, Foreign, Viewer, is_narrowed, viewer
from tramgac_collector.web.desk import Desk
from tramgac_collector.web.doors import HEALTHY, LINKS, Doors
from tramgac_collector.web.sessions import Session
from tramgac_collector.web.store import StoreSilentError

LOGIN = "login"
# Asked for without a login. Links are signed, and each form of a login carries its own key.
OPEN = frozenset({HEALTHY, LOGIN, *LINKS})
STRANGER = "stranger"
# Writing at every look would keep the store busy.
_TOUCH_MS = 60_000
_LANGUAGE = re.compile(r"(?:/runbooks)?/(vi|en)/")

log = logging.getLogger(__name__)


class Gate:
    """Asked before every request.

    Args:
        app: The application.
        config: Whole.
        desk: Where logins are.
    """

    def __init__(self, app: Flask, config: Config, desk: Desk) -> None:
        self.web = config.web
        self.doors = Doors(config)
        self._app = app
        self.desk = desk
        self.cookie = "__Host-tramgac" if self.web.secure else "tramgac"
        app.config["TRUSTED_HOSTS"] = self.doors.names
        app.before_request(self.check)

    def check(self) -> Response | None:
        """Let somebody in, send them to the login, or refuse."""
        g.viewer = NOBODY
        self.doors.check()
        endpoint = request.endpoint
        if not self.web.accounts:
            g.viewer = LOCAL
        elif endpoint in OPEN:
            return None
        elif not self._knows():
            return self._ask_to_log_in()
        if request.routing_exception is None and endpoint not in OPEN:
            self._check_form()
            self._check_place(str(endpoint))
        return None

    def session(self) -> Session | None:
        """The login of this request, if it holds.

        Raises:
            StoreSilentError: The store does not answer.
        """
        token = request.cookies.get(self.cookie, "")
        if not token:
            return None
        with self.desk.reading() as connection:
            return sessions.find(connection, token, self.web, self.desk.now_ms())

    def _knows(self) -> bool:
        session = self.session()
        if session is None:
            return False
        account = session.account
        key = sessions.form_key(request.cookies[self.cookie])
        g.session_key = session.key
        g.viewer = Viewer(account.name, account.facilities, account.duty, key)
        self._touch(session)
        return True

    def _touch(self, session: Session) -> None:
        now_ms = self.desk.now_ms()
        sent = request.headers
        reloads = sent.get("Sec-Fetch-Mode") == "navigate" and "Sec-Fetch-User" not in sent
        # A page that reloads by itself on a screen nobody watches does not keep the login.
        if reloads or now_ms - session.seen_ms < _TOUCH_MS:
            return
        try:
            with self.desk.changing() as connection:
                sessions.touch(connection, session, now_ms)
        except StoreSilentError:
            log.warning("a login cannot be kept awake", exc_info=True)

    def _ask_to_log_in(self) -> Response:
        self.refuse("no_login")
        if request.method not in {"GET", "HEAD"}:
            abort(403)
        found = _LANGUAGE.match(request.path)
        best = request.accept_languages.best_match(("vi", "en")) or "vi"
        language = found[1] if found else best
        return redirect(url_for(LOGIN, language=language, next=request.path), 303)

    def _check_form(self) -> None:
        if request.method in {"GET", "HEAD", "OPTIONS"}:
            return
        known, sent = viewer().form_key, request.form.get("form_key", "")
        if not known or not hmac.compare_digest(known.encode(), sent.encode()):
            self.refuse("form")
            abort(403)

    def _check_place(self, endpoint: str) -> None:
        if viewer().facilities is None:
            return
        asked = [*request.args.getlist("facility"), *request.form.getlist("facility")]
        asked.append(str((request.view_args or {}).get("facility", "")))
        if any(one and not viewer().sees(one) for one in asked):
            raise Foreign
        if not is_narrowed(self._app, endpoint):
            raise Foreign

    def refuse(self, why: str) -> None:
        """Write down that a page was refused."""
        who, client = viewer().name or STRANGER, self.doors.client()
        detail = f"{why}, {request.method} from {client}"
        place = "" if viewer().name else tries.place_of(client)
        self.desk.note_refusal(who, "page_refused", request.path[:200], detail, place=place)
