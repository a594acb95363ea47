"""The judge's tables follow facts, papers, packs and the clock, and nothing else."""

import json
from datetime import date
from pathlib import Path

import pytest
from helpers.evidence import NOW, OWNER, SERIES, arrival
from helpers.judging import JudgedStore
from helpers.told import DAY, good
from sqlalchemy import text

from tramgac_collector.judge.feed import FactsFeed
from tramgac_collector.rules.engine import Row, day_of, judge
from tramgac_collector.rules.library import Library, Refused
from tramgac_collector.rules.lint import Complaint

HOUR = 60.0
INVENTORY = """
facilities:
  - id: bvdk
    code: "1"
    answers: {kind: hospital, ownership: public, insurance: true}
    sites: [{id: main, hosts: [{id: his-1}]}]
    systems: [{id: his, kind: his, host: his-1, level: {}, probes: [{tcp: "127.0.0.1:80"}]}]
    datasets:
      - {id: db, host: his-1, of: his, rpo_hours: 24, destinations: [{id: nas, kind: nas}]}
"""


@pytest.fixture
def centre(tmp_path: Path) -> JudgedStore:
    """One hospital whose backup is good and whose system has no level decision."""
    centre = JudgedStore(tmp_path, INVENTORY)
    good(SERIES, centre.facts)
    return centre


def test_every_rule_has_a_row_and_a_reason(centre: JudgedStore) -> None:
    """A fresh complete copy passes, a missing decision is a gap, what nobody told is unknown."""
    centre.turn()

    assert centre.said("product.bk.age") == ("pass_observed", "decided")
    assert centre.said("vn.anm.level.approved") == ("fail", "refuted")
    assert centre.said("vn.anm.regulation") == ("unknown", "no_evidence")
    assert centre.count("rule_history") == centre.count("rule_results") > 100


def test_an_age_passes_its_limit_without_any_news(tmp_path: Path) -> None:
    """The copy grows too old while its repository is looked at; one complete copy heals it."""
    centre = JudgedStore(tmp_path, INVENTORY)
    told = good(SERIES, centre.facts)
    said = []
    for hours in range(27):
        centre.now_ms = NOW + hours * 3_600_000
        told.look(-hours)
        centre.turn()
        said.append(centre.said("product.bk.age"))
    detail = json.loads(centre.result("product.bk.age").detail)
    told.run(-26.5).look(-26.6)
    centre.turn(40)

    # Taken at -1 h; 24 h as declared and 2 h of grace.
    assert said == [("pass_observed", "decided")] * 26 + [("fail", "refuted")]
    assert detail["findings"][0]["used"]["bk.age"][0] > 26 * 3600
    assert centre.said("product.bk.age") == ("pass_observed", "decided")


def test_an_agent_switched_off_improves_nothing(centre: JudgedStore) -> None:
    """Within one validity period what its evidence decided is stale, and never good."""
    centre.facts.called(OWNER, centre.now_ms, 0)
    centre.turn()
    before = centre.said("product.bk.age")
    centre.turn(3 * HOUR)

    assert before[0] == "pass_observed"
    assert centre.said("product.bk.age")[0] == "stale"


def test_a_paper_closes_a_gap_and_its_end_opens_it(centre: JudgedStore) -> None:
    """Seen at the next turn after it was entered; on the day it ends it says nothing more."""
    centre.turn()
    centre.add(
        "papers",
        facility="bvdk",
        name="doc:security_regulation",
        value="true",
        issued_on=day_of(NOW),
        expires_ms=NOW + 2 * DAY,
        given_by="DIR",
        entered_ms=NOW,
        entered_by="test",
    )
    centre.turn()
    handed_in = centre.said("vn.anm.regulation")
    centre.turn(49 * HOUR)

    assert handed_in == ("pass_observed", "decided")
    assert centre.said("vn.anm.regulation")[0] == "stale"


def test_an_accepted_gap_stays_a_gap(centre: JudgedStore) -> None:
    """The overlay is told beside the status, until it ends."""
    centre.turn()
    centre.add(
        "acceptances",
        facility="bvdk",
        rule="vn.anm.level.approved",
        reason="dossier is being written",
        accepted_by="director",
        compensation="isolated network",
        due_on=date(2027, 3, 1),
        from_ms=NOW,
        expires_ms=NOW + DAY,
        entered_ms=NOW,
        entered_by="test",
    )
    centre.turn()
    during = centre.result("vn.anm.level.approved")
    centre.turn(25 * HOUR)

    assert during.status == "fail"
    assert json.loads(during.detail)["overlay"]["kind"] == "accepted"
    assert "overlay" not in json.loads(centre.result("vn.anm.level.approved").detail)


def test_a_restart_changes_no_status_and_no_history(centre: JudgedStore) -> None:
    """A new process takes over what the old one showed, and since when."""
    centre.turn()
    before = centre.result("vn.anm.level.approved")
    centre.judge = centre.new_judge()
    centre.turn(5)
    after = centre.result("vn.anm.level.approved")

    assert (after.status, after.since_ms) == (before.status, before.since_ms)
    assert centre.count("rule_history") == centre.count("rule_results")


