"""The page of a facility's rules: what is known, how old it is, what is missing, never praise."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from helpers.evidence import NOW, SERIES
from helpers.judging import JudgedStore
from helpers.told import DAY, good

from tramgac_collector.config import CollectorSection, Config, ListenSection
from tramgac_collector.rules.library import Library
from tramgac_collector.web.app import create_app

INVENTORY = """
facilities:
  - id: bvdk
    name: {vi: "Bệnh viện <b>Tỉnh</b>", en: General Hospital}
    code: "1"
    answers: {kind: hospital, ownership: public}
    sites: [{id: main, hosts: [{id: his-1}]}]
    systems: [{id: his, kind: his, host: his-1, level: {}}]
    datasets:
      - {id: db, host: his-1, of: his, rpo_hours: 24, destinations: [{id: nas, kind: nas}]}
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    """One hospital with a gap, an accepted one, at a time that stands still."""
    centre = JudgedStore(tmp_path, INVENTORY)
    good(SERIES, centre.facts)
    centre.add(
        "acceptances", facility="bvdk", rule="vn.anm.level.approved", reason="r",
        accepted_by="d", compensation="c", due_on=date(2027, 3, 1), from_ms=NOW,
        expires_ms=NOW + DAY, entered_ms=NOW, entered_by="test",
    )  # fmt: skip
    centre.turn()
    config = Config(
        collector=CollectorSection(state_dir=str(tmp_path)), listen=ListenSection(web="127.0.0.1:0")
    )
    client = create_app(config, now_ms=lambda: NOW + 60_000).test_client()
    yield client
    client.application.extensions["store"].close()


def text_of(page: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def row(page: str, rule: str) -> str:
    """The line of one rule."""
    return next(text_of(one) for one in page.split("<tr>") if f">{rule}<" in one)


def test_a_gap_is_shown_with_clause_evidence_and_what_to_do(client: FlaskClient) -> None:
    """Accepted, it is still called a gap."""
    page = client.get("/en/facilities/bvdk").text
    told = row(page, "vn.anm.level.approved")

    assert told.startswith("Gap Accepted gap with roadmap, until")
    assert "331/2026" in told
    assert "enter them" in told
    assert "24/7" not in told


def test_what_passes_names_its_evidence_and_age(client: FlaskClient) -> None:
    """And that the limit is ours and no law."""
    page = client.get("/en/facilities/bvdk").text
    told = row(page, "product.bk.age")

    assert told.startswith("No gap observed")
    assert "product default, no law" in told
    assert re.search(r"bk\.age 60\.0 min", told)
    assert "100 %" in told


def test_missing_papers_are_named_in_both_languages(client: FlaskClient) -> None:
    """With their titles, beside open deadlines."""
    vietnamese = text_of(client.get("/vi/facilities/bvdk").text)

    assert "doc:security_regulation" in vietnamese
    assert "Quy chế bảo đảm an ninh mạng" in vietnamese
    assert "Thời hạn" in vietnamese
    assert "chỉ tham khảo" in vietnamese


def test_no_page_praises_and_none_can_be_injected(client: FlaskClient) -> None:
    """Names are escaped; the forbidden words stand nowhere."""
    for language in ("vi", "en"):
        page = client.get(f"/{language}/facilities/bvdk").text
        assert "<b>Tỉnh" not in page
        assert not re.search(r"complian(t|ce)|certified|đạt chuẩn|tuân thủ đầy đủ", page.lower())


def test_a_facility_that_is_not_there_has_no_page(client: FlaskClient) -> None:
    """And the list leads to the one that is."""
    assert client.get("/en/facilities/nobody").status_code == 404
    assert "/en/facilities/bvdk" in client.get("/en/").text


def test_rules_without_words_are_counted(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where packs cannot be used their rules are missing from the page, and it says so."""
    whole = Library.read()
    left = tuple(one for one in whole.packs if one.pack.id != "vn.anm")
    monkeypatch.setattr(Library, "read", lambda: Library(left, whole.papers))
    lost = next(one for one in whole.packs if one.pack.id == "vn.anm")
    page = text_of(client.get("/en/facilities/bvdk").text)

    assert f"{len(lost.rules) + len(lost.deadlines)} requirements cannot be judged" in page
