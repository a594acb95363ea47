"""The throughput check, and a collector that answers its wishes the way the uplink does."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.leases import token

from tramgac_agent.checks.base import AgentView, Context, LeaseDesk
from tramgac_agent.checks.throughput import ThroughputCheck, ThroughputSettings
from tramgac_proto.configfile import convert
from tramgac_proto.v1 import fleet_pb2

MEGABIT = 125_000
# Without counters, so that nobody waits to see how busy it is.
NO_CARD = "nocard0"
Grant = Callable[[fleet_pb2.LeaseRequest], list[bytes]]


def check(
    *names: str, hours: tuple[str, ...] = (), expect: float = 100, **more: object
) -> ThroughputCheck:
    targets = [{"name": name, "expect_mbps": expect, "interface": NO_CARD} for name in names]
    tree = {"targets": targets, "hours": hours, "capacity_hours": (), **more}
    return ThroughputCheck(convert(tree, ThroughputSettings, "test"))


@contextmanager
def collector(desk: LeaseDesk, grant: Grant) -> Iterator[list[fleet_pb2.LeaseRequest]]:
    """Answer wishes the way the uplink does; yields what was wished for."""
    seen: list[fleet_pb2.LeaseRequest] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            for wish in desk.take_wishes():
                seen.append(wish)
                desk.grant(grant(wish))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def context(folder: Path, seconds: float = 100.0) -> Context:
    view = AgentView(state_dir=folder, host="his", leases=LeaseDesk())
    return Context(logging.getLogger("test"), folder, threading.Event(), seconds, view)


def granting(address: str) -> Grant:
    def grant(wish: fleet_pb2.LeaseRequest) -> list[bytes]:
        pace = wish.pace_bytes_per_second
        return [
            token(
                target=wish.target,
                direction=wish.direction,
                pace_bytes_per_second=pace,
                max_bytes=int(pace * 0.4),
                address=address,
            )
        ]

    return grant


def refusing(desk: LeaseDesk, code: str, retry_ms: int) -> Grant:
    """The collector says no, and why."""

    def refuse(wish: fleet_pb2.LeaseRequest) -> list[bytes]:
        no = fleet_pb2.LeaseRefusal(target=wish.target, direction=wish.direction)
        no.proves, no.code, no.retry_after_ms = wish.proves, code, retry_ms
        desk.refuse([no])
        return []

    return refuse
