"""The hosts that the playbooks are tried on, by themselves."""

import subprocess
from pathlib import Path

from helpers.nspawn import Wanted, hosts


def test_a_host_runs_systemd_lets_the_key_in_and_reaches_nothing_outside(tmp_path: Path) -> None:
    """Hosts see each other by name, have the least a target has, and end without a trace."""
    with hosts(tmp_path, Wanted("web1"), Wanted("web2", {"/opt": "20M"}, "+2h")) as joined:
        web1, web2 = joined.hosts["web1"], joined.hosts["web2"]
        assert web1.shell("cat /proc/1/comm; hostname").split() == ["systemd", "web1"]
        assert web1.shell("cat /etc/machine-id") != web2.shell("cat /etc/machine-id")
        assert web1.shell("ip route").split()[0] == "10.98.0.0/24"
        assert "default" not in web1.shell("ip route; ip -6 route")
        assert "unreachable" in web1.run(*_dial("192.0.2.1")).stdout
        assert "answered" in web1.run(*_dial("web2")).stdout
        assert web1.run("python3", "-m", "pip", "--version", check=False).returncode
        assert web2.shell("df --output=size -B1M /opt").split()[-1] == "20"
        times = [int(joined.ssh(name, "date +%s")) for name in ("web1", "web2")]
        assert 7100 < times[1] - times[0] < 7300
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    assert joined.space not in left.stdout
    assert not Path(f"/proc/{web1.leader}").exists()


def _dial(address: str) -> tuple[str, ...]:
    script = f"""
import socket
try:
    socket.create_connection(({address!r}, 22), 3)
    print("answered")
except OSError as error:
    print(error.strerror)
"""
    return ("python3", "-c", script)
