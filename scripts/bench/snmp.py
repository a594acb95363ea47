"""Devices asked by SNMP: a hospital's mix of them, snmpbulkwalk and snmp_exporter beside it.

One snmpd in a namespace with 48 ports is every device, at an address of its own: what is
weighed is who asks.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from helpers.patchbay import overrides, patchbay
from helpers.snmpd import COMMUNITY, secret, snmpd

from bench.common import (
    LOAD_CPU,
    SERVER_CPU,
    Figure,
    at_most,
    cpu_of_children,
    fact,
    free_port,
    listens,
    memory_mib,
    own_cpu_seconds,
    process,
    wait_until,
)
from tramgac_agent.snmp import stations
from tramgac_agent.snmp.families import load, printer, switch, ups
from tramgac_agent.snmp.families.switch import SwitchMemory
from tramgac_agent.snmp.settings import Device
from tramgac_agent.snmp.values import Oid, Value
from tramgac_agent.snmp.wire import Order, Told

_AREA = "snmp"
_PORTS = 48
_HOUR = 3600.0
# On one core, with room for everything else a probe does.
_MAX_CPU_PER_HOUR, _MAX_RSS_MIB = 720.0, 150.0
_MAX_GROWTH_MIB = 3.0
_WARM_TURNS = 20
_PEER_SWITCHES, _PEER_ROUNDS = 3, 2


@dataclass(frozen=True, slots=True)
class Mix:
    """How many of which, and for how long.

    Attributes:
        turns: Back to back, of one device of each kind.
        exporter: Whether snmp_exporter is asked too; `make bench` installs it.
    """

    switches: int = 100
    printers: int = 300
    ups: int = 100
    seconds: float = 300.0
    turns: int = 300
    exporter: bool = True

    @property
    def kinds(self) -> dict[str, int]:
        """By family."""
        return {"switch": self.switches, "printer": self.printers, "ups": self.ups}


SHORT = Mix(seconds=90.0, turns=60)


def _devices(mix: Mix, port: int, community: str) -> list[Device]:
    """Each at an address of 127.1.0.0/16."""
    kinds = [kind for kind, count in mix.kinds.items() for _ in range(count)]
    return [
        Device(
            name=f"{kind}-{n}", address=f"127.1.{n // 250}.{n % 250 + 1}", port=port, kind=kind,
            community_file=community, uplinks=("a0", "b0") if kind == "switch" else (),
        )
        for n, kind in enumerate(kinds)
    ]  # fmt: skip


def _answers() -> dict[Oid, Value]:
    """What snmpd has not by itself: duplex, stations, a UPS and a printer with five supplies."""
    found: dict[Oid, Value] = {
        ups.BATTERY_STATUS: 2, ups.SECONDS_ON_BATTERY: 0, ups.MINUTES_LEFT: 40, ups.CHARGE: 100,
        ups.TEMPERATURE: 25, ups.INPUT_LOSSES: 3, ups.OUTPUT_SOURCE: 3, ups.SELF_TEST: 1,
        (*ups.INPUT_VOLTS, 1): 229, (*ups.LOAD, 1): 35, (*printer.ERRORS, 1): b"@",
        (*printer.PAGES, 1, 1): 4711, switch.TOPOLOGY_CHANGES: 5,
    }  # fmt: skip
    for supply in range(1, 6):
        row = ((printer.CLASS, 3), (printer.TYPE, 3), (printer.MOST, 100), (printer.LEVEL, 60))
        found |= {(*column, 1, supply): value for column, value in row}
    for port in range(2, _PORTS + 2):
        found |= {(*switch.LATE, port): 0, (*switch.DUPLEX, port): 3}
        found[*stations.BRIDGE_PORT, port] = port
        found[*stations.LEARNED, 2, 0, 0, 0, 0, port] = port
    return found


def _columns() -> list[str]:
    columns = load("switch")(_devices(Mix(1, 0, 0), 161, "/x")[0], SwitchMemory())
    return [".".join(map(str, one)) for one in columns.wanted(switch.PORTS).columns]


class _Counted:
    """Varbinds and failures of what a poller says."""

    def __init__(self, path: Path) -> None:
        told = [msgspec.json.decode(one, type=Told) for one in path.read_bytes().splitlines()]
        self.failures = sum(bool(one.failure) for one in told)
        up = [s for one in told for s in one.samples if s[0] == "tramgac_device_poll_seconds"]
        self.turns = len(up)
        self.slowest = max((value for _, value, _ in up), default=0.0)
        self.answered = len({one.device for one in told if one.stream == "up" and one.samples})


@contextmanager
def _poller(order: Order, folder: Path) -> Iterator[tuple[int, Path]]:
    """The poller as the check starts it; yields its process and what it says."""
    path = folder / f"told-{order.devices[0].name}"
    words = ["taskset", "-c", SERVER_CPU, sys.executable, "-m", "tramgac_agent.snmp.poller"]
    with path.open("wb") as said, (folder / "poller.log").open("ab") as log:
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=said, stderr=log)
        if child.stdin is None:
            raise RuntimeError("no standard input")
        try:
            child.stdin.write(msgspec.json.encode(order) + b"\n")
            child.stdin.flush()
            yield child.pid, path
        finally:
            child.stdin.close()
            child.wait(20)


def _cycle(mix: Mix, devices: Sequence[Device], folder: Path) -> dict[str, float]:
    """The whole mix at its default intervals."""
    order = Order(devices=tuple(devices), state_dir=str(folder))
    with _poller(order, folder) as (pid, path):
        time.sleep(mix.seconds)
        spent, (rss, _) = own_cpu_seconds(pid), memory_mib(pid)
        counted = _Counted(path)
    return {
        "cpu": spent, "rss": rss, "failures": counted.failures, "turns": counted.turns,
        "slowest": counted.slowest, "answered": counted.answered,
    }  # fmt: skip


# Turns of one device, all that is due or only some polls, without pauses between.
_BACK_TO_BACK = """
import asyncio, json, sys, time
from pathlib import Path
import msgspec
from tramgac_agent.snmp.asking import Turns
from tramgac_agent.snmp.session import Engines, Session
from tramgac_agent.snmp.wire import Order
order = msgspec.json.decode(sys.argv[1], type=Order)
warm, turns = int(sys.argv[2]), int(sys.argv[3])
cells = 0
taking = Session._ask
async def counted(self, *given):
    global cells
    answer = await taking(self, *given)
    cells += len(answer[2])
    return answer
