"""The link of a message: shown to whoever has it, taken on only by a press of the button."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from helpers.telling import MINUTE, Desk, desk, write_roster
from sqlalchemy import select

from tramgac_collector.notify.acks import MOST_PER_HOUR
from tramgac_collector.notify.links import LINK_LIFE_MS, Link, LinkRefused, link_key, sign, verify
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import acks, audit
from tramgac_collector.web.app import create_app

PEOPLE = """
people:
  - {id: an, name: An, channels: [{id: mail, url: "mailto://localhost"}]}
  - {id: binh, name: Bình, channels: [{id: mail, url: "mailto://localhost"}]}
"""


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose page people reach by a name, with two people."""
    settings = NotifySection(
        page_url="https://tram.example.org", roster=write_roster(tmp_path, PEOPLE)
    )
    with desk(tmp_path, settings) as one:
        yield one


@pytest.fixture
def client(room: Desk) -> Iterator[FlaskClient]:
    """A browser."""
    app = create_app(room.config, now_ms=lambda: room.now_ms)
    yield app.test_client()
    app.extensions["store"].close()


def path_of(room: Desk, incident: int, life_ms: int = LINK_LIFE_MS, recipient: str = "an") -> str:
    link = Link(incident, recipient, room.now_ms + life_ms)
    return f"/ack/{sign(link_key(room.config.state_dir), link)}"


def taken(room: Desk) -> list[tuple[int, str, str]]:
    with reading(room.engine) as connection:
        rows = connection.execute(select(acks))
        return [(row.incident_id, row.recipient, row.how) for row in rows]


def audited(room: Desk) -> list[tuple[str, str, str]]:
    with reading(room.engine) as connection:
        rows = connection.execute(select(audit).order_by(audit.c.id))
        return [(row.actor, row.action, row.object) for row in rows]


def test_a_preview_changes_nothing_and_the_button_does(room: Desk, client: FlaskClient) -> None:
    """GET and HEAD only show; POST notes who took it on, and the audit keeps it."""
    number = room.open(cause="power_link_or_server")
    path = path_of(room, number)
    for _ in range(2):
        page = client.get(path)
        client.head(path)
    assert "Mất liên lạc cơ sở" in page.text
    assert "Tôi nhận xử lý" in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert taken(room) == []

    assert "Đã ghi nhận" in client.post(path).text
    assert taken(room) == [(number, "an", "link")]
    assert audited(room) == [("an", "incident_acked", str(number))]
    assert room.events(number) == ["acked"]


def test_another_link_is_refused_and_noted(room: Desk, client: FlaskClient) -> None:
    """Changed, made up or too old: 403, nothing happens, and it stands in the audit."""
    number = room.open()
    said, _, seal = path_of(room, number).removeprefix("/ack/").partition(".")
    other = path_of(room, number + 1).removeprefix("/ack/").partition(".")[0]
    for path in (f"/ack/{other}.{seal}", f"/ack/{said}", "/ack/x.y", path_of(room, number, 0)):
        assert client.get(path).status_code == 403
        assert client.post(path).status_code == 403

    assert taken(room) == []
    assert {row[2] for row in audited(room)} == {"forged", "malformed", "expired"}


def test_who_left_the_roster_acknowledges_nothing(
    room: Desk, client: FlaskClient, tmp_path: Path
) -> None:
    """A good link whose owner is gone: 403, and the audit says whose it was."""
    number = room.open()
    path = path_of(room, number, recipient="binh")
    assert client.get(path).status_code == 200
    write_roster(tmp_path, PEOPLE.replace("id: binh", "id: chi"))
    for answer in (client.get(path), client.post(path)):
        assert answer.status_code == 403
        assert "không còn trong danh sách" in answer.text
        assert "Uông Bí" not in answer.text
    assert client.post(path_of(room, number, recipient="alertmanager")).status_code == 403
    (tmp_path / "roster.yml").write_text("people: [")
    assert client.post(path_of(room, number)).status_code == 403

    assert taken(room) == []
    assert [row[2] for row in audited(room)] == ["not_in_roster"] * 3 + ["no_roster"]
    with reading(room.engine) as connection:
        said = connection.execute(select(audit.c.detail).order_by(audit.c.id)).scalars().all()
    assert said[1] == f"POST from 127.0.0.1, binh for incident {number}"


