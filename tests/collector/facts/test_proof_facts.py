"""What checks and drills make true of a series, and what they must not."""

import pytest
from helpers.evidence import NOW, SERIES, arrival

from tramgac_collector.facts.ledger import FactLedger
from tramgac_proto.v1 import fleet_pb2

MINUTE = 60_000


def check(ended: int = NOW, **said: object) -> FactLedger:
    """A ledger after one slice was read."""
    return observe(FactLedger(), ended, **said)


def observe(facts: FactLedger, ended: int, **said: object) -> FactLedger:
    fields = {"scope": "data", "passed": True, "conclusive": True, "slices": 2} | said
    slice_read = fleet_pb2.IntegrityCheck(
        series=SERIES,
        started_unix_ms=ended - MINUTE,
        ended_unix_ms=ended,
        **fields,  # type: ignore[arg-type]
    )
    facts.observe(arrival(integrity=slice_read, at_ms=ended))
    return facts


def drill(kind: str, **said: object) -> FactLedger:
    """A ledger after one drill of 10 MB in 5 s, of a snapshot of 100 MB."""
    fields = {"passed": True, "conclusive": True, "bytes": 10**7, "restore_seconds": 5.0} | said
    done = fleet_pb2.Drill(
        series=SERIES,
        kind=kind,
        drill_id="d1",
        snapshot_bytes=10**8,
        started_unix_ms=NOW - MINUTE,
        ended_unix_ms=NOW,
        **fields,  # type: ignore[arg-type]
    )
    facts = FactLedger()
    facts.observe(arrival(drill=done))
    return facts


def value(facts: FactLedger, name: str) -> float | None:
    fact = facts.get(name, SERIES)
    return None if fact is None else fact.value


def test_a_whole_slice_does_not_heal_a_bad_one() -> None:
    """As long as any slice was last seen damaged, the data is."""
    facts = check(NOW - MINUTE, passed=False, failure="damaged", slice=1, slices_bad=1)
    observe(facts, NOW, slice=2, slices_read=1, slices_bad=1)

    assert value(facts, "bk.check.data") == 0.0
    assert value(observe(facts, NOW + MINUTE, slice=1, slices_read=2), "bk.check.data") == 1.0


def test_how_much_was_read_is_a_share() -> None:
    """One of two slices is half of the data; more than all is all."""
    assert value(check(slices_read=1), "bk.check.data.read") == 0.5
    assert value(check(slices_read=9), "bk.check.data.read") == 1.0


@pytest.mark.parametrize("scope", ["metadata", "data"])
def test_what_was_cut_short_says_nothing(scope: str) -> None:
    """A check that made way for a backup neither proves nor refutes."""
    facts = check(scope=scope, passed=False, conclusive=False, failure="backup_running")

    assert value(facts, "bk.check") is None
    assert value(facts, "bk.check.data") is None


def test_only_a_full_drill_tells_how_long_a_restore_takes() -> None:
    """A sample's time is mostly that of opening the repository for each file."""
    assert value(drill("full"), "bk.restore.rate") == 2_000_000
    assert value(drill("full"), "bk.restore.predicted") == 50
    assert value(drill("sample"), "bk.restore.rate") is None
    assert value(drill("full", bytes=1000), "bk.restore.rate") is None
    assert value(drill("full", restore_seconds=0.1), "bk.restore.rate") is None


def test_a_recovery_key_is_no_restore() -> None:
    """It opened the repository; nothing was brought back."""
    facts = drill("key")

    assert value(facts, "bk.restore") is None
    assert value(facts, "bk.restore.key") == 1.0
