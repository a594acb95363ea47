"""Open incidents of what somebody may see; who is on duty takes one on from here."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from flask import Flask, abort, redirect, url_for
from sqlalchemy import Connection, select
from werkzeug.wrappers import Response

from tramgac_collector.config import Config
from tramgac_collector.incidents.model import MOST_INSIDE
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.judge.checkup import judging
from tramgac_collector.notify.acks import NotAcknowledged, acknowledge, running
from tramgac_collector.notify.message import Message, Topic, compose
from tramgac_collector.notify.pipeline import Incident
from tramgac_collector.notify.rows import get_incident
from tramgac_collector.store.schema import incidents
from tramgac_collector.web import access
from tramgac_collector.web.access import may_see, viewer
from tramgac_collector.web.gate import Gate
from tramgac_collector.web.runbooks import runbook_of
from tramgac_collector.web.store import StoreReader
from tramgac_collector.web.view import narrowed

_LIST, _TAKE = "incidents", "take_incident"
_MOST, _MOST_READ = 200, 1_000
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Shown:
    """One cause, and what is open because of it.

    Attributes:
        taken: Who took it on, and until when (ms).
        own: Theirs to take on, not one of the province that also hit them.
        runbook: Name of the page that says what to do; empty where there is none.
    """

    incident: Incident
    message: Message
    taken: Sequence[tuple[str, int]]
    own: bool
    runbook: str


class IncidentPages:
    """The list and its button.

    Args:
        app: The application.
        gate: Writes down who is refused.
        config: For how long an incident is taken on.
        reader: For the inventory.
        render: A template in one language.
    """

    def __init__(
        self,
        app: Flask,
        gate: Gate,
        config: Config,
        reader: StoreReader,
        render: Callable[..., str],
    ) -> None:
        self._gate, self._reader, self._render = gate, reader, render
        self._desk = gate.desk
        self._minutes = config.notify.ack_minutes
        base = "/<any(vi, en):language>/incidents"
        app.add_url_rule(base, _LIST, self.listing)
        app.add_url_rule(f"{base}/<int:number>/take", _TAKE, self.take, methods=["POST"])
        access.narrow_endpoints(app, _LIST, _TAKE)

    def listing(self, language: str) -> str:
        """Causes, the oldest first; what each of them covers stands in its text."""
        inventory = narrowed(self._reader.read(), may_see).inventory
        with self._desk.reading() as connection:
            every = _open(connection)
            found = [one for one in map(_seen, every) if one is not None]
            # An empty list says nothing while nobody looks.
            blind = any(judging(connection, self._desk.now_ms()))
            own = [one.id for one in found if may_see(one.facility)]
            told = _taken(connection, own, self._desk.now_ms())
        known = {one.id for one in found}
        roots = [one for one in found if one.parent_id not in known]
        shown = []
        for root in roots[:_MOST]:
            inside = tuple(one for one in found if one.parent_id == root.id)
            message = compose([Topic(root, inside=inside)], inventory, language)
            taken, page = told.get(root.id, ()), runbook_of(root.code)
            shown.append(Shown(root, message, taken, root.id in own, page))
        # Beyond what is read nobody knows what belongs to what, nor whose it is.
        more, cut = len(roots) - len(shown), len(every) >= _MOST_READ
        silent = ["judge_silent"] * blind + ["facility_gone"] * _is_gone(inventory)
        silent += ["not_all_read"] * cut
        return self._render(
            "incidents.html", language, page=_LIST, shown=shown, more=more, silent=silent
        )

    def take(self, language: str, number: int) -> Response:
        """Take one on, under the name of the account."""
        with self._desk.reading() as connection:
            incident = get_incident(connection, number) if number <= _LARGEST else None
        if incident is None:
            abort(404)
        access.require(incident.facility)
        if not viewer().duty:
            self._gate.refuse("not_on_duty")
            abort(403)
        # Where it ended meanwhile, the list says so by not showing it.
        with suppress(NotAcknowledged), self._desk.changing() as connection:
            acknowledge(
                connection, number, viewer().name, how="page", now_ms=self._desk.now_ms(),
                minutes=self._minutes,
            )  # fmt: skip
        return redirect(url_for(_LIST, language=language), 303)


def _seen(incident: Incident) -> Incident | None:
    """What of it the viewer may see; of the province's, whether it hit what is theirs.

    A cut of a line or a provider covers its sites: they have no incident of their own.
    """
    if may_see(incident.facility):
        return incident
    inside = list(map(str, incident.detail.get("inside", ())))
    mine = [one for one in inside if may_see(one.rpartition(":")[2].partition("/")[0])]
    if incident.facility or not (mine or len(inside) >= MOST_INSIDE):
        return None
    told = {key: one for key, one in incident.detail.items() if key == "since_ms"}
    return replace(incident, detail={**told, "inside": mine})


def _is_gone(inventory: Inventory) -> bool:
    """Whether the account sees a facility that is not in the inventory: nobody watches it."""
    return bool((viewer().facilities or set()) - {one.id for one in inventory.facilities})


def _open(connection: Connection) -> list[Incident]:
    """Open ones of what somebody may see, and the province's, the oldest first."""
    table = incidents.c
    query = select(table.id).where(table.closed_ms.is_(None)).order_by(table.opened_ms, table.id)
    seen = viewer().facilities
    if seen is not None:
        query = query.where(table.facility.in_(["", *sorted(seen)]))
    numbers = [row[0] for row in connection.execute(query.limit(_MOST_READ))]
    found = (get_incident(connection, number) for number in numbers)
    return [one for one in found if one is not None]


def _taken(
    connection: Connection, numbers: Sequence[int], now_ms: int
) -> dict[int, list[tuple[str, int]]]:
    found = running(connection, numbers, now_ms)
    return {
        number: [(one.recipient, one.expires_ms) for one in some] for number, some in found.items()
    }
