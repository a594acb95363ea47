"""What a pack must not do, one refusal at a time."""

from collections.abc import Callable

import pytest

from tramgac_collector.rules.lint import lint
from tramgac_collector.rules.pack import Pack, PackError, parse_pack

GOOD = """
pack:
  id: test
  version: 1.0.0
  title: {vi: thử, en: test}
  legal_force: binding_via
  via: a decree
  text_status: secondary
  sources: [a note]
  verify: [the text]
  in_force: {from: 2026-01-01, to: 2027-12-31}
  applies_if: facility.insurance
rules:
  - id: test.rule
    cite: {doc: Law, clause: "1"}
    text: {vi: a, en: b}
    next: {vi: c, en: d}
    each: host
    levels: [2, 3]
    where: host.up
    applies_if: facility.insurance
    params: {keep: {by_level: {2: 30d, 3: 90d}}}
    needs: [host.log, "doc:x"]
    refute: host.log < keep
    decide: all(host.log >= keep)
    unknown_if: host.age < keep
    validity: keep
    evidence: measured
    traps: [T21]
    maps_to: [{rule: other.rule, rel: subset}]
    in_force: {from: 2026-02-01, to: 2027-12-31}
    fixtures:
      - {name: a, facts: {}, expect: pass_observed}
      - {name: b, facts: {}, expect: fail}
      - {name: c, facts: {}, expect: unknown}
deadlines:
  - id: test.deadline
    cite: {doc: Law}
    text: {vi: a, en: b}
    next: {vi: c, en: d}
    yearly: 12-20
    applies_if: facility.insurance
    done_by: ["doc:x"]
"""


def complaints(*changes: tuple[str, str]) -> list[str]:
    text = GOOD
    for old, new in changes:
        assert text.count(old) >= 1
        text = text.replace(old, new, 1)
    return [f"{one.place}: {one.text}" for one in lint(parse_pack(text, "test"))]


def test_a_good_pack_has_nothing_to_mend() -> None:
    """The pack the others are made from is clean."""
    assert complaints() == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  sources: [a note]\n", "", "pack: sources"),
        ("  verify: [the text]\n", "", "pack: verify"),
        ("  via: a decree\n", "", "pack: via"),
        ("secondary", "official", "pack: text_status: `official` needs verified_by"),
        ("  applies_if: facility.insurance\nrules", "  applies_if: no.such\nrules", "`no.such`"),
        ("  applies_if: facility.insurance\nrules", "  applies_if: (\nrules", "pack: applies_if"),
        ("  applies_if: facility.insurance\nrules", "  levels_from: no.such\nrules", "levels_from"),
        ("test.deadline", "test.rule", "ids are never reused"),
        (', clause: "1"', "", "a binding rule says article"),
        ("text: {vi: a, en: b}", "text: {vi: a, en: a}", "both languages say the same"),
        ("next: {vi: c, en: d}", "next: {vi: miễn trừ, en: d}", "next.vi: say what was observed"),
        ("text: {vi: a, en: b}", "text: {vi: a, en: fully compliant}", "text.en: say what was"),
        ("text: {vi: a, en: b}", "text: {vi: phạt 5 triệu đồng, en: b}", "no amounts of money"),
        (
            "    evidence: measured",
            "    text_status: memory\n    evidence: measured",
            "no threshold",
        ),
        ("evidence: measured", "evidence: out_of_reach", "out of reach, yet something decides"),
        ('needs: [host.log, "doc:x"]', "needs: []", "say what must be known"),
        ('needs: [host.log, "doc:x"]', "needs: [no.such]", "`no.such` is not in the vocabulary"),
        ('needs: [host.log, "doc:x"]', "needs: [bk.age]", "`bk.age` is known of a dataset"),
        ("refute: host.log < keep", "refute: bk.age > keep", "`bk.age` is known of a dataset"),
        ("refute: host.log < keep", "refute: no.such > keep", "neither a parameter nor in the"),
        ("refute: host.log < keep", "refute: host.log <", "column"),
        ("decide: all(host.log >= keep)", "decide: all(all(host.up))", "inside a quantifier"),
        ("where: host.up", "where: open(1)", "where: column"),
        ("2: 30d", "2: soon", "`soon` is neither a parameter nor"),
        ("by_level: {2: 30d, 3: 90d}", "by_level: {2: 30d}", "no value at level 3"),
        ("by_level: {2: 30d, 3: 90d}", "tailorable: true", "give it a value"),
        ("by_level: {2: 30d, 3: 90d}", "from: no.such", "`no.such` is not in the vocabulary"),
        ("validity: keep", "validity: host.age", "`host.age` is no parameter"),
        ("traps: [T21]", "traps: [T99]", "`T99` is no trap"),
        ("rel: subset", "rel: like", "give rule and rel"),
        ("rel: subset", "rel: subset, why: so", "maps_to"),
        ("to: 2027-12-31}\n    fixtures", "to: 2028-12-31}\n    fixtures", "outlives its document"),
        ("levels: [2, 3]", "levels: [3, 2]", "in order, each once"),
        ("expect: pass_observed", "expect: fail", "a case that passes"),
        ("expect: unknown", "expect: fail", "a case without evidence"),
        ("{name: b, facts: {}, expect: fail}", "{name: b, facts: {}, expect: stale}", "is refuted"),
        ("    yearly: 12-20\n", "", "give `on` or `yearly`"),
        ("    yearly: 12-20\n", "    yearly: 12-20\n    on: 2026-12-20\n", "give `on` or `yearly`"),
        ('done_by: ["doc:x"]', "done_by: [no.such]", "`no.such` is not in the vocabulary"),
        ("yearly: 12-20", "yearly: 02-29", "test.deadline: yearly: `02-29` is no day that every"),
        ("yearly: 12-20", "yearly: 13-40", "test.deadline: yearly: `13-40` is no day that every"),
        ("by_level: {2: 30d, 3: 90d}", "value: 30d, tailorable: true", "the law's own number"),
        ("by_level: {2: 30d, 3: 90d}", "value: 30d, least: 1d", "belong to a tailorable number"),
        ("{2: 30d, 3: 90d}", "{2: 30d, 3: 90d}, tailorable: true, product: true", "one value"),
        ("validity: keep", "validity: keep\n    excuse: {doc: Law}", "name the article"),
    ],
)
def test_each_fault_is_told_with_its_place(old: str, new: str, told: str) -> None:
    """One change, one complaint that names it."""
    try:
        found = complaints((old, new))
    except PackError as error:
        found = [str(error)]

    assert any(told in one for one in found), found


