"""The order of judging, step by step: what ends a rule, what refutes it, what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from tramgac_collector.rules.evaluate import Evidence, Result, Subject, evaluate
from tramgac_collector.rules.expression import Value
from tramgac_collector.rules.pack import parse_pack
from tramgac_collector.rules.status import Status

DAY = date(2026, 11, 21)
NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
HEAD = """
pack:
  id: test
  version: 1.0.0
  title: {vi: thử, en: test}
  legal_force: guidance
"""
RULE = """
rules:
  - id: test.rule
    cite: {doc: Nothing}
    text: {vi: a, en: b}
    next: {vi: c, en: d}
    evidence: measured
"""


@dataclass
class World:
    """A facility, its subjects, and what is known of them: (value, age, expires in), in days."""

    facility: dict[str, Value] = field(default_factory=dict)
    others: dict[str, dict[str, Value]] = field(default_factory=dict)
    known: dict[tuple[str, str], tuple[Value, float, float]] = field(default_factory=dict)
    now_ms: int = NOW_MS

    def subjects(self, facility: str, kind: str) -> Sequence[Subject]:
        if kind == "facility":
            return (Subject(kind, facility, facility, self.facility),)
        return [
            Subject(kind, name, facility, {**self.facility, **own})
            for name, own in self.others.items()
        ]

    def evidence(self, name: str, subject: Subject) -> Evidence | None:
        said = self.known.get((subject.id, name)) or self.known.get((subject.facility, name))
        if said is None:
            return None
        value, age, left = said
        ends = self.now_ms + int(left * DAY_MS)
        return Evidence(value, self.now_ms - int(age * DAY_MS), ends)


def world(*hosts: str, **facts: Value) -> World:
    """Hosts, and fresh facts named ``host__name`` (``f`` is the facility), ``_`` for a dot."""
    made = World(others={host: {} for host in hosts})
    for key, value in facts.items():
        subject, _, name = key.partition("__")
        made.known[subject, name.replace("_", ".", 1)] = (value, 0.1, 1.0)
    return made


def judge(rule: str, made: World, *, head: str = "", day: date = DAY) -> Result:
    pack = parse_pack(HEAD + (head or "  text_status: official\n") + RULE + rule, "test")
    return evaluate(pack, pack.rules[0], "f", made, day)


EACH = """
    each: host
    needs: [host.time]
    refute: host.time > 5s
    decide: host.time <= 1s
"""
PAPER = """
    needs: ["att:x"]
