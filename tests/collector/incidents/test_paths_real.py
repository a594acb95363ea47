"""Three sites, a router and two portals as namespaces: real handshakes, judged at the centre."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from helpers.hospitals import hospitals
from helpers.patchbay import batch, namespace
from helpers.scenario import Fleet, incident

BHYT, CENTRAL = "10.9.9.2", "10.9.9.3"
PORTALS = f"""
portals:
- {{id: bhyt, address: "{BHYT}:443", tls: false, provider: cloud}}
- {{id: central, address: "{CENTRAL}:443", tls: false}}
"""
LISTEN = """
import socket
with socket.create_server(("", 443)) as door:
    print("open", flush=True)
    while True:
        door.accept()[0].close()
"""
# Runs the check once for each line it reads.
CHECK = f"""
import json, logging, sys, tempfile, threading
from pathlib import Path
from tramgac_agent.checks.base import AgentView, Context, LeaseDesk
from tramgac_agent.checks.path import PathCheck, PathSettings
from tramgac_proto.configfile import convert
quick = {{"timeout_seconds": 0.4, "tries": 2}}
targets = [{{"name": "gateway", "kind": "gateway", **quick}},
           {{"name": "bhyt", "address": "{BHYT}:443", **quick}},
           {{"name": "central", "address": "{CENTRAL}:443", **quick}}]
check = PathCheck(convert({{"targets": targets}}, PathSettings, "test"))
kept = tempfile.TemporaryDirectory()
here = Path(kept.name)
view = AgentView(state_dir=here, host="", leases=LeaseDesk())
context = Context(logging.getLogger(), here, threading.Event(), 20.0, view)
for _ in sys.stdin:
    seen = [one for each in check.run(context) for one in each.samples]
    values = [(one.name.removeprefix("tramgac_"), one.labels["target"], one.value) for one in seen]
    print(json.dumps(values), flush=True)
"""


class Sites:
    """The way of three sites to the portals, and what each sees of them."""

    def __init__(self, router: str, checks: list["subprocess.Popen[str]"]) -> None:
        self.router = router
        self._checks = checks
        self.fleet = Fleet(hospitals(3, provider=True) + PORTALS)

    def look(self) -> Fleet:
        """Every site tries all its places now; the centre is told what it saw."""
        for check in self._checks:
            assert check.stdin is not None
            check.stdin.write("\n")
            check.stdin.flush()
        for number, check in enumerate(self._checks, 1):
            assert check.stdout is not None
            for name, target, value in json.loads(check.stdout.readline()):
                self.fleet.seen(f"bv-{number}/main/h1", name, value, target=target)
        return self.fleet


@contextmanager
def running(space: str, code: str) -> Iterator["subprocess.Popen[str]"]:
    words = ["ip", "netns", "exec", space, sys.executable, "-c", code]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _join(router: str, space: str, number: int) -> None:
    laid = [f"link add to{number} type veth peer name wan netns {space}"]
    batch([*laid, f"addr add 10.9.{number}.1/24 dev to{number}", f"link set to{number} up"],
          "-n", router)  # fmt: skip
    own = [f"addr add 10.9.{number}.2/24 dev wan", "link set wan up"]
    batch([*own, f"route add default via 10.9.{number}.1"], "-n", space)


@pytest.fixture
def sites() -> Iterator[Sites]:
    with ExitStack() as stack:
        router = stack.enter_context(namespace())
        forward = ("sysctl", "-qw", "net.ipv4.ip_forward=1")
        subprocess.run(["ip", "netns", "exec", router, *forward], check=True)
        spaces = {number: stack.enter_context(namespace()) for number in (1, 2, 3, 9)}
        for number, space in spaces.items():
            _join(router, space, number)
        batch([f"addr add {CENTRAL}/24 dev wan"], "-n", spaces[9])
        portal = stack.enter_context(running(spaces[9], LISTEN))
        assert portal.stdout is not None
        assert portal.stdout.readline() == "open\n"
        yield Sites(router, [stack.enter_context(running(spaces[n], CHECK)) for n in (1, 2, 3)])


def test_a_blackholed_portal_and_a_cut_uplink_are_told_apart(sites: Sites) -> None:
    """The portal is its provider's, once; the uplink is the site's; each is over when mended."""
    sites.look().at("20m").expect()
    blackhole = f"route {{}} blackhole {BHYT}/32"
    batch([blackhole.format("add")], "-n", sites.router)
    sites.look().at("40m").expect(incident("path_down", "portal:bhyt", cause="far_end"))
    batch([blackhole.format("del")], "-n", sites.router)
    sites.look().at("80m").expect()

    cut = "rule {} from 10.9.2.0/24 to 10.9.9.0/24 blackhole"
    batch([cut.format("add")], "-n", sites.router)
    fleet = sites.look().at("100m")
    fleet.expect(incident("path_down", "bv-2/main", cause="line", facility="bv-2"))
    batch([cut.format("del")], "-n", sites.router)
    sites.look().at("140m").expect()
    fleet.expect_messages(*["down path_down", "recovered path_down"] * 2)


def test_a_portal_that_refuses_everybody_is_the_portal(sites: Sites) -> None:
    """Told by a router that there is no way: no site is blamed."""
    sites.look().at("20m")
    batch([f"route add unreachable {CENTRAL}/32"], "-n", sites.router)
    sites.look().at("40m").expect(incident("path_down", "portal:central", cause="far_end"))
