"""Logging in: who gets in, for how long, and how slowly somebody else tries."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from helpers.weblogin import NOW, PASSWORD, Centre, centre, form_key_of, log_in
from sqlalchemy import func, select

from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import login_tries, web_sessions
from tramgac_collector.web import accounts, passwords, tries
from tramgac_collector.web.accounts import Doer
from tramgac_collector.web.settings import WebSection

MINUTE = 60_000


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Centre]:
    """A centre with one account."""
    with centre(tmp_path) as one:
        one.account("lan")
        yield one


def inside(client: FlaskClient) -> bool:
    return client.get("/vi/").status_code == 200


def test_the_right_password_lets_in(room: Centre) -> None:
    """Back to the page that was asked for, by a cookie no script or other site can use."""
    client = room.browser()
    asked = client.get("/en/agents")
    form = client.get(asked.location)
    key = form_key_of(form.text)
    assert "form-action 'self'" in form.headers["Content-Security-Policy"]
    assert 'http-equiv="refresh"' not in form.text
    sent = {"form_key": key, "name": " LAN ", "password": PASSWORD, "next": "/en/agents"}
    answer = client.post("/en/login", data=sent)

    assert (answer.status_code, answer.location) == (303, "/en/agents")
    cookie = answer.headers.getlist("Set-Cookie")[0]
    assert cookie.startswith("tramgac=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert inside(client)
    assert room.audited("logged_in") == [("lan", "lan", "from 127.0.0.1")]


def test_only_a_digest_of_the_token_is_stored(room: Centre) -> None:
    """Who reads the store cannot take over a login."""
    client = room.browser("lan")
    cookie = client.get_cookie("tramgac")
    assert cookie is not None
    with reading(room.engine) as connection:
        stored = connection.execute(select(web_sessions)).one()
        account = accounts.find(connection, "lan")

    assert len(cookie.value) >= 43
    assert cookie.value not in map(str, stored)
    assert account is not None
    assert account.password.startswith("$argon2id$v=19$m=47104,t=2,p=1$")


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:1", "/a\n"],
)
def test_the_way_back_stays_here(room: Centre, target: str) -> None:
    """An address of elsewhere is not where a login leads."""
    client = room.browser()
    key = form_key_of(client.get("/en/login").text)
    form = {"form_key": key, "name": "lan", "password": PASSWORD, "next": target}

    assert client.post("/en/login", data=form).location == "/en/"


def test_a_wrong_name_and_a_wrong_password_look_alike(room: Centre) -> None:
    """The same page, and as much work; what was typed for a name is not written down."""
    worked: list[bool] = []
    known = passwords.matches

    def counted(stored: str | None, password: str) -> bool:
        worked.append(True)
        return known(stored, password)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "matches", counted)
        wrong = log_in(room.browser(), "lan", "wrong " * 3)
        nobody = log_in(room.browser(), "wrong-secret-name", "wrong " * 3)

    assert wrong.status_code == nobody.status_code == 403
    key = form_key_of(wrong.text)
    assert wrong.text.replace(key, form_key_of(nobody.text)) == nobody.text
    assert len(worked) == 2
    assert [row[1] for row in room.audited("login_refused")] == ["lan", "no such account"]


def test_a_form_without_its_cookie_is_refused(room: Centre) -> None:
    """Nobody is logged in by a form of another site, nor without the cookie it came with."""
    key = form_key_of(room.browser().get("/en/login").text)
    form = {"form_key": key, "name": "lan", "password": PASSWORD}

    assert room.browser().post("/en/login", data=form).status_code == 403
    other = room.browser()
    other.get("/en/login")
    assert other.post("/en/login", data=form).status_code == 403
    assert not inside(other)


def test_an_idle_login_ends_and_a_reload_does_not_keep_it(room: Centre) -> None:
    """30 minutes without a person; at most 12 hours with one."""
    client = room.browser("lan")
    reload = {"Sec-Fetch-Mode": "navigate"}
    for _ in range(29):
        room.now_ms += MINUTE
        assert client.get("/vi/", headers=reload).status_code == 200
    room.now_ms += 2 * MINUTE
    assert client.get("/vi/", headers=reload).status_code == 303

    client, begun = room.browser("lan"), room.now_ms
    while room.now_ms < begun + 12 * 60 * MINUTE - 20 * MINUTE:
        room.now_ms += 20 * MINUTE
        assert client.get("/vi/").status_code == 200
    room.now_ms = begun + 12 * 60 * MINUTE
    assert client.get("/vi/").status_code == 303


@pytest.mark.parametrize("change", ["disable", "remove", "password"])
def test_a_changed_account_ends_its_logins(room: Centre, change: str) -> None:
    """At once, and what was its password lets in no more."""
    client, doer = room.browser("lan"), Doer("root", NOW)
    with room.engine.begin() as connection:
        if change == "password":
            accounts.change_password(connection, doer, "lan", "quite another one")
        else:
            getattr(accounts, change)(connection, doer, "lan")

    assert not inside(client)
    assert log_in(room.browser(), "lan").status_code == 403
    second = log_in(room.browser(), "lan", "quite another one").status_code
    assert second == (303 if change == "password" else 403)


def test_wrong_tries_slow_the_name_down_across_a_restart(room: Centre) -> None:
    """Five are free, then a minute, two, four ... ; the right password has to wait as well."""
    for number in range(5):
        assert (
            log_in(room.browser(), "lan", f"wrong {number}", address=f"10.0.0.{number}").status_code
            == 403
        )
    room.stop()
    room.start()

    answer = log_in(room.browser(), "lan")
    assert answer.status_code == 429
    assert "Wait 1 min." in answer.text
    assert answer.headers["Retry-After"] == "60"
    room.now_ms += MINUTE
    assert log_in(room.browser(), "lan", "wrong").status_code == 403
    room.now_ms += MINUTE
    assert log_in(room.browser(), "lan").status_code == 429
    room.now_ms += MINUTE
    assert log_in(room.browser(), "lan").status_code == 303
    assert log_in(room.browser(), "lan", "wrong").status_code == 403


def test_a_name_that_nobody_has_is_slowed_down_alike(room: Centre) -> None:
    """Else the slowness would tell which names exist."""
    answers = [log_in(room.browser(), "nobody", "wrong").status_code for _ in range(6)]

    assert answers == [403] * 5 + [429]


def test_an_address_is_slowed_down_over_all_names(room: Centre) -> None:
    """Twenty names from one IPv6 network are enough; another address may go on."""
    with room.engine.begin() as connection:
        for number in range(20):
            place = tries.place_of(f"2001:db8::{number}")
            tries.count(connection, f"name:{number}", place, NOW)

    assert log_in(room.browser(), "lan", address="2001:db8::ffff").status_code == 429
    assert log_in(room.browser(), "lan", address="2001:db8:0:1::1").status_code == 303


def test_what_is_kept_of_failures_is_bounded(room: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred addresses kept where a hundred are allowed, the newest among them."""
    monkeypatch.setattr(tries, "_MOST_ADDRESSES", 100)
    with room.engine.begin() as connection:
        for number in range(300):
            place = tries.place_of(f"10.0.{number // 200}.{number % 200}")
            tries.count(connection, "name:1", place, NOW + number)
        assert len(connection.execute(select(login_tries)).all()) <= 102
        assert tries.wait_ms(connection, "name:1", place, NOW) > 0


def test_many_at_once_gain_nothing(room: Centre) -> None:
    """Tries are counted before passwords are looked at: of twelve at once at most five are."""
    answers: list[int] = []

    def attempt() -> None:
        answers.append(log_in(room.browser(), "lan", "wrong").status_code)

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert len(answers) == 12
    assert answers.count(403) <= 5
    assert set(answers) <= {403, 429, 503}


def test_at_most_two_passwords_are_at_work(room: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are asked to come again, and no try is counted."""
    monkeypatch.setattr(passwords, "_WAIT_SECONDS", 0.05)
    with passwords.slot(), passwords.slot():
        assert log_in(room.browser(), "lan").status_code == 503
    with reading(room.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(login_tries)) == 0
    assert log_in(room.browser(), "lan").status_code == 303


def test_without_accounts_there_is_no_login(tmp_path: Path) -> None:
    """The pages stand on loopback as before."""
    with centre(tmp_path, WebSection()) as room:
        assert room.browser().get("/en/login").location == "/en/"
        assert "Log out" not in room.browser().get("/en/").text
