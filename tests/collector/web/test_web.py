"""The plain page: what the watch room sees without Grafana."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError

from tramgac_collector.config import CollectorSection, Config, ListenSection
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.store.engine import open_engine, reading, upgrade
from tramgac_collector.store.schema import agents, quarantine
from tramgac_collector.web.app import create_app
from tramgac_collector.web.words import age, sort_key
from tramgac_proto.configfile import ConfigError

NOW = 1_763_760_000_000
NONE = "\u2013"
INVENTORY = """
facilities:
  - id: bv-uong-bi
    name: {vi: "Bệnh viện Uông Bí <script>", en: "Uong Bi Hospital"}
    code: "22001"
    sites:
      - id: main
        hosts: [{id: his, name: "Máy chủ HIS"}, {id: pacs}]
  - id: bv-dong-trieu
    name: Bệnh viện Đông Triều
    code: "22002"
    sites: [{id: main, hosts: [{id: emr}]}]
  - id: bv-dien-chau
    name: Bệnh viện Diễn Châu
    code: "22003"
"""


def config(folder: Path, listen: str = "127.0.0.1:0") -> Config:
    return Config(
        collector=CollectorSection(state_dir=str(folder)), listen=ListenSection(web=listen)
    )


def agent(host: str, last_seen_ms: int, **values: str) -> dict[str, object]:
    facility = values.pop("facility", "bv-uong-bi")
    return {
        "id": f"id-{facility}-{host}",
        "facility": facility,
        "site": "main",
        "host": host,
        "role": "server",
        "state": "active",
        "fingerprint": b"",
        "version": "0.1.0",
        "enrolled_ms": 1,
        "last_seen_ms": last_seen_ms,
        **values,
    }


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A state folder with an inventory and some agents."""
    settings = config(tmp_path)
    upgrade(settings.store_url)
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    engine = open_engine(settings.store_url)
    with engine.begin() as connection:
        import_inventory(connection, tmp_path / "inventory.yml")
        rows = [
            agent("his", NOW - 20_000),
            agent("pacs", NOW - 3_600_000 * 3),
            agent("old", NOW - 10_000, facility="gone", state="active"),
        ]
        connection.execute(insert(agents), rows)
    engine.dispose()
    return tmp_path


@pytest.fixture
def client(store: Path) -> Iterator[FlaskClient]:
    """A browser on loopback, at a time that stands still."""
    app = create_app(config(store), now_ms=lambda: NOW)
    yield app.test_client()
    app.extensions["store"].close()


