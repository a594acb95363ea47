"""Runbooks as pages: who may read them, what is read, and where they are linked."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.telling import INVENTORY, NINE
from helpers.weblogin import PUBLIC, Centre, centre
from sqlalchemy import insert

from tramgac_collector.config import Config
from tramgac_collector.notify.alertmanager import gap_alert, incident_alert
from tramgac_collector.notify.digest import Gap, RuleWords
from tramgac_collector.notify.links import runbook_base
from tramgac_collector.notify.message import Topic
from tramgac_collector.notify.pipeline import Incident, Telling
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.store.schema import incidents
from tramgac_collector.web import runbooks
from tramgac_collector.web.settings import WebSection


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Centre]:
    """A centre with accounts, one of a facility among them."""
    with centre(tmp_path) as one:
        one.account("uong-bi", "bv-uong-bi")
        yield one


def test_a_runbook_is_a_page_in_both_languages(tmp_path: Path) -> None:
    """Without accounts, on loopback: heading, commands, a link to the common page, no reload."""
    with centre(tmp_path, WebSection()) as room:
        for language, heading in (("vi", "Ý nghĩa"), ("en", "Meaning")):
            page = room.browser().get(f"/runbooks/{language}/SiteUnreachable")
            assert page.status_code == 200
            assert f'<h2 id="{heading.lower().replace(" ", "-")}">{heading}</h2>' in page.text
            assert "tramgac-collector incidents show N" in page.text
            assert 'href="common' in page.text
            assert 'http-equiv="refresh"' not in page.text
            assert f'lang="{language}"' in page.text
            every = room.browser().get(f"/runbooks/{language}/").text
            assert f'/runbooks/{language}/SiteUnreachable"' in every


def test_any_account_may_read_and_a_stranger_may_not(room: Centre) -> None:
    """They show nothing of a facility, so an account of one facility reads them too."""
    refused = room.browser().get("/runbooks/en/SiteUnreachable")
    assert refused.status_code == 303
    assert refused.location == "/en/login?next=/runbooks/en/SiteUnreachable"
    assert room.browser("uong-bi").get("/runbooks/en/SiteUnreachable").status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "..%2F..%2Fnotify",
        "../../notify",
        "README",
        "SiteUnreachable.md",
        "%00",
        "a" * 300,
        "Nobody",
    ],
)
def test_only_files_that_are_there_are_read(tmp_path: Path, name: str) -> None:
    """Whatever else is asked for does not exist."""
    with centre(tmp_path, WebSection()) as room:
        assert room.browser().get(f"/runbooks/vi/{name}").status_code == 404
        assert room.browser().get("/runbooks/fr/SiteUnreachable").status_code == 404


def test_what_is_not_there_takes_no_memory() -> None:
    """However many names somebody makes up."""
    before = runbooks._read.cache_info().currsize
    assert [runbooks.runbook("vi", f"Nobody{number}") for number in range(50)] == [None] * 50
    assert runbooks._read.cache_info().currsize == before


def test_markup_and_links_outwards_stay_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTML is shown as it was typed; only links to other runbooks lead anywhere."""
    (tmp_path / "vi").mkdir()
    text = "# Bad\n\n<script>x</script>\n\n[a](Good.md#so) [b](https://x.example) [c](../../x.md)\n"
    (tmp_path / "vi/Bad.md").write_text(text)
    monkeypatch.setattr(runbooks, "_FOLDERS", (tmp_path,))
    runbooks._paths.cache_clear()
    try:
        found = runbooks.runbook("vi", "Bad")
    finally:
        runbooks._paths.cache_clear()
        runbooks._read.cache_clear()
    assert found is not None
    assert "<script>" not in found.body
    assert found.body.count("href=") == 1
    assert 'href="Good#so"' in found.body


def test_the_wheel_carries_them_to_where_they_are_looked_for() -> None:
    """In a checkout they are read from the folder of documents; installed there is none."""
    root = Path(__file__).parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text())
    carried = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    installed, checkout = runbooks._FOLDERS

    assert installed == root / "collector/tramgac_collector/runbooks"
    for language in ("vi", "en"):
        source = f"{checkout.relative_to(root)}/{language}"
        assert carried[source] == f"tramgac_collector/runbooks/{language}"


def test_an_alert_names_its_runbook_only_where_the_pages_answer() -> None:
    """An address that leads nowhere is worse than none at 3 a.m."""
    bases = {
        ("https://x.example/", False, ""): "",
        (f"https://{PUBLIC}/", True, f"https://{PUBLIC}"): f"https://{PUBLIC}/runbooks",
        ("https://links.example", True, f"https://{PUBLIC}"): "",
        ("http://127.0.0.1:8480", False, ""): "http://127.0.0.1:8480/runbooks",
        ("", True, f"https://{PUBLIC}"): "",
    }
    for (page, login, public), wanted in bases.items():
        web = WebSection(accounts=login, public_url=public)
        assert runbook_base(Config(web=web, notify=NotifySection(page_url=page))) == wanted


def test_alerts_carry_the_address_of_their_runbook() -> None:
    """In both languages; without a base address there is none."""
    incident = Incident(
        7, "bv-uong-bi/main", "site_unreachable", "bv-uong-bi", "main", NINE, "high"
    )
    topic, told = Topic(incident), Telling("x", incident.code, incident.severity)
    gap = Gap(
        "bv-uong-bi",
        "vn.x",
        "fail",
        advisory=False,
        since_ms=NINE,
        words=RuleWords("1", ("v", "e")),
    )
    for base in ("", "https://x.example/runbooks"):
        alerts = {
            "SiteUnreachable": incident_alert(topic, told, INVENTORY, NINE, "", runbooks=base),
            "RegulatoryGap": gap_alert(gap, NINE, "", runbooks=base),
        }
        for name, alert in alerts.items():
            for language in ("vi", "en"):
                wanted = f"{base}/{language}/{name}" if base else None
                assert alert["annotations"].get(f"runbook_{language}") == wanted


def test_an_open_incident_links_its_runbook(tmp_path: Path) -> None:
    """One of a code that this version has no page for is shown without."""
    with centre(tmp_path, WebSection()) as room:
        for code in ("disk_hung", "of_a_newer_version"):
            row = {
                "node": "bv-uong-bi/main/his", "code": code, "facility": "bv-uong-bi",
                "site": "main", "severity": "high", "opened_ms": room.now_ms,
                "changed_ms": room.now_ms, "detail": "{}",
            }  # fmt: skip
            with room.engine.begin() as connection:
                connection.execute(insert(incidents).values(**row))
        page = room.browser().get("/en/incidents").text

        assert page.count('class="incident"') == 2
        assert page.count('href="/runbooks/en/DiskHung"') == 1
        assert page.count('href="/runbooks/en/') == 2  # the list of them
