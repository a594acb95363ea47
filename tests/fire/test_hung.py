"""A hung mount, a hung restic and a silent name server at once: each costs only itself."""

import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.mounts import hung_mount
from helpers.stack import Stack, poll

from tramgac_proto.v1 import fleet_pb2

HEALTHY = ("link", "self", "tick", "uptime")
CHECKS = """
[checks.tick]
interval_seconds = 0.5
[checks.uptime]
interval_seconds = 0.5
[checks.self]
interval_seconds = 0.5
[checks.link]
interval_seconds = 0.5
[checks.disk]
interval_seconds = 2
[checks.repository]
interval_seconds = 2
deadline_seconds = 8
probes = ["{folder}/probe.toml"]
[checks.latency]
interval_seconds = 2
probes = 2
spacing_seconds = 0.05
timeout_seconds = 0.5
[[checks.latency.targets]]
name = "collector"
address = "127.0.0.1"
method = "tcp"
tcp_port = {port}
[[checks.latency.targets]]
name = "pacs"
address = "pacs.hospital.example"
[checks.service]
interval_seconds = 2
[[checks.service.systems]]
system = "his"
kind = "tcp"
address = "127.0.0.1:{port}"
[[checks.service.systems]]
system = "lis"
kind = "tcp"
address = "lis.hospital.example:104"
tries = 1
timeout_seconds = 1
"""
PROBE = """
repository = "{folder}/repository"
password_file = "{folder}/password"
restic = "{folder}/restic"
state_dir = "{folder}/probe-state"
deadline_seconds = 1
[[series]]
id = "bv-test/h1/db@nas"
"""
# Gives the agent a resolv.conf of its own, in mounts of its own.
WITH_RESOLVER = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


@pytest.fixture
def silent_resolver(tmp_path: Path) -> Iterator[Path]:
    """A resolv.conf that names a server which takes queries and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        for last in range(1, 255):
            try:
                server.bind((f"127.53.53.{last}", 53))
            except OSError:
                continue
            break
        path = tmp_path / "resolv.conf"
        path.write_text(f"nameserver {server.getsockname()[0]}\n")
        yield path


def hung_restic(folder: Path) -> None:
    """A restic that neither answers nor heeds SIGTERM, and the probe that calls it."""
    script = folder / "restic"
    script.write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n")
    script.chmod(0o755)
    (folder / "password").write_text("made up")
    (folder / "probe.toml").write_text(PROBE.format(folder=folder))


def times(stack: Stack, check: str) -> list[int]:
    """Event times of a check's records, each once."""
    rows = stack.query("SELECT payload, event_ms FROM records ORDER BY event_ms")
    found = [at for raw, at in rows if fleet_pb2.Record.FromString(raw).observation.check == check]
    return sorted(set(found))


def shown(stack: Stack, start: str) -> dict[str, float]:
    """Series of ``h1`` that begin with ``start``."""
    return {
        key: value
        for key, value in stack.metrics().items()
        if key.startswith(start) and 'host="h1"' in key
    }


def of(found: dict[str, float], label: str) -> float | None:
    """The value of the one series that carries ``label``."""
    return next((value for key, value in found.items() if label in key), None)


def test_what_hangs_fails_alone(stack: Stack, silent_resolver: Path, tmp_path: Path) -> None:
    """Mount, restic and names hang together; what answers is measured, at its own pace."""
    hung_restic(tmp_path)
    checks = CHECKS.format(folder=tmp_path, port=stack.ports["grpc"])
    stack.write_agent("h1", checks=checks)
    with hung_mount(tmp_path / "hung"):
        own_mounts = ("unshare", "--mount", "sh", "-c", WITH_RESOLVER, str(silent_resolver))
        stack.start_agent("h1", *own_mounts, TRAMGAC_RESTIC_GRACE_SECONDS="0.3")
        stack.wait_ticks(10)
        success = poll(
            lambda: shown(stack, "tramgac_check_success"),
            lambda found: of(found, 'check="repository"') == 0 and of(found, 'check="disk"') == 1,
            30,
            "restic fails, disk does not",
        )
        hung = shown(stack, "tramgac_filesystem_hung")
        assert of(hung, str(tmp_path / "hung")) == 1
        assert of(hung, 'mountpoint="/"') == 0
        assert of(shown(stack, "tramgac_filesystem_size_bytes"), 'mountpoint="/"')
        up = poll(
            lambda: shown(stack, "tramgac_service_up"), lambda found: len(found) == 2, 20, "service"
        )
        assert (of(up, 'system="his"'), of(up, 'system="lis"')) == (1, 0)
        rtt = poll(lambda: shown(stack, "tramgac_path_rtt_seconds"), bool, 20, "latency")
        assert of(rtt, 'target="collector"') is not None
        assert of(rtt, 'target="pacs"') is None
        readable = shown(stack, "tramgac_backup_repository_readable")
        assert of(readable, "bv-test/h1/db@nas") == 0
        assert [of(success, f'check="{name}"') for name in HEALTHY] == [1] * len(HEALTHY)
        stack.wait_ticks(len(stack.handed_ticks()) + 2)
        for name in HEALTHY:
            gaps = [two - one for one, two in pairwise(times(stack, name))]
            assert len(gaps) >= 8, name
            assert max(gaps) < 4_000, f"{name} was held up: {gaps}"
            assert sorted(gaps)[len(gaps) // 2] < 1_000, f"{name} has lost its pace: {gaps}"
        stack.stop("h1")
