"""After a restart: what slow streams said last, and who is known, back on the page."""

from sqlalchemy import Connection, select

from tramgac_collector.identity.registry import Registry
from tramgac_collector.ingest.arrival import Arrival
from tramgac_collector.ingest.plans import find_plan
from tramgac_collector.ingest.servicer import Centre, show
from tramgac_collector.ingest.session import SeriesTable, load_series
from tramgac_collector.live.state import LiveState
from tramgac_collector.store import schema
from tramgac_proto.v1 import fleet_pb2


def show_known(live: LiveState, registry: Registry) -> None:
    """Name every registered agent, so that one that never calls again is seen to be silent."""
    for agent in sorted(registry.agents(), key=lambda one: one.issued_ms):
        if not agent.denied:
            live.known(agent.owner, agent.last_seen_ms, agent.not_after_ms, agent.version)


def show_latest(connection: Connection, centre: Centre, registry: Registry) -> int:
    """Show the rows of ``latest`` that still say something; return how many."""
    table, now_ms, shown = schema.latest, centre.now_ms(), 0
    query = select(table).where(table.c.expires_ms > now_ms).order_by(table.c.epoch_id)
    series, epoch_id = SeriesTable(0), 0
    for row in connection.execute(query).all():
        registered = registry.lookup(row.agent_id)
        if registered is None or registered.denied:
            continue
        if row.epoch_id != epoch_id:
            epoch_id = row.epoch_id
            series = load_series(connection, epoch_id, centre.settings.series_per_agent)
        agent = centre.admission.agent(registered.owner)
        observation = fleet_pb2.Record.FromString(row.payload).observation
        plan = find_plan(centre.rules, series, agent.owner, observation)
        if plan.code or plan.missing:
            continue
        arrival = Arrival(
            reporter=agent.owner,
            subject=plan.subject or agent.owner,
            plan=plan,
            observation=observation,
            values=list(observation.values),
            event_ms=row.event_ms,
            received_ms=row.received_ms,
            expires_ms=row.expires_ms,
            exact=True,
            offset_ms=0,
        )
        show(centre.live, agent, arrival)
        shown += 1
    return shown
