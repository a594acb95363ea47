"""docs/install.md at its full size: from a bundle on a stick to ten reporting servers, timed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.ansible_play import Bundle
from helpers.ansible_province import Province, Server, province

# As the page has it, steps 1 and 2.
_CHECK = """
cd {stick}
sha256sum --check {tar}.sha256
openssl pkeyutl -verify -rawin -pubin -inkey tramgac-bundle.pub -in {tar} -sigfile {tar}.sig
mkdir {home}/bundle
tar --extract --file {tar} --directory {home}/bundle --strip-components=1
"""


@pytest.mark.soak
def test_ten_servers_of_two_hospitals_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten servers report after one run; a second run changes nothing; all times are printed."""
    servers = [Server(f"bv-{one}", f"{one}{number}") for one in "ab" for number in range(1, 6)]
    told = [f"load {os.getloadavg()[0]:.1f} before"]
    with province(tmp_path, servers) as made:

        def timed(what: str, deed: Callable[[], None]) -> None:
            began = time.monotonic()
            deed()
            told.append(f"{what} {time.monotonic() - began:.0f} s (load {os.getloadavg()[0]:.1f})")

        timed("stick checked and unpacked", lambda: _unpack(made, tmp_path))
        timed("looked beforehand", lambda: _played(made, "prepare_offline"))
        timed("ten report", lambda: _reported(made))
        timed("second run", lambda: _unchanged(made))
    with capsys.disabled():
        sys.stdout.write(f"\nten servers: {'; '.join(told)}\n")


def _unpack(made: Province, home: Path) -> None:
    stick = home / "bundles/first"
    (tar,) = stick.glob("*.tar")
    script = _CHECK.format(stick=stick, tar=tar.name, home=home)
    subprocess.run(["sh", "-euc", script], check=True, capture_output=True)
    made.control.use(Bundle(home / "bundle", stick / "tramgac-bundle.pub"))


def _played(made: Province, book: str) -> None:
    text = made.control.play(book).clean().text
    assert all(name in text for name in made.names)


def _reported(made: Province) -> None:
    _played(made, "site")
    made.until_heard()


def _unchanged(made: Province) -> None:
    assert made.control.play("site").clean().sums("changed") == {}
