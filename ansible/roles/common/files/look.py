"""What preflight wants to know of a host, and what is wrong with it, as one line of JSON.

Runs on the target with whatever Python is there, so: standard library, and nothing newer than 3.6.
Argument: a JSON object, see ``tasks/look.yml``. Every complaint says what was found and what helps.
"""

import json
import os
import platform
import socket
import subprocess
import sys

_MIB = 1024 * 1024


def _numbers(version):
    return [int(part) for part in version.split(".")]


def python_complaints(asked):
    """Too old, or newer than any wheel that was brought along."""
    found = list(sys.version_info[:2])
    if _numbers(asked["minimum"]) <= found <= _numbers(asked["maximum"]):
        return
    yield (
        "%s is Python %d.%d, needed is %s to %s: install one of these beside it and set common_python"
        % (asked["python"], found[0], found[1], asked["minimum"], asked["maximum"])
    )


def systemd_complaints(_asked):
    """Whether this machine was started by systemd."""
    if not os.path.isdir("/run/systemd/system"):
        yield "systemd does not run here: this system cannot be served"


def room_complaints(asked):
    """Free space, by mount point, of what an installation fills."""
    needed = int(asked["free_mebibytes"])
    for folder in ("/opt", "/var"):
        place = folder if os.path.isdir(folder) else "/"
        stat = os.statvfs(place)
        free = stat.f_bavail * stat.f_frsize // _MIB
        if free < needed:
            yield (
                "%d MiB are free in %s, needed are %d: make room, or lower common_free_mebibytes"
                % (free, folder, needed)
            )


def clock_complaints(asked):
    """The clock that `date` tells, against that of the control host."""
    ours = int(subprocess.check_output(["date", "+%s"], timeout=10))
    apart = ours - int(asked["control_clock"])
    if abs(apart) > int(asked["clock_seconds"]):
        yield (
            "the clock is %d s %s that of the control host (here %d, there %s seconds since 1970): "
            "set the wrong one of the two, then keep it by NTP"
            % (abs(apart), "ahead of" if apart > 0 else "behind", ours, asked["control_clock"])
        )


def door_complaints(asked):
    """Each ``name:port`` of the collector, tried for as long as was said."""
    for door in asked["reach"]:
        name, _, port = door.rpartition(":")
        if not name or not port.isdigit():
            yield (
                "`%s` is no address of the collector: set tramgac_collector_address to NAME:PORT"
                % door
            )
            continue
        try:
            socket.create_connection(
                (name.strip("[]"), int(port)), float(asked["reach_seconds"])
            ).close()
        except socket.gaierror as error:
            yield (
                "the name of the collector, %s, cannot be resolved (%s): mend DNS or /etc/hosts, "
                "or use its address" % (name, error.strerror)
            )
        except OSError as error:
            yield (
                "port %s of the collector, %s, cannot be reached (%s): start the collector, or "
                "open the port in every firewall between" % (port, name, error)
            )


def main():
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
        "python": "%d.%d" % sys.version_info[:2],
        "machine": platform.machine(),
        "complaints": [text for look in looks for text in look(asked)],
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
