"""A real snmpd that tells of 48 real ports on cables: values, renumbering, restarts."""

import asyncio
import contextlib
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from helpers.lan import Neighbour, ip, neighbour
from helpers.patchbay import flood, lay, overrides, send
from helpers.ports import free_udp_port
from helpers.snmpd import AUTH, PRIVACY, secret, snmpd, told_device
from helpers.turns import failures, samples, turn, turns_of

from tramgac_agent.snmp.asking import Turns
from tramgac_agent.snmp.families import switch as family
from tramgac_agent.snmp.wire import Told

# nsCacheStatus of the table of interfaces: snmpd looks at them at most every 15 s.
_CACHE = ".1.3.6.1.4.1.8072.1.5.3.1.3.1.3.6.1.2.1.2.2"
_WRITER = "Schreiber"


@dataclass
class Real:
    """One snmpd in a namespace, which tests may end and begin again."""

    folder: Path
    lan: Neighbour
    port: int = field(default_factory=free_udp_port)
    more: str = ""
    _ended: list[Turns] = field(default_factory=list)
    _ends: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def begin(self) -> None:
        """Start snmpd."""
        more = f"rwcommunity {_WRITER}\n{self.more}"
        running = snmpd(self.folder, "0.0.0.0", self.lan.namespace, port=self.port, more=more)  # noqa: S104 - alone in there
        self._ends.enter_context(running)

    def end(self) -> None:
        """End it."""
        self._ends.close()

    def index(self, port: str) -> int:
        """``ifIndex`` of a port now."""
        return int(self.lan.execute("cat", f"/sys/class/net/{port}/ifindex"))

    def fresh(self) -> None:
        """Let snmpd count anew."""
        words = ["snmpset", "-v2c", "-c", _WRITER, f"{self.lan.far}:{self.port}"]
        subprocess.run([*words, _CACHE, "i", "3"], check=True, capture_output=True)

    def turns(self, **settings: Any) -> Turns:
        """As the poller would have it."""
        told = {"address": self.lan.far, "kind": "switch", **settings}
        turns = turns_of(told_device(self.folder, self.port, **told), self.folder)
        self._ended.append(turns)
        return turns

    def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the asking in a loop, and close what it opened."""

        async def whole() -> None:
            try:
                await work()
            finally:
                for one in self._ended:
                    one._session._engines.close()

        asyncio.run(whole())

    async def look(self, turns: Turns, *polls: str) -> list[Told]:
        """A turn, with counters of this moment."""
        self.fresh()
        return await turn(turns, polls or ("ports", "uplinks"))


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    """48 ports on 24 cables."""
    with neighbour() as lan:
        lay(lan.namespace, range(24))
        one = Real(tmp_path, lan)
        try:
            yield one
        finally:
            one.end()


def test_ports_are_counted_and_measured_in_our_units(real: Real) -> None:
    """Up, down, speed, duplex and every byte that was sent are as the kernel has them."""
    real.begin()
    ip("-n", real.lan.namespace, "link", "set", "a5", "down")

    async def work() -> None:
        turns = real.turns(uplinks=("a0", "b0"))
        found = samples(await real.look(turns))
        before = {name: turns._family.memory.ports[name].counters for name in ("a0", "b0")}
        send(real.lan.namespace, "a0", frames=1000, size=1000)
        await real.look(turns)
        after = {name: turns._family.memory.ports[name].counters for name in ("a0", "b0")}
        # The cable to us is a port as well; the two uplinks are none of the census.
        assert found["switch_ports{10000}"] == 48 - 2 - 2 + 1
        assert found["switch_ports_down"] == 1
        assert found["switch_ports_half_duplex"] == 0
        assert found["port_speed_bytes{a0}"] == 10_000e6 / 8
        assert found["port_up{a0}"] == found["port_full_duplex{b0}"] == 1
        assert after["a0"].octets_out - before["a0"].octets_out == 1_000_000
        assert after["b0"].octets_in - before["b0"].octets_in == 1_000_000

    real.run(work)


def test_a_shaped_uplink_under_flood_is_overloaded(real: Real) -> None:
    """10 Mbit/s let through of 10: three looks find it, three quiet ones close it."""
    shaper = ("tbf", "rate", "10mbit", "burst", "16kb", "latency", "50ms")
    real.lan.execute("tc", "qdisc", "replace", "dev", "a0", "root", *shaper)
    real.more = overrides({(*family.HIGH_SPEED, real.index("a0")): 10})
    real.begin()

    async def work() -> None:
        turns = real.turns(uplinks=("a0",))
        await real.look(turns)
        await real.look(turns, "uplinks")
        with flood(real.lan.namespace, "a0"):
            await asyncio.sleep(0.5)
            await real.look(turns, "uplinks")
            for _ in range(3):
                await asyncio.sleep(1.5)
                told = await real.look(turns, "uplinks")
                assert 0.9 <= samples(told)["port_utilization_ratio{transmit,a0}"] <= 1
        assert samples(told)["port_finding{overloaded,a0}"] == 1
        assert [one.event for one in told] == [True, False]
        for _ in range(4):
            await asyncio.sleep(1.2)
            told = await real.look(turns, "uplinks")
        assert samples(told)["port_finding{overloaded,a0}"] == 0
        assert samples(told)["port_utilization_ratio{transmit,a0}"] < 0.1

    real.run(work)


def test_a_port_made_anew_is_found_under_its_new_index(real: Real) -> None:
    """Meanwhile nothing is said of it, least of all what its neighbours do."""
    real.begin()

    async def work() -> None:
        turns = real.turns(uplinks=("a1",))
        await real.look(turns)
        old = turns._family.memory.indices["a1"]
        ip("-n", real.lan.namespace, "link", "del", "a1")
        gone = samples(await real.look(turns, "uplinks"))
        lay(real.lan.namespace, [1])
        send(real.lan.namespace, "a1", frames=500)
        lost = samples(await real.look(turns, "uplinks"))
        assert not [name for name in {**gone, **lost} if name.startswith("port_")]
        back = samples(await real.look(turns))
        assert turns._family.memory.indices["a1"] == real.index("a1") != old
        assert back["port_up{a1}"] == 1
        assert turns._family.memory.ports["a1"].counters.octets_out == 500_000

    real.run(work)


@pytest.mark.parametrize("version", ["2c", "3"])
def test_a_restarted_agent_is_asked_on(real: Real, version: str) -> None:
    """No rate across the restart, and one after it."""
    real.more = "exactEngineID 0x80001f880474657374\n"
    real.begin()
    keys = {"auth": (AUTH, "sha"), "privacy": (PRIVACY, "aes")}
    v3 = {name: way for name, (_, way) in keys.items()}
    v3 |= {f"{name}_key_file": secret(real.folder, key) for name, (key, _) in keys.items()}
    settings = {"version": "3", "user": "keeper", **v3} if version == "3" else {}

    async def work() -> None:
        turns = real.turns(uplinks=("a0",), **settings)
        await real.look(turns)
        await asyncio.sleep(1.1)
        assert "port_utilization_ratio{transmit,a0}" in samples(await real.look(turns))
        real.end()
        real.begin()
        first = await real.look(turns)
        if failures(first):  # one turn may be lost to getting to know each other again
            first = await real.look(turns)
        assert failures(first) == {}
        assert "port_utilization_ratio{transmit,a0}" not in samples(first)
        await asyncio.sleep(1.1)
        assert "port_utilization_ratio{transmit,a0}" in samples(await real.look(turns))

    real.run(work)
