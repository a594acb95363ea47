"""The ingest process takes as many connections as the system lets it."""

import subprocess
import sys


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    """Started with the usual soft limit, it has room for every agent of a province."""
    code = """
import resource
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, min(hard, 4096)))
from tramgac_collector.ingest.__main__ import _allow_connections
_allow_connections()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    soft, hard = done.stdout.split()
    assert soft == hard
