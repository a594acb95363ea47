"""The duty roster: people, how they are reached, who is on duty when, who comes next.

A YAML file; unknown keys are refused. It holds addresses with passwords in them, so nobody
but the service may read it.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from tramgac_collector.inventory.base import Id
from tramgac_collector.inventory.load import read_document
from tramgac_collector.inventory.strictyaml import StrictYamlError, parse
from tramgac_collector.notify.settings import ChannelUrl, Clock, NotifySection
from tramgac_collector.web.words import VIETNAM
from tramgac_proto.configfile import ConfigError

# From what nobody needs to hear to what wakes people.
SEVERITIES = ("none", "info", "low", "medium", "high", "critical")
Severity = Literal["info", "low", "medium", "high", "critical"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT: Clock = "00:00"
_DAY_MINUTES = 24 * 60


class _Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything in the file."""


class Channel(_Node, frozen=True, kw_only=True):
    """One way to reach a person.

    Attributes:
        url: Apprise address.
        form: ``sms`` is one line of at most 70 characters.
        least: Lesser incidents are not told this way.
    """

    id: Id
    url: ChannelUrl
    form: Literal["full", "sms"] = "full"
    least: Severity = "info"


class Quiet(_Node, frozen=True, kw_only=True):
    """Hours in which lesser incidents wait.

    Attributes:
        through: The gravest severity that waits.
    """

    start: Clock
    end: Clock
    through: Severity = "medium"


class Person(_Node, frozen=True, kw_only=True):
    """Somebody who is told.

    Attributes:
        digest: Whether the daily list of regulatory gaps goes to them.
    """

    id: Id
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    language: Literal["vi", "en"] = "vi"
    channels: Annotated[tuple[Channel, ...], msgspec.Meta(min_length=1, max_length=8)]
    quiet: Quiet | None = None
    digest: bool = False


class Shift(_Node, frozen=True, kw_only=True):
    """Who is on duty when; what is left out means always and everywhere.

    Attributes:
        days: On which it begins.
        start: Viet Nam time; a shift that ends at or before its start ends on the next day.
        first: First date, and ``last`` the last one on which it begins.
    """

    people: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1)]
    facilities: tuple[Id, ...] = ()
    days: tuple[Day, ...] = ()
    start: Clock = _MIDNIGHT
    end: Clock = _MIDNIGHT
    first: dt.date | None = None
    last: dt.date | None = None


class Escalation(_Node, frozen=True, kw_only=True):
    """Who is told when nobody has acknowledged for so long."""

    after_minutes: Annotated[float, msgspec.Meta(gt=0, le=10_080)]
    people: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1)]
    least: Severity = "medium"


class Roster(_Node, frozen=True, kw_only=True):
    """The whole file."""

    people: tuple[Person, ...] = ()
    duty: tuple[Shift, ...] = ()
    escalation: tuple[Escalation, ...] = ()

    def person(self, person_id: str) -> Person | None:
        """Somebody by id."""
        return next((one for one in self.people if one.id == person_id), None)

    def on_duty(self, facility: str, now_ms: int) -> list[Person]:
        """Who is on duty for a facility; for none (a province-wide incident) whoever is."""
        ids = {
            person
            for shift in self.duty
            if not (facility and shift.facilities) or facility in shift.facilities
            if _runs(shift, local(now_ms))
            for person in shift.people
        }
        return [one for one in self.people if one.id in ids]

    def called(self, facility: str, now_ms: int) -> tuple[list[Person], str]:
        """Whom an incident is told, and why them.

        Returns:
            Those ``on_duty``, else the ``first_escalation``, else ``everybody``.
        """
        if duty := self.on_duty(facility, now_ms):
            return duty, "on_duty"
        if self.escalation:
            return self._named(self.escalation[0].people), "first_escalation"
        return list(self.people), "everybody"

    def next_level(self, level: int) -> list[Person]:
        """People of an escalation, counted from 1."""
        return self._named(self.escalation[level - 1].people)

    def _named(self, ids: Sequence[str]) -> list[Person]:
        return [one for one in self.people if one.id in ids]


