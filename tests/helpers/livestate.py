"""A live view of two hosts, and what its page shows."""

from collections.abc import Sequence

from prometheus_client.parser import text_string_to_metric_families

from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner
from tramgac_proto.v1 import fleet_pb2

START = 1_763_760_000_000
FAR = START + 10**9
SETTLED = START + 120_000
HIS = Owner("agent-a", "bv-a", "main", "his")
PACS = Owner("agent-b", "bv-a", "main", "pacs")
UPTIME = (("tramgac_host_uptime_seconds", ()),)

Labels = tuple[tuple[str, str], ...]


class Declared:
    """An inventory of these hosts."""

    def __init__(self, *hosts: Owner) -> None:
        self.hosts = list(hosts)

    def expected_hosts(self) -> Sequence[Owner]:
        return self.hosts


def new_state(*hosts: Owner) -> LiveState:
    return LiveState(Declared(*hosts), START)


def call(state: LiveState, owner: Owner, now_ms: int) -> None:
    status = fleet_pb2.AgentStatus(outbox_records=7, outbox_bytes=4096)
    state.seen(owner, now_ms, status, 1500, FAR)


def uptime(state: LiveState, owner: Owner, value: float, event_ms: int = START) -> None:
    state.apply(owner, "uptime", state.layout(owner, UPTIME), [value], event_ms, FAR)


def values(state: LiveState) -> dict[tuple[str, str], float]:
    """Every series on the page by name and host, refusing a series shown twice."""
    found: dict[tuple[str, str], float] = {}
    seen = set()
    for family in text_string_to_metric_families(state.render().decode()):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in seen, key
            seen.add(key)
            found[sample.name, sample.labels.get("host", "")] = sample.value
    return found
