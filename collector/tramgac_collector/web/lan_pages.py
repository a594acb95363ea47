"""The LAN of one facility: devices, ports, tests and paths, and what is wrong in words."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from flask import Flask
from sqlalchemy import Connection, and_, or_, select

from tramgac_collector.facts.ledger import Fact
from tramgac_collector.facts.recent import bounds, within
from tramgac_collector.incidents.codes import CODES, Family
from tramgac_collector.incidents.paths import CODE as PATH_DOWN
from tramgac_collector.judge.checkup import judging
from tramgac_collector.notify.pipeline import Incident
from tramgac_collector.notify.rows import get_incident
from tramgac_collector.store.schema import facts, incidents
from tramgac_collector.web import access
from tramgac_collector.web.desk import Desk
from tramgac_collector.web.lan_view import MOST_ROWS, Scope, lan_page
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
            troubles = list(_incidents(connection, facility))
            # No finding says nothing while nobody looks.
            silent = ["judge_silent"] * any(judging(connection, self._desk.now_ms()))
        silent += ["not_all_read"] * (len(troubles) > _MOST_INCIDENTS)
        scope = Scope(declared, inventory, self._desk.now_ms(), language)
        shown = lan_page(scope, known, troubles[:_MOST_INCIDENTS])
        return self._render(
            "lan.html", language, page=_PAGE, lan=shown, kept={"facility": facility},
            silent=silent, most=MOST_ROWS,
        )  # fmt: skip


def _facts(connection: Connection, facility: str) -> list[Fact]:
    dialect = connection.dialect.name
    wanted = or_(*(facts.c.name.startswith(prefix, autoescape=True) for prefix in _NAMES))
    query = select(facts).where(wanted, within(facts.c.subject, dialect)).limit(_MOST_FACTS)
    rows = connection.execute(query, bounds(facility, dialect))
    return [Fact(**row._mapping) for row in rows]  # noqa: SLF001 - its public name


def _incidents(connection: Connection, facility: str) -> Iterator[Incident]:
    """Of the facility, and of places outside that its sites do not reach either."""
    table = incidents.c
    own = and_(table.facility == facility, table.code.in_(_OF_LAN))
    outside = and_(table.facility == "", table.code == PATH_DOWN)
    query = (
        select(table.id)
        .where(table.closed_ms.is_(None), or_(own, outside))
        .order_by(table.opened_ms, table.id)
        .limit(_MOST_INCIDENTS + 1)
    )
    found = (get_incident(connection, row[0]) for row in connection.execute(query).all())
    for one in found:
        if one is not None and one.facility:
            yield one
        elif one is not None:
            inside = list(map(str, one.detail.get("inside", ())))
            if mine := [site for site in inside if site.partition("/")[0] == facility]:
                # Who else does not reach it is nobody's business here.
                yield replace(one, detail={**one.detail, "inside": mine})
