"""What preflight wants to know of a host, and what is wrong with it, as one line of JSON.

Runs on the target with whatever Python is there, so: standard library, and nothing newer than 3.6.
Argument: a JSON object, see ``tasks/look.yml``. Every complaint says what was found and what helps.
"""  # noqa: INP001 - brought to hosts as one file

import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MIB = 1024 * 1024


def _numbers(version: str) -> "list[int]":
    return [int(part) for part in version.split(".")]


def python_complaints(asked: "dict[str, Any]") -> "Iterator[str]":
    """Too old, or newer than any wheel that was brought along."""
    found = list(sys.version_info[:2])
    least, most = asked["minimum"], asked["maximum"]
    if not _numbers(least) <= found <= _numbers(most):
        yield (
            f"{asked['python']} is Python {found[0]}.{found[1]}, needed is {least} to {most}: "
            "install one of these beside it and set common_python"
        )


def systemd_complaints(_asked: "dict[str, Any]") -> "Iterator[str]":
    """Whether this machine was started by systemd."""
    if not Path("/run/systemd/system").is_dir():
        yield "systemd does not run here: this system cannot be served"


def room_complaints(asked: "dict[str, Any]") -> "Iterator[str]":
    """Free space of what an installation fills, in MiB."""
    needed = int(asked["free_mebibytes"])
    for folder in ("/opt", "/var"):
        stat = os.statvfs(folder if Path(folder).is_dir() else "/")
        free = stat.f_bavail * stat.f_frsize // _MIB
        if free < needed:
            yield (
                f"{free} MiB are free in {folder}, needed are {needed}: make room, or lower "
                "common_free_mebibytes"
            )


def clock_complaints(asked: "dict[str, Any]") -> "Iterator[str]":
    """The clock that `date` tells, against that of the control host."""
    ours = int(subprocess.check_output(["date", "+%s"], timeout=10))  # noqa: S607 - every host's own
    apart = ours - int(asked["control_clock"])
    if abs(apart) > int(asked["clock_seconds"]):
        side = "ahead of" if apart > 0 else "behind"
        yield (
            f"the clock is {abs(apart)} s {side} that of the control host (here {ours}, there "
            f"{asked['control_clock']} seconds since 1970): set the wrong one of the two, then "
            "keep it by NTP"
        )


def door_complaints(asked: "dict[str, Any]") -> "Iterator[str]":
    """Each ``name:port`` of the collector, tried for as long as was said."""
    for door in asked["reach"]:
        name, _, port = door.rpartition(":")
        if not name or not port.isdigit():
            yield (
                f"`{door}` is no address of the collector: set tramgac_collector_address to "
                "NAME:PORT"
            )
            continue
        place = (name.strip("[]"), int(port))
        try:
            socket.create_connection(place, float(asked["reach_seconds"])).close()
        except socket.gaierror as error:
            yield (
                f"the name of the collector, {name}, cannot be resolved ({error.strerror}): mend "
                "DNS or /etc/hosts, or use its address"
            )
        except OSError as error:
            yield (
                f"port {port} of the collector, {name}, cannot be reached ({error}): start the "
                "collector, or open the port in every firewall between"
            )


def main() -> None:
    """Print the answer; exit code 0 whatever was found."""
    asked = json.loads(sys.argv[1])
    looks = (
        python_complaints,
        systemd_complaints,
        room_complaints,
        clock_complaints,
        door_complaints,
    )
    answer = {
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "machine": platform.machine(),
        "complaints": [text for look in looks for text in look(asked)],
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
