"""The devices of `make run`: this machine's own ports and disks, asked through its snmpd."""

import secrets
import shutil
from pathlib import Path

PORTS, DISKS = "here-ports", "here-disks"


def program() -> str:
    """Where snmpd is; empty: there are no devices in this run."""
    return shutil.which("snmpd", path="/usr/sbin:/usr/bin:/sbin:/bin") or ""


def write_files(folder: Path, port: int) -> None:
    """Its configuration, for loopback only, with a community of its own; made once."""
    community = _secret(folder / "community", f"{secrets.token_urlsafe(18)}\n").read_text().strip()
    config = folder / "here.conf"
    config.unlink(missing_ok=True)
    _secret(config, f"agentaddress udp:127.0.0.1:{port}\nrocommunity {community} 127.0.0.1\n")


def _secret(path: Path, text: str) -> Path:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(text, encoding="ascii")
    return path


def command(folder: Path) -> list[str]:
    """How to run it. It keeps a `snmpd.conf` of its own there and writes nowhere else."""
    told = ["-f", "-Lo", "-C", "-c", str(folder / "here.conf"), "-I", "-smux"]
    return ["env", f"SNMP_PERSISTENT_DIR={folder}", program(), *told]


def inventory(prober: str, port: int) -> str:
    """Lines of a site in the inventory."""
    common = f"address: 127.0.0.1, probed_by: {prober}, snmp: {{port: {port}}}"
    return f"""
        devices:
          - {{id: {PORTS}, kind: switch, {common},
             name: {{vi: "Các cổng mạng của máy này", en: "Ports of this machine"}}}}
          - {{id: {DISKS}, kind: nas, {common},
             name: {{vi: "Các ổ đĩa của máy này", en: "Disks of this machine"}}}}
""".strip("\n")


def checks(folder: Path, port: int) -> str:
    """What the agent is told of them."""
    return "".join(
        f'[[checks.snmp.devices]]\nname = "{name}"\nkind = "{kind}"\naddress = "127.0.0.1"\n'
        f'port = {port}\ncommunity_file = "{folder / "community"}"\n'
        for name, kind in ((PORTS, "switch"), (DISKS, "host"))
    )
