"""What judging costs: 200 facilities with 10 hosts each, every pack that is shipped.

Facts as a day of the fleet leaves them: hosts, disks, links, systems, and 3 datasets a facility
with runs, looks, checks and drills. One process, nothing in parallel.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, func, select

from bench.common import Figure, at_most, fact
from tramgac_collector.config import Config
from tramgac_collector.facts import backups as bk
from tramgac_collector.facts.kinds import EVENT_VALID_MS, FactKind
from tramgac_collector.facts.ledger import Fact, FactWrites, rows_of
from tramgac_collector.facts.mapping import AGENT_SEEN, COVERAGE, HOST_TIME
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.judge.feed import FactsFeed
from tramgac_collector.judge.process import Judge
from tramgac_collector.judge.rulebook import RulesPart
from tramgac_collector.rules.engine import Rules, day_of, judge_facility
from tramgac_collector.rules.given import Papers
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.world import FactsWorld
from tramgac_collector.store.engine import open_engine, upgrade
from tramgac_collector.store.schema import rule_results

_FACILITIES, _HOSTS, _BUDGET = 200, 10, 10.0
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_STEP = 5_000
_KINDS = ("his", "lis", "pacs", "emr")


def inventory_text(facilities: int) -> str:
    """Facilities with hosts, systems and datasets, every optional pack switched on."""
    hosts = ", ".join(f"{{id: h{n}}}" for n in range(_HOSTS))
    systems = "".join(
        f"      - {{id: {kind}, kind: {kind}, host: h{n},"
        " level: {number: 3, decision: 1/QD, date: 2026-09-01}}\n"
        for n, kind in enumerate(_KINDS)
    )
    datasets = "".join(
        f"      - {{id: db-{kind}, host: h{n}, of: {kind}, rpo_hours: 24, copies: 2,"
        " destinations: [{id: nas, kind: nas}, {id: far, kind: offsite}]}\n"
        for n, kind in enumerate(_KINDS[:3])
    )
    every = "".join(
        f"  - id: f{n}\n    code: '{n}'\n    level: 6\n"
        "    answers: {kind: hospital, ownership: public, insurance: true, ministry_linked: true}\n"
        f"    sites: [{{id: main, hosts: [{hosts}]}}]\n"
        f"    systems:\n{systems}    datasets:\n{datasets}"
        for n in range(facilities)
    )
    return "packs: [cis8, hipaa, iso27001, legacy, vn.tcvn.annexa]\nfacilities:\n" + every


def _facts(inventory: Inventory, now_ms: int) -> Iterator[Fact]:
    def one(kind: FactKind | str, subject: str, value: float, text: str = "") -> Fact:
        name, unit = (kind, "") if isinstance(kind, str) else (kind.name, kind.unit)
        event = name in _EVENTS
        expires = now_ms + (EVENT_VALID_MS if event else _HOUR_MS)
        return Fact(
            *(name, subject, unit, value, text, now_ms - 60_000, now_ms, expires),
            *("agent:a/c", "measured", now_ms),
        )

    for placed in inventory.placed_hosts():
        place = f"{placed.facility.id}/{placed.site.id}/{placed.host.id}"
        yield one(AGENT_SEEN, place, now_ms / 1000)
        yield one(HOST_TIME, place, 0.01)
        for mount in ("/", "/srv", "/var"):
            yield one("host.disk", f"{place}/{mount}", 0.5)
        yield one("net.link", f"{place}/eno1", 125e6)
        yield one("net.link.duplex", f"{place}/eno1", 1.0)
        for far in ("h0", "h1", "h2"):
            yield one("net.path.rtt", f"{place}/{far}:icmp", 0.001)
            yield one("net.path.loss", f"{place}/{far}:icmp", 0.0)
    for facility in inventory.facilities:
        yield one(COVERAGE, facility.id, 1.0)
        for kind in _KINDS:
            yield one("svc.up", f"{facility.id}/main/h0/{kind}:tcp", 1.0)
    second = now_ms / 1000
    for series in inventory.all_series():
        yield one(bk.REPOSITORY, series.id, 1.0, "ok")
        for known, value in (
            *((bk.DECLARED, second - 90 * 86_400), (bk.LAST_GOOD, second - 3_600)),
            *((bk.GOOD_STARTED, second - 4_000), (bk.LAST_RUN, 0.0), (bk.RUN_ENDED, second)),
            *((bk.NEWEST, second - 3_600), (bk.SNAPSHOTS, 30.0), (bk.CHECK, 1.0)),
            *((bk.CHECK_GOOD, second - 86_400), (bk.DATA, 1.0), (bk.DATA_GOOD, second)),
            *((bk.RESTORE, 1.0), (bk.DRILLS_GOOD["sample"], second - 86_400)),
        ):
            yield one(known, series.id, value, "complete" if known is bk.LAST_RUN else "")


_EVENTS = {
    kind.name
    for kind in (
        *(bk.DECLARED, bk.LAST_GOOD, bk.GOOD_STARTED, bk.LAST_RUN, bk.RUN_ENDED, bk.CHECK),
        *(bk.CHECK_GOOD, bk.DATA, bk.DATA_GOOD, bk.RESTORE, *bk.DRILLS_GOOD.values()),
    )
}


def seed(engine: Engine, facilities: int) -> int:
    """Put the facts of a day into a store; returns how many."""
    now_ms = time.time_ns() // 1_000_000
    known = list(_facts(parse_inventory(inventory_text(facilities), "bench"), now_ms))
    _write(engine, known)
    return len(known)


def _write(engine: Engine, known: list[Fact]) -> None:
    rows, _ = rows_of(known)
    with engine.begin() as connection:
        for at in range(0, len(rows), _STEP):
            FactWrites(rows[at : at + _STEP], []).store(connection)


def _seconds(began: float) -> float:
    return time.process_time() - began


def measure(scratch: Path, facilities: int = _FACILITIES) -> list[Figure]:
    """Judge everything once, then one changed fact; then the whole turn with its writing."""
    now_ms = time.time_ns() // 1_000_000
    inventory = parse_inventory(inventory_text(facilities), "bench")
    known = list(_facts(inventory, now_ms))
    for number, one in enumerate(known):
        # As a running collector refreshes them, all within five minutes.
        one.written_ms = now_ms - number * 7_919 % 300_000
    feed, library = FactsFeed.of(known), Library.read()
    rules = Rules(library, inventory)
    world = FactsWorld(feed, inventory, Papers([], now_ms), now_ms)
    began, judged = time.process_time(), 0
    for facility in inventory.facilities:
        judged += len(judge_facility(rules, facility, world, day_of(now_ms)))
    whole = _seconds(began)
    figures = [
        at_most("rules", "every rule of every facility", whole, "CPU s", _BUDGET,
                note=f"{facilities} x {_HOSTS} hosts, {judged} rules, {len(known)} facts"),
        fact("rules", "one rule of one facility", whole / judged * 1e6, "us"),
    ]  # fmt: skip
    return [*figures, *_turns(scratch, inventory, known, judged)]


def _turns(scratch: Path, inventory: Inventory, known: list[Fact], rules: int) -> Iterator[Figure]:
    url = f"sqlite:///{scratch / 'store.db'}"
    upgrade(url)
    engine = open_engine(url)
    (scratch / "inventory.yml").write_text(inventory_text(len(inventory.facilities)))
    with engine.begin() as connection:
        import_inventory(connection, scratch / "inventory.yml")
    _write(engine, known)
    clock = [known[0].received_ms]
    judge = Judge(engine, Config(), now_ms=lambda: clock[0], parts=(RulesPart(),))
    # A turn has a bounded time; the first look takes several.
    began, turns, done = time.process_time(), 0, False
    while not done:
        judge.turn()
        turns, clock[0] = turns + 1, clock[0] + 5_000
        with engine.connect() as connection:
            done = connection.scalar(select(func.count()).select_from(rule_results)) == rules
    yield fact("rules", "first look, with reading and writing", _seconds(began), "CPU s",
               note=f"{turns} turns")  # fmt: skip
    changed = next(one for one in known if one.name == "svc.up")
    changed.value, changed.written_ms = 0.0, clock[0]
    with engine.begin() as connection:
        FactWrites(rows_of([changed])[0], []).store(connection)
    began = time.process_time()
    judge.turn()
    yield fact("rules", "a turn in which one fact changed", _seconds(began) * 1000, "CPU ms")
    engine.dispose()