"""


def test_a_document_not_in_force_ends_it_before_anything_else() -> None:
    """Even a refuted rule says nothing on a day its document does not cover."""
    head = "  text_status: official\n  in_force: {from: 2026-11-21, to: 2026-11-30}\n"
    refuted = world("a", a__host_time=9.0)

    assert judge(EACH, refuted, head=head).status is Status.FAIL
    for day in (DAY - timedelta(days=1), DAY + timedelta(days=10)):
        result = judge(EACH, refuted, head=head, day=day)
        assert (result.status, result.reason) == (Status.NOT_APPLICABLE, "not_in_force")


def test_a_rule_has_its_own_days_too() -> None:
    """A row of a law that starts later is not judged before."""
    rule = EACH + "    in_force: {from: 2027-01-01}\n"

    assert judge(rule, world("a", a__host_time=9.0)).status is Status.NOT_APPLICABLE


def test_a_missing_answer_is_unknown_never_not_applicable() -> None:
    """Whoever does not answer cannot get rid of a rule."""
    rule = EACH + "    applies_if: facility.insurance\n"
    made = world("a", a__host_time=9.0)

    assert judge(rule, made).status is Status.UNKNOWN
    made.facility["facility.insurance"] = False
    assert judge(rule, made).status is Status.NOT_APPLICABLE
    made.facility["facility.insurance"] = True
    assert judge(rule, made).status is Status.FAIL


def test_a_pack_can_say_whom_it_binds() -> None:
    """Pack and rule must both apply; one clear no is enough."""
    head = "  text_status: official\n  applies_if: facility.insurance\n"
    rule = EACH + "    applies_if: facility.ministry_linked\n"
    made = world("a", a__host_time=9.0)

    assert judge(rule, made, head=head).status is Status.UNKNOWN
    made.facility["facility.ministry_linked"] = False
    assert judge(rule, made, head=head).status is Status.NOT_APPLICABLE


def test_a_row_nobody_has_read_is_never_judged() -> None:
    """A memory row stops before any fact is looked at."""
    result = judge(EACH, world("a", a__host_time=9.0), head="  text_status: memory\n")

    assert (result.status, result.reason) == (Status.NOT_EVALUATED, "text_not_seen")


def test_what_is_out_of_reach_says_so() -> None:
    """No fact makes it pass or fail."""
    rule = PAPER + "    each: facility\n"
    pack = parse_pack(
        HEAD
        + "  text_status: official\n"
        + RULE.replace("evidence: measured", "evidence: out_of_reach")
        + rule,
        "test",
    )

    result = evaluate(pack, pack.rules[0], "f", world(**{"f__att:x": False}), DAY)
    assert result.status is Status.OUT_OF_REACH


def test_a_second_hand_text_is_only_advisory() -> None:
    """Judged the same way, and marked."""
    made = world("a", a__host_time=9.0)

    assert judge(EACH, made, head="  text_status: secondary\n").advisory
    assert judge(EACH, made, head="  text_status: secondary\n").status is Status.FAIL
    assert not judge(EACH, made, head="  text_status: seen_copy\n").advisory


def test_a_refutation_outweighs_what_is_missing_and_what_is_stated() -> None:
    """One good measurement is enough, and the conflict is named."""
    rule = EACH.replace("needs: [host.time]", 'needs: [host.time, host.age, "att:x"]')

    missing = judge(rule, world("a", a__host_time=9.0))
    stated = judge(rule, world("a", **{"a__host_time": 9.0, "f__att:x": True}))

    assert (missing.status, missing.reason) == (Status.FAIL, "refuted")
    assert (stated.status, stated.reason) == (Status.FAIL, "conflict")


def test_an_expired_fact_refutes_nothing() -> None:
    """It is stale; nobody knows how it is now."""
    made = world("a")
    made.known["a", "host.time"] = (9.0, 2.0, -0.5)

    result = judge(EACH, made)
    assert (result.status, result.findings[0].expired) == (Status.STALE, ("host.time",))


def test_a_person_who_says_no_refutes() -> None:
    """A paper that says the opposite is not a paper that is there."""
    assert judge(PAPER, world(**{"f__att:x": True})).status is Status.PASS_OBSERVED
    assert judge(PAPER, world(**{"f__att:x": "no. 12"})).status is Status.PASS_OBSERVED
    result = judge(PAPER, world(**{"f__att:x": False}))
    assert (result.status, result.reason) == (Status.FAIL, "refuted")


def test_missing_is_unknown_and_partly_missing_is_unknown_too() -> None:
    """Stale only where all that is missing was once there."""
    rule = """
    each: host
    needs: [host.time, host.age]
    decide: host.time <= 1s
    """
    made = world("a", a__host_time=0.1)
    assert judge(rule, made).findings[0].missing == ("host.age",)
    assert judge(rule, made).status is Status.UNKNOWN
    made.known["a", "host.time"] = (0.1, 2.0, -0.5)
    assert judge(rule, made).status is Status.UNKNOWN
    made.known["a", "host.age"] = (9.0, 2.0, -0.5)
    assert judge(rule, made).status is Status.STALE


def test_below_its_coverage_a_rule_is_unknown() -> None:
    """Silent hosts cannot be outvoted, unless the rule says how many may be silent."""
    made = world("a", "b", "c", "d", a__host_time=0.1, b__host_time=0.1, c__host_time=0.1)
    loose = EACH + "    min_coverage: 0.75\n"

    result = judge(EACH, made)
    assert (result.status, result.reason, result.coverage) == (Status.UNKNOWN, "not_covered", 0.75)
    assert judge(loose, made).status is Status.PASS_OBSERVED
    assert judge(EACH + "    min_coverage: 0\n", world("a", "b")).status is Status.UNKNOWN


def test_silence_improves_nothing() -> None:
    """A host that goes silent takes its rule from a pass to stale, never the other way."""
    made = world("a", "b", a__host_time=0.1, b__host_time=0.1)
    assert judge(EACH, made).status is Status.PASS_OBSERVED

    made.known["b", "host.time"] = (0.1, 2.0, -0.5)
    assert judge(EACH, made).status is Status.STALE


def test_some_subjects_make_a_part_and_none_a_gap() -> None:
    """Not shown is not refuted, and still no pass."""
    one = world("a", "b", a__host_time=0.1, b__host_time=3.0)
    none = world("a", "b", a__host_time=3.0, b__host_time=3.0)

    assert (judge(EACH, one).status, judge(EACH, one).reason) == (Status.PARTIAL, "some_only")
    assert (judge(EACH, none).status, judge(EACH, none).reason) == (Status.FAIL, "not_shown")


def test_a_question_to_all_together_is_decided_once() -> None:
    """A share that is too small is a gap although nobody is refuted."""
    rule = """
    each: host
    needs: [host.time]
    decide: share(host.time <= 1s) >= 60%
    """
    assert judge(rule, world("a", "b", a__host_time=0.1, b__host_time=3.0)).status is Status.FAIL
    assert judge(rule, world("a", a__host_time=0.1)).status is Status.PASS_OBSERVED


def test_nothing_declared_is_unknown() -> None:
    """Neither an empty inventory nor a narrow one passes, or ends, a rule."""
    narrow = EACH + "    where: host.up\n"

    assert judge(EACH, world()).reason == "nothing_declared"
    assert judge(narrow, world("a", a__host_time=9.0, a__host_up=False)).status is Status.UNKNOWN
    assert judge(narrow, world("a", a__host_time=0.1)).status is Status.UNKNOWN


def test_too_early_to_tell_is_unknown_and_not_a_gap() -> None:
    """A log of five days on a host of five days says nothing of thirty."""
    rule = """
    each: host
    params: {keep: {value: 30d}}
    needs: [host.log, host.age]
    refute: host.log < keep and host.age > keep
    decide: host.log >= keep
    unknown_if: host.age <= keep
    """
    day = 86_400.0
    young = world("a", a__host_log=5 * day, a__host_age=5 * day)
    old = world("a", a__host_log=5 * day, a__host_age=90 * day)
    kept = world("a", a__host_log=40 * day, a__host_age=5 * day)

    assert judge(rule, young).status is Status.UNKNOWN
    assert judge(rule, old).status is Status.FAIL
    assert judge(rule, kept).status is Status.PASS_OBSERVED


def test_a_paper_older_than_the_rule_allows_is_stale() -> None:
    """The rule's own cycle counts, even if the paper itself speaks for longer."""
    rule = PAPER + "    params: {cycle: {value: 365d}}\n    validity: cycle\n"
    made = World()

    made.known["f", "att:x"] = (True, 300.0, 900.0)
    assert judge(rule, made).status is Status.PASS_OBSERVED
    made.known["f", "att:x"] = (True, 400.0, 900.0)
    assert judge(rule, made).status is Status.STALE
    made.known["f", "att:x"] = (False, 400.0, 900.0)
    assert judge(rule, made).status is Status.STALE


