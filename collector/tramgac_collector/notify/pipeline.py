"""Who is to be told what, and whether now. Pure: rows, roster and a time in; decisions out.

The stages, in their order: route, group, dedup (``wishes``), then hold, quiet hours and retry
(``gate``). Each answers with a reason, and with a time where it only waits.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from tramgac_collector.notify.roster import Person, Roster, Target, quiet_until, rank
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.rules.storm import Storm, quiets

ALERTMANAGER = Target("alertmanager", "alertmanager")
DOWN, WORSE, RECOVERED = "down", "worse", "recovered"
REMINDER, ESCALATION = "reminder", "escalation"
# Handed out, and how that ended is not known: it may have been delivered.
UNCONFIRMED = "unconfirmed"
STORM = "storm"
GIVE_UP_MS = 24 * 3_600_000
_FIRST_RETRY_MS = 30_000
_LONGEST_RETRY_MS = 900_000

State = Literal["waiting", "sent", "failed", "dropped"]


@dataclass(frozen=True, slots=True)
class Incident:
    """A row of ``incidents``; times in milliseconds since the epoch, None for not yet."""

    id: int
    node: str
    code: str
    facility: str
    site: str
    opened_ms: int
    severity: str
    closed_ms: int | None = None
    cause: str = ""
    parent_id: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    told_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """A row of ``notifications``.

    Attributes:
        incident_id: None for a digest.
        stage: ``down``, ``worse:SEVERITY``, ``recovered``, ``reminder:CYCLE``,
            ``escalation:LEVEL:CYCLE`` or ``digest``.
        id: 0 for one that is not stored yet.
        digest: Which, as in ``gaps:2026-11-22``.
        next_ms: When a waiting one is looked at again.
    """

    incident_id: int | None
    stage: str
    target: Target
    made_ms: int
    next_ms: int
    id: int = 0
    digest: str = ""
    state: State = "waiting"
    reason: str = ""
    attempts: int = 0
    sent_ms: int | None = None

    @property
    def kind(self) -> str:
        """The stage without its numbers."""
        return self.stage.partition(":")[0]


class Ack(NamedTuple):
    """Somebody has taken it on, for a time."""

    recipient: str
    at_ms: int
    expires_ms: int

    def runs(self, now_ms: int) -> bool:
        """Whether it holds; one from ahead of a clock that was set back not for years."""
        return self.at_ms - (self.expires_ms - self.at_ms) <= now_ms < self.expires_ms


class Telling(NamedTuple):
    """What an incident was when somebody was told of it."""

    recipient: str
    code: str
    severity: str
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """An incident with all that was done about it.

    Attributes:
        tellings: The oldest first.
        parent_open: It belongs to another incident that is still open.
    """

    incident: Incident
    notifications: tuple[Notification, ...] = ()
    acks: tuple[Ack, ...] = ()
    tellings: tuple[Telling, ...] = ()
    parent_open: bool = False


def fed_as(case: Case, at_ms: int | None = None) -> Telling | None:
    """What Alertmanager knows an incident as, now or then; None where it does not."""
    fed = [
        one
        for one in case.tellings
        if one.recipient == ALERTMANAGER.recipient and (at_ms is None or one.at_ms <= at_ms)
    ]
    return fed[-1] if fed else None


class Verdict(NamedTuple):
    """What becomes of one notification now.

    Attributes:
        until_ms: When a waiting one is looked at again.
    """

    action: Literal["send", "wait", "drop"]
    reason: str
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings and roster in force.

    Attributes:
        deaf: No Alertmanager has taken alerts for ``fallback_minutes``.
        storms: That may hold pages back now.
    """

    settings: NotifySection
    roster: Roster
    deaf: bool = False
    storms: tuple[Storm, ...] = ()

    @property
    def through_alertmanager(self) -> bool:
        """Whether Alertmanager routes, repeats and escalates, and we only feed it."""
        return bool(self.settings.alertmanager)

    def targets(self, people: list[Person], severity: str) -> list[Target]:
        """Every channel of these people that carries this severity."""
        return [
            Target(person.id, channel.id)
            for person in people
            for channel in person.channels
            if rank(severity) >= rank(channel.least)
        ]

    def called(self, incident: Incident, now_ms: int) -> list[Target]:
        """Whom a new incident is told, where Alertmanager does not do it."""
        people, _why = self.roster.called(incident.facility, now_ms)
        found = self.targets(people, incident.severity)
        if found or rank(incident.severity) < rank("high"):
            return found
        # No channel of theirs carries so little: what matters must reach somebody.
        return self.everybody(incident.severity)

    def everybody(self, severity: str) -> list[Target]:
        """Every channel of the roster that carries it; where none does, every channel."""
        people = list(self.roster.people)
        return self.targets(people, severity) or self.targets(people, "critical")

    def reachable(self, target: Target) -> bool:
        """Whether that recipient and channel still exist."""
        if target == ALERTMANAGER:
            return self.through_alertmanager
        person = self.roster.person(target.recipient)
        return person is not None and any(one.id == target.channel for one in person.channels)


