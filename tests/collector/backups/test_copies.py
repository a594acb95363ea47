"""Copies count by failure domain: two on one disk are one, the data's own disk is none."""

import pytest
from helpers.evidence import NOW
from helpers.told import Told, good, inventory

from tramgac_collector.backups.copies import Copies
from tramgac_collector.backups.declared import Declarations
from tramgac_collector.backups.findings import BackupState
from tramgac_collector.backups.judging import Judgement, judge_all
from tramgac_collector.facts.ledger import FactLedger

DATASET = "bvdk/his-1/db"
NAS, OTHER = f"{DATASET}@nas", f"{DATASET}@other"


def judged(
    nas: str, other: str, seen: tuple[dict[str, str], dict[str, str]] = ({}, {})
) -> Judgement:
    """Both destinations get good copies; ``seen`` is what a look at each measured."""
    facts = FactLedger()
    for series, more in zip((NAS, OTHER), seen, strict=True):
        good(series, facts).look(0, **more)
    asked = inventory("copies: 2", nas, f", {{id: other, {other}}}")
    return judge_all(facts, Declarations.of(asked), NOW)


@pytest.mark.parametrize(
    ("nas", "other", "count"),
    [
        ("kind: nas", "kind: offsite", 2),
        ("kind: nas, domain: {host: syno}", "kind: nas, domain: {host: qnap}", 2),
        ("kind: nas, domain: {host: syno}", "kind: nas, domain: {host: syno}", 1),
        ("kind: nas, domain: {array: a1}", "kind: nas, domain: {host: q, array: a1}", 1),
        ("kind: nas, domain: {credentials: bk}", "kind: cloud, domain: {credentials: bk}", 1),
        ("kind: nas, domain: {building: a}", "kind: nas, domain: {building: a}", 1),
        (
            "kind: nas, domain: {host: s, building: a}",
            "kind: nas, domain: {host: q, building: a}",
            2,
        ),
        ("kind: local", "kind: local", 1),
        ("kind: nas, domain: {host: his-1}", "kind: local", 1),
    ],
)
def test_copies_that_share_something_count_once(nas: str, other: str, count: int) -> None:
    """Host, array, credentials; the building where nothing nearer is named."""
    judgement = judged(nas, other)
    assert judgement.copies[DATASET].count == count
    missing = {
        series
        for series, one in judgement.series.items()
        if "copies_missing" in {found.reason for found in one.verdict.findings}
    }
    assert missing == (set() if count == 2 else {NAS, OTHER})


@pytest.mark.parametrize(
    ("seen", "count"),
    [
        (({"repository_id": "r1"}, {"repository_id": "r1"}), 1),
        (({"repository_id": "r1"}, {"repository_id": "r2"}), 2),
        (({"medium": "same_machine"}, {"medium": "same_machine"}), 1),
        (({"medium": "same_device"}, {}), 1),
        (({"medium": "same_device"}, {"medium": "same_device"}), 0),
    ],
)
def test_what_is_measured_wins_over_what_is_declared(
    seen: tuple[dict[str, str], dict[str, str]], count: int
) -> None:
    """One repository under two names is one; what lies on the data's own disk is none."""
    judgement = judged("kind: nas", "kind: nas", seen)
    assert judgement.copies[DATASET].count == count


def test_copies_that_share_through_a_third_are_one() -> None:
    """A shares a host with B and B an account with C: one blow may take all three."""
    facts = FactLedger()
    for name in ("nas", "b", "c"):
        good(f"{DATASET}@{name}", facts)
    asked = inventory(
        "copies: 3",
        "kind: nas, domain: {host: h}",
        ", {id: b, kind: nas, domain: {host: h, credentials: x}}"
        ", {id: c, kind: cloud, domain: {credentials: x}}",
    )
    copies = judge_all(facts, Declarations.of(asked), NOW).copies[DATASET]
    assert copies == Copies(1, 3, 1, (("b", "c", "nas"),))


def test_only_fresh_copies_count() -> None:
    """A copy that is late, damaged or blind is none; both series say that one is missing."""
    facts = FactLedger()
    good(NAS, facts)
    Told(OTHER, facts).declared(60).run(60)
    asked = inventory("copies: 2", "kind: nas", ", {id: other, kind: cloud}")
    judgement = judge_all(facts, Declarations.of(asked), NOW)
    assert judgement.copies[DATASET] == Copies(1, 2, 0, (("nas",),))
    assert judgement.series[NAS].verdict.state is BackupState.UNVERIFIED
    assert judgement.series[NAS].verdict.reason == "copies_missing"
    assert judgement.series[OTHER].verdict.reason == "rpo_passed"


def test_the_only_destination_is_not_accused_twice() -> None:
    """A late series of one copy is late; that its copy is missing goes without saying."""
    facts = FactLedger()
    Told(NAS, facts).declared(60).run(60)
    verdict = judge_all(facts, Declarations.of(inventory()), NOW).series[NAS].verdict
    assert "copies_missing" not in {one.reason for one in verdict.findings}
