"""Preflight's look at a host, run as the roles run it: any Python, one argument, one line back."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.ports import free_port

LOOK = Path(__file__).parents[2] / "ansible/roles/common/files/look.py"


def look(**asked: object) -> dict[str, Any]:
    question = {
        "minimum": "3.10",
        "maximum": "3.13",
        "python": "/usr/bin/python3",
        "free_mebibytes": 1,
        "clock_seconds": 60,
        "control_clock": str(int(time.time())),
        "reach_seconds": 5,
        "reach": [],
    }
    done = subprocess.run(
        [sys.executable, "-I", LOOK, json.dumps(question | asked)],
        check=True,
        capture_output=True,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def complaints(**asked: object) -> list[str]:
    """All but that of systemd: where tests run there may be none."""
    return [text for text in look(**asked)["complaints"] if "systemd" not in text]


def test_a_host_that_will_do_has_no_complaint() -> None:
    """Python and machine are told, and nothing else."""
    assert look()["python"] == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert look()["machine"]
    assert complaints() == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"minimum": "3.99", "maximum": "3.99"}, ("needed is 3.99", "set common_python")),
        ({"free_mebibytes": 10**9}, ("are free in /opt", "make room")),
        ({"control_clock": "1000"}, ("ahead of", "NTP")),
        ({"control_clock": "9999999999"}, ("behind", "NTP")),
        ({"reach": ["tramgac.invalid:8443"]}, ("tramgac.invalid, cannot be resolved", "DNS")),
        ({"reach": ["nowhere"]}, ("`nowhere` is no address", "NAME:PORT")),
    ],
)
def test_what_is_wrong_is_said_with_what_helps(
    asked: dict[str, object], words: tuple[str, ...]
) -> None:
    """Each complaint names what was found and what to do."""
    (told, *_) = complaints(**asked)

    assert all(word in told for word in words)


def test_a_closed_port_is_told_with_its_number() -> None:
    """Whoever opens firewalls must know which port."""
    port = free_port()
    (told,) = complaints(reach=[f"127.0.0.1:{port}"])

    assert f"port {port} of the collector, 127.0.0.1, cannot be reached" in told


def test_everything_wrong_is_told_at_once() -> None:
    """Nobody comes twice for two faults."""
    assert len(complaints(free_mebibytes=10**9, control_clock="1000")) == 3
