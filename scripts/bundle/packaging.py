"""What a deb or rpm of the agent puts on a machine, beside its Python environment."""

from pathlib import Path
from typing import Any

import jinja2
import yaml

ROLE = Path("ansible/roles/agent")
CONFIG = """\
# What each setting means: docs/operate.md. `tramgac-agent check-config` says what is wrong.
[agent]

[collector]
# Where the centre listens, as in "monitor.example.vn:8443".
address = ""

[checks.disk]
[checks.self]
[checks.uptime]
"""
SYSUSERS = 'u tramgac - "Tram Gac agent" /nonexistent /usr/sbin/nologin\n'
TMPFILES = """\
d /etc/tramgac/agent.d 0750 root tramgac -
d /etc/tramgac/snmp 0750 root tramgac -
d /var/lib/tramgac 0755 root root -
d /var/lib/tramgac/agent 0750 tramgac tramgac -
d /var/lib/tramgac/agent/drop 3770 tramgac tramgac -
"""
# Compiled here, by the Python it is for: the service may not write there itself.
POSTINSTALL = """\
#!/bin/sh
set -e
systemd-sysusers /usr/lib/sysusers.d/tramgac-agent.conf
systemd-tmpfiles --create /usr/lib/tmpfiles.d/tramgac-agent.conf
{root}/bin/python -m compileall -q {root}/lib
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart tramgac-agent.service
fi
"""
PREREMOVE = """\
#!/bin/sh
set -e
# Debian says upgrade, rpm says 1, when another version takes over at once.
case "$1" in
  remove | 0) [ ! -d /run/systemd/system ] || systemctl disable --now tramgac-agent.service ;;
esac
find {root} -type d -name __pycache__ -prune -exec rm -rf {{}} +
"""
PROGRAM = """\
#!{root}/bin/python
import sys

from tramgac_agent.__main__ import main

sys.exit(main())
"""


def unit(tree: Path) -> str:
    """The service, from the template of the Ansible role with the role's own defaults."""
    defaults = yaml.safe_load((tree / ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
    file = tree / ROLE / "templates/tramgac-agent.service.j2"
    shown = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)  # noqa: S701 - a unit, not a page
    shown.filters["bool"] = bool
    template = shown.from_string(file.read_text(encoding="utf-8"))
    text = template.render({**defaults, "agent_raw": True}) + "\n"
    return text.replace("# Written by Ansible.\n", "# Part of the package tramgac-agent.\n")


def contents(payload: Path) -> list[dict[str, Any]]:
    """What nfpm packs: no folder of other packages; the configuration survives upgrades."""
    listed: list[dict[str, Any]] = [
        {"src": f"{payload}/opt/tramgac", "dst": "/opt/tramgac", "type": "tree"},
    ]
    for path in sorted((payload / "usr").rglob("*")):
        name = f"/{path.relative_to(payload)}"
        if path.is_symlink():
            listed.append({"src": str(path.readlink()), "dst": name, "type": "symlink"})
        elif path.is_file():
            listed.append({"src": str(path), "dst": name})
    config = "/etc/tramgac/agent.toml"
    return [*listed, {"src": f"{payload}{config}", "dst": config, "type": "config|noreplace"}]
