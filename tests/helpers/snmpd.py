"""A real snmpd on loopback, with communities and users of its own."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from helpers.backup import until
from helpers.ports import free_udp_port

COMMUNITY, AUTH, PRIVACY = "Geheim-c0mm", "Geheim-auth1", "Geheim-priv1"
WRONG = "Falsch-12345"


def secret(folder: Path, text: str) -> str:
    """A file that holds a secret, as an administrator makes it."""
    path = folder / f"secret-{sha256(text.encode()).hexdigest()[:8]}"
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


@contextmanager
def snmpd(
    folder: Path, address: str = "127.0.0.1", netns: str = "", *, port: int = 0, more: str = ""
) -> Iterator[int]:
    """Yields its port; ends it afterwards. ``more`` are further lines of its configuration."""
    port = port or free_udp_port()
    persistent = folder / "persistent"
    persistent.mkdir(exist_ok=True)
    file = folder / "snmpd.conf"
    file.write_text(
        f"agentaddress udp:{address}:{port}\nrocommunity {COMMUNITY}\n"
        f'createUser keeper SHA "{AUTH}" AES "{PRIVACY}"\nrouser keeper authpriv\n{more}'
    )
    program = shutil.which("snmpd", path="/usr/sbin:/usr/bin") or "snmpd"
    words = [program, "-f", "-Lf", str(folder / "log"), "-C", "-c", str(file), "-I", "-smux"]
    inside = ["ip", "netns", "exec", netns] if netns else []
    environment = {"SNMP_PERSISTENT_DIR": str(persistent), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    process = subprocess.Popen([*inside, *words], env=environment)
    try:
        asked = "127.0.0.1" if netns else address
        until(lambda: _answers(asked, port, inside), seconds=10)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _answers(address: str, port: int, inside: list[str]) -> bool:
    words = ["snmpget", "-v2c", "-c", COMMUNITY, "-t", "0.3", "-r", "0", f"{address}:{port}"]
    done = subprocess.run([*inside, *words, ".1.3.6.1.2.1.1.3.0"], capture_output=True, check=False)
    return done.returncode == 0


def told_device(folder: Path, port: int, **settings: Any) -> dict[str, Any]:
    """A device's table for ``[[checks.snmp.devices]]``."""
    device = {"name": "thing", "address": "127.0.0.1", "port": port, "kind": "host"}
    device |= {"timeout_seconds": 0.5, "interval_seconds": 10.0}
    if settings.get("version") == "3":
        return {**device, **settings}
    return {**device, "community_file": secret(folder, COMMUNITY), **settings}
