"""The scrape configuration we ship is one Prometheus accepts."""

import subprocess
from pathlib import Path

SCRAPE = Path(__file__).parents[2] / "dashboards/scrape.yml"


def test_promtool_accepts_the_scrape_configuration() -> None:
    """It finds nothing to complain about."""
    done = subprocess.run(
        ["promtool", "check", "config", str(SCRAPE)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
