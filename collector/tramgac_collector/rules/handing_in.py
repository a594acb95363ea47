"""Entering papers: checked against the list of what can be handed in, and never changed."""

from datetime import date, timedelta
from typing import Annotated

import msgspec
from sqlalchemy import Connection, insert, select, update

from tramgac_collector.identity.register import note
from tramgac_collector.inventory.model import Facility, Inventory
from tramgac_collector.rules.clocks import EVENTS, opened_ms
from tramgac_collector.rules.given import Papers, begin_ms, read_given
from tramgac_collector.rules.papers import Paper
from tramgac_collector.store.engine import bump_generation
from tramgac_collector.store.schema import papers

_SHA256 = r"^([0-9a-f]{64})?$"
_KINDS = ("system", "dataset", "device", "host", "site")
_CLOCK_AHEAD_MS = 300_000


class HandedIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One document or statement as a person enters it.

    Attributes:
        subject: ``system/ID`` and the like; empty for the whole facility.
        name: As the list of papers has it, or what happened in a cyber incident or breach.
        value: ``true``, ``false``, or for what happened the moment in ms.
        until: Its last day; no later than its own term allows.
        given_by: The role whose word it is.
        statement: Number, date, issuer, or the words that were said.
        evidence_sha256: Of the file that was shown.
    """

    facility: str
    name: Annotated[str, msgspec.Meta(max_length=64)]
    subject: Annotated[str, msgspec.Meta(max_length=200)] = ""
    value: Annotated[str, msgspec.Meta(pattern=r"^(true|false|[0-9]{1,15})$")] = "true"
    issued_on: date
    until: date | None = None
    given_by: Annotated[str, msgspec.Meta(max_length=8)]
    statement: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    evidence_sha256: Annotated[str, msgspec.Meta(pattern=_SHA256)] = ""


class CannotTake(ValueError):  # noqa: N818 - an answer to a person
    """What is wrong with it; nothing was written."""


class Office:
    """Takes papers in.

    Args:
        connection: One transaction.
        inventory: What is declared.
        listed: The papers that can be handed in.
        who: Who enters them, and when (ms).
    """

    def __init__(
        self,
        connection: Connection,
        inventory: Inventory,
        listed: dict[str, Paper],
        who: tuple[str, int],
    ) -> None:
        self._connection = connection
        self._inventory = inventory
        self._listed = listed
        self._actor, self._now_ms = who

    def take(self, one: HandedIn) -> int:
        """Write one down; its number.

        Raises:
            CannotTake: It is not on the list, from the wrong role, of nobody's, or of the future.
        """
        facility = self._inventory.facility(one.facility)
        if facility is None:
            raise CannotTake(f"no facility `{one.facility}` in the inventory")
        if begin_ms(one.issued_on) > self._now_ms + _CLOCK_AHEAD_MS:
            raise CannotTake(f"{one.issued_on} is still to come")
        expires: int | None = None
        if one.name in EVENTS:
            self._check_event(one)
        else:
            expires = self._check_paper(one, facility)
        result = self._connection.execute(
            insert(papers).values(
                facility=one.facility,
                subject=one.subject,
                name=one.name,
                value=one.value,
                issued_on=one.issued_on,
                expires_ms=expires,
                given_by=one.given_by,
                statement=one.statement,
                evidence_sha256=one.evidence_sha256,
                entered_ms=self._now_ms,
                entered_by=self._actor,
            )
        )
        key = result.inserted_primary_key
        number = int(key[0]) if key else 0
        what = (self._actor, "paper_entered", f"{one.facility} {one.name} #{number}")
        note(self._connection, self._now_ms, what, f"{one.value} by {one.given_by}")
        bump_generation(self._connection)
        return number

    def _check_paper(self, one: HandedIn, facility: Facility) -> int | None:
        """From when on it says nothing."""
        paper = self._listed.get(one.name)
        if paper is None:
            raise CannotTake(f"`{one.name}` is not in the list of papers; `attest list --known`")
        if one.given_by != paper.given_by:
            raise CannotTake(f"`{one.name}` is the word of {paper.given_by}, not {one.given_by}")
        if one.value not in {"true", "false"}:
            raise CannotTake("a paper says true or false; details go into the statement")
        if one.subject and not _is_there(facility, one.subject):
            raise CannotTake(f"`{one.subject}` is nothing the facility has; write system/ID")
        if one.until == date.max:
            raise CannotTake("leave `until` out where a paper names no last day")
        ends = [] if one.until is None else [one.until + timedelta(days=1)]
        if paper.valid_days is not None:
            ends.append(one.issued_on + timedelta(days=paper.valid_days))
        if one.until is not None and one.until < one.issued_on:
            raise CannotTake("it ends before it was issued")
        return begin_ms(min(ends)) if ends else None

    def _check_event(self, one: HandedIn) -> None:
        """What happened in a cyber incident or a breach; one case at a time."""
        kind, _, event = one.name.partition(".")
        known = Papers(read_given(self._connection, one.facility), self._now_ms)
        began = opened_ms(known, one.facility, kind)
        if event == "detected" and began is not None:
            raise CannotTake(f"one is open already; enter `{kind}.closed` first")
        if event != "detected" and began is None:
            raise CannotTake(f"none is open; enter `{kind}.detected` first")
        said = one.value in {"true", "false"}
        if said is not (event == "alerted"):
            raise CannotTake("give --at with the moment; only `incident.alerted` is true or false")
        if not said and int(one.value) > self._now_ms + _CLOCK_AHEAD_MS:
            raise CannotTake("that moment is still to come")

    def take_back(self, number: int, reason: str) -> None:
        """Revoke a paper; it stays on record.

        Raises:
            CannotTake: There is none of that number, or it was taken back before.
        """
        found = self._connection.execute(
            select(papers.c.facility, papers.c.name).where(
                papers.c.id == number, papers.c.revoked_ms.is_(None)
            )
        ).first()
        if found is None:
            raise CannotTake(f"no paper #{number} in force; `attest list` shows them")
        self._connection.execute(
            update(papers)
            .where(papers.c.id == number)
            .values(revoked_ms=self._now_ms, revoked_by=self._actor)
        )
        what = (self._actor, "paper_revoked", f"{found.facility} {found.name} #{number}")
        note(self._connection, self._now_ms, what, reason)
        bump_generation(self._connection)


def _is_there(facility: Facility, subject: str) -> bool:
    kind, _, rest = subject.partition("/")
    if kind == "system":
        return any(one.id == rest for one in facility.systems)
    if kind == "dataset":
        return any(f"{one.host}/{one.id}" == rest for one in facility.datasets)
    sites = {one.id: one for one in facility.sites}
    if kind == "site":
        return rest in sites
    site, _, thing = rest.partition("/")
    if kind not in _KINDS or site not in sites:
        return False
    things = sites[site].hosts if kind == "host" else sites[site].devices
    return any(one.id == thing for one in things)
