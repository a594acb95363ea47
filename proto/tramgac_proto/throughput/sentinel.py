"""The harm guard: asks a neighbour all the time, and says stop when others have to wait.

Runs in a thread beside the test. Whoever works on the same path feels what the sentinel
feels, so it decides by round trips alone, whoever causes them.
"""

import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

from tramgac_proto.throughput.echoes import Echoes, IcmpEchoes, TcpEchoes
from tramgac_proto.throughput.plane import LOST, ROSE, Watched

RISE_SECONDS = 0.010
STRIKES = 2
# So many lost among the newest: a loss of 1 % is the path's own and no harm of ours.
LOST_LIMIT = 3
LOST_AMONG = 25
_ICMP_SPACING_SECONDS = 0.012
# Each of these is a connection to the neighbour.
_TCP_SPACING_SECONDS = 0.040
_BASELINE_COUNT = 12
_BASELINE_LEAST = 6
_ANSWER_SECONDS = 0.3
# Longer than a path needs to drain what the test had under way, and than another connection's
# queue stays short after it lost something.
_CALM_SECONDS = 0.4
_CALM_WITHIN_SECONDS = 1.0


class Verdict:
    """Decides from answers, in the order of the questions. No clock, no sockets.

    Args:
        baseline: Median round trip before the test, seconds.
        rise: How much longer is too long.
    """

    def __init__(self, baseline: float, rise: float = RISE_SECONDS) -> None:
        self._limit = baseline + rise
        self._waiting: dict[int, float] = {}
        self._newest: deque[bool] = deque(maxlen=LOST_AMONG)
        self._strikes = 0
        self.trips: list[float] = []
        self.lost = 0
        self.calm = 0
        self.reason = ""

    def asked(self, number: int, now: float) -> None:
        """Question ``number`` left at ``now``."""
        self._waiting[number] = now

    def answered(self, number: int, trip: float) -> None:
        """Its answer came; older questions without one are lost, not late."""
        for older in [one for one in self._waiting if one < number]:
            del self._waiting[older]
            self._newest.append(True)
            self.lost += 1
        self._waiting.pop(number, None)
        self._newest.append(False)
        self.trips.append(trip)
        self.calm = self.calm + 1 if trip <= self._limit else 0
        self._strikes = self._strikes + 1 if trip > self._limit else 0
        self._decide(self._strikes)

    def look(self, now: float) -> None:
        """Questions that wait longer than the limit are late already."""
        late = sum(now - asked > self._limit for asked in self._waiting.values())
        self._decide(self._strikes + late)

    def _decide(self, late: int) -> None:
        if self.reason:
            return
        if late >= STRIKES:
            self.reason = ROSE
        elif sum(self._newest) >= LOST_LIMIT:
            self.reason = LOST


class Sentinel:
    """Asks before the test for the baseline, and during it until it is ended.

    Args:
        echoes: Under way to the neighbour.
        spacing: Seconds between two questions.
    """

    def __init__(self, echoes: Echoes, spacing: float) -> None:
        self._echoes = echoes
        self._spacing = spacing
        self._look_seconds = min(spacing, echoes.look_seconds)
        self._verdict = Verdict(0.0)
        self._baseline = 0.0
        self._number = 0
        self._recovered: bool | None = None
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sentinel", daemon=True)

    def settle(self) -> bool:
        """Take the baseline; False when the neighbour does not answer well enough."""
        trips: list[float] = []
        for _ in range(_BASELINE_COUNT):
            self._number += 1
            self._echoes.ask(self._number)
            trips += (trip for _, trip in self._listen(self._spacing))
        until = time.monotonic() + _ANSWER_SECONDS
        while len(trips) < _BASELINE_COUNT and time.monotonic() < until:
            trips += (trip for _, trip in self._listen(self._spacing))
        if len(trips) < _BASELINE_LEAST:
            return False
        self._baseline = statistics.median(trips)
        return True

    def begin(self, own_queue_seconds: float = 0.0) -> None:
        """Watch from now on; ``own_queue_seconds`` of waiting are what the test itself may make."""
        self._verdict = Verdict(self._baseline, RISE_SECONDS + own_queue_seconds)
        self._thread.start()

    def stop(self) -> str:
        """Why the test has to end; empty while it may go on."""
        return self._verdict.reason

    def await_calm(self) -> None:
        """After the guard stopped the test: see whether the others need not wait any more."""
        until = time.monotonic() + _CALM_WITHIN_SECONDS
        enough = math.ceil(_CALM_SECONDS / self._spacing)
        self._verdict.calm = 0
        while self._verdict.calm < enough and time.monotonic() < until:
            time.sleep(self._spacing)
        self._recovered = self._verdict.calm >= enough

    def end(self) -> Watched:
        """Stop asking and say what was seen."""
        self._halt.set()
        if self._thread.is_alive():
            self._thread.join()
        self._echoes.close()
        trips = self._verdict.trips
        return Watched(
            baseline_seconds=self._baseline,
            shift_seconds=statistics.median(trips) - self._baseline if trips else None,
            worst_seconds=max(trips, default=0.0),
            asked=len(trips) + self._verdict.lost,
            lost=self._verdict.lost,
            recovered=self._recovered,
        )

    def _listen(self, seconds: float) -> list[tuple[int, float]]:
        """Wait; what was answered, in the order of asking: an answer makes those before it lost."""
        until = time.monotonic() + seconds
        found: list[tuple[int, float]] = []
        while (left := until - time.monotonic()) > 0 and not self._halt.is_set():
            self._halt.wait(min(left, self._look_seconds))
            found += self._echoes.answers()
        return sorted(found)

    def _run(self) -> None:
        first = self._number
        while not self._halt.is_set():
            self._number += 1
            self._verdict.asked(self._number, time.monotonic())
            self._echoes.ask(self._number)
            for number, trip in self._listen(self._spacing):
                if number > first:
                    self._verdict.answered(number, trip)
            self._verdict.look(time.monotonic())


def _attempts(addresses: Iterable[str], port: int) -> Iterable[tuple[Callable[[], Echoes], float]]:
    for address in addresses:
        yield (lambda address=address: IcmpEchoes(address)), _ICMP_SPACING_SECONDS  # type: ignore[misc]
        if port:
            yield (lambda address=address: TcpEchoes(address, port)), _TCP_SPACING_SECONDS  # type: ignore[misc]


def post(addresses: Iterable[str], port: int = 0) -> Sentinel | None:
    """A sentinel with a baseline, at the first neighbour that answers; None if none does.

    Args:
        addresses: IPv4 addresses, the best first.
        port: Where ICMP is not allowed or not answered, ask for a handshake with this port.
    """
    for make, spacing in _attempts(addresses, port):
        with suppress(OSError):
            echoes = make()
            sentinel = Sentinel(echoes, spacing)
            if sentinel.settle():
                return sentinel
            echoes.close()
    return None
