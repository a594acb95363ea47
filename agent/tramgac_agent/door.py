"""Something that listens on a port in a thread of its own."""

import threading
from abc import ABC, abstractmethod
from collections import Counter


class Door(ABC):
    """Subclass, and listen in ``_run`` until ``_halt`` is set.

    Attributes:
        address: Where it listens, once it is open.
        counts: What came of those who knocked, by code.
    """

    def __init__(self, name: str) -> None:
        self._halt = threading.Event()
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.address = ("", 0)
        self.counts: Counter[str] = Counter()

    @abstractmethod
    def _run(self) -> None:
        """Open the port, set ``address`` and ``_opened``, serve."""

    def start(self) -> None:
        """Begin to listen; an address that is taken is tried again, not fatal."""
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Stop listening; what is under way is ended."""
        self._halt.set()
        self._thread.join(timeout)

    def wait_open(self, timeout: float) -> bool:
        """Wait until the port is open; ``address`` is known then."""
        return self._opened.wait(timeout)
