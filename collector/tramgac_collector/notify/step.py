"""The last part of a turn of the judge: tell people what changed."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from sqlalchemy import Engine

from tramgac_collector.config import Config
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.judge.tick import Tick
from tramgac_collector.notify import rows
from tramgac_collector.notify.alertmanager import Alert, ends_at, incident_alert, post
from tramgac_collector.notify.daily import Daily
from tramgac_collector.notify.deafness import Deafness
from tramgac_collector.notify.heartbeat import Heartbeat
from tramgac_collector.notify.keepalive import KeepAlive
from tramgac_collector.notify.links import LINK_LIFE_MS, Link, link_key, runbook_base, sign
from tramgac_collector.notify.message import Message, Topic, compose
from tramgac_collector.notify.outbound import Envelope, Outbound, send_by_apprise
from tramgac_collector.notify.pipeline import (
    ALERTMANAGER,
    RECOVERED,
    UNCONFIRMED,
    WORSE,
    Case,
    Delivery,
    Incident,
    Notification,
    Policy,
    Telling,
    after,
    fed_as,
    gate,
    wishes,
)
from tramgac_collector.notify.roster import Roster, Target, rank, roster_of
from tramgac_collector.notify.silences import Silences
from tramgac_collector.rules.storm import read_storms
from tramgac_collector.store.engine import reading
from tramgac_proto.configfile import ConfigError

# More messages than these to one person at once become one.
_MOST_AT_ONCE = 5
# Some 25 ms.
_ROWS_PER_COMMIT = 40

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A notification that goes out now."""

    one: Notification
    case: Case


@dataclass(frozen=True, slots=True)
class _Post:
    """A delivery under way.

    Attributes:
        done: What it tells of; empty for what is only repeated.
        then: Told how it ended.
    """

    done: tuple[Due, ...] = ()
    then: Callable[[Delivery], None] | None = field(default=None, compare=False)