class Target(NamedTuple):
    """One recipient by one channel.

    Attributes:
        recipient: A person's id; ``default`` and ``alertmanager`` are nobody's.
    """

    recipient: str
    channel: str


def local(now_ms: int) -> dt.datetime:
    """Viet Nam time."""
    return dt.datetime.fromtimestamp(now_ms / 1000, VIETNAM)


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _runs(shift: Shift, at: dt.datetime) -> bool:
    start, end = _minutes(shift.start), _minutes(shift.end)
    minute = at.hour * 60 + at.minute
    length = (end - start) % _DAY_MINUTES or _DAY_MINUTES
    # It may have begun today or, past midnight, yesterday.
    for back in (0, 1):
        began = at.date() - dt.timedelta(days=back)
        since = minute + back * _DAY_MINUTES - start
        if 0 <= since < length and _begins_on(shift, began):
            return True
    return False


def _begins_on(shift: Shift, date: dt.date) -> bool:
    if shift.days and _DAYS[date.weekday()] not in shift.days:
        return False
    return (shift.first or date) <= date <= (shift.last or date)


def rank(severity: str) -> int:
    """Place in ``SEVERITIES``; an unknown word is taken for grave."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES) - 1


def quiet_until(quiet: Quiet | None, severity: str, now_ms: int) -> int | None:
    """When quiet hours end that hold this severity back now; None when nothing does."""
    if quiet is None or rank(severity) > rank(quiet.through):
        return None
    at = local(now_ms)
    start, end = _minutes(quiet.start), _minutes(quiet.end)
    minute = at.hour * 60 + at.minute
    if (minute - start) % _DAY_MINUTES >= (end - start) % _DAY_MINUTES:
        return None
    left = (end - minute) % _DAY_MINUTES
    return now_ms - now_ms % 60_000 + left * 60_000


def parse_roster(text: str, where: str) -> Roster:
    """Check a roster's text.

    Raises:
        ConfigError: Names file, place and fix.
    """
    try:
        roster = msgspec.convert(parse(text) or {}, Roster)
    except (StrictYamlError, msgspec.ValidationError) as error:
        raise ConfigError(f"{where}: {error}") from None
    if problem := next(_problems(roster), None):
        raise ConfigError(f"{where}: {problem}")
    return roster


def _problems(roster: Roster) -> Iterator[str]:
    known = [one.id for one in roster.people]
    yield from (f"people: `{one}` stands here twice" for one in known if known.count(one) > 1)
    for person in roster.people:
        channels = [one.id for one in person.channels]
        if len(set(channels)) < len(channels):
            yield f"people: `{person.id}` has two channels of one id"
    named = [("duty", one.people) for one in roster.duty]
    named += [("escalation", one.people) for one in roster.escalation]
    for place, people in named:
        yield from (f"{place}: no person `{one}`" for one in people if one not in known)
    waits = [one.after_minutes for one in roster.escalation]
    if waits != sorted(set(waits)):
        yield "escalation: each step must come later than the one before"


def load_roster(path: Path) -> Roster:
    """Read and check a roster file.

    Raises:
        ConfigError: It is missing, wrong, or others may read it.
    """
    text = read_document(path)
    if path.stat().st_mode & 0o007:
        raise ConfigError(f"{path}: others can read the passwords in it; chmod 640")
    return parse_roster(text, str(path))


def roster_of(settings: NotifySection) -> Roster:
    """The roster in force: the file, or one made of ``[notify] urls``.

    Raises:
        ConfigError: The file cannot be used.
    """
    if settings.roster:
        return load_roster(Path(settings.roster))
    if not settings.urls:
        return Roster()
    channels = tuple(Channel(id=f"url-{n}", url=url) for n, url in enumerate(settings.urls, 1))
    default = Person(
        id="default", name="[notify] urls", language=settings.language, channels=channels,
        digest=True,
    )  # fmt: skip
    return Roster(people=(default,))
