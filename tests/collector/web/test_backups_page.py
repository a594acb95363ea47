"""The page of backups: every series, worst first, a bounded part at a time."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from helpers.evidence import NOW, SERIES
from helpers.told import DAY, good
from helpers.told_store import store_drill, write_store

from tramgac_collector.config import CollectorSection, Config, ListenSection
from tramgac_collector.facts.ledger import FactLedger
from tramgac_collector.web.app import create_app
from tramgac_collector.web.backup_list import ROWS_A_PAGE
from tramgac_proto.v1 import fleet_pb2

INVENTORY = """
facilities:
  - id: bvdk
    name: {vi: "Bệnh viện <script>Tỉnh", en: General Hospital}
    code: "1"
    sites: [{id: main, hosts: [{id: his-1}]}]
    datasets:
      - {id: db, host: his-1, name: "CSDL <b>HIS</b>", rpo_hours: 26, destinations: [{id: nas}]}
      - {id: pacs, host: his-1, name: Ảnh, rpo_hours: 26, destinations: [{id: nas}]}
"""
MANY = """
  - id: bv-lon
    name: Bệnh viện Lớn
    code: "2"
    sites: [{id: main, hosts: [{id: h}]}]
    datasets:
"""
PACS = "bvdk/his-1/pacs@nas"


def browser(folder: Path, inventory: str = INVENTORY) -> FlaskClient:
    """A good series, one that failed, a drill; at a time that stands still."""
    facts = FactLedger()
    good(SERIES, facts)
    good(PACS, facts).run(0.5, "failed", reason="no_space")
    (folder / "inventory.yml").write_text(inventory)
    url = f"sqlite:///{folder}/store.db"
    write_store(url, facts, folder / "inventory.yml")
    ended = NOW - 5 * DAY
    drill = fleet_pb2.Drill(
        series=SERIES, drill_id="d<1>", kind="sample", passed=True, conclusive=True,
        started_unix_ms=ended - 9_000, ended_unix_ms=ended,
    )  # fmt: skip
    store_drill(url, drill)
    config = Config(
        collector=CollectorSection(state_dir=str(folder)), listen=ListenSection(web="127.0.0.1:0")
    )
    return create_app(config, now_ms=lambda: NOW).test_client()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    """The usual browser, let go at the end."""
    client = browser(tmp_path)
    yield client
    client.application.extensions["store"].close()


def rows(page: str) -> list[str]:
    """Text of each line of the table."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    found = re.findall(r"<tr>.*?</tr>", body, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in found]


def test_the_worst_series_comes_first(client: FlaskClient) -> None:
    """State in a word, why, what to do, ages, coverage, drill and copies."""
    failed, fine = rows(client.get("/en/backups").text)

    assert failed.startswith("Failed Ảnh → nas General Hospital bvdk/his-1/pacs@nas The newest")
    assert "Nothing to do. 60 min ago due 16/01/2027 16:00 3 d ago 100 % of data read" in fine
    assert fine.endswith("Sample: passed 5 d ago 1/1")


def test_both_languages_say_the_same(client: FlaskClient) -> None:
    """Vietnamese words and names on the Vietnamese page."""
    failed, fine = rows(client.get("/vi/backups").text)

    assert failed.startswith("Hỏng Ảnh → nas Bệnh viện &lt;script&gt;Tỉnh")
    assert "Lần sao lưu gần nhất bị lỗi." in failed
    assert "Mẫu: đạt" in fine


def test_names_are_text_and_nothing_foreign_is_loaded(client: FlaskClient) -> None:
    """Neither a name of the inventory nor an address becomes markup."""
    for path in (
        "/vi/backups",
        "/vi/backups?facility=<script>alert(1)</script>&state=<b>&page=<i>",
        "/vi/backups?facility=%00%27%22",
    ):
        page = client.get(path)
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "<b>HIS" not in page.text
        assert "style=" not in page.text
        links = re.findall(r'(?:href|src)="([^"]*)"', page.text)
        assert [link for link in links if not link.startswith(("/", "#"))] == []


def test_the_list_can_be_narrowed(client: FlaskClient) -> None:
    """By facility and by state; the other language keeps the choice."""
    page = client.get("/en/backups?facility=bvdk&state=ok").text

    assert [row.split()[0] for row in rows(page)] == ["Good"]
    assert "<h1>General Hospital</h1>" in page
    assert 'href="/vi/backups?facility=bvdk&amp;state=ok"' in page
    assert "There is no backup series here." in client.get("/en/backups?facility=nowhere").text
    moved = client.get("/backups?facility=bvdk", headers={"Accept-Language": "en"})
    assert moved.location == "/en/backups?facility=bvdk"


def test_many_series_come_in_pages(tmp_path: Path) -> None:
    """No page grows with the fleet; a number beyond the last shows the last."""
    names = range(2 * ROWS_A_PAGE)
    lines = [
        f"      - {{id: d{n}, host: h, rpo_hours: 26, destinations: [{{id: nas}}]}}" for n in names
    ]
    client = browser(tmp_path, INVENTORY + MANY.lstrip("\n") + "\n".join(lines))
    total = len(names) + 2
    seen: list[str] = []
    for number, count in ((1, ROWS_A_PAGE), (2, ROWS_A_PAGE), (3, 2)):
        page = client.get(f"/en/backups?page={number}").text
        assert len(rows(page)) == count
        assert f"of {total} series" in page
        assert ('rel="next"' in page, 'rel="prev"' in page) == (number < 3, number > 1)
        seen += re.findall(r"bv[a-z-]*/[a-z0-9-]+/[a-z0-9]+@nas", " ".join(rows(page)))
    assert len(set(seen)) == len(seen) == total
    for odd in ("99999", "0", "-1", "x", "9" * 5_000, "\u0663"):
        assert client.get(f"/en/backups?page={odd}").status_code == 200
    assert len(rows(client.get("/en/backups?page=99999").text)) == 2
    client.application.extensions["store"].close()


def test_a_drill_has_a_page_to_print(client: FlaskClient) -> None:
    """Linked from its series; in both languages; unknown ones are not found."""
    link = re.findall(r'href="(/drills/\d+)"', client.get("/en/backups").text)

    answer = client.get(link[0])

    assert answer.status_code == 200
    assert "ĐẠT" in answer.text
    assert "PASSED" in answer.text
    assert "d&lt;1&gt;" in answer.text
    assert 'href="/static/record.css"' in answer.text
    assert "<style" not in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
    with client.get("/static/record.css") as style:
        assert style.status_code == 200
    for number in ("0", "99", "9" * 30):
        assert client.get(f"/drills/{number}").status_code == 404
    assert client.post(link[0]).status_code == 405


def test_without_a_store_the_page_says_so(tmp_path: Path) -> None:
    """It answers, and makes no store."""
    config = Config(
        collector=CollectorSection(state_dir=str(tmp_path)), listen=ListenSection(web="127.0.0.1:0")
    )
    client = create_app(config).test_client()

    assert client.get("/en/backups").status_code == 503
    assert client.get("/drills/1").status_code == 503
    assert list(tmp_path.iterdir()) == []
    client.application.extensions["store"].close()
