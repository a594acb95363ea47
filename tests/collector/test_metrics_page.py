"""The page about metrics says what the code says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_metrics_is_up_to_date() -> None:
    """A change of the catalogue without `scripts/gen-docs` is noticed."""
    command = [sys.executable, str(ROOT / "scripts/gen-docs"), "--check"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