Session._ask = counted
def rss():
    fields = Path("/proc/self/smaps_rollup").read_text().split("Rss:")[1].split()
    return int(fields[0]) / 1024
async def main():
    all_ = [Turns(one, Engines(), Path(order.state_dir)) for one in order.devices]
    spent, failures, at = {}, 0, {}
    for number in range(warm + turns):
        if number == warm:
            at, spent, first = dict(cells=cells), {}, rss()
        for one in all_:
            for poll in one._due:
                began, before = time.process_time(), cells
                one._due = {name: 0.0 if name == poll else 1e12 for name in one._due}
                failures += sum(bool(told.failure) for told in await one.turn())
                row = spent.setdefault(f"{one.device.kind} {poll}", [0.0, 0])
                row[0] += (time.process_time() - began) / turns
                row[1] += (cells - before) / turns
    print(json.dumps(dict(polls=spent, failures=failures, growth=rss() - first)))
asyncio.run(main())
"""


def _back_to_back(mix: Mix, devices: Sequence[Device], folder: Path) -> dict[str, Any]:
    """CPU seconds and varbinds of each poll, and how the process grows."""
    one_each = [next(one for one in devices if one.kind == kind) for kind in mix.kinds]
    order = msgspec.json.encode(Order(devices=tuple(one_each), state_dir=str(folder)))
    words = [sys.executable, "-c", _BACK_TO_BACK, order.decode(), str(min(_WARM_TURNS, mix.turns))]
    words.append(str(mix.turns))
    done = subprocess.run(
        ["taskset", "-c", SERVER_CPU, *words], stdout=subprocess.PIPE, check=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _bulkwalk(addresses: Sequence[str]) -> dict[str, float]:
    """A process a column, as scripts do it."""
    cells = 0
    with cpu_of_children() as spent:
        for address in addresses:
            for column in _columns():
                words = ["snmpbulkwalk", "-v2c", "-c", COMMUNITY, "-Onqe", address, f".{column}"]
                done = subprocess.run(words, capture_output=True, check=True)
                cells += len(done.stdout.splitlines())
    return {"cpu": spent[0] / len(addresses), "cells": cells / len(addresses)}


def _exporter(addresses: Sequence[str], folder: Path) -> dict[str, float]:
    """snmp_exporter, the same columns."""
    index = [{"labelname": "i", "type": "gauge"}]
    metrics = [
        {"name": f"m{n}", "oid": one, "type": "gauge", "help": "", "indexes": index}
        for n, one in enumerate(_columns())
    ]
    module = {"walk": _columns(), "metrics": metrics, "version": 2, "max_repetitions": 10}
    file, port = folder / "snmp.yml", free_port()
    file.write_text(json.dumps({"bench": {**module, "auth": {"community": COMMUNITY}}}))
    words = ["prometheus-snmp-exporter", f"--config.file={file}"]
    listen = f"--web.listen-address=127.0.0.1:{port}"
    with process([*words, listen], folder / "exporter.log", cpu=SERVER_CPU) as child:
        wait_until(lambda: listens(port), 10, "snmp_exporter")
        before, cells = own_cpu_seconds(child.pid), 0
        for address in addresses:
            url = f"http://127.0.0.1:{port}/snmp?module=bench&target={address}"
            with urllib.request.urlopen(url, timeout=30) as answer:
                for line in answer.read().decode().splitlines():
                    if line.startswith("snmp_scrape_pdus_returned"):
                        cells += int(float(line.split()[1]))
        spent, (rss, _) = own_cpu_seconds(child.pid) - before, memory_mib(child.pid)
    return {"cpu": spent / len(addresses), "cells": cells / len(addresses), "rss": rss}


def _inside(mix: Mix, port: int, folder: Path) -> dict[str, Any]:
    """Everything that asks, one after another."""
    community = secret(folder, COMMUNITY)
    devices = _devices(mix, port, community)
    switches = [one for one in devices if one.kind == "switch"][:_PEER_SWITCHES]
    addresses = [f"{one.address}:{port}" for one in switches] * _PEER_ROUNDS
    found = {
        "cycle": _cycle(mix, devices, folder),
        "each": _back_to_back(mix, devices, folder),
        "bulkwalk": _bulkwalk(addresses),
    }
    return {**found, "exporter": _exporter(addresses, folder)} if mix.exporter else found


def _per_hour(mix: Mix, polls: dict[str, tuple[float, float]]) -> float:
    """CPU seconds an hour, from each poll's own cost and default interval."""
    return sum(
        polls[f"{kind} {poll.name}"][0] * count * _HOUR / poll.interval_seconds
        for kind, count in mix.kinds.items()
        for poll in load(kind).polls
    )


