"""An agent is switched off under a held clock: every pack, every tick, for days."""

from pathlib import Path

import pytest
from helpers.whole import Whole

from tramgac_collector.rules.library import Library

SECONDS = 1 / 60
# Every 5 s until silence is noticed, then through the longest validity of a measured value
# (a look at a repository: 2.5 h), then for two days.
TICKS = (*[5 * SECONDS] * 60, *[2.0] * 90, *[30.0] * 92)
# What each of these was shown by, in minutes: how long that says something.
MEASURED = {
    "vn.tt13.infra.servers": 110 / 60,
    "product.host.disk": 3,
    "product.host.time": 60,
    "product.bk.age": 150,
    "vn.tcvn.backup.frequency": 150,
}
# Two looks of the judge, and how long the ledger may wait before it writes a confirmation.
LATE_MINUTES = 1.0
KNOWN_BAD = {"fail", "partial", "stale", "unknown"}


@pytest.fixture
def hospital(tmp_path: Path) -> Whole:
    """Some time of good reports."""
    one = Whole(tmp_path)
    for _ in range(20):
        one.reports(1)
    return one


def test_no_rule_of_any_pack_improves_while_its_host_is_silent(hospital: Whole) -> None:
    """Not at one tick: what was a gap or not known never becomes good, in any pack."""
    before = hospital.shown()
    good = {rule for rule, (status, _) in before.items() if status == "pass_observed"}
    assert set(MEASURED) - good == set()
    improved = []
    for minutes in TICKS:
        hospital.is_silent(minutes)
        now = hospital.shown()
        improved += [
            (rule, before[rule][0])
            for rule, (status, _) in now.items()
            if status == "pass_observed" and before[rule][0] in KNOWN_BAD
        ]
        before = now

    assert improved == []
    assert {rule.partition(".")[0] for rule in now} >= {"vn", "product", "cis8", "hipaa"}
    assert len(now) > len([rule for pack in Library.read().packs for rule in pack.rules]) * 0.9


def test_what_was_measured_is_stale_or_unknown_within_its_validity(hospital: Whole) -> None:
    """Each in its time: the heartbeat first, what a look at a repository showed last."""
    silent, late = 0.0, set()
    for minutes in TICKS[:150]:
        hospital.is_silent(minutes)
        silent += minutes
        now = hospital.shown()
        ended = {rule for rule, lasts in MEASURED.items() if silent > lasts + LATE_MINUTES}
        late |= {rule for rule in ended if now[rule][0] not in {"stale", "unknown"}}

    assert ended == set(MEASURED)
    assert late == set()