class Notifier:
    """Keeps what is under way; everything else stands in the store.

    Args:
        engine: The store.
        config: What is in force.
        send: How a message reaches its address.

    Raises:
        ConfigError: The roster cannot be used.
    """

    def __init__(
        self,
        engine: Engine,
        config: Config,
        send: Callable[[Envelope], Delivery] = send_by_apprise,
    ) -> None:
        self._by_apprise = send
        self._engine = engine
        self._config = config
        self._settings = config.notify
        self._rosters = RosterFile(config)
        self._flying: set[int] = set()
        self._ended: list[tuple[_Post, Delivery]] = []
        self.outbound: Outbound[_Post] = Outbound()
        self._runbooks = runbook_base(config)
        self._keepalive = KeepAlive(engine, self._settings, self._link, self._runbooks)
        self._daily = Daily(engine, self._settings)
        self._heartbeat = Heartbeat(self._settings)
        self._silences = Silences(engine, self._settings)
        self._deafness = Deafness(self._settings.fallback_minutes)
        self._now_ms = 0

    @cached_property
    def _key(self) -> bytes:
        return link_key(self._config.state_dir)

    def part(self, tick: Tick) -> None:
        """Its place in the judge's turn."""
        self._heartbeat.watch(tick.failing)
        self.step(tick.now_ms, tick.inventory)

    def step(self, now_ms: int, inventory: Inventory) -> None:
        """One turn: take in what was delivered, decide, hand out what is due."""
        self._now_ms = now_ms
        self._take(now_ms)
        with reading(self._engine) as connection:
            cases = rows.load_cases(connection, now_ms)
            storms = tuple(read_storms(connection, now_ms))
        deaf = self._deafness.lasts(now_ms)
        policy = Policy(self._settings, self._rosters.read(), deaf, storms)
        due = self._decide(cases, policy, now_ms)
        self._tell(due, policy.roster, inventory, now_ms)
        self._repeat(inventory, now_ms)
        if work := self._silences.due(now_ms):
            self.outbound.submit(_Post(then=self._silences.heard), work)
        self._tell_daily(policy.roster, inventory, now_ms)
        if beat := self._heartbeat.due(cases, now_ms):
            self.outbound.submit(_Post(then=self._heartbeat.heard), beat)

    def close(self) -> None:
        """Start no delivery any more."""
        self.outbound.close()

    def _take(self, now_ms: int) -> None:
        """Store how deliveries ended; while the store is away, what ended is kept."""
        for key, delivery in self.outbound.take():
            parts = range(0, len(key.done) or 1, _ROWS_PER_COMMIT)
            self._ended += [
                (replace(key, done=key.done[at : at + _ROWS_PER_COMMIT]), delivery) for at in parts
            ]
        while self._ended:
            key, delivery = self._ended[0]
            if key.then is not None:
                key.then(delivery)
            if key.done:
                self._keep(key.done, delivery, now_ms)
            del self._ended[0]

    def _fed(self, delivery: Delivery) -> None:
        """How a delivery to Alertmanager ended."""
        self._heartbeat.delivered(delivery)
        self._deafness.heard(delivery, self._now_ms)

    def _keep(self, done: Sequence[Due], whole: Delivery, now_ms: int) -> None:
        if not whole.ok:
            log.warning("%s: %s", _named(done), whole.error)
        refused = dict(whole.refused)
        with self._engine.begin() as connection:
            for due in done:
                said = refused.get(str(due.one.incident_id))
                delivery = whole if said is None else Delivery(ok=False, error=said, final=True)
                rows.save(connection, after(due.one, delivery, now_ms), delivery)
                if delivery.ok and due.one.incident_id is not None:
                    incident = due.case.incident
                    rows.note_told(connection, due.one, incident.code, incident.severity, now_ms)
        self._flying -= {due.one.id for due in done}

    def _decide(self, cases: Sequence[Case], policy: Policy, now_ms: int) -> list[Due]:
        due: list[Due] = []
        changed: list[Notification] = []
        for case in self._with_wishes(cases, policy, now_ms):
            for one in case.notifications:
                if one.state != "waiting" or one.id in self._flying:
                    continue
                verdict = gate(one, case, policy, now_ms)
                if verdict.action == "send":
                    due.append(Due(one, case))
                elif verdict.action == "drop":
                    changed.append(replace(one, state="dropped", reason=verdict.reason))
                elif (one.reason, one.next_ms) != verdict[1:]:
                    changed.append(replace(one, reason=verdict.reason, next_ms=verdict.until_ms))
        for at in range(0, len(changed), _ROWS_PER_COMMIT):
            with self._engine.begin() as connection:
                for one in changed[at : at + _ROWS_PER_COMMIT]:
                    rows.save(connection, one)
        return due

    def _with_wishes(self, cases: Sequence[Case], policy: Policy, now_ms: int) -> Iterator[Case]:
        for at in range(0, len(cases), _ROWS_PER_COMMIT):
            part = cases[at : at + _ROWS_PER_COMMIT]
            wanted = [one for case in part for one in wishes(case, policy, now_ms)]
            stored: list[Notification] = []
            if wanted:
                with self._engine.begin() as connection:
                    stored = rows.add(connection, wanted)
            for case in part:
                new = [one for one in stored if one.incident_id == case.incident.id]
                yield replace(case, notifications=(*case.notifications, *new)) if new else case

    def _tell(self, due: Sequence[Due], roster: Roster, inventory: Inventory, now_ms: int) -> None:
        parents = list({one.case.incident.id for one in due})
        inside: dict[int, tuple[Incident, ...]] = {}
        if parents:
            with reading(self._engine) as connection:
                inside = rows.inside(connection, parents)
        fed = [one for one in due if one.one.target == ALERTMANAGER]
        if fed:
            alerts = [
                alert
                for one in fed
                for alert in self._alerts(one, self._topic(one, inside, now_ms), inventory, now_ms)
            ]
            work = partial(post, self._settings.alertmanager, alerts)
            if any(one.one.kind == RECOVERED for one in fed):
                work = partial(_in_order, self._silences.now(now_ms), work)
            self._send(fed, work, self._fed)
        direct = [one for one in due if one.one.target != ALERTMANAGER]
        self._note_handed_out(direct)
        for group in grouped(direct):
            topics = [self._topic(one, inside, now_ms) for one in group]
            envelope = _envelope(group[0].one.target, roster, topics, inventory)
            self._send(group, partial(self._by_apprise, envelope))

    def _note_handed_out(self, due: Sequence[Due]) -> None:
        """So that a crash meanwhile does not make a message that came one that never went."""
        for at in range(0, len(due), _ROWS_PER_COMMIT):
            with self._engine.begin() as connection:
                for one in due[at : at + _ROWS_PER_COMMIT]:
                    rows.save(connection, replace(one.one, reason=UNCONFIRMED))

    def _send(
        self,
        group: Sequence[Due],
        work: Callable[[], Delivery],
        then: Callable[[Delivery], None] | None = None,
    ) -> None:
        self._flying |= {due.one.id for due in group}
        self.outbound.submit(_Post(tuple(group), then), work)

    def _topic(self, due: Due, inside: dict[int, tuple[Incident, ...]], now_ms: int) -> Topic:
        incident, kind = due.case.incident, due.one.kind
        link = self._link(incident.id, due.one.target.recipient, now_ms)
        if kind == RECOVERED:
            return Topic(incident, kind, inside.get(incident.id, ()))
        return Topic(incident, kind, inside.get(incident.id, ()), link, self._past(due, now_ms))

    def _past(self, due: Due, now_ms: int) -> str:
        """Why this one goes past Alertmanager, as a label."""
        if not self._settings.alertmanager or due.one.target == ALERTMANAGER:
            return ""
        fed = [one for one in due.case.notifications if one.target == ALERTMANAGER]
        if any(one.state == "failed" for one in fed):
            return "alertmanager_refused"
        return "no_alertmanager" if self._deafness.lasts(now_ms) else ""

    def _link(self, incident: int, recipient: str, now_ms: int) -> str:
        if not self._settings.page_url:
            return ""
        token = sign(self._key, Link(incident, recipient, now_ms + LINK_LIFE_MS))
        return f"{self._settings.page_url.rstrip('/')}/ack/{token}"

    def _alerts(self, due: Due, topic: Topic, inventory: Inventory, now_ms: int) -> Iterator[Alert]:
        incident, url = topic.incident, self._settings.page_url
        now = Telling(ALERTMANAGER.recipient, incident.code, incident.severity)
        told = fed_as(due.case) or now
        ends = ends_at(topic, now_ms, int(self._settings.resend_seconds * 1000))
        if topic.kind == WORSE:
            # The alert with the old labels ends in the same breath.
            yield incident_alert(topic, told, inventory, now_ms, url, runbooks=self._runbooks)
            told = now
        yield incident_alert(topic, told, inventory, ends, url, runbooks=self._runbooks)

    def _repeat(self, inventory: Inventory, now_ms: int) -> None:
        for alerts in self._keepalive.due(inventory, now_ms):
            work = partial(post, self._settings.alertmanager, alerts)
            self.outbound.submit(_Post(then=self._fed), work)

    def _tell_daily(self, roster: Roster, inventory: Inventory, now_ms: int) -> None:
        for one, message in self._daily.due(roster, inventory, now_ms, self._flying):
            envelope = _to(one.target, roster, message)
            if envelope is not None:
                self._send([Due(one, _NO_CASE)], partial(self._by_apprise, envelope))