def _figures(mix: Mix, found: dict[str, Any]) -> Iterator[Figure]:
    cycle, each, polls = found["cycle"], found["each"], found["each"]["polls"]
    count = sum(mix.kinds.values())
    said = f"{mix.switches} switches x {_PORTS} ports, {mix.printers} printers, {mix.ups} UPS"
    yield at_most(_AREA, "CPU seconds an hour", _per_hour(mix, polls), "s", _MAX_CPU_PER_HOUR,
                  note=f"{said}; from the cost of each poll")  # fmt: skip
    yield fact(_AREA, f"CPU seconds in the first {mix.seconds:.0f} s", cycle["cpu"], "s",
               note="with the start and every device's rare polls")  # fmt: skip
    yield at_most(_AREA, "RSS", cycle["rss"], "MiB", _MAX_RSS_MIB)
    yield at_most(_AREA, "devices without an answer", count - cycle["answered"], "", 0)
    yield at_most(_AREA, "polls failed", cycle["failures"] + each["failures"], "", 0,
                  note=f"of {cycle['turns']:.0f} turns in the cycle")  # fmt: skip
    yield fact(_AREA, "slowest turn of a device", cycle["slowest"], "s")
    for name, (spent, cells) in polls.items():
        yield fact(_AREA, f"CPU of {name}", spent * 1000, "ms", note=f"{cells:.0f} varbinds")
    spent, cells = polls["switch ports"]
    yield fact(_AREA, "varbinds per CPU second", cells / spent, "")
    yield at_most(_AREA, f"growth over {mix.turns} turns", each["growth"], "MiB", _MAX_GROWTH_MIB)
    for peer in ("bulkwalk", "exporter"):
        one = found.get(peer)
        if one is None:
            continue
        yield fact(_AREA, f"{peer}: varbinds per CPU second", one["cells"] / one["cpu"], "",
                   note=f"peer; {one['cpu'] * 1000:.0f} ms and {one['cells']:.0f} varbinds a switch"
                   + (f", RSS {one['rss']:.0f} MiB" if "rss" in one else ""))  # fmt: skip


def measure(folder: Path, mix: Mix) -> list[Figure]:
    """One cycle of the whole mix, then each poll alone, then the peers."""
    with patchbay(_PORTS // 2) as space:
        more = overrides(_answers())
        with snmpd(folder, "0.0.0.0", space, more=more) as port:  # noqa: S104 - alone in there
            words = [sys.executable, "-m", "bench.snmp", str(folder), str(port)]
            words += [json.dumps(asdict(mix))]
            inside = ["ip", "netns", "exec", space, "taskset", "-c", f"{LOAD_CPU},{SERVER_CPU}"]
            done = subprocess.run([*inside, *words], stdout=subprocess.PIPE, check=True, text=True)
    return list(_figures(mix, json.loads(done.stdout)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("mix")
    args = parser.parse_args()
    wanted = replace(Mix(), **json.loads(args.mix))
    sys.stdout.write(json.dumps(_inside(wanted, args.port, args.folder)))
    sys.stdout.flush()
    os._exit(0)