def test_a_link_for_no_incident_is_refused(room: Desk, client: FlaskClient) -> None:
    """Signed, but for what is not there: neither shown nor taken on."""
    path = path_of(room, room.open() + 1)

    assert [client.get(path).status_code, client.post(path).status_code] == [403, 403]
    assert {row[2] for row in audited(room)} == {"no_incident"}


def test_the_button_pressed_again_says_the_same(room: Desk, client: FlaskClient) -> None:
    """One acknowledgement while it runs, each person's own; a new one when it has ended."""
    number = room.open()
    first = client.post(path_of(room, number)).text
    room.now_ms += MINUTE
    for _ in range(20):
        assert client.post(path_of(room, number)).text[-200:] == first[-200:]
    client.post(path_of(room, number, recipient="binh"))
    assert [row[1] for row in taken(room)] == ["an", "binh"]
    assert len(audited(room)) == 2
    room.now_ms += 241 * MINUTE
    client.post(path_of(room, number))

    assert [row[1] for row in taken(room)] == ["an", "binh", "an"]


def test_one_link_acknowledges_a_few_times_an_hour(tmp_path: Path) -> None:
    """However short an acknowledgement is, a program that presses the button is stopped."""
    settings = NotifySection(
        page_url="https://tram.example.org", ack_minutes=0.1, urls=("mailto://localhost",)
    )
    with desk(tmp_path, settings) as room:
        app = create_app(room.config, now_ms=lambda: room.now_ms)
        number, codes = room.open(), []
        for _ in range(MOST_PER_HOUR + 2):
            path = path_of(room, number, recipient="default")
            codes.append(app.test_client().post(path).status_code)
            room.now_ms += MINUTE
        assert codes == [200] * MOST_PER_HOUR + [429, 429]
        assert len(taken(room)) == MOST_PER_HOUR
        assert [row[2] for row in audited(room)][-2:] == ["too_often"] * 2
        room.now_ms += 60 * MINUTE
        assert app.test_client().post(path).status_code == 200
        app.extensions["store"].close()


def test_a_stranger_cannot_fill_the_audit(room: Desk, client: FlaskClient) -> None:
    """Ten notes a minute are enough to see it."""
    for number in range(40):
        client.get(f"/ack/{number}")

    assert len(audited(room)) == 10


def test_what_is_over_needs_nobody(room: Desk, client: FlaskClient) -> None:
    """A late press of the button says so and notes nothing."""
    number = room.open()
    room.close(number)

    assert "Sự cố đã hết" in client.post(path_of(room, number)).text
    assert taken(room) == []


def test_by_its_outside_name_only_links_are_answered(room: Desk, client: FlaskClient) -> None:
    """The pages without accounts stay on loopback."""
    number = room.open()
    outside = {"Host": "tram.example.org"}

    assert client.get(path_of(room, number), headers=outside).status_code == 200
    with client.get("/static/style.css", headers=outside) as style:
        assert style.status_code == 200
    for path in ("/", "/vi/", "/vi/backups", "/-/ready"):
        assert client.get(path, headers=outside).status_code == 404
    assert client.get("/vi/", headers={"Host": "evil.example.org"}).status_code == 400


def test_a_link_is_of_one_key(tmp_path: Path) -> None:
    """Another centre's key, or one bit more, opens nothing."""
    key = link_key(tmp_path)
    token = sign(key, Link(1, "Nguyễn", 10))
    assert verify(link_key(tmp_path), token, 9) == Link(1, "Nguyễn", 10)
    assert (tmp_path / "identity/links.key").stat().st_mode & 0o777 == 0o600
    for wrong, code in ((token, "expired"), (token + "A", "forged"), ("é.é", "malformed")):
        with pytest.raises(LinkRefused, match=code):
            verify(key, wrong, 10)
    with pytest.raises(LinkRefused, match="forged"):
        verify(bytes(32), token, 9)
