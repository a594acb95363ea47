"""The printed page: well-formed, in both languages, nothing from elsewhere, never praise."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from helpers.evidence import NOW, SERIES
from helpers.reporting import BEGIN, DAY, INVENTORY, ReportStore
from helpers.scenario import Fleet
from helpers.told import good
from helpers.weblogin import centre
from sqlalchemy import insert

from tramgac_collector.config import CollectorSection, Config, ListenSection
from tramgac_collector.report.model import Figures
from tramgac_collector.report.page import report_page
from tramgac_collector.report.words import WORDS, length, share
from tramgac_collector.store.schema import reports
from tramgac_collector.web import access
from tramgac_collector.web.access import Viewer
from tramgac_collector.web.app import create_app

_VOID = {"meta", "link", "br", "img", "input", "hr"}


class Strict(HTMLParser):
    """Fails where a tag is closed that was not opened last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def store(tmp_path: Path) -> ReportStore:
    """A hospital with a hostile name, a cut, gaps and backups."""
    store = ReportStore(tmp_path)
    store.cover(BEGIN - DAY, 1.0)
    good(SERIES, store.facts)
    store.turn()
    fleet = Fleet(INVENTORY)
    fleet.at("10m").link_down("bvdk/main").at("40m").link_up("bvdk/main").at("60m")
    store.tell(fleet)
    store.now_ms = fleet.now_ms
    store.add(
        "maintenances", node="bvdk", from_ms=NOW - DAY, until_ms=NOW, reason="<script>x</script>",
        entered_ms=NOW - DAY, entered_by="test",
    )  # fmt: skip
    return store


@pytest.fixture
def made(store: ReportStore) -> Figures:
    """The second report of these days."""
    store.give_out()
    return store.figures()


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_page_is_whole_and_carries_nothing_foreign(made: Figures, language: str) -> None:
    """Tags close in order; no script, no address elsewhere; names are text."""
    page = report_page(made, None, language)
    parser = Strict()
    parser.feed(page)

    assert parser.open == []
    assert not {tag for tag, _ in parser.seen} & {"script", "img", "link", "iframe", "form"}
    links = [
        str(attrs[name]) for _, attrs in parser.seen for name in ("href", "src") if name in attrs
    ]
    assert all(link.startswith("#") for link in links)
    assert "http:" not in page
    assert "https:" not in page
    assert "<script" not in page
    assert "&lt;script&gt;x" in page
    assert "url(" not in page
    assert "@import" not in page


def test_both_languages_say_it_in_their_own_words(made: Figures) -> None:
    """The sign-off is the regulations' wording; nobody is called compliant."""
    vi, en = (report_page(made, None, language) for language in ("vi", "en"))

    assert "&lt;b&gt;Tỉnh&lt;/b&gt; &amp; con" in vi
    assert "General Hospital" in en
    assert "Mất liên lạc với cả địa điểm." in vi
    assert "The whole site is unreachable." in en
    for page in (vi, en):
        assert not re.search(r"complian|tuân thủ|miễn trừ|waive", page, re.IGNORECASE)
        assert "331/2026" in page
        assert "15/01/2027" in page


def test_nothing_found_where_nobody_looked_is_not_called_good(tmp_path: Path) -> None:
    """With all hosts heard: no gap observed in the evidence listed. In the dark: not known."""
    store = ReportStore(
        tmp_path, 'facilities: [{id: bvdk, code: "1", sites: [{id: s, hosts: [{id: h}]}]}]'
    )
    dark = report_page(store.figures(), None, "en")
    store.cover(BEGIN - DAY, 1.0)
    seen = report_page(store.figures(), None, "en")

    assert "No gap observed in the evidence listed." in seen
    assert "No gap observed in the evidence listed." not in dark
    assert "not monitored enough" in dark


def test_every_word_has_both_languages_and_numbers_never_round_up() -> None:
    """No text is missing; 99.96 % is not 100; a length says what it has."""
    assert all(vi and en for vi, en in WORDS.values())
    assert share(0.9996, "vi") == "99,9 %"
    assert share(1.0, "en") == "100.0 %"
    assert length(59_999, "en") == "59 s"
    assert length(7_199_999, "en") == "119 min"
    assert length(26 * 3_600_000, "vi") == "26 giờ 0 phút"


def config_of(store: ReportStore) -> Config:
    """Pages on loopback."""
    return Config(
        collector=CollectorSection(state_dir=str(store.folder)),
        listen=ListenSection(web="127.0.0.1:0"),
    )


def test_the_pages_list_and_show_what_was_given_out(store: ReportStore) -> None:
    """In both languages, with a policy that allows its own style alone; an altered one is told."""
    _, given = store.give_out()
    app = create_app(config_of(store), now_ms=lambda: store.now_ms)
    client = app.test_client()
    listing = client.get("/en/reports")
    page = client.get(f"/vi/reports/{given.number}")

    assert f"/en/reports/{given.number}" in listing.text
    assert given.sha256 in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; style-src 'sha256-" in policy
    assert client.get("/vi/reports/99").status_code == 404
    assert client.get(f"/vi/reports/{2**70}").status_code == 404
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE reports SET sha256 = 'x'")
    assert client.get(f"/en/reports/{given.number}").status_code == 500
    app.extensions["store"].close()


def test_a_facilitys_account_does_not_see_the_provinces(
    store: ReportStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the list nor by its number."""
    _, given = store.give_out()
    app = create_app(config_of(store), now_ms=lambda: store.now_ms)
    monkeypatch.setattr(access, "viewer", lambda: Viewer("bv", frozenset({"bvdk"})))
    client = app.test_client()

    assert f"/reports/{given.number}" not in client.get("/en/reports").text
    assert client.get(f"/vi/reports/{given.number}").status_code == 404
    app.extensions["store"].close()


def test_others_reports_push_none_off_a_facilitys_list(tmp_path: Path) -> None:
    """Two hundred facilities give out more within weeks than one list holds."""
    scopes = ["bv-uong-bi", *["bv-ha-long"] * 501]
    row = {"from_day": "2026-11-01", "to_day": "2026-11-14", "known_ms": 1, "packs": "",
           "figures": b"", "sha256": "", "created_ms": 1, "created_by": "x"}  # fmt: skip
    with centre(tmp_path) as room:
        room.account("uong-bi", "bv-uong-bi")
        with room.engine.begin() as connection:
            connection.execute(insert(reports), [{**row, "scope": one} for one in scopes])
        page = room.browser("uong-bi").get("/en/reports").text

    assert page.count("bv-uong-bi") == 1
    assert "bv-ha-long" not in page


def test_figures_can_be_read_by_scripts(made: Figures) -> None:
    """Plain JSON, without a language."""
    told = json.loads(msgspec.json.encode(made))
    assert told["places"][0]["outages"][0]["cause"] == "link"
    assert told["decisions"]


def test_our_own_defaults_have_no_law_to_be_compared_with(store: ReportStore) -> None:
    """A rule of a law says whether its text was compared; a default of the product does not."""
    law = store.figures()
    ours = {
        name: msgspec.structs.replace(words, force="product_default")
        for name, words in law.rules.items()
    }
    page = report_page(msgspec.structs.replace(law, rules=ours), None, "en")

    assert "(binding; by a copy we read)" in report_page(law, None, "en")
    assert "(product default, no law)" in page
    assert "(product default, no law;" not in page
