"""Findings on what runs no agent: switches and their ports, power supplies, printers.

Pure detectors of the registry. What holds of several ports of one switch is one finding of that
switch, with a list; so are the errors of one printer.
"""

from collections.abc import Callable, Iterable, Mapping

from tramgac_collector.facts import devices as facts
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.incidents.codes import DAY, MINUTE, Severity
from tramgac_collector.incidents.model import Symptom
from tramgac_collector.incidents.symptoms import Detector, Look
from tramgac_collector.incidents.tree import host_of
from tramgac_collector.inventory.devices import NETWORK_KINDS
from tramgac_proto.lanwords import PRINTER_ERRORS

NEVER_ANSWERED = "never_answered"
# Two devices that fell silent within so long have one cause.
TOGETHER_MS = 10 * MINUTE
# The store shows what was only confirmed so much later.
_LAG_MS = 6 * MINUTE


def _is(look: Look, name: str, node: str) -> bool | None:
    """What a yes-or-no fact said last; None where it never said anything."""
    fact = look.get(name, node)
    return None if fact is None or fact.value is None else bool(fact.value)


def _is_told(look: Look, name: str, node: str) -> bool:
    """Whether a fact still says anything."""
    fact = look.get(name, node)
    return fact is not None and fact.expires_ms + _LAG_MS > look.now_ms


def _together(fact: Fact, code: str, facts_: Iterable[Fact], look: Look) -> Symptom:
    """One finding of the device, of all its parts for which it holds.

    ``facts_`` are those of its parts.

    A part that was bad and is not told of any more is not well: it counts for a day.
    """
    node = host_of(fact.subject)
    mine = [one for one in facts_ if one.value is not None]
    bad = [one for one in mine if one.value and one.expires_ms + DAY > look.now_ms]
    places = sorted(one.subject for one in bad)
    since = min((one.collected_ms for one in bad), default=fact.collected_ms)
    newest = max(bad or mine or [fact], key=lambda one: (one.expires_ms, one.subject))
    return Symptom(
        node, code, bool(bad), since, inside=tuple(places), seen_of=newest.subject
    )  # fmt: skip


def _of_port(code: str) -> Detector:
    def detector(fact: Fact, _value: float, _before: bool, look: Look) -> Symptom:  # noqa: FBT001
        parts = look.parts_of(host_of(fact.subject), fact.name)
        return _together(fact, f"port_{code}", parts, look)

    return detector


def _printer(fact: Fact, _value: float, _before: bool, look: Look) -> Symptom:  # noqa: FBT001
    told = look.parts_of(host_of(fact.subject), fact.name)
    stuck = (one for one in told if one.subject.rpartition("/")[2] in PRINTER_ERRORS)
    return _together(fact, "printer_stuck", stuck, look)


def _answers(fact: Fact, value: float, before: bool, look: Look) -> Symptom:  # noqa: FBT001
    """A printer may be off; whatever never answered was perhaps never set up."""
    kind = look.tree.kind(fact.subject)
    bad = not value and kind != "printer"
    severity, cause = "", ""
    if bad:
        past = () if before else look.past(fact.name, fact.subject, 0)
        if not before and not any(one for _, one in past):
            severity, cause = Severity.LOW, NEVER_ANSWERED
        elif kind in NETWORK_KINDS:
            severity = Severity.HIGH
    return Symptom(fact.subject, "device_silent", bad, fact.collected_ms, cause, severity)


def _power(fact: Fact, _value: float, _before: bool, look: Look) -> Symptom:  # noqa: FBT001
    """Mains and battery together: one power supply has one incident."""
    node = fact.subject
    on_battery = _is(look, facts.ON_BATTERY.name, node)
    low = _is(look, facts.BATTERY_LOW.name, node)
    if on_battery:
        code = "ups_battery_low" if low else "ups_on_battery"
        return Symptom(
            node, code, bad=True, since_ms=fact.collected_ms, cause="on_battery",
            seen_as=facts.ON_BATTERY.name,
        )  # fmt: skip
    if low:
        # On the mains it is being charged, or worn out: the next cut will be short.
        mains = on_battery is False and _is_told(look, facts.ON_BATTERY.name, node)
        cause, severity = ("charging", Severity.MEDIUM) if mains else ("", Severity.CRITICAL)
        return Symptom(
            node, "ups_battery_low", bad=True, since_ms=fact.collected_ms, cause=cause,
            severity=severity, seen_as=facts.BATTERY_LOW.name,
        )  # fmt: skip
    return Symptom(node, "ups_on_battery", bad=False, since_ms=fact.collected_ms)


def _battery(fact: Fact, _value: float, _before: bool, look: Look) -> Symptom:  # noqa: FBT001
    """By the device's word, or by its last self-test: by that of the two that is still told."""
    node, test = fact.subject, facts.SELF_TEST.name
    words = ((test, False), (facts.BATTERY_REPLACE.name, True))
    bad = [name for name, is_bad in words if _is(look, name, node) is is_bad]
    seen_as = next((name for name in bad if _is_told(look, name, node)), "".join(bad[:1]))
    cause = "self_test_failed" if seen_as == test else ""
    return Symptom(
        node, "ups_battery_bad", bool(bad), fact.collected_ms, cause, seen_as=seen_as
    )  # fmt: skip


OF_DEVICES: Mapping[str, Detector] = {
    facts.ANSWERS.name: _answers,
    facts.ON_BATTERY.name: _power,
    facts.BATTERY_LOW.name: _power,
    facts.BATTERY_REPLACE.name: _battery,
    facts.SELF_TEST.name: _battery,
    facts.PRINTER_ERROR.name: _printer,
    **{kind.name: _of_port(code) for code, kind in facts.PORT_FINDINGS.items()},
}


def behind(symptom: Symptom, bad: Callable[[str], Symptom | None], look_at: Iterable[str]) -> str:
    """The silent switch that explains a device's finding; empty where none does.

    Args:
        symptom: Of a device.
        bad: ``device_silent`` of a device, where it holds.
        look_at: Switches and the like of its site that it may hang on.
    """
    if symptom.code != "device_silent":
        return symptom.node if bad(symptom.node) is not None else ""
    others = [one for node in look_at if (one := bad(node)) is not None]
    near = [
        one
        for one in others
        if one.cause != NEVER_ANSWERED and abs(one.since_ms - symptom.since_ms) <= TOGETHER_MS
    ]
    first = min(near, key=lambda one: (one.since_ms, one.node), default=symptom)
    return first.node if first.node != symptom.node else ""