def test_a_facility_that_is_no_more_has_no_results(centre: JudgedStore) -> None:
    """Its rows go with the inventory; history stays."""
    centre.turn()
    centre.declare(INVENTORY.replace("bvdk", "other"))
    centre.turn()

    with centre.engine.connect() as connection:
        found = connection.execute(text("SELECT DISTINCT facility FROM rule_results")).scalars()
        assert list(found) == ["other"]


def test_an_undecided_store_is_written_again_after_a_fault(centre: JudgedStore) -> None:
    """What could not be written is not taken for written."""
    with centre.engine.begin() as connection:
        connection.execute(text("ALTER TABLE rule_results RENAME TO away"))
    centre.turn()
    with centre.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO rule_results"))
    centre.turn()

    assert centre.said("product.bk.age")[0] == "pass_observed"


def test_the_feed_tells_news_from_mere_confirmation(centre: JudgedStore) -> None:
    """A value, a text, an expiry and a return are news; being seen again is not."""
    feed = FactsFeed()

    def look() -> set[str]:
        with centre.engine.begin() as connection:
            centre.facts.settle()
            for step in centre.facts.take_writes(centre.now_ms):
                step.store(connection)
            return feed.look(connection, centre.now_ms).get("bvdk", set())

    def call() -> None:
        centre.facts.called(OWNER, centre.now_ms, 0)

    call()
    assert "agent.seen" in look()
    centre.now_ms += 30_000
    call()
    assert "bk.age" not in look()
    centre.now_ms += 111_000
    assert "agent.seen" in look()
    call()
    assert "agent.seen" in look() or feed.get("agent.seen", OWNER.place) is not None
    centre.now_ms -= 7_200_000
    call()
    look()
    heard = feed.get("agent.seen", OWNER.place)
    assert heard is not None


def test_a_rule_that_always_fails_is_not_known_and_holds_up_no_other(
    centre: JudgedStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every other rule of every facility is judged in the same turn; the log says it once."""
    other = INVENTORY.partition("facilities:")[2].replace("bvdk", "bvyh")
    centre.declare(INVENTORY + other.replace('"1"', '"2"').lstrip("\n"))

    def faulty(row: Row, *given: object) -> object:
        if row.row.id == "product.bk.age":
            raise ArithmeticError
        return judge(row, *given)  # type: ignore[arg-type]

    monkeypatch.setattr("tramgac_collector.judge.rulebook.judge", faulty)
    centre.turn()
    centre.turn(61)

    assert centre.said("product.bk.age") == ("unknown", "fault")
    assert centre.said("product.bk.age", "bvyh") == ("unknown", "fault")
    assert centre.said("vn.anm.level.approved", "bvyh") == ("fail", "refuted")
    assert caplog.text.count("cannot be judged") == 1


def test_a_pack_that_is_refused_leaves_its_rules_unknown(
    centre: JudgedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart its gaps are not gone: nothing is known of them, and that is told."""
    centre.turn()
    whole = Library.read()
    spoilt = Refused("vn.anm.yml", (Complaint("pack", "changed"),))
    kept = tuple(one for one in whole.packs if one.pack.id != "vn.anm")
    monkeypatch.setattr(Library, "read", lambda: Library(kept, whole.papers, (spoilt,)))
    centre.judge = centre.new_judge()
    centre.turn(2)
    during = centre.said("vn.anm.level.approved")
    monkeypatch.setattr(Library, "read", lambda: whole)
    centre.judge = centre.new_judge()
    centre.turn(2)

    assert during == ("unknown", "pack_refused")
    assert centre.said("vn.anm.level.approved") == ("fail", "refuted")


def test_no_result_is_gone_while_no_pack_can_be_used(
    centre: JudgedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart amid a spoilt installation: all is unknown, and known again once it is mended."""
    centre.turn()
    count, whole = centre.count("rule_results"), Library.read()
    lost = Refused("SHA256SUMS", (Complaint("pack", "cannot be read"),))
    monkeypatch.setattr(Library, "read", lambda: Library(refused=(lost,)))
    centre.judge = centre.new_judge()
    centre.turn(2)
    during = centre.said("vn.anm.level.approved")
    monkeypatch.setattr(Library, "read", lambda: whole)
    centre.judge = centre.new_judge()
    centre.turn(2)

    assert during == ("unknown", "pack_refused")
    assert centre.count("rule_results") == count
    assert centre.said("vn.anm.level.approved") == ("fail", "refuted")


def test_a_gap_is_not_left_by_not_knowing(centre: JudgedStore) -> None:
    """Full disk, silence, restart of the judge, then room: a gap for the hour good takes."""
    labels = {"mountpoint": "/", "fstype": "ext4"}

    def seen(used: float) -> None:
        centre.facts.observe(arrival(("filesystem_used_ratio", labels, used), at_ms=centre.now_ms))

    said = []
    for minutes, used in ((0, 0.97), (5, 0.97), (5, 0.97), (10, 0.97), (240, None), (1, 0.5)):
        centre.now_ms += minutes * 60_000
        if used is not None:
            seen(used)
        else:
            centre.judge = centre.new_judge()
        centre.turn()
        said.append(centre.said("product.host.disk")[0])
        if used is None:
            centre.judge = centre.new_judge()
    for _ in range(13):
        centre.now_ms += 300_000
        seen(0.5)
        centre.turn()

    assert said[3:] == ["fail", "stale", "fail"]
    assert centre.said("product.host.disk")[0] == "pass_observed"
