"""The LAN of one facility: devices, ports, tests and paths, and what is wrong in words."""

from collections.abc import Callable

from flask import Flask
from sqlalchemy import Connection, or_, select

from tramgac_collector.facts.ledger import Fact
from tramgac_collector.facts.recent import bounds, within
from tramgac_collector.incidents.codes import CODES, Family
from tramgac_collector.notify.pipeline import Incident
from tramgac_collector.notify.rows import get_incident
from tramgac_collector.store.schema import facts, incidents
from tramgac_collector.web import access
from tramgac_collector.web.desk import Desk
from tramgac_collector.web.lan_view import Scope, lan_page
from tramgac_collector.web.store import StoreReader

_PAGE = "lan"
_NAMES = ("net.", "ups.", "print.", "inv.stations")
_OF_LAN = sorted(
    code.name for code in CODES.values() if code.family in {Family.DEVICE, Family.PATH}
)
# Far above what the agents of one facility may tell.
_MOST_FACTS = 50_000
_MOST_INCIDENTS = 200


class LanPages:
    """Registers the page.

    Args:
        app: The application.
        reader: For the inventory.
        desk: For facts and incidents, and for the time.
        render: A template in one language.
    """

    def __init__(
        self, app: Flask, reader: StoreReader, desk: Desk, render: Callable[..., str]
    ) -> None:
        self._reader, self._desk, self._render = reader, desk, render
        rule = "/<any(vi, en):language>/facilities/<facility>/lan"
        app.add_url_rule(rule, _PAGE, self.show)
        access.narrow_endpoints(app, _PAGE)

    def show(self, language: str, facility: str) -> str | tuple[str, int]:
        """One facility, which the gate has let the viewer see."""
        access.require(facility)
        inventory = self._reader.read().inventory
        declared = inventory.facility(facility)
        if declared is None:
            return self._render("message.html", language, text="not_found"), 404
        with self._desk.reading() as connection:
            known = _facts(connection, facility)
            troubles = _incidents(connection, facility)
        scope = Scope(declared, inventory, self._desk.now_ms(), language)
        shown = lan_page(scope, known, troubles)
        kept = {"facility": facility}
        return self._render("lan.html", language, page=_PAGE, lan=shown, kept=kept)


def _facts(connection: Connection, facility: str) -> list[Fact]:
    dialect = connection.dialect.name
    wanted = or_(*(facts.c.name.startswith(prefix, autoescape=True) for prefix in _NAMES))
    query = select(facts).where(wanted, within(facts.c.subject, dialect)).limit(_MOST_FACTS)
    rows = connection.execute(query, bounds(facility, dialect))
    return [Fact(**row._mapping) for row in rows]  # noqa: SLF001 - its public name


def _incidents(connection: Connection, facility: str) -> list[Incident]:
    table = incidents.c
    query = (
        select(table.id)
        .where(table.closed_ms.is_(None), table.facility == facility, table.code.in_(_OF_LAN))
        .order_by(table.opened_ms, table.id)
        .limit(_MOST_INCIDENTS)
    )
    found = (get_incident(connection, row[0]) for row in connection.execute(query).all())
    return [one for one in found if one is not None]
