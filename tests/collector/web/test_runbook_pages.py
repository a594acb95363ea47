"""Runbooks as pages: who may read them, what is read, and where they are linked."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.weblogin import PUBLIC, Centre, centre

from tramgac_collector.config import Config
from tramgac_collector.notify.links import runbook_base
from tramgac_collector.notify.settings import NotifySection
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
        runbooks.runbook.cache_clear()
    assert found is not None
    assert "<script>" not in found.body
    assert found.body.count("href=") == 1
    assert 'href="Good#so"' in found.body


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