def wishes(case: Case, policy: Policy, now_ms: int) -> list[Notification]:
    """Notifications that ought to be there and are not yet: route, group and dedup."""
    there = {
        (one.stage, one.target)
        for one in case.notifications
        if (one.state, one.reason) != ("dropped", "told_with_parent")
    }
    return [
        Notification(case.incident.id, stage, target, now_ms, now_ms)
        for stage, target in dict.fromkeys(_route(case, policy, now_ms))
        if (stage, target) not in there
    ]


def straight(case: Case, policy: Policy) -> bool:
    """Whether people are told by this collector itself: no Alertmanager, or none that takes it.

    What was told past an Alertmanager once stays so, or it would be told twice.
    """
    if not policy.through_alertmanager or told_straight(case):
        return True
    fed = [one for one in case.notifications if one.target == ALERTMANAGER]
    if any(one.state == "sent" for one in fed) and not _worsened(case):
        return False
    refused = any(one.state == "failed" for one in fed)
    return bool(policy.roster.people) and (policy.deaf or refused)


def told_straight(case: Case) -> bool:
    """Whether somebody was told of it past Alertmanager."""
    return any(one.state == "sent" and one.target != ALERTMANAGER for one in case.notifications)


def _route(case: Case, policy: Policy, now_ms: int) -> Iterator[tuple[str, Target]]:
    if case.incident.closed_ms is not None:
        # Only where it was told, or may have been, that it is there.
        told = [
            one
            for one in case.notifications
            if one.kind != RECOVERED
            and (one.state == "sent" or (one.state, one.reason) == ("dropped", UNCONFIRMED))
        ]
        yield from ((RECOVERED, one.target) for one in told)
    elif not case.parent_open:
        own = straight(case, policy)
        yield from _news(case, policy, now_ms, own=own)
        if own:
            yield from _again(case, policy, now_ms)


def _news(case: Case, policy: Policy, now_ms: int, *, own: bool) -> Iterator[tuple[str, Target]]:
    incident = case.incident
    rows = [one for one in case.notifications if (one.target != ALERTMANAGER) == own]
    down = [one for one in rows if one.stage == DOWN and one.state != "dropped"]
    targets = policy.called(incident, now_ms) if own else [ALERTMANAGER]
    # Who came on duty since is not told again of what is known.
    if case.tellings and _worsened(case):
        yield from ((f"{WORSE}:{incident.severity}", target) for target in targets)
    elif not down and not case.tellings:
        yield from ((DOWN, target) for target in targets)
    elif own and down and all(one.state == "failed" for one in down):
        # Not one of their channels can be used: whoever can be reached must hear of it.
        yield from ((DOWN, target) for target in policy.everybody(incident.severity))


def _worsened(case: Case) -> bool:
    told = [rank(one.severity) for one in case.tellings]
    return bool(told) and rank(case.incident.severity) > max(told)


def _again(case: Case, policy: Policy, now_ms: int) -> Iterator[tuple[str, Target]]:
    since = unheard_since(case, now_ms)
    if since is None:
        return
    incident, cycle = case.incident, len(case.acks)
    if cycle:
        yield from ((f"{REMINDER}:{cycle}", one) for one in policy.called(incident, now_ms))
    for level, step in enumerate(policy.roster.escalation, 1):
        due = abs(now_ms - since) >= step.after_minutes * 60_000  # ahead: it was set back
        if due and rank(incident.severity) >= rank(step.least):
            people = policy.roster.next_level(level)
            targets = policy.targets(people, incident.severity)
            yield from ((f"{ESCALATION}:{level}:{cycle}", one) for one in targets)


def unheard_since(case: Case, now_ms: int) -> int | None:
    """Since when nobody answers; None while somebody has acknowledged, or was not asked yet."""
    if case.acks:
        runs = any(one.runs(now_ms) for one in case.acks)
        return None if runs else max(one.expires_ms for one in case.acks)
    asked = [
        one
        for one in case.notifications
        # What cannot be delivered must not keep the next person from being asked.
        if one.kind in {DOWN, WORSE} and (one.sent_ms or one.attempts)
    ]
    own = [one for one in asked if one.target != ALERTMANAGER]
    return min((one.sent_ms or one.made_ms for one in own or asked), default=None)


