"""One fact, with its past where that matters, to one finding: bad, or known to be good.

Pure. Thresholds have hysteresis: what is bad already is good only some way below.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from tramgac_collector.backups.copies import Judged
from tramgac_collector.backups.findings import BackupState
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.incidents.codes import DAY, HOUR, MINUTE, Severity
from tramgac_collector.incidents.model import Symptom
from tramgac_collector.incidents.tree import Tree, backup_node, host_of, system_node
from tramgac_collector.incidents.trend import Steps, full_in_ms, samples, value_at

# Used share of a disk: from where it is bad, and below what it is good again.
_DISK = (0.85, 0.83)
_DISK_CRITICAL = (0.92, 0.90)
# No trend is worked out for a disk that is half empty.
_DISK_WATCHED = 0.5
_FULL_SOON_MS = (3 * DAY, 5 * DAY)
_FULL_AT_ONCE_MS = 12 * HOUR
_TREND_MS = 7 * DAY
_CLOCK_SECONDS = (30.0, 10.0)
_CERTIFICATE_MS = 14 * DAY
_CERTIFICATE_LAST_MS = 3 * DAY
_LINK_PAST_MS = 30 * DAY
_SLOWER = 0.9
# Of the last five looks three must be bad, and three good again.
_LOOKS = 5
_LOOK_MS = 5 * MINUTE
_MOST = 3
_LOSS = 0.05
_RTT_TIMES = 3.0
_RTT_LEAST_SECONDS = 0.05
_RTT_PAST_MS = 7 * DAY
_FLAPS = 4
_FLAP_MS = 30 * MINUTE
_FRESH_BOOT_MS = 10 * MINUTE
_BOOT_FUZZ = 60.0
_EVER_MS = 400 * DAY

# Fact name, subject, since when (ms): its past, oldest first, what came late included.
History = Callable[[str, str, int], Steps]


@dataclass(frozen=True, slots=True)
class Look:
    """What a finding may use beside its fact; made anew for every turn of the judge.

    Attributes:
        get: A current fact by name and subject.
        past: Its earlier values.
        named: Every current fact of one name in a facility, by subject.
    """

    tree: Tree
    get: Callable[[str, str], Fact | None]
    past: History
    now_ms: int
    named: Callable[[str, str], Mapping[str, Fact]] = lambda _facility, _name: {}
    _parts: dict[tuple[str, str], dict[str, list[Fact]]] = field(default_factory=dict, repr=False)

    def parts_of(self, node: str, name: str) -> Sequence[Fact]:
        """Every current fact of one name of a host's or device's parts; they are sorted once."""
        facility = node.partition("/")[0]
        if (facility, name) not in self._parts:
            places: dict[str, list[Fact]] = {}
            for one in self.named(facility, name).values():
                places.setdefault(host_of(one.subject), []).append(one)
            self._parts[facility, name] = places
        return self._parts[facility, name].get(node, ())


Detector = Callable[[Fact, float, bool, Look], Symptom]


def _said(fact: Fact, code: str, *, bad: bool, cause: str = "", severity: str = "") -> Symptom:
    return Symptom(fact.subject, code, bad, fact.collected_ms, cause, severity, fact.text)


def _steps(fact: Fact, value: float, look: Look, back_ms: int) -> Steps:
    """Its past and what it is now."""
    past = look.past(fact.name, fact.subject, fact.collected_ms - back_ms)
    return [*(step for step in past if step[0] < fact.collected_ms), (fact.collected_ms, value)]


def _disk(fact: Fact, value: float, before: bool, look: Look) -> Symptom:  # noqa: FBT001 - a detector
    code, place = "disk_filling", int(before)
    if value >= _DISK_CRITICAL[place]:
        return _said(fact, code, bad=True, cause="level_critical", severity=Severity.HIGH)
    if value >= _DISK[place]:
        return _said(fact, code, bad=True, cause="level_high")
    if value >= _DISK_WATCHED:
        left = full_in_ms(_steps(fact, value, look, _TREND_MS), fact.collected_ms)
        if left is not None and left < _FULL_SOON_MS[place]:
            at_once = Severity.HIGH if left < _FULL_AT_ONCE_MS else ""
            return _said(fact, code, bad=True, cause="trend", severity=at_once)
    return _said(fact, code, bad=False)


def _readonly(fact: Fact, value: float, before: bool, look: Look) -> Symptom:  # noqa: FBT001
    """A disk that was never seen writable is meant to be so."""
    past = _steps(fact, value, look, _LINK_PAST_MS) if value and not before else ()
    was_writable = before or any(not one for _, one in past)
    return _said(fact, "disk_readonly", bad=bool(value) and was_writable)


def _hung(fact: Fact, value: float, _before: bool, _look: Look) -> Symptom:  # noqa: FBT001
    return _said(fact, "disk_hung", bad=bool(value))


def _errors(fact: Fact, value: float, _before: bool, look: Look) -> Symptom:  # noqa: FBT001
    """The count stays until the next check: only more of them than a day ago are news."""
    steps = _steps(fact, value, look, _EVER_MS)
    then = value_at(steps, look.now_ms - DAY)
    return _said(fact, "disk_errors", bad=value > (steps[0][1] if then is None else then))


def _clock(fact: Fact, value: float, before: bool, _look: Look) -> Symptom:  # noqa: FBT001
    return _said(fact, "clock_wrong", bad=abs(value) > _CLOCK_SECONDS[before])


def _link(fact: Fact, value: float, before: bool, look: Look) -> Symptom:  # noqa: FBT001
    """A port nobody ever used is no port that is down."""
    past = _steps(fact, value, look, _LINK_PAST_MS) if not value and not before else ()
    was_up = before or any(one for _, one in past)
    return _said(fact, "link_down", bad=not value and was_up)


def _speed(fact: Fact, value: float, _before: bool, look: Look) -> Symptom:  # noqa: FBT001
    past = _steps(fact, value, look, _LINK_PAST_MS)
    best = max(one for _, one in past)
    return _said(fact, "link_slow", bad=value < _SLOWER * best, cause="slower_than_before")


def _duplex(fact: Fact, value: float, _before: bool, _look: Look) -> Symptom:  # noqa: FBT001
    return _said(fact, "link_half_duplex", bad=not value)


def _most(values: Sequence[float], limit: float, *, before: bool) -> bool:
    """Three of five looks; with fewer, what was so stays so."""
    over = sum(one > limit for one in values)
    return over >= _MOST or (before and len(values) - over < _MOST)


def _loss(fact: Fact, value: float, before: bool, look: Look) -> Symptom:  # noqa: FBT001
    bad = False
    if value > _LOSS or before:
        steps = _steps(fact, value, look, DAY)
        bad = _most(samples(steps, fact.collected_ms, _LOOK_MS, _LOOKS), _LOSS, before=before)
    return _said(fact, "path_loss", bad=bad)


def _rtt(fact: Fact, value: float, before: bool, look: Look) -> Symptom:  # noqa: FBT001
    """Against its own week: a far place is not a slow one."""
    bad = False
    if value > _RTT_LEAST_SECONDS or before:
        steps = _steps(fact, value, look, _RTT_PAST_MS)
        usual = _usual(steps, fact.collected_ms)
        if usual is not None:
            limit = max(_RTT_LEAST_SECONDS, _RTT_TIMES * usual)
            bad = _most(samples(steps, fact.collected_ms, _LOOK_MS, _LOOKS), limit, before=before)
    return _said(fact, "path_slow", bad=bad)


def _usual(steps: Steps, now_ms: int) -> float | None:
    """Median of its hours; None in the first day."""
    if now_ms - steps[0][0] < DAY:
        return None
    return median(samples(steps, now_ms, HOUR, (now_ms - steps[0][0]) // HOUR))


def _certificate(fact: Fact, value: float, _before: bool, look: Look) -> Symptom:  # noqa: FBT001
    facility = fact.subject.partition("/")[0]
    node = system_node(facility, fact.subject.rpartition("/")[2])
    return expiring(node, round(value * 1000), fact.collected_ms, look.now_ms)


def expiring(node: str, not_after_ms: int, since_ms: int, now_ms: int) -> Symptom:
    """A certificate, of a system or an agent, that nobody has renewed in time."""
    left = not_after_ms - now_ms
    urgent = Severity.HIGH if left < _CERTIFICATE_LAST_MS else ""
    cause = "expired" if left <= 0 else ""
    bad = left < _CERTIFICATE_MS
    return Symptom(node, "certificate_expiring", bad, since_ms, cause, urgent)


def _boot(fact: Fact, value: float, _before: bool, look: Look) -> Symptom:  # noqa: FBT001
    """A start is news for ten minutes; the first one ever seen is none."""
    past = look.past(fact.name, fact.subject, fact.collected_ms - _EVER_MS)
    known = any(at_ms < fact.collected_ms and abs(one - value) > _BOOT_FUZZ for at_ms, one in past)
    booted_ms = round(value * 1000)
    news = known and fact.collected_ms - booted_ms < _FRESH_BOOT_MS
    stop = look.get("host.stop", fact.subject)
    unclean = stop is not None and stop.value == 0 and stop.collected_ms >= booted_ms
    code = "host_unclean_stop" if unclean else "host_rebooted"
    return Symptom(fact.subject, code, news, booted_ms)


OF_HOSTS: Mapping[str, Detector] = {
    "host.boot": _boot,
    "host.disk": _disk,
    "host.disk.readonly": _readonly,
    "host.disk.hung": _hung,
    "host.disk.errors": _errors,
    "host.time": _clock,
    "net.link.up": _link,
    "net.link": _speed,
    "net.link.duplex": _duplex,
    "net.path.loss": _loss,
    "net.path.rtt": _rtt,
    "svc.tls": _certificate,
}


def service_node(subject: str) -> tuple[str, str]:
    """The system's node and the method of a fact ``svc.*`` (``facility/site/host/his:http``)."""
    system, _, method = subject[len(host_of(subject)) + 1 :].rpartition(":")
    return system_node(subject.partition("/")[0], system), method


