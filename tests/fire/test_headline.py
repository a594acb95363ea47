"""A gap on a hospital's own machine, seen everywhere it must be seen, paging nobody, and closed.

One story with real processes, looked at four times: before, with the backup overdue, after one
new verified copy and the papers, and after the agent was killed.
"""

import itertools
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from helpers.backup_story import Story
from helpers.headline import (
    DECIDED,
    HOST,
    LEFT_SECONDS,
    OVERDUE_SECONDS,
    Hospital,
    Photo,
)
from helpers.mail_sink import mail_sink
from helpers.stack import FACILITY, poll

from tramgac_collector.rules.status import CODES, Status
from tramgac_collector.web.words import VIETNAM

LAW, OURS = "vn.tcvn.backup.frequency", "product.bk.age"
LEVEL, DEADLINE = "vn.anm.level.approved", "vn.tt13.day.other"
LAST_DAY = datetime(2026, 12, 31, tzinfo=VIETNAM)
CLAUSE = "TCVN 14423:2026, 4.11.2.2 "
PASS, FAIL = CODES[Status.PASS_OBSERVED], CODES[Status.FAIL]
UNKNOWN = CODES[Status.UNKNOWN]
COVERAGE = f'tramgac_facility_coverage_ratio{{facility="{FACILITY}"}}'


# What was handed in before the story begins, by whom, and what is still to come.
BEFORE = ("doc:backup_policy --by IT", "doc:level_decision --by DIR --subject system/his")
LATER = (
    "doc:level_decision --by DIR --subject system/lis",
    "doc:emr_decision --by DIR",
    "att:emr_in_use --by DIR",
)


def _hand_in(hospital: Hospital, papers: Sequence[str]) -> None:
    for words in papers:
        hospital.stack.collector_command("attest", "add", FACILITY, *words.split())


def _report(story: Story, hospital: Hospital) -> None:
    """Give what was recorded to the agent, once."""
    story.hand_over(hospital.drop)
    for path in story.records():
        path.unlink()


def _old_copy(story: Story) -> float:
    """A complete run nearly as long ago as is allowed; returns when it becomes too old."""
    due = time.time() + LEFT_SECONDS
    past = datetime.fromtimestamp(due - OVERDUE_SECONDS).astimezone()
    assert story.back_up("--time", f"{past:%Y-%m-%d %H:%M:%S}") == 0
    shift = round((OVERDUE_SECONDS - LEFT_SECONDS) * 1000)
    for path in story.records():
        record = json.loads(path.read_text())
        earlier = {key: record[key] - shift for key in record if key.endswith("_unix_ms")}
        path.write_text(json.dumps(record | earlier))
    return due


def _begin(hospital: Hospital) -> tuple[Story, float]:
    """A good copy, no decision on the level of one system, a deadline that is not met."""
    story = hospital.story()
    hospital.start()
    _hand_in(hospital, BEFORE)
    due = _old_copy(story)
    _report(story, hospital)
    hospital.wait_status(OURS, PASS)
    hospital.wait_status(LAW, PASS)
    hospital.wait_alert(LEVEL, there=True)
    hospital.photograph("before")
    return story, due


def _grow_old(hospital: Hospital, story: Story, due: float) -> None:
    """The copy becomes too old, the next run fails; somebody enters the decision's number only."""
    hospital.declare(DECIDED)
    hospital.stack.collector_command("inventory", "import")
    time.sleep(max(0.0, due - time.time()))
    assert story.back_up(source=Path("/not-mounted")) != 0
    _report(story, hospital)
    for rule in (LAW, OURS):
        hospital.wait_status(rule, FAIL)
        hospital.wait_alert(rule, there=True)
    hospital.wait_status(LEVEL, UNKNOWN)
    hospital.wait_alert(LEVEL, there=False)
    hospital.photograph("overdue")


def _mend(hospital: Hospital, story: Story) -> None:
    """One new copy, verified, and the papers."""
    assert story.back_up() == 0
    assert story.verify("metadata") == 0
    _report(story, hospital)
    _hand_in(hospital, LATER)
    for rule in (LAW, OURS, LEVEL, DEADLINE):
        hospital.wait_status(rule, PASS)
        hospital.wait_alert(rule, there=False)
    hospital.photograph("mended")


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """The whole story, told once; the copies lie on another disk than the data."""
    with mail_sink() as sink, tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        one = Hospital(tmp_path_factory.mktemp("headline"), Path(elsewhere), sink)
        try:
            story, due = _begin(one)
            _grow_old(one, story, due)
            _mend(one, story)
            yield one
        finally:
            one.close()


@pytest.fixture
def before(hospital: Hospital) -> Photo:
    """The first look."""
    return hospital.photos["before"]


@pytest.fixture
def overdue(hospital: Hospital) -> Photo:
    """The second."""
    return hospital.photos["overdue"]


@pytest.fixture
def mended(hospital: Hospital) -> Photo:
    """The third."""
    return hospital.photos["mended"]


def test_a_copy_in_time_is_no_gap(before: Photo) -> None:
    """Nowhere: neither as a metric nor in the list, Alertmanager or the digest."""
    for rule in (LAW, OURS):
        assert before.status(rule) == PASS
        assert rule not in before.gaps
        assert rule not in before.alerts
    assert CLAUSE not in before.digest("an")


