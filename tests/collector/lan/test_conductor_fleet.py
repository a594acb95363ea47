"""Fifty agents over mTLS, all due at once; and what a responder makes of their leases."""

import asyncio
import heapq
import json
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml
from helpers.conducting import Office, result_of, wish
from helpers.fleet import SimulatedAgent
from helpers.ingesting import Running, make_config, observation, record, run, running_ingest, send
from helpers.lan_site import AGENTS, inventory, owner, tree
from helpers.leases import KEY, PUBLIC
from helpers.simulated import enroll_at

from tramgac_collector.config import ThroughputSection
from tramgac_collector.lan.ledger import Entry, overlaps, read_entries, read_refusals
from tramgac_collector.lan.mesh import plan
from tramgac_proto.throughput import lease
from tramgac_proto.throughput.lease import read_unverified
from tramgac_proto.v1 import fleet_pb2

NOW = 1_790_000_000_000
HOUR = 3_600_000
# Of 50 tests of 4 MB each, five do not fit.
BUDGET = 180_000_000
KILLED = frozenset({9, 14, 22})


class Town:
    """The simulated agents at a running collector whose clock the test holds."""

    def __init__(self, centre: Running) -> None:
        self.centre = centre
        self.now_ms = NOW
        self.calls = 0
        self.done: set[int] = set()
        self.broke: Counter[str] = Counter()
        ingest = centre.ingest
        ingest.centre.now_ms = lambda: self.now_ms
        places = [("bv", "main", f"h{number}") for number in range(AGENTS)]
        self.agents = [
            SimulatedAgent(one, number)
            for number, one in enumerate(enroll_at(ingest.engine, ingest.authority, places))
        ]
        ingest.housekeeping.reload()
        for agent in self.agents:
            centre.connect(agent)

    async def ask(self, number: int, target: str) -> fleet_pb2.ReportResponse:
        agent = self.agents[number]
        request = agent.request([])
        request.lease_requests.append(wish(target))
        self.calls += 1
        return await agent.send(request)

    async def tell(self, number: int, token: bytes) -> None:
        agent = self.agents[number]
        agent.seq += 1
        result = result_of(read_unverified(token), "held")
        await send(agent, record(agent.seq, observation("throughput", throughput=result)))

    async def until_all_tested(self) -> None:
        """Everybody asks at once, and again when told; a killed agent never reports."""
        targets = {int(one.host[1:]): one.target for one in plan(inventory())}
        # Some cross the uplinks, which the plan avoids.
        targets |= {number: f"h{(number + 1) % 6}" for number in range(10, AGENTS, 3)}
        due: list[tuple[int, int, bytes]] = [(NOW, number, b"") for number in sorted(targets)]
        heapq.heapify(due)
        while due and due[0][0] < NOW + 4 * HOUR:
            at_ms, number, token = heapq.heappop(due)
            self.now_ms = max(self.now_ms, at_ms)
            if token:
                await self.tell(number, token)
                continue
            answer = await self.ask(number, targets[number])
            if answer.leases:
                self.done.add(number)
                if number not in KILLED:
                    heapq.heappush(due, (self.now_ms + 5_000, number, answer.leases[0]))
                continue
            (refusal,) = answer.lease_refusals
            self.broke[refusal.code] += 1
            if refusal.code != "budget_spent":
                heapq.heappush(due, (self.now_ms + refusal.retry_after_ms, number, b""))


def test_fifty_agents_due_at_once(tmp_path: Path) -> None:
    """Six segments, two uplinks: the ledger shows no two at once, within the budget, no storm."""
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(json.loads(msgspec.json.encode(tree()))))
    config = msgspec.structs.replace(
        make_config(tmp_path), throughput=ThroughputSection(site_bytes_per_day=BUDGET)
    )

    async def main() -> None:
        async with running_ingest(config) as centre:
            town = Town(centre)
            await town.until_all_tested()
            entries, codes = await ledger(centre)
            check(entries, town)
            assert codes <= {"segment_busy", "uplink_busy", "collector_busy", "budget_spent"}
            assert codes >= {"segment_busy", "budget_spent"}

    run(main)


async def ledger(centre: Running) -> tuple[list[Entry], set[str]]:
    """What the store has once the writer is through."""
    # Everything asked of the writer before is written when this is.
    await asyncio.wrap_future(centre.ingest.writer.execute(lambda _: None))
    with centre.ingest.engine.connect() as connection:
        entries = read_entries(connection, 0)
        codes = {one.code for one in read_refusals(connection, 0)}
    return entries, codes


def check(entries: list[Entry], town: Town) -> None:
    assert overlaps(entries) == []
    assert sum(one.grant.max_bytes for one in entries) == BUDGET
    assert any(lock.startswith("uplink:") for one in entries for lock in one.grant.locks)
    assert len(town.done) == len(entries)
    # Whose agent was killed: nobody released it, and yet the segment was tested again.
    numbers = {agent.identity.agent_id: agent.number for agent in town.agents}
    killed = [one for one in entries if one.released_ms is None]
    assert {numbers[one.grant.initiator] for one in killed} == KILLED
    for one in killed:
        after = [other for other in entries if other.grant.granted_ms >= one.grant.until_ms]
        assert any(set(one.grant.locks) & set(other.grant.locks) for other in after)
    # Asking is cheap: on the average a handful of questions each, in spite of the queue.
    assert town.calls <= 6 * AGENTS


@contextmanager
def listening(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A responder named like host ``h0`` that has the conductor's key."""
    key = tmp_path / "lease.pub"
    key.write_bytes(PUBLIC)
    words = [sys.executable, "-m", "tramgac_proto.throughput.responder", "--listen", "127.0.0.1:0"]
    words += ["--lease-key", str(key), "--name", "bv/main/h0"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "listening on" in line, line
        host, _, port = line.split()[-1].rpartition(":")
        yield host, int(port)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def shown(token: bytes, to: tuple[str, int]) -> str:
    """What the responder says to a token; nothing is sent after it."""
    with socket.create_connection(to, timeout=10) as line:
        line.sendall(b"TGLAN01\n" + len(token).to_bytes(2, "big") + token)
        size = int.from_bytes(line.recv(2, socket.MSG_WAITALL), "big")
        code: str = json.loads(line.recv(size, socket.MSG_WAITALL)).get("code", "ok")
        return code


def permit(at_ms: int, target: str = "h0") -> bytes:
    answer = Office(inventory()).desk.grant(owner(6), [wish(target)], at_ms)
    return answer.tokens[0]


def test_a_responder_refuses_what_the_conductor_did_not_mean(tmp_path: Path) -> None:
    """Forged, expired, too early, for another, used before: each refused by its own name."""
    now = time.time_ns() // 1_000_000
    good = permit(now)
    envelope = fleet_pb2.LeaseToken.FromString(good)
    envelope.claims = envelope.claims.replace(b"agent-6", b"agent-7")
    claims: Any = read_unverified(good)
    dear = fleet_pb2.LeaseClaims()
    dear.CopyFrom(claims)
    dear.max_seconds = 60

    with listening(tmp_path) as there:
        assert shown(envelope.SerializeToString(), there) == "forged"
        assert shown(permit(now - 60_000), there) == "expired"
        assert shown(permit(now + 60_000), there) == "not_yet_valid"
        assert shown(permit(now, "h1"), there) == "other_responder"
        assert shown(lease.sign(dear, KEY), there) == "out_of_bounds"
        assert shown(good, there) == "ok"
        assert shown(good, there) == "replayed"