def flips(fact: Fact, look: Look) -> tuple[int, ...]:
    """When a system changed between up and down in the last half hour, ms."""
    past = _steps(fact, fact.value or 0.0, look, DAY)
    turns = (at_ms for (_, one), (at_ms, other) in pairwise(past) if one != other)
    return tuple(at_ms for at_ms in turns if at_ms > look.now_ms - _FLAP_MS)


def flapping(node: str, turns: Iterable[Sequence[int]], now_ms: int) -> Symptom:
    """Whether a system comes and goes, as one that looks at it sees it."""
    often = max(sum(at_ms > now_ms - _FLAP_MS for at_ms in one) for one in turns)
    return Symptom(node, "service_flapping", often >= _FLAPS, now_ms, detail=str(often))


def service(node: str, facts: Sequence[Fact], look: Look) -> Symptom:
    """A system as all that look at it see it.

    Where one host reaches it and another does not, the way there is the trouble, not the system.

    Args:
        node: The system.
        facts: ``svc.up``, one for each host and method; none of them stale.
        look: The rest.
    """
    down = [fact for fact in facts if not fact.value]
    seen_from = {host_of(fact.subject) for fact in facts}
    down_from = {host_of(fact.subject) for fact in down}
    code = "service_down" if seen_from == down_from else "service_partly_unreachable"
    since = min((f.collected_ms for f in down), default=max(f.collected_ms for f in facts))
    states = (look.get("svc.state", fact.subject) for fact in down)
    reason = next((state.text for state in states if state is not None and not state.value), "")
    return Symptom(node, code, bool(down), since, _why(facts, down), detail=reason)