def test_no_law_excuses_a_missed_backup() -> None:
    """A storm quiets people; it makes no copy."""
    excused = ("validity: keep", "validity: keep\n    excuse: {doc: Law, article: '8'}")
    found = complaints(excused, ("host.log < keep", "bk.age < keep"))

    assert any("no law excuses a missed backup" in one for one in found)
    assert complaints(excused) == []


def test_a_number_of_our_own_may_be_left_to_facilities_in_a_binding_pack() -> None:
    """Or the law's, between the least and the most it allows."""
    ours = "value: 30d, tailorable: true, product: true"
    bounded = "value: 30d, tailorable: true, least: 20d, most: 90d"

    assert complaints(("by_level: {2: 30d, 3: 90d}", ours)) == []
    assert complaints(("by_level: {2: 30d, 3: 90d}", bounded)) == []


def test_an_attested_rule_asks_somebody() -> None:
    """What only people can say is not decided by a measurement alone."""
    found = complaints(
        ("evidence: measured", "evidence: attested"), ('[host.log, "doc:x"]', "[host.log]")
    )

    assert any("an attested rule needs" in one for one in found)


def test_a_rule_without_anything_that_decides_is_told() -> None:
    """Facts that are merely there prove nothing."""
    found = complaints(
        ("    refute: host.log < keep\n", ""),
        ("    decide: all(host.log >= keep)\n", ""),
        ("    unknown_if: host.age < keep\n", ""),
    )

    assert any("say what refutes or decides it" in one for one in found)


def test_a_rule_without_cases_is_told() -> None:
    """Every rule ships with its fixtures."""
    head, rest = GOOD.split("    fixtures:\n", 1)
    text = head + "deadlines:" + rest.split("deadlines:", 1)[1]

    assert any("at least one case" in one.text for one in lint(parse_pack(text, "test")))


def test_an_empty_pack_is_told() -> None:
    """A pack without rows is a mistake."""
    text = GOOD.split("rules:", 1)[0]

    assert [one.text for one in lint(parse_pack(text, "test"))] == ["no rules and no deadlines"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("vi: thử, ", ""),
        lambda text: text.replace("text: {vi: a, en: b}", "text: {vi: a}", 1),
        lambda text: text.replace("evidence: measured", "evidence: guessed"),
        lambda text: text.replace("id: test.rule", "id: Test Rule"),
        lambda text: text.replace("version: 1.0.0", "version: new"),
        lambda text: text.replace("each: host", "each: patient"),
        lambda text: text.replace("levels: [2, 3]", "levels: [9]"),
        lambda text: text + "shell: rm\n",
        lambda text: text.replace("host.log < keep", "!!python/name:os.system x"),
        lambda _: "- nothing\n",
        lambda _: "",
    ],
)
def test_a_wrong_shape_is_refused_at_once(change: Callable[[str], str]) -> None:
    """A missing language, an unknown key or word is no pack at all."""
    with pytest.raises(PackError, match="test: "):
        parse_pack(change(GOOD), "test")


def test_linting_does_not_change_a_pack() -> None:
    """The same pack is told the same twice."""
    pack: Pack = parse_pack(GOOD, "test")

    assert lint(pack) == lint(pack) == []
