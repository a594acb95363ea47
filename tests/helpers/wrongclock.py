"""A wrong wall clock for one process, by libfaketime; the machine's own is never touched.

Three settings make it behave like a real wrong clock:

- CLOCK_MONOTONIC and CLOCK_BOOTTIME stay true, as they do when a clock is set
  (``FAKETIME_DONT_FAKE_MONOTONIC``).
- libfaketime 0.9.10 then refuses ``clock_nanosleep`` on the monotonic clock, which is what
  ``time.sleep`` of Python 3.11 calls; a ``sitecustomize`` sleeps by ``select`` instead.
- The offset is read from a file at each call, so that the clock can be stepped while the
  process runs.
"""

import sysconfig
from pathlib import Path

_SITE = """import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


class WrongClock:
    """A clock ``offset`` seconds off the true one; ``environment`` gives it to a process."""

    def __init__(self, folder: Path, offset: int = 0) -> None:
        self._file = folder / "faketime"
        self._site = folder / "faketime-site"
        self._site.mkdir()
        (self._site / "sitecustomize.py").write_text(_SITE)
        self.set(offset)

    def set(self, offset: int) -> None:
        """Step it, whoever is looking."""
        scratch = self._file.with_suffix(".new")
        scratch.write_text(f"{offset:+d}\n")
        scratch.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """Variables for the process that is to believe it."""
        triplet = sysconfig.get_config_var("MULTIARCH")
        return {
            "LD_PRELOAD": f"/usr/lib/{triplet}/faketime/libfaketimeMT.so.1",
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(self._site),
        }
