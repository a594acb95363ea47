"""A site without servers: two probes and a switch, from the inventory to the page of metrics."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.lan import Neighbour, neighbour
from helpers.patchbay import lay
from helpers.ports import free_port, free_udp_port
from helpers.snmpd import COMMUNITY, secret, snmpd
from helpers.stack import FACILITY, SITE, Stack, poll

PAIRS = 12
EXPECT_MBPS = 10
INVENTORY = """
province: {{name: Test}}
providers: [{{id: cloud}}]
facilities:
  - id: {facility}
    code: '1'
    sites:
      - id: {site}
        clinic: {{hours: []}}
        segments: [{{id: ward, network: 127.0.0.0/8}}]
        hosts:
          - {{id: p1, role: probe, address: 127.0.0.1, expect_mbps: {mbps}, segment: ward}}
          - {{id: p2, role: probe, address: 127.0.0.1, expect_mbps: {mbps}, segment: ward,
             responder: true, responder_port: {responder}}}
        devices:
          - {{id: sw, kind: switch, address: {device}, probed_by: p1, snmp: {{port: {snmp}}},
             uplinks: [a0]}}
          - {{id: store, kind: nas, address: {device}, probed_by: p1, snmp: {{port: {snmp}}}}}
    systems:
      - {{id: emr, kind: emr, provider: cloud, probed_by: p1, probes: [{{tcp: "127.0.0.1:{tcp}"}}]}}
"""
# What a site leaves at hours and minutes.
QUICK = """
[checks.throughput]
hours = []
interval_seconds = 5
[checks.path]
interval_seconds = 3
"""


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[tuple[Neighbour, int]]:
    """A real agent with 24 ports on a machine of its own."""
    with neighbour() as lan:
        lay(lan.namespace, range(PAIRS))
        port = free_udp_port()
        with snmpd(tmp_path, "0.0.0.0", lan.namespace, port=port):  # noqa: S104 - alone in there
            yield lan, port


@pytest.fixture
def site(tmp_path: Path, switch: tuple[Neighbour, int]) -> Iterator[Stack]:
    """The centre and two probes, set up as the inventory says and nothing else."""
    lan, port = switch
    stack = Stack(tmp_path, hosts=("p1", "p2"))
    values = {"facility": FACILITY, "site": SITE, "mbps": EXPECT_MBPS, "responder": free_port()}
    values |= {"device": lan.far, "snmp": port, "tcp": stack.ports["grpc"]}
    (tmp_path / "inventory.yml").write_text(INVENTORY.format(**values))
    stack.collector_command("inventory", "import")
    try:
        stack.start_collector()
        token = tmp_path / "token"
        token.write_text(stack.token(uses="2", role="probe"))
        for host in stack.hosts:
            stack.agent_checks = _exported(stack, host, secret(tmp_path, COMMUNITY))
            config = str(stack.write_agent(host))
            words = ("--config", config, "--host", host, "--token-file", str(token))
            stack.command("tramgac_agent", "enroll", *words)
            stack.start_agent(host)
        yield stack
    finally:
        stack.close()


def _exported(stack: Stack, host: str, community: str) -> str:
    """Its part of the inventory, the secret's place, and quicker turns."""
    text = stack.collector_command("inventory", "export", "--agent", f"{FACILITY}/{host}")
    assert "[agent]" in text
    text = text.replace('[agent]\nrole = "probe"\n', "").replace(
        "/etc/tramgac/snmp/read", community
    )
    blocks = (block for block in QUICK.split("[checks.") if block.strip())
    quick = [f"[checks.{block}" for block in blocks if f"[[checks.{block.split(']')[0]}." in text]
    return text + "\n" + "\n".join(quick)


def _found(stack: Stack, name: str, **labels: str) -> list[float]:
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return [
        value
        for key, value in stack.metrics().items()
        if key.partition("{")[0] == f"tramgac_{name}" and all(one in key for one in wanted)
    ]


def test_a_site_without_servers_is_seen_whole(site: Stack) -> None:
    """Census, storage, paths and the floor test show under their own hosts within two minutes."""
    place = {"facility": FACILITY, "site": SITE}

    def see(name: str, **labels: str) -> list[float]:
        return poll(lambda: _found(site, name, **place, **labels), bool, 120, f"{name} {labels}")

    assert see("device_up", host="sw") == see("device_up", host="store") == [1]
    # 24 ports and the cable to us, without the uplink.
    assert see("switch_ports", host="sw", speed="10000") == [2 * PAIRS + 1 - 1]
    assert see("port_up", host="sw", port="a0") == [1]
    assert see("device_storage_size_bytes", host="store")[0] > 0
    for host in ("p1", "p2"):
        assert see("agent_up", host=host) == [1]
    assert see("path_reachable", host="p2", target="emr") == [1]
    assert see("path_rtt_seconds", host="p1", target="p2")[0] < 1
    for way in ("send", "receive"):
        carried = {"host": "p1", "target": "p2", "direction": way, "proves": "floor"}
        (rate,) = see("path_throughput_bytes_per_second", **carried)
        # Paced at 80 % of what is expected; loopback carries far more.
        assert rate == pytest.approx(0.8 * EXPECT_MBPS * 125_000, rel=0.1)
