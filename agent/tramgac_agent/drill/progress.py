"""How far a drill is, for the person at the keyboard; a scheduled one tells nobody."""

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_SECONDS = 0.5


class Progress:
    """Tells nobody."""

    def begin(self, what: str, total_bytes: int) -> None:
        """A part of the drill begins."""

    def reach(self, done_bytes: int) -> None:
        """Of ``total_bytes``, so many are done."""

    def close(self) -> None:
        """Nothing more will come."""


class Bar(Progress):
    """A bar on standard error."""

    def __init__(self) -> None:
        from tqdm import tqdm  # noqa: PLC0415 - of no use to the timer

        self._bar = tqdm(file=sys.stderr, unit="B", unit_scale=True, leave=False, delay=0.5)

    def begin(self, what: str, total_bytes: int) -> None:
        """Start again at nothing."""
        self._bar.reset(total=max(1, total_bytes))
        self._bar.set_description(what)

    def reach(self, done_bytes: int) -> None:
        """Move to ``done_bytes``, never back and never beyond the end."""
        end = self._bar.total or 0
        self._bar.update(max(0, min(done_bytes, end) - self._bar.n))

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()


def progress_for(*, by_hand: bool) -> Progress:
    """A bar where somebody looks at a terminal."""
    return Bar() if by_hand and sys.stderr.isatty() else Progress()


@contextmanager
def filling(folder: Path, progress: Progress) -> Iterator[None]:
    """Tell how the volume of ``folder`` fills; no restic before 0.16 says how far it is."""
    free = shutil.disk_usage(folder).free
    done = threading.Event()

    def look() -> None:
        while not done.wait(_POLL_SECONDS):
            progress.reach(free - shutil.disk_usage(folder).free)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