def test_a_cycle_nobody_set_lets_nothing_pass() -> None:
    """Without the facility's own period there is nothing to hold a paper against."""
    rule = PAPER + "    params: {cycle: {from: facility.restore_period}}\n    validity: cycle\n"
    made = world(**{"f__att:x": True})

    assert judge(rule, made).status is Status.UNKNOWN
    made.facility["facility.restore_period"] = 86_400
    assert judge(rule, made).status is Status.PASS_OBSERVED


PARAM = """
    each: host
    params: {limit: {from: facility.licensed_year, by_level: {3: 3s}, value: 1s, tailorable: true}}
    needs: [host.time]
    refute: host.time > limit
    decide: host.time <= limit
"""


def test_a_threshold_comes_from_the_facility_then_its_level_then_the_pack() -> None:
    """The nearest word wins."""
    made = world("a", a__host_time=2.0)

    assert judge(PARAM, made).status is Status.FAIL
    made.facility["facility.level"] = 3
    assert judge(PARAM, made).status is Status.PASS_OBSERVED
    made.facility["facility.licensed_year"] = 1
    assert judge(PARAM, made).status is Status.FAIL
    made.facility["param.test.rule.limit"] = 2.5
    assert judge(PARAM, made).status is Status.PASS_OBSERVED


def test_levels_are_declared_and_two_is_only_a_preview() -> None:
    """Without a decision a rule is judged at level 2 and says so; a subject's own level wins."""
    two, three = EACH + "    levels: [2]\n", EACH + "    levels: [3, 4]\n"
    made = world("a", a__host_time=0.1)

    assert judge(two, made).preview
    assert judge(two, made).status is Status.PASS_OBSERVED
    assert judge(three, made).preview
    assert judge(three, made).status is Status.NOT_APPLICABLE
    made.facility["facility.level"] = 3
    assert not judge(three, made).preview
    assert judge(three, made).status is Status.PASS_OBSERVED
    made.others["a"]["host.level"] = 2
    assert judge(three, made).status is Status.NOT_APPLICABLE


def test_levels_apply_where_nothing_is_declared() -> None:
    """A level 3 row asks nothing of an empty level 2 facility."""
    made = world()
    made.facility["facility.level"] = 2

    assert judge(EACH + "    levels: [3]\n", made).status is Status.NOT_APPLICABLE


def test_a_system_has_its_own_level_or_none() -> None:
    """The facility's highest level is not lent to a system without a decision."""
    rule = """
    each: system
    levels: [3]
    needs: ["doc:x"]
    """
    made = World({"facility.level": 3.0}, {"his": {}})

    result = judge(rule, made)
    assert (result.status, result.preview) == (Status.NOT_APPLICABLE, True)
    made.others["his"]["system.level"] = 3.0
    assert judge(rule, made).status is Status.UNKNOWN
