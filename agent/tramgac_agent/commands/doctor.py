"""``tramgac-agent doctor``: why does nothing arrive? One line a finding, each with a way out."""

import argparse
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tramgac_agent.backoff import UNTRUSTED_CAP_SECONDS
from tramgac_agent.commands import doctor_lan
from tramgac_agent.config import DEFAULT_PATH, Config, load_config
from tramgac_agent.identity.files import IdentityFiles
from tramgac_agent.uplink.status import read_status
from tramgac_proto.configfile import EXIT_FAILED, EXIT_OK

_CONNECT_SECONDS = 5.0
_CLOCK_WARN_MS = 30_000
_STALE_SECONDS = 300
# Who is refused knocks this seldom, and is all right to do so.
_REFUSED_STALE_SECONDS = UNTRUSTED_CAP_SECONDS + 60
_MIN_FREE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        fix: What to do; empty when it is well.
    """

    what: str
    ok: bool
    text: str
    fix: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    what = "look at the local network instead of the way to the centre"
    parser.add_argument("about", nargs="?", choices=("lan",), help=what)
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def _state(config: Config) -> Finding:
    folder = config.state_dir
    if not os.access(folder, os.W_OK | os.X_OK):
        fix = f"create {folder} and give it to the user this agent runs as"
        return Finding("state", ok=False, text=f"{folder} is not writable", fix=fix)
    stat = os.statvfs(folder)
    free = stat.f_bavail * stat.f_frsize
    if free < _MIN_FREE_BYTES:
        fix = "make room; until then only the newest results are kept"
        return Finding("state", ok=False, text=f"{free // 2**20} MiB free", fix=fix)
    return Finding("state", ok=True, text=f"{folder}, {free // 2**20} MiB free")


_REPAIR = "make room on, or repair, the file system of the state folder"
_OUTBOX_FIX = {
    "disk_full": _REPAIR,
    "readonly": _REPAIR,
    "corrupt": _REPAIR,
    "full": "old points are given up to make room: let the agent reach the collector",
}
_IDENTITY_FIX = {
    "not_yet_valid": "set this host's clock; it runs behind the certificate",
    "expired": "the agent asks for a new one by itself; if this stays, ask the centre",
}


def _identity(config: Config) -> Finding:
    try:
        identity = IdentityFiles(config.state_dir).load()
    except PermissionError as error:
        text = f"{error.filename}: {error.strerror}"
        return Finding("identity", ok=False, text=text, fix="run doctor as the agent's user")
    if identity is None:
        fix = "get a token from the centre and run `tramgac-agent enroll --token-file FILE`"
        return Finding("identity", ok=False, text="this host is not enrolled", fix=fix)
    verdict = identity.judge(time.time_ns() // 1_000_000)
    place = f"{identity.facility}/{identity.site}/{identity.host}, certificate {verdict}"
    fix = _IDENTITY_FIX.get(verdict, "")
    return Finding("identity", ok=not fix, text=place, fix=fix)


def _reach(what: str, address: str) -> Finding:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS):
            return Finding(what, ok=True, text=f"{address} answers")
    except socket.gaierror as error:
        fix = "check the name in [collector] and this host's DNS, or use an address"
        return Finding(what, ok=False, text=f"{address}: {error.strerror}", fix=fix)
    except (OSError, ValueError) as error:
        fix = "check the address, the collector, and every firewall between"
        return Finding(what, ok=False, text=f"{address}: {error}", fix=fix)


def _uplink(config: Config) -> Iterator[Finding]:
    status = read_status(config.state_dir)
    if status is None:
        yield Finding("uplink", ok=False, text="never ran", fix="start `tramgac-agent run`")
        return
    if status.state == "stopped":
        yield Finding("uplink", ok=False, text="stopped", fix="start `tramgac-agent run`")
        return
    age = time.time() - status.at_ms / 1000
    if age > (_REFUSED_STALE_SECONDS if status.state == "refused" else _STALE_SECONDS):
        fix = "start `tramgac-agent run`, or look at its log"
        yield Finding("uplink", ok=False, text=f"last call {age:.0f} s ago", fix=fix)
    else:
        text = f"{status.state} {status.reason} {status.detail}".strip()
        fix = "" if status.state in {"ok", "starting"} else f"see the reason code `{status.reason}`"
        yield Finding("uplink", ok=not fix, text=text, fix=fix)
    if status.refusals:
        text = ", ".join(f"{number} {code}" for code, number in sorted(status.refusals.items()))
        fix = "tell the centre: its log says which records and why"
        yield Finding("refusals", ok=False, text=f"records refused since start: {text}", fix=fix)
    if abs(status.offset_ms) > _CLOCK_WARN_MS:
        fix = "let this host use a time server; results are corrected meanwhile"
        text = f"{status.offset_ms / 1000:.0f} s between this clock and the centre's"
        yield Finding("clock", ok=False, text=text, fix=fix)
    outbox = f"{status.backlog_records} records wait, state {status.outbox_state or 'unknown'}"
    fix = _OUTBOX_FIX.get(status.outbox_state, "")
    yield Finding("outbox", ok=not fix, text=outbox, fix=fix)


def examine(config: Config) -> list[Finding]:
    """Look at everything between this host's disk and the collector."""
    checks = ", ".join(sorted(config.checks)) or "none"
    findings = [
        Finding("config", ok=True, text=f"{config.path}: usable; checks: {checks}"),
        _state(config),
        _identity(config),
        _reach("collector", config.collector.address),
    ]
    if config.collector.enrollment_address:
        findings.append(_reach("enrolment", config.collector.enrollment_address))
    return [*findings, *_uplink(config)]


def main(args: argparse.Namespace) -> int:
    """Print what was found; exit code 1 when something needs a hand."""
    config = load_config(args.config)
    if args.about == "lan":
        return doctor_lan.main(config, as_json=args.json)
    findings = examine(config)
    if args.json:
        sys.stdout.write(json.dumps([asdict(one) for one in findings], indent=2) + "\n")
    else:
        for one in findings:
            sys.stdout.write(f"{'ok     ' if one.ok else 'PROBLEM'} {one.what}: {one.text}\n")
            if one.fix:
                sys.stdout.write(f"        -> {one.fix}\n")
    return EXIT_OK if all(one.ok for one in findings) else EXIT_FAILED
