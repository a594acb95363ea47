"""The ingest process itself: start, refusals, handshakes counted, clean stop."""

import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.stack import Stack, poll


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Files of a collector; nothing runs yet."""
    stack = Stack(tmp_path)
    yield stack
    stack.close()


def ingest(config: Path) -> "subprocess.CompletedProcess[str]":
    """Run the process to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tramgac_collector.ingest", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def connect_without_certificate(port: int) -> None:
    """Begin a handshake as no agent of ours would."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        try:
            with context.wrap_socket(raw) as secured:
                secured.recv(1)
        except OSError:
            return  # refused, one way or the other


# Opening a door takes a while, as on a busy machine.
_SLOW_DOORS = """
import time
import grpc.aio
_server = grpc.aio.server
def slowly(*args, **kwargs):
    time.sleep(1.5)
    return _server(*args, **kwargs)
grpc.aio.server = slowly
"""


def test_ready_means_that_agents_can_call(stack: Stack) -> None:
    """The page of metrics answers before the doors are open; until they are, it is not ready."""
    (stack.root / "sitecustomize.py").write_text(_SLOW_DOORS)
    config = str(stack.root / "collector.toml")
    argv = [sys.executable, "-m", "tramgac_collector.ingest", "--config", config]
    stack._spawn("ingest", argv, PYTHONPATH=str(stack.root))
    poll(lambda: stack.get("/-/healthy"), bool, 30, "the page answers")
    assert stack.get("/-/ready") == ""
    stack.wait_ready()
    for door in ("grpc", "enrollment"):
        socket.create_connection(("127.0.0.1", stack.ports[door]), timeout=5).close()


def test_a_life_from_start_to_stop(stack: Stack) -> None:
    """It becomes ready, counts strangers at the door, refuses a twin, and stops with 0."""
    stack.start_collector()

    def knock() -> float:
        connect_without_certificate(stack.ports["grpc"])
        return stack.metrics().get("tramgac_collector_handshake_failures_total", 0.0)

    poll(knock, lambda failures: failures >= 1, 30, "a failed handshake counted")
    assert "Handshake failed" in stack.log("ingest")
    twin = ingest(stack.root / "collector.toml")
    assert twin.returncode == 1
    port = stack.ports["metrics"]
    assert f"cannot start: metrics: 127.0.0.1:{port} cannot be used" in twin.stderr
    assert "alembic" not in twin.stderr
    process = stack.running["ingest"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert "stopped" in stack.log("ingest")


def test_a_bad_configuration_ends_with_78(tmp_path: Path) -> None:
    """A mistyped key is named and nothing is started."""
    config = tmp_path / "collector.toml"
    config.write_text("[collector]\nstate_dri = '/nowhere'\n")
    done = ingest(config)
    assert done.returncode == 78
    assert "state_dri" in done.stderr


def test_db_upgrade(stack: Stack) -> None:
    """The command makes the store; a second time there is nothing to do."""
    for _ in range(2):
        assert "up to date" in stack.collector_command("db", "upgrade")
    assert stack.query("SELECT count(*) FROM agents") == [(0,)]
