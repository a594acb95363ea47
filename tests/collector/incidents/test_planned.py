"""Work that a host plans for itself, over real mTLS: what counts, what is refused."""

import json
from pathlib import Path
from typing import Any

from helpers.fleet import SimulatedAgent, now_ms
from helpers.ingesting import Running, make_config, observation, record, run, running_ingest, send
from sqlalchemy import update

from tramgac_collector.incidents import ledger
from tramgac_collector.incidents.ledger import Doer
from tramgac_collector.incidents.model import Change, Detail, Event, Incident
from tramgac_collector.incidents.planned import MOST_PLANS
from tramgac_collector.incidents.store import apply, load_windows
from tramgac_collector.store.retention import Retention
from tramgac_collector.store.schema import maintenances
from tramgac_proto.v1 import fleet_pb2

HOUR = 3_600_000
PLACE = "bv-0000/main/sim-00000"


def plan(
    seq: int,
    name: str = "p1",
    *,
    begin_ms: int | None = None,
    hours: float = 2.0,
    ended_ms: int = 0,
    reason: str = "New disk",
    subject: str = "",
    at_ms: int = 0,
) -> fleet_pb2.Record:
    """A record in which the host plans work."""
    begin = now_ms() if begin_ms is None else begin_ms
    told = fleet_pb2.Maintenance(
        plan_id=name, from_unix_ms=begin, until_unix_ms=begin + round(hours * HOUR), reason=reason,
        ended_unix_ms=ended_ms,
    )  # fmt: skip
    body = observation("drop", maintenance=told, subject=subject)
    body.stream = "maintenance"
    more: dict[str, Any] = {"record_class": fleet_pb2.RECORD_CLASS_EVENT}
    if at_ms:
        ago = now_ms() - at_ms
        made = record(seq, body, **more)
        made.wall_unix_ms -= ago
        made.boottime_ms = max(1, made.boottime_ms - ago)
        return made
    return record(seq, body, **more)


def windows(centre: Running) -> list[str]:
    """Hosts that are quiet now."""
    with centre.ingest.engine.connect() as connection:
        return [one.node for one in load_windows(connection, now_ms())]


def listed(centre: Running) -> list[dict[str, Any]]:
    with centre.ingest.engine.connect() as connection:
        # In the order they came: the clocks' difference is worked out anew with each report.
        return sorted(ledger.plans(connection, now_ms()), key=lambda one: int(one["maintenance"]))


def audited(centre: Running, agent: SimulatedAgent) -> list[str]:
    said = "SELECT action FROM audit WHERE actor = :who ORDER BY id"
    return [row[0] for row in centre.rows(said, who=agent.identity.agent_id)]


def test_a_plan_of_the_host_stands_beside_the_centres_own(tmp_path: Path, store_url: str) -> None:
    """Exactly its own host is quiet, the list says who planned it, and the audit trail as well."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent = centre.agent()
            assert (await send(agent, plan(1), plan(2))).contiguous_seq == 2
            assert windows(centre) == [PLACE]
            (one,) = listed(centre)
            assert (one["origin"], one["reason"], one["refused"]) == ("host", "New disk", "")
            assert one["entered_by"] == agent.identity.agent_id
            assert audited(centre, agent) == ["maintenance_added"]

    run(main)


def test_it_ends_from_either_end(tmp_path: Path, store_url: str) -> None:
    """The host's own end, an end that comes before its plan, and ``maintenance end``."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent = centre.agent()
            await send(agent, plan(1))
            await send(agent, plan(2, ended_ms=now_ms()), plan(3, "p2", ended_ms=now_ms()))
            await send(agent, plan(4, "p2"))
            assert windows(centre) == []
            await send(agent, plan(5, "p3"))
            (one,) = listed(centre)
            with centre.ingest.engine.begin() as connection:
                ledger.end_plan(connection, Doer("lan", now_ms()), one["maintenance"])
            assert windows(centre) == []
            await send(agent, plan(6, "p3"))
            assert windows(centre) == []
            done = ["added", "ended", "added", "added"]
            assert audited(centre, agent) == [f"maintenance_{one}" for one in done]

    run(main)


