"""Two hospitals and a centre on real hosts, to be installed by the playbooks."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.ansible_play import REPOSITORY, Bundle, Control, bundle
from helpers.backup import until
from helpers.nspawn import CLOCK_LIBRARY, Host, Network, Wanted, hosts
from prometheus_client.parser import text_string_to_metric_families

CENTRE = "centre"
BROKEN = "the agent of this build does not start"
METRICS = "http://127.0.0.1:8481/metrics"
_READ = f"import urllib.request as u; print(u.urlopen({METRICS!r}, timeout=10).read().decode())"
_AGENT = "runuser -u tramgac -- /usr/local/bin/tramgac-agent"
_IDENTITY = "/var/lib/tramgac/agent/identity"
# What the store has of every agent, beside what it acknowledged to it.
_LEDGERS = """
import json, sqlite3
store = sqlite3.connect("file:/var/lib/tramgac/collector/store.db?mode=ro", uri=True)
print(json.dumps(store.execute(
    "SELECT facility || '-' || host, epoch, contiguous, length(ranges),"
    " (SELECT count(*) FROM records WHERE epoch_id = epochs.id),"
    " (SELECT count(*) FROM gaps WHERE epoch_id = epochs.id),"
    " (SELECT count(*) FROM quarantine WHERE agent_id = agents.id)"
    " FROM agents JOIN epochs ON agent_id = agents.id"
).fetchall()))
"""
_TOKENS = "runuser -u tramgac-collector -- /usr/local/bin/tramgac-collector token create --json"


@dataclass(frozen=True)
class Server:
    """A server of a hospital; its machine has the same name."""

    facility: str
    name: str

    @property
    def inventory_name(self) -> str:
        """As `inventory export --ansible` calls it."""
        return f"{self.facility}-{self.name}"

    def variables(self, **more: object) -> dict[str, Any]:
        """What the inventory says of it."""
        return {
            "machine": self.name,
            "tramgac_facility": self.facility,
            "tramgac_site": "main",
            "tramgac_host": self.name,
            "tramgac_role": "server",
            **more,
        }


def inventory_text(servers: list[Server]) -> str:
    """The collector's inventory."""
    lines = ["province: {name: Tỉnh thử}", "facilities:"]
    for number, facility in enumerate(sorted({each.facility for each in servers}), 1):
        names = ", ".join(f"{{id: {each.name}}}" for each in servers if each.facility == facility)
        lines += [
            f"  - {{id: {facility}, code: '7900{number}', name: Bệnh viện {number},",
            f"     sites: [{{id: main, hosts: [{names}]}}]}}",
        ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Who:
    """What no upgrade may change about a host."""

    agent_id: str
    key: str
    epoch: str


@dataclass(frozen=True)
class Ledger:
    """What the collector has of one outbox: ``stored`` records, numbered 1 to ``contiguous``."""

    epoch: str
    contiguous: int
    out_of_order: int
    stored: int
    gaps: int
    quarantined: int

    @property
    def whole(self) -> bool:
        """Whether every number that the agent may forget is stored here as a record."""
        lost = self.gaps or self.quarantined or self.out_of_order
        return not lost and self.stored == self.contiguous


@dataclass
class Province:
    """The running machines and the control host."""

    control: Control
    network: Network
    servers: list[Server]

    @property
    def centre(self) -> Host:
        """The machine of the collector."""
        return self.network.hosts[CENTRE]

    @property
    def names(self) -> list[str]:
        """Inventory names of all servers that can be served."""
        return [each.inventory_name for each in self.servers]

    def host(self, server: Server) -> Host:
        """The machine of a server."""
        return self.network.hosts[server.name]

    def values(self, family: str) -> dict[tuple[str, ...], float]:
        """A family of the collector's metrics, by facility, host and what else tells rows apart."""
        rows: dict[tuple[str, ...], float] = {}
        for found in text_string_to_metric_families(self.centre.run("python3", "-c", _READ).stdout):
            for sample in found.samples if found.name == family else ():
                labels = dict(sample.labels)
                key = (labels.pop("facility", ""), labels.pop("host", ""))
                labels.pop("site", "")
                rows[(*key, *labels.values())] = sample.value
        return rows

    def heard(self) -> set[str]:
        """Inventory names of the servers whose agents report in time."""
        up = self.values("tramgac_agent_up")
        return {f"{key[0]}-{key[1]}" for key, value in up.items() if value == 1}

    def until_heard(self) -> None:
        """Wait until every server's agent reports in time."""
        until(lambda: self.heard() == set(self.names), seconds=120, pause=1)

    def versions(self) -> set[tuple[str, ...]]:
        """Facility, host and version of every agent, as the collector knows them."""
        return {key for key, value in self.values("tramgac_agent_info").items() if value}

    def outbox(self, server: Server) -> dict[str, Any]:
        """What ``tramgac-agent outbox status`` says there."""
        found: dict[str, Any] = json.loads(
            self.host(server).shell(f"{_AGENT} outbox status --json")
        )
        return found

    def who(self, server: Server) -> Who:
        """Who a host is, to the collector."""
        host = self.host(server)
        identity = json.loads(host.shell(f"cat {_IDENTITY}/identity.json"))
        key = host.shell(f"sha256sum {_IDENTITY}/key.pem").split()[0]
        return Who(identity["agent_id"], key, self.outbox(server)["epoch"])

    def ledgers(self) -> dict[str, Ledger]:
        """What the collector's store holds, by inventory name; a second epoch is an error."""
        rows = json.loads(self.centre.run("python3", "-c", _LEDGERS).stdout)
        found = {name: Ledger(*rest) for name, *rest in rows}
        if len(found) != len(rows):
            raise AssertionError(rows)
        return found

    @contextmanager
    def cut_off(self, server: Server) -> Iterator[dict[str, int]]:
        """Unplug a server's cable until its outbox holds something.

        Yields what becomes at the end the highest number that waited: ``{"last_seq": ...}``.
        """
        host, waited = self.host(server), {"last_seq": 0}
        host.run("ip", "link", "set", "host0", "down")
        try:
            yield waited
            until(lambda: self.outbox(server)["records"] > 0, seconds=120, pause=1)
            waited["last_seq"] = self.outbox(server)["last_seq"]
        finally:
            host.run("ip", "link", "set", "host0", "up")

    def expired_token(self, server: Server) -> str:
        """A token for one host that was made two hours ago for one hour."""
        place = f"--facility={server.facility} --site=main --host={server.name} --ttl=1h"
        then = f"LD_PRELOAD={CLOCK_LIBRARY} FAKETIME=-2h"
        made: str = json.loads(self.centre.shell(f"{then} {_TOKENS} {place}"))["token"]
        return made


@contextmanager
def province(folder: Path, servers: list[Server], *others: Wanted) -> Iterator[Province]:
    """Boot everything and build the bundle; nothing is installed yet.

    The connection of ``others`` is made, but they are in no group.
    """
    machines = [Wanted(CENTRE), *(Wanted(each.name) for each in servers), *others]
    (folder / "inventory.yml").write_text(inventory_text(servers))
    (folder / "passphrase").write_text("chỉ dùng cho bài thử\n")
    (folder / "bundles").mkdir()
    with hosts(folder, *machines) as network:
        control = Control(folder / "control", network)
        control.use(made_bundle(folder))
        control.variables |= {
            "collector_names": [CENTRE],
            "collector_inventory_file": str(folder / "inventory.yml"),
            "collector_backup_passphrase_file": str(folder / "passphrase"),
            "tramgac_collector_address": f"{CENTRE}:8443",
            "agent_report_seconds": 5,
        }
        control.groups = {
            "collector": {CENTRE: {"machine": CENTRE}},
            "servers": {each.inventory_name: each.variables() for each in servers},
        }
        try:
            yield Province(control, network, servers)
        finally:
            control.close()


def made_bundle(folder: Path, version: str = "", source: Path | None = None) -> Bundle:
    """A bundle in a folder of its own."""
    place = folder / "bundles" / (version or "first")
    place.mkdir(parents=True)
    return bundle(place, version, source)


def broken_source(folder: Path) -> Path:
    """A copy of this checkout whose agent checks its configuration but does not start."""
    trees = ("agent", "collector", "proto", "docs", "ansible", "dashboards", "requirements")
    for name in trees:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, folder / name)
    program = folder / "agent/tramgac_agent/commands/run.py"
    text = program.read_text()
    start = "    start_again()\n"
    assert start in text
    program.write_text(text.replace(start, f'    sys.exit("{BROKEN}")\n' + start))
    return folder