def row_of(page: str, name: str) -> str:
    rows = re.findall(r"<tr>.*?</tr>", page, re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", next(row for row in rows if name in row))
    return " ".join(text.split())


def test_a_facility_shows_state_coverage_and_age(client: FlaskClient) -> None:
    """Half of one hospital reports, another never did, a third declares no hosts."""
    page = client.get("/en/").text

    assert "Partly silent 1/2 just now 22/11/2025 04:19:40" in row_of(page, "Uong Bi")
    assert f"22002 Never reported 0/1 {NONE}" in row_of(page, "Đông Triều")
    assert f"22003 No hosts declared {NONE} {NONE}" in row_of(page, "Diễn Châu")
    assert "Not in inventory" in row_of(page, "gone")
    assert "<b>1</b> of <b>3</b> hosts reporting" in page


def test_the_agents_page_lists_every_host(client: FlaskClient) -> None:
    """Declared hosts that never came are there too."""
    page = client.get("/en/agents").text

    assert "Reporting just now" in row_of(page, "Máy chủ HIS")
    assert "Silent 3 h ago" in row_of(page, "pacs")
    assert "Never reported" in row_of(page, "emr")


def test_both_languages_say_the_same(client: FlaskClient) -> None:
    """The Vietnamese page uses the Vietnamese names and words."""
    page = client.get("/vi/").text

    assert '<html lang="vi">' in page
    assert "Thiếu một phần 1/2 vừa xong" in row_of(page, "Bệnh viện Uông Bí")
    assert "giờ Việt Nam" in page


@pytest.mark.parametrize(
    ("header", "target"),
    [("en-GB,en;q=0.8", "/en/"), ("vi-VN", "/vi/"), ("fr", "/vi/"), ("", "/vi/")],
)
def test_the_browser_chooses_the_language(client: FlaskClient, header: str, target: str) -> None:
    """Vietnamese when nothing else is asked for."""
    answer = client.get("/", headers={"Accept-Language": header})

    assert (answer.status_code, answer.location) == (302, target)
    assert client.get("/agents", headers={"Accept-Language": header}).location == f"{target}agents"


def test_names_are_escaped_and_nothing_foreign_is_loaded(client: FlaskClient) -> None:
    """A name from the inventory cannot become markup, and headers forbid the rest."""
    answer = client.get("/vi/")

    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "style=" not in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    links = re.findall(r'(?:href|src)="([^"]*)"', answer.text)
    assert [link for link in links if not link.startswith(("/", "#"))] == []
    for path in re.findall(r'"(/static/[^"]*)"', answer.text):
        with client.get(path) as file:
            assert file.status_code == 200


def test_other_names_for_loopback_are_refused(client: FlaskClient) -> None:
    """A page elsewhere that rebinds its name to 127.0.0.1 reads nothing."""
    assert client.get("/vi/", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/vi/", headers={"Host": "127.0.0.1:8480"}).status_code == 200


def test_only_reading_is_possible(client: FlaskClient, store: Path) -> None:
    """No address takes a POST, and the connection itself refuses to write."""
    assert client.post("/vi/").status_code == 405
    reader = client.application.extensions["store"]
    with pytest.raises(OperationalError, match="readonly"), reading(reader._engine) as connection:
        connection.execute(quarantine.delete())
    assert (store / "store.db").exists()


def test_an_unknown_page_answers_in_the_readers_language(client: FlaskClient) -> None:
    """A 404 is a page like the others."""
    answer = client.get("/en/nowhere")

    assert answer.status_code == 404
    assert "There is no such page." in answer.text


def test_without_a_store_the_page_says_so(tmp_path: Path) -> None:
    """Not ready, healthy all the same, and no empty store is left behind."""
    client = create_app(config(tmp_path)).test_client()

    assert client.get("/-/healthy").status_code == 200
    assert client.get("/-/ready").status_code == 503
    assert client.get("/en/").status_code == 503
    assert list(tmp_path.iterdir()) == []
    upgrade(config(tmp_path).store_url)
    assert client.get("/-/ready").status_code == 200
    assert "inventory import" in client.get("/en/").text
    client.application.extensions["store"].close()


@pytest.mark.parametrize("listen", ["0.0.0.0:8480", "192.0.2.1:8480", "[::]:8480", "8480"])
def test_the_page_is_not_opened_to_a_network(tmp_path: Path, listen: str) -> None:
    """It has no accounts yet, so only loopback will do."""
    with pytest.raises(ConfigError, match=r"\[listen\] web"):
        create_app(config(tmp_path, listen))


def test_the_process_serves_and_stops(store: Path) -> None:
    """`python -m tramgac_collector.web`: ready on loopback, ends cleanly on SIGTERM."""
    file = store / "collector.toml"
    file.write_text(f'[collector]\nstate_dir = "{store}"\n[listen]\nweb = "127.0.0.1:0"\n')
    command = [sys.executable, "-m", "tramgac_collector.web", "--config", str(file)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "on port" in line)
        port = int(line.rsplit(" ", 1)[1])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/vi/", timeout=10) as answer:
            assert "Uông Bí" in answer.read().decode()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_forbidden_address_is_a_configuration_error(tmp_path: Path) -> None:
    """Exit code 78, so that `serve` does not try again for ever."""
    file = tmp_path / "collector.toml"
    file.write_text('[listen]\nweb = "0.0.0.0:8480"\n')
    command = [sys.executable, "-m", "tramgac_collector.web", "--config", str(file)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 78
    assert "open to the network" in done.stderr


def test_vietnamese_names_sort_as_in_a_dictionary() -> None:
    """Letters count before tones: đ after d, ă and â after a, ư after u."""
    names = ["Ứng Hòa", "Đông Anh", "Ân Thi", "Dương Minh", "An Dương", "Ba Vì", "Án Khê", "Ăn"]

    assert sorted(names, key=sort_key) == [
        *("An Dương", "Án Khê", "Ăn", "Ân Thi", "Ba Vì", "Dương Minh", "Đông Anh", "Ứng Hòa")
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (5400, "1 h ago"),
        (172_800, "2 d ago"),
    ],
)
def test_ages_are_rounded_down(seconds: float, text: str) -> None:
    """A clock that runs ahead does not give a negative age."""
    assert age(seconds, "en") == text