def test_more_than_a_host_may_plan_counts_for_nothing_and_is_said(
    tmp_path: Path, store_url: str
) -> None:
    """72 h in a week, in however many pieces; what was ended early frees the rest."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path, store_url)) as centre:
            agent, begin = centre.agent(), now_ms()
            pieces = [plan(n + 1, f"p{n}", begin_ms=begin, hours=24) for n in range(3)]
            await send(agent, *pieces)
            later = begin + 30 * HOUR
            await send(agent, plan(4, "p4", begin_ms=later, hours=1))
            assert [one["refused"] for one in listed(centre)] == ["", "", "", "too_much_in_a_week"]
            assert audited(centre, agent)[-1] == "maintenance_refused"
            await send(agent, plan(5, "p2", begin_ms=begin, hours=24, ended_ms=now_ms()))
            await send(agent, plan(6, "p5", begin_ms=later, hours=1))
            assert [one["refused"] for one in listed(centre)][-1] == ""

    run(main)


def test_plans_without_end_fill_nothing(tmp_path: Path) -> None:
    """After fifty in a week no more is kept, whatever is sent, and the last one says so."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            many = [plan(n + 1, f"p{n}", hours=0.01) for n in range(MOST_PLANS + 10)]
            assert (await send(agent, *many)).contiguous_seq == MOST_PLANS + 10
            assert len(audited(centre, agent)) == MOST_PLANS
            assert listed(centre)[-1]["refused"] == "too_many_plans"
            assert len(windows(centre)) == MOST_PLANS - 1, "what is refused quietens nothing"

    run(main)


def test_what_is_no_plan_is_put_into_quarantine(tmp_path: Path) -> None:
    """Too long, backwards, nameless, without a reason, or for somebody else."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent = centre.agent()
            response = await send(
                agent,
                plan(1, hours=24.5),
                plan(2, hours=-1),
                plan(3, ""),
                plan(4, reason=""),
                plan(5, subject="bv-0000/other"),
                plan(6, begin_ms=-5),
            )
            assert [one.seq for one in response.refusals] == [1, 2, 3, 4, 5, 6]
            assert centre.rows("SELECT id FROM maintenances") == []

    run(main)


def test_a_plan_that_comes_late_closes_nothing_and_says_so(tmp_path: Path) -> None:
    """The window counts for the time it names; what was told meanwhile gets a line."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent, begin = centre.agent(), now_ms() - 3 * HOUR
            lost = Detail(lost={PLACE: begin})
            none = Detail()
            for node, detail in ((PLACE, none), ("bv-0000/main", lost), (f"{PLACE}0", none)):
                told = Incident(
                    0, node, "agent_silent", "bv-0000", "main", begin + HOUR, "high", "link",
                    detail=detail,
                )  # fmt: skip
                with centre.ingest.engine.begin() as connection:
                    apply(connection, [Change(told, Event.OPENED)], begin + HOUR)
            await send(agent, plan(1, begin_ms=begin, hours=4, at_ms=begin))
            assert windows(centre) == [PLACE]
            noted = centre.rows(
                "SELECT incident_id, detail FROM incident_events WHERE kind = 'planned_learnt_late'"
            )
            assert [row[0] for row in noted] == [1, 2]
            assert json.loads(noted[0][1])["maintenance"] == "1"
            assert centre.rows("SELECT id FROM incidents WHERE closed_ms IS NOT NULL") == []

    run(main)


def test_what_was_planned_long_ago_is_forgotten(tmp_path: Path) -> None:
    """Kept as long as evidence, then gone."""

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            agent, engine = centre.agent(), centre.ingest.engine
            await send(agent, plan(1), plan(2, "p2"))
            old = update(maintenances).where(maintenances.c.plan_id == "p2").values(until_ms=1)
            with engine.begin() as connection:
                connection.execute(old)
            for step in Retention(engine, make_config(tmp_path).retention).other_steps():
                with engine.begin() as connection:
                    step(connection)
            assert [one["reason"] for one in listed(centre)] == ["New disk"]
            assert len(centre.rows("SELECT id FROM maintenances")) == 1

    run(main)
