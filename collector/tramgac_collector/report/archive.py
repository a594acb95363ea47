"""Reports that were given out: stored, never changed, printed again as they were."""

import hashlib
import zlib
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, insert, select

from tramgac_collector.identity.register import note
from tramgac_collector.report.amendments import amend
from tramgac_collector.report.figures import figures
from tramgac_collector.report.model import Figures
from tramgac_collector.report.spans import Window
from tramgac_collector.rules.given import begin_ms
from tramgac_collector.store.schema import reports

# Of one report, uncompressed; two hundred facilities take a few.
MAX_BYTES = 64 * 2**20
_MOST_DAYS = 366


class BadReport(Exception):  # noqa: N818 - an answer to a person
    """It was asked for what cannot be, or its row is not what it was."""


class Given(NamedTuple):
    """A stored report without its figures."""

    number: int
    scope: str
    from_day: str
    to_day: str
    known_ms: int
    sha256: str
    created_ms: int
    created_by: str


def window_of(first: date, last: date, known_ms: int, now_ms: int) -> Window:
    """The days from ``first`` to ``last``, both included, as known at a moment.

    Raises:
        BadReport: They are in the wrong order, too many, or still to come.
    """
    since, end = begin_ms(first), begin_ms(last + timedelta(days=1))
    if end <= since or (last - first).days >= _MOST_DAYS:
        raise BadReport(f"--from must not be later than --to, and at most {_MOST_DAYS} days before")
    if known_ms > now_ms:
        raise BadReport("--known-at lies ahead: nobody knows the future")
    if known_ms <= since:
        raise BadReport("--known-at must be later than the beginning of --from")
    return Window(first.isoformat(), last.isoformat(), since, min(end, known_ms), known_ms)


def prepare(connection: Connection, scope: str, window: Window, now_ms: int) -> Figures:
    """A report's figures, with what it corrects of the last one of the same scope.

    Raises:
        NoSuchPlace: The inventory of that day does not have the facility.
        BadReport: The last report is not what was stored.
    """
    made = figures(connection, scope, window, now_ms)
    last = _last(connection, scope, window.known_ms)
    if last is None:
        return made
    old = read(connection, last)
    then = Window(old.from_day, old.to_day, old.since_ms, old.until_ms, window.known_ms)
    same = (then.since_ms, then.until_ms) == (window.since_ms, window.until_ms)
    again = made if same else figures(connection, scope, then, now_ms)
    # Judged in two ways they differ without any news.
    if again.judged != old.judged:
        again = _without_rules(again, old)
    found, more = amend(old, again)
    return msgspec.structs.replace(made, previous=last, amendments=found, more_amendments=more)


def _without_rules(new: Figures, old: Figures) -> Figures:
    gaps = {place.id: place.gaps for place in old.places}
    places = tuple(
        msgspec.structs.replace(place, gaps=gaps.get(place.id, ())) for place in new.places
    )
    return msgspec.structs.replace(new, places=places)


def _last(connection: Connection, scope: str, known_ms: int) -> int | None:
    query = (
        select(reports.c.number)
        .where(reports.c.scope == scope, reports.c.known_ms <= known_ms)
        .order_by(reports.c.number.desc())
        .limit(1)
    )
    return connection.scalar(query)


def give_out(connection: Connection, made: Figures, who: str, now_ms: int) -> Given:
    """Store it under the next number, and say so in the audit trail; the caller commits."""
    content = msgspec.json.encode(made, order="deterministic")
    digest = hashlib.sha256(content).hexdigest()
    row = connection.execute(
        insert(reports).values(
            scope=made.scope,
            from_day=made.from_day,
            to_day=made.to_day,
            known_ms=made.known_ms,
            packs="\n".join(made.packs),
            figures=zlib.compress(content, 6),
            sha256=digest,
            created_ms=now_ms,
            created_by=who[:64],
        )
    )
    number = int((row.inserted_primary_key or (0,))[0])
    where = made.scope or "province"
    days = f"{made.from_day} {made.to_day} sha256 {digest}"
    note(connection, now_ms, (who[:64], "report_given_out", f"{number} {where}"), days)
    days_and_moment = (made.from_day, made.to_day, made.known_ms)
    return Given(number, made.scope, *days_and_moment, digest, now_ms, who[:64])


def listed(
    connection: Connection, limit: int = 500, scopes: Collection[str] | None = None
) -> Sequence[Given]:
    """The newest reports, newest first; only those of some facilities where ``scopes`` says so."""
    columns = [reports.c[name] for name in Given._fields]
    query = select(*columns).order_by(reports.c.number.desc()).limit(limit)
    if scopes is not None:
        query = query.where(reports.c.scope.in_(sorted(scopes)))
    return [Given(*row) for row in connection.execute(query)]


def find(connection: Connection, number: int) -> Given | None:
    """One of them; None if there is none of that number."""
    columns = [reports.c[name] for name in Given._fields]
    row = connection.execute(select(*columns).where(reports.c.number == number)).one_or_none()
    return None if row is None else Given(*row)


def read(connection: Connection, number: int) -> Figures:
    """The figures of a report as they were given out.

    Raises:
        BadReport: There is none of that number, or somebody changed its row.
    """
    query = select(reports.c.figures, reports.c.sha256).where(reports.c.number == number)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise BadReport(f"no report {number}; `report list` names them")
    content = _unpacked(row.figures)
    if content is None or hashlib.sha256(content).hexdigest() != row.sha256:
        raise BadReport(f"report {number} is not what was given out: its digest does not fit")
    try:
        return msgspec.json.decode(content, type=Figures)
    except msgspec.MsgspecError as error:
        raise BadReport(f"report {number} was made by another version: {error}") from error


def _unpacked(packed: bytes) -> bytes | None:
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(packed, MAX_BYTES)
    except zlib.error:
        return None
    return content if inflate.eof else None