def _why(facts: Sequence[Fact], down: Sequence[Fact]) -> str:
    """Stopped, hung, or only known not to answer: the unit and the page together tell."""
    units = {bool(f.value) for f in facts if service_node(f.subject)[1] == "systemd"}
    if not down or not units:
        return ""
    return "hung" if units == {True} else "stopped"


_OF_STATE = {
    BackupState.FAILED: "backup_failed",
    BackupState.BLOCKED: "backup_blocked",
    BackupState.LATE: "backup_late",
    BackupState.BLIND: "backup_blind",
    BackupState.SUSPICIOUS: "backup_suspicious",
    BackupState.PARTIAL: "backup_partial",
}
# What ages in the dark as well: nobody has to see it to know it.
RPO_PASSED = "rpo_passed"


def backup(judged: Judged, now_ms: int) -> Symptom:
    """The verdict on a series. One that nobody can see and whose RPO has passed is late.

    What nobody declared is shown on the pages, and is no incident.
    """
    verdict = judged.verdict
    found = [one.reason for one in verdict.findings]
    code = _OF_STATE.get(verdict.state, "")
    aged = RPO_PASSED in found
    if aged and verdict.state is BackupState.BLIND:
        code = "backup_late"
    node = backup_node(judged.series)
    if not code or "undeclared" in found:
        return Symptom(node, "backup_late", bad=False, since_ms=now_ms)
    cause = RPO_PASSED if code == "backup_late" and aged else verdict.reason
    return Symptom(node, code, bad=True, since_ms=now_ms, cause=cause, detail=" ".join(found))


def pierces(symptom: Symptom) -> bool:
    """Whether it is told though everything around it is known to be dark."""
    return symptom.code == "backup_late" and symptom.cause == RPO_PASSED