def _in_order(first: Callable[[], Delivery], then: Callable[[], Delivery]) -> Delivery:
    """A silence that still stands would swallow the recovery."""
    lifted = first()
    if not lifted.ok:
        log.warning("silences cannot be lifted: %s", lifted.error)
    return then()


_NO_CASE = Case(Incident(0, "", "", "", "", 0, "none"))


def _named(done: Sequence[Due]) -> str:
    first = done[0].one
    of = f"incident {first.incident_id}" if first.incident_id else first.digest
    return f"{first.stage} of {of} to {first.target.recipient} by {first.target.channel}"


def _to(target: Target, roster: Roster, message: Message) -> Envelope | None:
    person = roster.person(target.recipient)
    channels = () if person is None else person.channels
    channel = next((one for one in channels if one.id == target.channel), None)
    return None if channel is None else Envelope(channel.url, message, channel.form == "sms")


def _envelope(
    target: Target, roster: Roster, topics: Sequence[Topic], inventory: Inventory
) -> Envelope:
    person = roster.person(target.recipient)
    language = "vi" if person is None else person.language
    envelope = _to(target, roster, compose(topics, inventory, language))
    if envelope is None:
        raise LookupError(f"{target}: the gate lets nobody through who is not in the roster")
    return envelope


def grouped(due: Sequence[Due]) -> list[list[Due]]:
    """What goes into one message: one recipient, one kind, one facility; of very many, all."""
    people: dict[tuple[Target, str], dict[str, list[Due]]] = defaultdict(dict)
    for one in due:
        facilities = people[one.one.target, one.one.kind]
        facilities.setdefault(one.case.incident.facility, []).append(one)
    found: list[list[Due]] = []
    for facilities in people.values():
        groups = list(facilities.values())
        if len(groups) > _MOST_AT_ONCE:
            groups = [[one for group in groups for one in group]]
        found += groups
    for group in found:
        group.sort(key=lambda one: -rank(one.case.incident.severity))
    return found


class RosterFile:
    """The roster in force; a file that was changed is read again.

    Raises:
        ConfigError: At the start only. Later the old roster stays.
    """

    def __init__(self, config: Config) -> None:
        self._settings = config.notify
        self._path = Path(config.notify.roster) if config.notify.roster else None
        self._roster = roster_of(config.notify)
        self._stamp = self._look()

    def _look(self) -> tuple[int, int]:
        if self._path is None or not self._path.exists():
            return (0, 0)
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size

    def read(self) -> Roster:
        """What is in force now."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._roster = roster_of(self._settings)
            except ConfigError:
                log.exception("the roster cannot be used; the old one stays")
        return self._roster
