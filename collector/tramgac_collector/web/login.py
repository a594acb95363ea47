"""Logging in and out."""

import hmac
import re
from collections.abc import Callable

from flask import Flask, g, make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from tramgac_collector.identity.register import note
from tramgac_collector.web import accounts, passwords, sessions, tries
from tramgac_collector.web.access import viewer
from tramgac_collector.web.accounts import Account
from tramgac_collector.web.desk import Desk
from tramgac_collector.web.gate import LOGIN, STRANGER, Gate
from tramgac_collector.web.words import LANGUAGES

# Behind a slash nothing that a browser takes for another host.
_OWN_PAGE = re.compile(r"/(?!/)[a-zA-Z0-9/_.-]{0,200}")
_LONGEST_NAME = 64
_FORM_SECONDS = 3_600

# Template, language, values -> page.
Render = Callable[..., str]


class _Refused(Exception):  # noqa: N818 - an answer
    """Key of the word that says why, the HTTP status, and how long to wait."""

    def __init__(self, text: str, status: int, wait_ms: int = 0) -> None:
        super().__init__(text)
        self.text, self.status, self.wait_ms = text, status, wait_ms


class LoginPages:
    """The form, what it answers, and the way out."""

    def __init__(self, app: Flask, gate: Gate, desk: Desk, render: Render) -> None:
        self._gate, self._desk, self._render = gate, desk, render
        secure = gate.web.secure
        self._form_cookie = "__Host-tramgac-form" if secure else "tramgac-form"
        address = "/<any(vi, en):language>/login"
        app.add_url_rule(address, LOGIN, self.answer, methods=["GET", "POST"])
        app.add_url_rule("/logout", "logout", self.leave, methods=["POST"])
        if gate.web.accounts:
            passwords.warm()

    def answer(self, language: str) -> Response:
        """Show the form, or let somebody in."""
        if not self._gate.web.accounts:
            return redirect(url_for("facilities", language=language), 303)
        if request.method != "POST":
            return self._form(language)
        try:
            return self._enter(language)
        except _Refused as refused:
            minutes = -(-refused.wait_ms // tries.MINUTE_MS)
            response = self._form(language, refused.text, minutes)
            response.status_code = refused.status
            if minutes:
                response.headers["Retry-After"] = str(minutes * 60)
            return response

    def _form(self, language: str, text: str = "", minutes: int = 0) -> Response:
        secret = request.cookies.get(self._form_cookie, "") or sessions.new_secret()
        page = self._render(
            "login.html",
            language,
            page=LOGIN,
            text=text,
            minutes=minutes,
            form_key=sessions.form_key(secret),
            next=_own_page(request.values.get("next", "")),
        )
        response = make_response(page)
        self._set(response, self._form_cookie, secret, _FORM_SECONDS)
        return response

    def _enter(self, language: str) -> Response:
        secret = request.cookies.get(self._form_cookie, "")
        key = sessions.form_key(secret)
        sent = request.form.get("form_key", "")
        if not secret or not hmac.compare_digest(key.encode(), sent.encode()):
            raise _Refused("login_form", 403)
        name = request.form.get("name", "").strip().lower()[:_LONGEST_NAME]
        token = self._begin(name, request.form.get("password", ""))
        target = _own_page(request.form.get("next", "")) or url_for("facilities", language=language)
        response = redirect(target, 303)
        self._set(response, self._gate.cookie, token, int(self._gate.web.session_hours * 3600))
        response.delete_cookie(self._form_cookie, secure=self._gate.web.secure, httponly=True)
        return response

    def _begin(self, name: str, password: str) -> str:
        """Return the token of a new login.

        Raises:
            _Refused: It is none, in words that do not tell whether the name exists.
        """
        address = self._gate.doors.client()
        place = tries.place_of(address)
        try:
            with passwords.slot():
                account = self._admit(name, place)
                stored = account.password if account is not None and account.active else None
                right = passwords.matches(stored, password)
        except passwords.BusyError:
            raise _Refused("login_busy", 503) from None
        if account is None or not right:
            self._refuse("wrong", account)
            raise _Refused("login_wrong", 403)
        return self._record(account, address)

    def _admit(self, name: str, place: str) -> Account | None:
        """Count a try, unless it comes too early."""
        now_ms = self._desk.now_ms()
        with self._desk.reading() as connection:
            account = accounts.find(connection, name)
            who = tries.who_of(account.id if account else None, name)
            wait = tries.wait_ms(connection, who, place, now_ms)
        if not wait:
            with self._desk.changing() as connection:
                wait = tries.wait_ms(connection, who, place, now_ms)
                if not wait:
                    tries.count(connection, who, place, now_ms)
        if wait:
            self._refuse("too_many", account)
            raise _Refused("login_wait", 429, wait)
        return account

    def _record(self, account: Account, address: str) -> str:
        now_ms = self._desk.now_ms()
        old = request.cookies.get(self._gate.cookie, "")
        with self._desk.changing() as connection:
            if accounts.find(connection, account.name) != account:
                # Disabled, or its password changed, while it was looked at.
                raise _Refused("login_wrong", 403)
            tries.take_back(connection, tries.who_of(account.id, ""), tries.place_of(address))
            if old:
                sessions.end(connection, sessions.key_of(old))
            token = sessions.begin(connection, account, self._gate.web, address, now_ms)
            note(connection, now_ms, (account.name, "logged_in", account.name), f"from {address}")
        return token

    def _refuse(self, why: str, account: Account | None) -> None:
        """What was typed for a name may be a password: only names that exist are written down."""
        subject = "no such account" if account is None else account.name
        client = self._gate.doors.client()
        detail, place = f"{why}, from {client}", tries.place_of(client)
        self._desk.note_refusal(STRANGER, "login_refused", subject, detail, place=place)

    def leave(self) -> Response:
        """End the login."""
        if self._gate.web.accounts:
            now_ms, name = self._desk.now_ms(), viewer().name
            with self._desk.changing() as connection:
                sessions.end(connection, g.session_key)
                note(connection, now_ms, (name, "logged_out", name))
        best = request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
        response = redirect(url_for(LOGIN, language=best), 303)
        response.delete_cookie(self._gate.cookie, secure=self._gate.web.secure, httponly=True)
        return response

    def _set(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            secure=self._gate.web.secure,
            httponly=True,
            samesite="Strict",
        )


def _own_page(text: str) -> str:
    return text if _OWN_PAGE.fullmatch(text) else ""
