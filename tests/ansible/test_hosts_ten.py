"""docs/install.md at its full size: from a bundle on a stick to ten reporting servers, timed."""

import sys
import time
from pathlib import Path

import pytest
from helpers.ansible_province import Server, province


@pytest.mark.soak
def test_ten_servers_of_two_hospitals_report(tmp_path: Path) -> None:
    """Ten servers report after one run; a second run changes nothing; both times are printed."""
    servers = [Server(f"bv-{one}", f"{one}{number}") for one in "ab" for number in range(1, 6)]
    with province(tmp_path, servers) as made:
        began = time.monotonic()
        made.control.play("site").clean()
        made.until_heard()
        first = time.monotonic() - began
        began = time.monotonic()
        assert made.control.play("site").clean().sums("changed") == {}
        again = time.monotonic() - began
    sys.stdout.write(f"\nten servers: {first:.0f} s to report, {again:.0f} s to look again\n")
