"""Names: a real name server that never answers, on a machine of its own."""

import json
import sys
import time
from pathlib import Path

from helpers.lan import neighbour

CHILD = """
import json, logging, sys, threading, time
from pathlib import Path
from tramgac_agent.checks.base import AgentView, Context, LeaseDesk
from tramgac_agent.checks.service import ServiceCheck, ServiceSettings
from tramgac_proto.configfile import convert
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    places = {"lis": "lis.example:104", "his": "127.0.0.1:%d" % server.getsockname()[1]}
    systems = [{"system": name, "kind": "tcp", "address": place, "tries": 2,
                "timeout_seconds": 0.5} for name, place in places.items()]
    check = ServiceCheck(convert({"systems": systems}, ServiceSettings, "test"))
    folder = Path(sys.argv[1])
    context = Context(logging.getLogger(), folder, threading.Event(), 30.0,
                      AgentView(state_dir=folder, host="", leases=LeaseDesk()))
    began = time.monotonic()
    seen = [one.detail for one in check.run(context) if one.detail]
    print(json.dumps({"reasons": {one.system: one.reason for one in seen},
                      "seconds": time.monotonic() - began,
                      "lookups": sum("lis" in one.name for one in threading.enumerate())}))
"""


def test_a_real_silent_name_server(tmp_path: Path) -> None:
    """Queries into the void cost one system its word, one thread, and no exit."""
    with neighbour() as machine:
        resolver = tmp_path / "resolv.conf"
        resolver.write_text(f"nameserver {machine.silent}\n", encoding="ascii")
        # `ip netns exec` gives the command mounts of its own, so ours stay as they are.
        script = 'mount --bind "$1" /etc/resolv.conf && exec "$2" -c "$3" "$4"'
        words = (str(resolver), sys.executable, CHILD, str(tmp_path))
        began = time.monotonic()
        said = json.loads(machine.execute("sh", "-c", script, "sh", *words))
    assert said["reasons"] == {"lis": "dns_timeout", "his": "ok"}
    assert said["seconds"] < 5
    assert said["lookups"] == 1
    assert time.monotonic() - began < 10
