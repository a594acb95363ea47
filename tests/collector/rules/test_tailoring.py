"""A facility's own numbers: only where a pack leaves them, in bounds, for a while, told."""

import json
from pathlib import Path

import pytest
from helpers.evidence import NOW, SERIES
from helpers.judging import JudgedStore
from helpers.told import DAY, good

from tramgac_collector.rules.library import Library
from tramgac_collector.rules.tailoring import Tailoring, Tailorings, fault, tailorable, value_fault

RULE = "product.bk.age"
ROW = Tailoring(1, "bvdk", RULE, "grace", "4h", "r", "IT", NOW, NOW + DAY, NOW, "t", None)
INVENTORY = """
facilities:
  - id: bvdk
    code: "1"
    sites: [{id: main, hosts: [{id: his-1}]}]
    systems: [{id: his, kind: his, host: his-1}]
    datasets:
      - {id: db, host: his-1, of: his, rpo_hours: 24, destinations: [{id: nas, kind: nas}]}
"""


@pytest.mark.parametrize(
    ("rule", "param", "value", "why"),
    [
        (RULE, "grace", "4h", ""),
        (RULE, "grace", "90m", ""),
        (RULE, "grace", "9h", "lies outside 1800s to 28800s"),
        (RULE, "grace", "1m", "lies outside"),
        (RULE, "grace", "50%", "not of the kind"),
        (RULE, "grace", "7200", "not of the kind"),
        (RULE, "grace", "bk.age", "no number"),
        (RULE, "grace", "1h + 1h", "no number"),
        (RULE, "grace", "9" * 40 + "h", "no number"),
        (RULE, "period", "48h", "declared in the inventory, as dataset.period"),
        (RULE, "none", "4h", "no parameter"),
        ("no.rule", "grace", "4h", "no parameter"),
        ("product.host.disk", "full", "200%", "lies outside"),
        ("vn.tcvn.backup.321", "copies", "0", "lies outside 1 to 8"),
        ("vn.tcvn.backup.321", "copies", "3", ""),
    ],
)
def test_only_what_a_pack_leaves_and_within_its_bounds(
    rule: str, param: str, value: str, why: str
) -> None:
    """Anything else is refused with its reason."""
    told = fault(Library.read(), rule, param, value)

    assert why in told
    assert bool(told) is bool(why)


def test_no_number_of_the_law_itself_is_left_to_facilities() -> None:
    """A number that is not marked stays the document's; its own value always fits."""
    library = Library.read()
    fixed = [
        (rule.id, name, param.value or "1")
        for pack in library.packs
        for rule in pack.rules
        for name, param in rule.params.items()
        if not param.tailorable
    ]

    assert fixed
    assert all("does not leave" in fault(library, *one) for one in fixed)
    assert [value_fault(param, param.value) for *_, param in tailorable(library)].count("") > 20
    assert not any(value_fault(param, param.value) for *_, param in tailorable(library))


@pytest.mark.parametrize(
    ("change", "after_ms", "known_ms", "counts"),
    [
        ({}, 0, 0, True),
        ({}, DAY, DAY, False),
        ({"revoked_ms": NOW + 10}, 10, 10, False),
        ({"revoked_ms": NOW + 10}, 9, 20, True),
        ({"entered_ms": NOW + 5}, 1, 4, False),
        ({"value": "90d"}, 0, 0, False),
    ],
)
def test_it_counts_in_its_time_as_known(
    change: dict[str, object], after_ms: int, known_ms: int, *, counts: bool
) -> None:
    """And never with a value that the pack in force does not allow."""
    row = ROW._replace(**change)  # type: ignore[arg-type]
    tailored = Tailorings([row]).at(Library.read(), NOW + after_ms, NOW + known_ms)

    assert bool(tailored.of("bvdk", RULE)) is counts
    assert tailored.attributes("bvdk") == ({f"param.{RULE}.grace": 14_400.0} if counts else {})


def test_a_tailored_number_decides_and_is_told_beside_the_result(tmp_path: Path) -> None:
    """A copy 27 hours old is a gap by the pack's grace and none by the facility's own."""
    centre = JudgedStore(tmp_path, INVENTORY)
    told = good(SERIES, centre.facts)
    centre.now_ms = NOW + 26 * 3_600_000
    told.look(-26)
    centre.turn()
    before = centre.said(RULE)
    values = ROW._replace(until_ms=centre.now_ms + 3_600_000)._asdict()
    centre.add("tailorings", **{key: one for key, one in values.items() if key != "id"})
    centre.turn()
    during = centre.result(RULE)
    told.look(-27.5)
    centre.turn(90)

    assert before == ("fail", "refuted")
    assert during.status == "pass_observed"
    assert json.loads(during.detail)["tailored"][0]["value"] == "4h"
    assert centre.said(RULE) == ("fail", "refuted")
    assert "tailored" not in json.loads(centre.result(RULE).detail)
