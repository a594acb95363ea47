"""Every page stands behind the gate, and shows a facility's account nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from helpers.weblogin import PUBLIC, Centre, centre, form_key_of
from sqlalchemy import delete, insert
from werkzeug.routing import Rule

from tramgac_collector.store.schema import drills, web_sessions
from tramgac_collector.web.access import is_narrowed
from tramgac_collector.web.gate import OPEN

VALUES = {
    "language": "vi",
    "facility": "bv-ha-long",
    "filename": "style.css",
    "token": "x.y",
    "number": 1,
    "name": "common",
}
DRILL = {
    "agent_id": "a",
    "facility": "bv-ha-long",
    "host": "pacs",
    "agent_version": "1",
    "series": "bv-ha-long/db/nas",
    "drill_id": "d1",
    "kind": "canary",
    "passed": True,
    "conclusive": True,
    "started_ms": 1,
    "ended_ms": 2,
    "received_ms": 3,
    "payload": b"",
}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Centre]:
    """A centre with one account of each kind."""
    with centre(tmp_path) as one:
        one.account("so-y-te")
        one.account("uong-bi", "bv-uong-bi")
        yield one


def addresses(app: Flask) -> list[tuple[Rule, str]]:
    """Every address of the application, arguments filled in."""
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:.*?:)?(\w+)>", lambda match: str(VALUES[match[1]]), rule.rule)
        found.append((rule, path))
    return found


def test_without_a_login_every_page_is_refused(room: Centre) -> None:
    """All of them but the few that need none, whatever the method; nothing of a page is told."""
    client = room.browser()
    assert {"healthy", "login", "acknowledge", "static"} == OPEN
    for rule, path in addresses(room.app):
        if rule.endpoint in OPEN:
            continue
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
            answer = client.open(path, method=method)
            assert answer.status_code == (303 if method in {"GET", "HEAD"} else 403), path
            assert "bv-" not in answer.text.replace(path, "")
    assert client.get("/vi/nowhere").location == "/vi/login?next=/vi/nowhere"
    assert client.get("/-/healthy").text == "healthy\n"


def test_a_refusal_is_audited_and_a_flood_is_not(room: Centre) -> None:
    """Who, what and from where; three a minute of one stranger, and how many more."""
    client = room.browser()
    for _ in range(30):
        client.get("/vi/backups")

    noted = room.audited("page_refused")
    assert len(noted) == 3
    assert noted[0] == ("stranger", "/vi/backups", "no_login, GET from 127.0.0.1")
    room.browser("uong-bi").get("/en/facilities/bv-ha-long")
    assert room.audited("page_refused")[-1] == (
        *("uong-bi", "/en/facilities/bv-ha-long"),
        "foreign, GET from 127.0.0.1; 27 more were refused before",
    )
    client.get("/vi/", headers={"Host": PUBLIC}, environ_base={"REMOTE_ADDR": "10.0.0.9"})
    assert room.audited("page_refused")[-1][2] == "no_login, GET from 10.0.0.9"


def test_a_facility_sees_itself_alone(room: Centre) -> None:
    """No name, host or count of another one on any list."""
    mine, all_of_it = room.browser("uong-bi"), room.browser("so-y-te")
    for path in ("/vi/", "/vi/agents", "/vi/backups"):
        page = mine.get(path).text
        assert "ha-long" not in page
        assert "Hạ Long" not in page
        assert "PACS" not in page
    assert "Uông Bí" in mine.get("/vi/").text
    assert "<b>1</b> trên <b>1</b>" in mine.get("/vi/").text
    assert "Hạ Long" in all_of_it.get("/vi/").text
    assert "<b>2</b> trên <b>2</b>" in all_of_it.get("/vi/").text


def test_another_facilitys_page_does_not_exist(room: Centre) -> None:
    """Every address that names one answers like one that nobody has; both ways to name it."""
    client = room.browser("uong-bi")
    for rule, path in addresses(room.app):
        if rule.endpoint in OPEN or not rule.methods or "GET" not in rule.methods:
            continue
        for asked in (path, f"{path}?facility=bv-ha-long", f"{path}?facility=&facility=bv-ha-long"):
            if "facility" not in asked:
                continue
            answer = client.get(asked)
            nobody = client.get(asked.replace("bv-ha-long", "bv-khong-co"))
            assert answer.status_code == nobody.status_code == 404, asked
            assert answer.text == nobody.text
    assert client.get("/vi/facilities/bv-uong-bi").status_code == 200
    assert client.get("/vi/backups?facility=bv-uong-bi").status_code == 200


def test_a_page_nobody_thought_of_is_closed_to_facilities(tmp_path: Path) -> None:
    """Only pages that promise to show what one may see are open to them."""
    with centre(tmp_path) as room:
        room.account("so-y-te")
        room.account("uong-bi", "bv-uong-bi")
        room.app.add_url_rule("/vi/new", "new", lambda: "everything")

        assert not is_narrowed(room.app, "new")
        assert room.browser("uong-bi").get("/vi/new").status_code == 404
        assert room.browser("so-y-te").get("/vi/new").text == "everything"


def test_a_foreign_drill_is_refused(room: Centre) -> None:
    """Its number tells nothing of whose it is."""
    with room.engine.begin() as connection:
        connection.execute(insert(drills).values(**DRILL))
    client = room.browser("uong-bi")

    assert client.get("/drills/1").status_code == 404
    assert client.get("/drills/1").text == client.get("/drills/2").text
    assert room.browser("so-y-te").get("/drills/1").status_code == 200
    assert room.audited("page_refused")[0][:2] == ("uong-bi", "/drills/1")


def test_a_form_of_another_page_is_refused(room: Centre) -> None:
    """A POST needs the key that stands in the reader's own pages."""
    client = room.browser("uong-bi")
    other = form_key_of(room.browser("so-y-te").get("/vi/").text)
    for form in ({}, {"form_key": ""}, {"form_key": "é"}, {"form_key": other}):
        assert client.post("/logout", data=form).status_code == 403
    assert client.get("/vi/").status_code == 200

    key = form_key_of(client.get("/vi/").text)
    assert client.post("/logout", data={"form_key": key}).status_code == 303
    assert client.get("/vi/").status_code == 303
    assert len(room.audited("logged_out")) == 1


def test_a_login_ends_with_its_row(room: Centre) -> None:
    """What the browser holds is worth nothing without the store."""
    client = room.browser("uong-bi")
    with room.engine.begin() as connection:
        connection.execute(delete(web_sessions))

    assert client.get("/vi/").status_code == 303


def test_a_silent_store_lets_nobody_in(room: Centre, tmp_path: Path) -> None:
    """Not known who it is: 503, and no page."""
    client = room.browser("so-y-te")
    room.stop()
    room.engine.dispose()
    (tmp_path / "store.db").rename(tmp_path / "away.db")
    try:
        answer = client.get("/vi/")
        assert answer.status_code == 503
        assert "Uông Bí" not in answer.text
        assert not (tmp_path / "store.db").exists()
    finally:
        (tmp_path / "away.db").rename(tmp_path / "store.db")
