"""A hospital with six segments on two uplinks, and agents in all of them."""

import msgspec

from tramgac_collector.inventory.model import Inventory
from tramgac_collector.model import Owner

SEGMENTS = tuple(f"s{number}" for number in range(6))
AGENTS = 50


def site(agents: int = AGENTS) -> dict[str, object]:
    """The site: the first host of each segment is its hub; s0-s2 share u0, s3-s5 share u1."""
    return {
        "id": "main",
        "wan_mbps": 100,
        "segments": [{"id": one} for one in SEGMENTS],
        "uplinks": [
            {"id": "u0", "segments": SEGMENTS[:3], "mbps": 100},
            {"id": "u1", "segments": SEGMENTS[3:], "mbps": 1000},
        ],
        "hosts": [
            {
                "id": f"h{number}",
                "address": "127.0.0.1",
                "expect_mbps": 1000,
                "segment": SEGMENTS[number % 6],
                "responder": number < len(SEGMENTS),
            }
            for number in range(agents)
        ],
    }


def tree(agents: int = AGENTS) -> dict[str, object]:
    """The inventory as its YAML says it; no clinic hours, so that the day does not matter."""
    facility = {"id": "bv", "code": "01", "sites": [site(agents)]}
    return {"clinic": {"hours": []}, "facilities": [facility]}


def inventory(agents: int = AGENTS) -> Inventory:
    """The same, as the collector reads it."""
    return msgspec.convert(tree(agents), Inventory)


def owner(number: int) -> Owner:
    """The agent on host ``number``."""
    return Owner(f"agent-{number}", "bv", "main", f"h{number}")
