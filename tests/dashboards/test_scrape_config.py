"""The configurations we ship are ones that Prometheus and Alertmanager accept."""

import subprocess
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "dashboards/examples"


@pytest.mark.parametrize("name", ["prometheus", "remote-write"])
def test_promtool_accepts_a_configuration(name: str) -> None:
    """With all of its rules; it finds nothing to complain about."""
    done = subprocess.run(
        ["promtool", "check", "config", str(EXAMPLES / f"{name}.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 rule files found" in done.stdout


def test_amtool_accepts_the_routing() -> None:
    """It finds nothing to complain about."""
    done = subprocess.run(
        ["amtool", "check-config", str(EXAMPLES / "alertmanager.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
