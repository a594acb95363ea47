"""What the judge found, on the one page of metrics."""

from pathlib import Path

import pytest
from helpers.evidence import NOW, SERIES
from helpers.judging import JudgedStore
from helpers.told import good
from sqlalchemy import text

from tramgac_collector.inventory.model import Inventory
from tramgac_collector.judge.published import Published
from tramgac_collector.judge.rule_names import RuleNames
from tramgac_collector.live.state import LiveState
from tramgac_collector.rules.library import Library
from tramgac_collector.store.engine import bump_generation

INVENTORY = """
facilities:
  - id: bvdk
    code: "1"
    answers: {kind: hospital, ownership: public}
    sites: [{id: main, hosts: [{id: his-1}]}]
    systems: [{id: his, kind: his, host: his-1, level: {}}]
    datasets:
      - {id: db, host: his-1, of: his, rpo_hours: 24, destinations: [{id: nas, kind: nas}]}
"""


class Page:
    """The page of an ingest process beside the judge."""

    def __init__(self, folder: Path) -> None:
        self.centre = JudgedStore(folder, INVENTORY)
        good(SERIES, self.centre.facts)
        self.live = LiveState(Inventory(), started_ms=NOW)
        self.published = Published(self.centre.engine, self.live)
        self.names = RuleNames(self.centre.engine, self.live)

    def look(self) -> int:
        """Follow the table; how many lines were news."""
        news = self.published.look(self.centre.now_ms)
        for _ in self.published.show(news):
            pass
        self.names.show(self.names.look(self.published.rules))
        return len(news.lines)

    def line(self, start: str) -> str:
        """Value of the line that starts so; empty where there is none."""
        found = [one for one in self.live.render().decode().splitlines() if one.startswith(start)]
        return found[0].rpartition(" ")[2] if found else ""

    def called(self, rule: str) -> str:
        """The one line that names a rule; empty where there is none."""
        found = [one for one in self.rules_named() if f',rule="{rule}",' in one]
        assert len(found) < 2
        return "".join(found)

    def rules_named(self) -> list[str]:
        """Every line that names one."""
        lines = self.live.render().decode().splitlines()
        return [one for one in lines if one.startswith("tramgac_rule_info{")]

    def status(self, rule: str) -> str:
        """Of one rule."""
        return self.line(f'tramgac_rule_status{{facility="bvdk",rule="{rule}"}}')


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """One hospital, judged once."""
    page = Page(tmp_path)
    page.centre.turn()
    page.look()
    return page


def test_status_and_open_deadlines_are_shown(page: Page) -> None:
    """A small integer for each rule; the end of the last day of what is still to be done."""
    deadline = 'tramgac_deadline_timestamp_seconds{facility="bvdk",rule="vn.tt13.day.hospital"}'

    assert page.status("product.bk.age") == "0.0"
    assert page.status("vn.anm.level.approved") == "1.0"
    assert page.status("vn.anm.regulation") == "3.0"
    assert float(page.line(deadline)) == 1759251600  # 1 October 2025, 0:00 in Viet Nam


def test_only_what_changed_is_shown_anew(page: Page) -> None:
    """A look without news changes nothing; a gap that closes is seen at the next look."""
    assert page.look() == 0
    page.centre.declare(INVENTORY.replace("{}", "{number: 2, decision: 1/QD, date: 2026-10-01}"))
    page.centre.turn()
    assert 0 < page.look() < 40
    assert page.status("vn.anm.level.approved") == "3.0"


def test_what_is_judged_no_more_vanishes(page: Page) -> None:
    """With its facility, and with the judge: an old verdict is never shown as the present one."""
    page.centre.now_ms += 3 * 3_600_000
    page.look()
    assert page.status("product.bk.age") == ""
    page.centre.turn()
    page.look()
    assert page.status("vn.anm.level.approved") == "1.0"
    with page.centre.engine.begin() as connection:
        connection.execute(text("DELETE FROM rule_results WHERE rule = 'vn.anm.level.approved'"))
    page.look()
    assert page.status("vn.anm.level.approved") == ""


def test_a_clock_set_back_hides_no_change(page: Page) -> None:
    """What is judged by the hour that it is now is shown, though older rows bear later times."""
    page.centre.declare(INVENTORY.replace("{}", "{number: 2, decision: 1/QD, date: 2026-10-01}"))
    page.centre.turn(-240)
    page.look()

    assert page.status("vn.anm.level.approved") == "3.0"


def test_each_rule_that_is_judged_is_named_once(page: Page) -> None:
    """One series a rule, whatever the number of facilities: pack, force, where it stands."""
    other = INVENTORY.partition("facilities:\n")[2].replace("bvdk", "ttyt").replace('"1"', '"2"')
    two = INVENTORY + other
    page.centre.declare(two)
    page.centre.turn()
    page.look()

    named = page.called("vn.anm.level.approved")
    assert 'force="binding",pack="vn.anm"' in named
    assert 'text_status="' in named
    assert 'title_vi="' in named
    assert 'cite="' in named
    assert "facility=" not in named
    judged = page.live.render().decode().count('tramgac_rule_status{facility="ttyt"')
    assert len(page.rules_named()) == judged
    # A deadline is a rule to whoever reads the page.
    assert page.called("vn.tt13.day.hospital") != ""


def test_an_optional_pack_is_named_while_somebody_wants_it(page: Page) -> None:
    """With its first verdict, and not any more with its last."""
    assert 'pack="hipaa"' not in "".join(page.rules_named())
    page.centre.declare(INVENTORY.replace('code: "1"', 'code: "1"\n    packs: [hipaa]'))
    page.centre.turn()
    page.look()
    assert 'pack="hipaa"' in "".join(page.rules_named())
    page.centre.declare(INVENTORY)
    page.centre.turn()
    page.look()
    assert 'pack="hipaa"' not in "".join(page.rules_named())


def test_a_rule_whose_pack_cannot_be_read_keeps_a_name(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A board that joins names to verdicts must not lose the verdict: it is not known, not good."""
    before = page.called("vn.anm.level.approved")
    monkeypatch.setattr(Library, "read", Library)
    with page.centre.engine.begin() as connection:
        bump_generation(connection)
    page.look()
    assert page.called("vn.anm.level.approved") == before

    page.names = RuleNames(page.centre.engine, page.live)
    page.look()
    bare = page.called("vn.anm.level.approved")
    assert 'title_vi="vn.anm.level.approved"' in bare
    assert 'force=""' in bare