def gate(one: Notification, case: Case, policy: Policy, now_ms: int) -> Verdict:
    """Whether a waiting notification goes out now."""
    for stage in _STAGES:
        verdict = stage(one, case, policy, now_ms)
        if verdict is not None:
            return verdict
    return Verdict("send", "due")


def _over(one: Notification, case: Case, _policy: Policy, _now_ms: int) -> Verdict | None:
    if case.incident.closed_ms is None or one.kind == RECOVERED:
        return None
    return Verdict("drop", one.reason if one.reason in _KEPT else "over_before_told")


def _one_road(one: Notification, case: Case, policy: Policy, _now_ms: int) -> Verdict | None:
    """Through Alertmanager or past it, but not both."""
    if not policy.through_alertmanager or one.kind == RECOVERED:
        return None
    own = straight(case, policy)
    if one.target != ALERTMANAGER:
        return None if own else Verdict("drop", "alertmanager_answers")
    if own and told_straight(case):
        return Verdict("drop", "told_straight")
    others = [two for two in case.notifications if two.target != ALERTMANAGER]
    begun = own and any(two.state == "waiting" and not two.attempts for two in others)
    return Verdict("wait", "told_straight", one.next_ms) if begun else None


def _stormy(one: Notification, case: Case, policy: Policy, now_ms: int) -> Verdict | None:
    incident = case.incident
    quiet = quiets(policy.storms, incident.facility, incident.severity, now_ms)
    if quiet is None or one.kind == RECOVERED:
        return None
    return Verdict("wait", STORM, quiet.until_ms)


def _with_parent(one: Notification, case: Case, _policy: Policy, _now_ms: int) -> Verdict | None:
    covered = case.parent_open and one.kind != RECOVERED
    return Verdict("drop", "told_with_parent") if covered else None


def _acknowledged(one: Notification, case: Case, _policy: Policy, now_ms: int) -> Verdict | None:
    heard = any(ack.runs(now_ms) for ack in case.acks)
    return Verdict("drop", "acknowledged") if heard and one.kind in {ESCALATION, REMINDER} else None


def _reachable(one: Notification, _case: Case, policy: Policy, _now_ms: int) -> Verdict | None:
    return None if policy.reachable(one.target) else Verdict("drop", "no_such_recipient")


def _held(one: Notification, case: Case, policy: Policy, now_ms: int) -> Verdict | None:
    opened, hold_ms = case.incident.opened_ms, int(policy.settings.hold_seconds * 1000)
    waits = one.stage == DOWN and 0 <= now_ms - opened < hold_ms  # ahead: the clock was set back
    return Verdict("wait", "hold", opened + hold_ms) if waits else None


def _quiet(one: Notification, case: Case, policy: Policy, now_ms: int) -> Verdict | None:
    person = policy.roster.person(one.target.recipient)
    quiet = None if person is None else person.quiet
    until = quiet_until(quiet, case.incident.severity, now_ms)
    return None if until is None else Verdict("wait", "quiet_hours", until)


def _retried(one: Notification, _case: Case, _policy: Policy, now_ms: int) -> Verdict | None:
    if one.kind == RECOVERED and now_ms - one.made_ms > GIVE_UP_MS:
        return Verdict("drop", "gave_up")
    waits = one.attempts and now_ms < one.next_ms <= now_ms + _LONGEST_RETRY_MS  # none is longer
    return Verdict("wait", "retry", one.next_ms) if waits else None


# Reasons that say more of what was dropped than that it is over.
_KEPT = (UNCONFIRMED, STORM)
_STAGES: tuple[Callable[[Notification, Case, Policy, int], Verdict | None], ...] = (
    _over,
    _with_parent,
    _acknowledged,
    _reachable,
    _one_road,
    _held,
    _stormy,
    _quiet,
    _retried,
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one attempt ended.

    Attributes:
        proof: What the other side answered.
        final: Trying again cannot help.
        unsure: It may have been delivered all the same.
        refused: Of a list of alerts, the incidents that were not taken, each with what was said.
    """

    ok: bool
    proof: str = ""
    error: str = ""
    final: bool = False
    unsure: bool = False
    refused: tuple[tuple[str, str], ...] = ()


def after(one: Notification, delivery: Delivery, now_ms: int) -> Notification:
    """The notification after an attempt: sent, to be tried again, or failed for good."""
    attempts = one.attempts + 1
    if delivery.ok:
        return replace(one, state="sent", reason="", attempts=attempts, sent_ms=now_ms)
    if delivery.final:
        return replace(one, state="failed", reason="refused", attempts=attempts)
    pause = min(_FIRST_RETRY_MS * 2 ** min(attempts - 1, 10), _LONGEST_RETRY_MS)
    reason = UNCONFIRMED if delivery.unsure else "retry"
    return replace(one, reason=reason, attempts=attempts, next_ms=now_ms + pause)
