"""Declarations of systems, and what one run of the service check says of them."""

from pathlib import Path
from typing import Any

from helpers.onecheck import observe, values

from tramgac_agent.checks.base import Observation
from tramgac_agent.checks.service import ServiceCheck, ServiceSettings
from tramgac_proto.configfile import convert
from tramgac_proto.v1 import fleet_pb2


def check_of(*systems: dict[str, Any]) -> ServiceCheck:
    defaults = {"system": "his", "tries": 1, "timeout_seconds": 1.0}
    tree = {"systems": [{**defaults, **system} for system in systems]}
    return ServiceCheck(convert(tree, ServiceSettings, "test"))


def http(port: int, path: str = "/", **more: object) -> dict[str, Any]:
    return {"kind": "http", "url": f"http://127.0.0.1:{port}{path}", **more}


def https(port: int, **more: object) -> dict[str, Any]:
    return {"kind": "http", "url": f"https://127.0.0.1:{port}/", **more}


def states(observations: list[Observation]) -> dict[str, fleet_pb2.ServiceState]:
    details = [one.detail for one in observations]
    return {one.system: one for one in details if isinstance(one, fleet_pb2.ServiceState)}


def reason(system: dict[str, Any], folder: Path) -> str:
    """What one run says of one system; its series must agree."""
    seen = observe(check_of(system), folder)
    (state,) = states(seen).values()
    assert values(seen)["service_up"] == state.up
    assert state.up == state.reason.startswith("ok")
    return state.reason
