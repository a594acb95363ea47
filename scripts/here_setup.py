"""What `make run` lays out under its state folder: addresses, configurations, inventory, keys."""

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import here_snmp

ROOT = Path(__file__).resolve().parents[1]
FACILITY, SITE = "bv-here", "main"
HOST, PEER = "this-server", "peer"
SERIES = f"{FACILITY}/{HOST}/docs@local"
# This machine's real data: the folder that is backed up.
BACKED_UP = ROOT / "docs"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one `make run` lives.

    Attributes:
        root: State folder; everything of this run is below it.
        offset: Added to every port, so that two runs fit on one machine.
        tick_seconds: How often the tick check proves the way through.
    """

    root: Path
    offset: int = 0
    tick_seconds: float = 10.0
    ports: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Fix the ports."""
        base = {
            "grpc": 8443, "enrollment": 8444, "throughput": 8445, "peer": 8446,
            "web": 8480, "metrics": 8481, "service": 8482, "mail": 8483, "snmp": 8484,
            "prometheus": 8490,
        }  # fmt: skip
        object.__setattr__(self, "ports", {k: v + self.offset for k, v in base.items()})

    def at(self, door: str) -> str:
        """``host:port`` of a door."""
        return f"127.0.0.1:{self.ports[door]}"

    def folder(self, *parts: str) -> Path:
        """A folder below the root, made if need be."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path


def _write(path: Path, text: str) -> Path:
    path.write_text(text.strip() + "\n", encoding="utf-8")
    return path


def _inventory(place: Place) -> str:
    devices = here_snmp.inventory(PEER, place.ports["snmp"]) if here_snmp.program() else ""
    return f"""
province:
  name: {{vi: "Tỉnh thử", en: "Trial province"}}
clinic: {{hours: []}}  # nobody is treated on this machine: speed tests at any hour
facilities:
  - id: {FACILITY}
    code: "00001"
    name: {{vi: "Bệnh viện trên máy này", en: "The hospital on this machine"}}
    answers: {{kind: inpatient_other, ownership: public, insurance: true}}
    sites:
      - id: {SITE}
        name: {{vi: "Cơ sở chính", en: "Main site"}}
        hosts:
          - {{id: {HOST}, address: 127.0.0.1, expect_mbps: 100}}
          - {{id: {PEER}, role: probe, address: 127.0.0.1, expect_mbps: 100,
             responder: true, responder_port: {place.ports["peer"]}}}
{devices}
    systems:
      - id: his
        kind: his
        name: {{vi: "Trang thử", en: "Trial page"}}
        host: {HOST}
        level: {{}}  # nobody has decided on it: a gap that is really there
        probes: [{{url: "http://{place.at("service")}/", expect_text: "Trạm Gác"}}]
    datasets:
      - id: docs
        kind: files
        host: {HOST}
        rpo_hours: 24
        rto_hours: 1
        schedule: {{oncalendar: "*:0/5", grace_minutes: 5}}
        destinations: [{{id: local}}]
        match: {{tags: [docs]}}
"""


def _collector(place: Place) -> str:
    return f"""
[collector]
state_dir = "{place.folder("collector")}"
inventory = "{place.root / "inventory.yml"}"
[listen]
grpc = "{place.at("grpc")}"
enrollment = "{place.at("enrollment")}"
throughput = "{place.at("throughput")}"
web = "{place.at("web")}"
metrics = "{place.at("metrics")}"
[notify]
urls = ["mailto://localhost:{place.ports["mail"]}?from=tramgac@example.org&to=truc@example.org"]
page_url = "http://{place.at("web")}"
"""


def _agent(place: Place, host: str) -> str:
    return f"""
[agent]
state_dir = "{place.folder(host)}"
[collector]
address = "{place.at("grpc")}"
enrollment_address = "{place.at("enrollment")}"
report_seconds = 5
"""


def _main_checks(place: Place) -> str:
    return f"""
[checks.uptime]
interval_seconds = 15
[checks.self]
interval_seconds = 30
[checks.disk]
interval_seconds = 30
[checks.link]
interval_seconds = 30
[checks.latency]
interval_seconds = 60
[[checks.latency.targets]]
name = "collector"
address = "127.0.0.1"
tcp_port = {place.ports["grpc"]}
[checks.service]
interval_seconds = 30
[[checks.service.systems]]
system = "his"
kind = "http"
url = "http://{place.at("service")}/"
expect_text = "Trạm Gác"
[checks.throughput]
interval_seconds = 120
hours = []
[[checks.throughput.targets]]
name = "{PEER}"
expect_mbps = 100
[checks.drop]
interval_seconds = 5
[checks.repository]
interval_seconds = 120
probes = ["{place.root / "restic-probe.toml"}"]
[checks.tick]
interval_seconds = {place.tick_seconds}
"""


def _peer_checks(place: Place) -> str:
    asked = ""
    if here_snmp.program():
        asked = here_snmp.checks(place.folder("snmp"), place.ports["snmp"])
    return f"""
[responder]
enabled = true
listen = "{place.at("peer")}"
[checks.uptime]
interval_seconds = 15
{asked}
"""


def _restic_probe(place: Place) -> str:
    return f"""