def test_an_overdue_copy_is_a_gap_with_its_clause(overdue: Photo) -> None:
    """Clause, force and the standing of its text are told with it; ours is marked as no law."""
    assert overdue.status(LAW) == overdue.status(OURS) == FAIL
    law, ours = overdue.gaps[LAW], overdue.gaps[OURS]
    assert law["cite"].startswith(CLAUSE)
    assert (law["advisory"], ours["advisory"]) == (True, False)
    assert law["text_status"] != ours["text_status"]
    assert law["findings"][0]["used"]["bk.age"][0] > OVERDUE_SECONDS


def test_alertmanager_holds_it_and_pages_nobody(hospital: Hospital, overdue: Photo) -> None:
    """Severity `none`, advisory only where the text is secondary; no mail from its routes."""
    law, ours = overdue.alerts[LAW], overdue.alerts[OURS]
    assert (law["severity"], law["advisory"], law["status"]) == ("none", "yes", "fail")
    assert (ours["severity"], ours["advisory"]) == ("none", "no")
    assert not [one for one in hospital.sink.subjects() if "RegulatoryGap" in one]


@pytest.mark.parametrize("person", ["an", "binh"])
def test_the_digest_tells_it_in_both_languages(overdue: Photo, person: str) -> None:
    """To whom speaks Vietnamese and to whom speaks English, with clause and mark."""
    text = overdue.digest(person)
    assert text.count(CLAUSE) == 2
    assert "Mỗi mục dữ liệu được sao lưu đúng tần suất" in text
    assert "Every dataset is backed up as often" in text
    assert "tham khảo, chưa đối chiếu văn bản gốc" in text
    assert "Trung tâm Y tế Thử" in text
    assert "Trial Health Centre" in text


def test_one_verified_copy_closes_it_everywhere(mended: Photo) -> None:
    """Metric, list, Alertmanager and the next digest."""
    for rule in (LAW, OURS):
        assert mended.status(rule) == PASS
        assert rule not in mended.gaps
        assert rule not in mended.alerts
    assert CLAUSE not in mended.digest("an") + mended.digest("binh")


def test_a_level_nobody_decided_is_a_gap(before: Photo) -> None:
    """By the law's own article, in every place, though another system has its decision."""
    assert before.status(LEVEL) == FAIL
    assert before.gaps[LEVEL]["cite"].startswith("Luật 116/2025/QH15")
    assert before.alerts[LEVEL]["severity"] == "none"
    assert "Luật 116/2025/QH15" in before.digest("binh")


def test_a_number_without_its_paper_passes_nothing(overdue: Photo, mended: Photo) -> None:
    """Declared and not handed in is unknown; handed in, it is closed everywhere."""
    assert overdue.status(LEVEL) == UNKNOWN
    assert LEVEL not in overdue.alerts
    assert mended.status(LEVEL) == PASS
    assert LEVEL not in mended.gaps


def test_the_end_of_2026_is_shown_with_what_is_missing(before: Photo) -> None:
    """As a metric, among the deadlines and in the digest; the same when the day has gone by."""
    end = LAST_DAY + timedelta(days=1)
    line = f'tramgac_deadline_timestamp_seconds{{facility="{FACILITY}",rule="{DEADLINE}"}}'
    assert before.metrics[line] == end.timestamp()
    told = before.deadlines[DEADLINE]
    assert told["reason"] == ("due_soon" if datetime.now(VIETNAM) < end else "passed")
    assert set(told["missing"]) == {"doc:emr_decision", "att:emr_in_use"}
    assert DEADLINE in before.gaps
    for person in ("an", "binh"):
        text = before.digest(person)
        assert "31/12/2026" in text
        assert "còn thiếu: Quyết định hoặc thông báo triển khai bệnh án điện tử" in text
        assert "still missing: Decision or announcement" in text


def test_the_end_of_2026_is_done_with_its_papers(before: Photo, mended: Photo) -> None:
    """No more days to count."""
    assert not [one for one in mended.metrics if DEADLINE in one and "deadline" in one]
    assert mended.deadlines[DEADLINE]["reason"] == "done"
    assert DEADLINE not in mended.gaps
    assert "Hạn chót để cơ sở khác" in before.digest("an")
    assert "Hạn chót để cơ sở khác" not in mended.digest("an")


def test_an_agent_that_is_killed_improves_nothing(hospital: Hospital) -> None:
    """Coverage falls from all to nothing, and meanwhile nothing that was not good becomes good.

    What a backup shows is good for hours; that it turns stale then is tried with a held clock.
    Whoever comes after this finds no agent: it is the story's end.
    """
    killed_ms = time.time_ns() // 1_000_000
    hospital.stack.kill(HOST)
    pages = [hospital.photos["mended"].metrics]

    def coverage() -> float | None:
        pages.append(hospital.stack.metrics())
        return pages[-1].get(COVERAGE)

    poll(coverage, lambda share: share == 0.0, 60, "the silent host is covered no more")
    assert pages[0][COVERAGE] == 1.0
    for one, two in itertools.pairwise(pages):
        open_rules = [name for name in one if name.startswith("tramgac_rule_") and one[name]]
        assert not [name for name in open_rules if two.get(name) == PASS]
    changed = hospital.stack.query(
        "SELECT rule FROM rule_history WHERE at_ms > ? AND status = 'pass_observed'", killed_ms
    )
    assert changed == []
