"""The link of a message: shown to whoever has it, taken on only by a press of the button."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from helpers.telling import Desk, desk
from sqlalchemy import select

from tramgac_collector.notify.links import LINK_LIFE_MS, Link, LinkRefused, link_key, sign, verify
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import acks, audit
from tramgac_collector.web.app import create_app


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose page people reach by a name."""
    with desk(tmp_path, NotifySection(page_url="https://tram.example.org")) as one:
        yield one


@pytest.fixture
def client(room: Desk) -> Iterator[FlaskClient]:
    """A browser."""
    app = create_app(room.config, now_ms=lambda: room.now_ms)
    yield app.test_client()
    app.extensions["store"].close()


def path_of(room: Desk, incident: int, life_ms: int = LINK_LIFE_MS) -> str:
    link = Link(incident, "an", room.now_ms + life_ms)
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