repository = "{place.root / "repository"}"
password_file = "{place.root / "repository-password"}"
state_dir = "{place.folder("restic-probe")}"
[verify]
window = []
slices = 2
slice_hours = 0
[[series]]
id = "{SERIES}"
paths = ["{BACKED_UP}"]
tags = ["docs"]
[series.drill]
scratch = "{place.folder("scratch")}"
"""


def _prometheus(place: Place) -> str:
    return f"""
global: {{scrape_interval: 5s}}
scrape_configs:
  - job_name: tramgac
    static_configs: [{{targets: ["{place.at("metrics")}"]}}]
"""


def write_files(place: Place) -> None:
    """Write every configuration anew; state and keys stay as they are."""
    place.folder()
    here_snmp.write_files(place.folder("snmp"), place.ports["snmp"])
    _write(place.root / "inventory.yml", _inventory(place))
    _write(place.root / "collector.toml", _collector(place))
    _write(place.root / f"{HOST}.toml", _agent(place, HOST) + _main_checks(place))
    _write(place.root / f"{PEER}.toml", _agent(place, PEER) + _peer_checks(place))
    _write(place.root / "restic-probe.toml", _restic_probe(place))
    _write(place.root / "prometheus.yml", _prometheus(place))
    page = place.folder("page") / "index.html"
    _write(page, "<!doctype html><meta charset=utf-8><title>HIS</title><p>Trạm Gác: trang thử")


def python(*words: str) -> list[str]:
    """A command of this environment's Python."""
    return [sys.executable, "-m", *words]


def _must(argv: list[str], **extra: str) -> str:
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, env={**os.environ, **extra}
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(argv[:4])} ... failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def make_repository(place: Place) -> None:
    """Initialise the restic repository and its password, once."""
    secret = place.root / "repository-password"
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24))
    if not (place.root / "repository" / "config").exists():
        _must(["restic", "init", "--repo", str(place.root / "repository")],
              RESTIC_PASSWORD_FILE=str(secret))  # fmt: skip


def backup_argv(place: Place) -> list[str]:
    """One recorded backup of real data."""
    drop = place.root / HOST / "drop"
    backup = ["restic", "--repo", str(place.root / "repository"), "backup", "--json",
              "--tag", "docs", str(BACKED_UP)]  # fmt: skip
    return [
        *python("tramgac_agent", "backup-run", "--series", SERIES, "--drop", str(drop), "--"),
        *backup,
    ]


def proof_argvs(place: Place) -> list[list[str]]:
    """What proves the backup: its structure, all of its data, some files, all files."""
    config = ["--config", str(place.root / "restic-probe.toml")]
    drop = ["--drop", str(place.root / HOST / "drop")]
    checks = [
        [*python("tramgac_agent.restic.verify", *config, *drop), "--now", what]
        for what in ("metadata", "slice", "slice")
    ]
    drills = [
        python("tramgac_agent", "drill", SERIES, kind, *config, *drop)
        for kind in ("--sample", "--full")
    ]
    return [*checks, *drills]


def _rules(place: Place, what: str) -> list[dict[str, Any]]:
    """What ``rules gaps`` or ``rules deadlines`` lists; nothing while the store is busy."""
    config = str(place.root / "collector.toml")
    argv = python("tramgac_collector", "rules", what, "--config", config, "--lang", "en", "--json")
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(done.stdout) if done.returncode == 0 else []
    return found


def standing(place: Place) -> list[tuple[str, str]]:
    """The gaps of this machine's hospital, and its nearest deadline, as the judge found them."""
    gaps = [one for one in _rules(place, "gaps") if not one["due_ms"]]
    gaps.sort(key=lambda one: one["rule"].startswith("product."))  # law before our own defaults
    days = [one for one in _rules(place, "deadlines") if one["gap"]]
    told = [("gap", f"{one['rule']}: {one['text']} [{one['cite']}]") for one in gaps[:1]]
    told += [("gaps", f"{len(gaps)} in all: tramgac-collector rules gaps")] if gaps else []
    told += [
        ("deadline", f"{one['days_left']} days left: {one['text']} [{one['cite']}]")
        for one in days[:1]
    ]
    return told


def enroll(place: Place, host: str) -> None:
    """Give ``host`` an identity, unless it has one."""
    config = place.root / f"{host}.toml"
    role = "probe" if host == PEER else "server"
    made = _must(
        [*python("tramgac_collector", "token", "create"), "--config",
         str(place.root / "collector.toml"), "--facility", FACILITY, "--site", SITE,
         "--host", host, "--role", role, "--json"]
    )  # fmt: skip
    token = place.root / f"{host}.token"
    token.touch(mode=0o600)
    token.write_text(json.loads(made)["token"])
    try:
        _must([*python("tramgac_agent", "enroll"), "--config", str(config), "--host", host,
               "--token-file", str(token)])  # fmt: skip
    finally:
        token.unlink()


def has_identity(place: Place, host: str) -> bool:
    """Whether ``host`` was enrolled by an earlier run."""
    return any((place.root / host / "identity").glob("*.json"))
