"""The registry: one line a check, imported on first use."""

from typing import Any

from tramgac_agent.checks.base import Check
from tramgac_agent.registry import find

CHECKS: dict[str, str] = {
    "disk": "tramgac_agent.checks.disk:DiskCheck",
    "drop": "tramgac_agent.checks.drop:DropCheck",
    "latency": "tramgac_agent.checks.latency:LatencyCheck",
    "link": "tramgac_agent.checks.link:LinkCheck",
    "path": "tramgac_agent.checks.path:PathCheck",
    "repository": "tramgac_agent.checks.repository:RepositoryCheck",
    "self": "tramgac_agent.checks.self:SelfCheck",
    "service": "tramgac_agent.checks.service:ServiceCheck",
    "snmp": "tramgac_agent.checks.snmp:SnmpCheck",
    "throughput": "tramgac_agent.checks.throughput:ThroughputCheck",
    "tick": "tramgac_agent.checks.tick:TickCheck",
    "uptime": "tramgac_agent.checks.uptime:UptimeCheck",
}


def load(name: str) -> type[Check[Any]]:
    """Return the check class registered under ``name``.

    Raises:
        KeyError: No such check.
    """
    return find(CHECKS[name], Check)
