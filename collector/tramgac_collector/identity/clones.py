"""Two machines on one certificate: the first stays, the second is refused.

Every agent process sends a random ``instance`` and its machine's fingerprint. Three things
look alike at first, and are told apart like this:

- *A restart*: a new instance, same fingerprint, and the old instance is never heard again.
  The new one takes over at once.
- *A copied disk in another machine*: a new instance with another fingerprint while the
  first is live. Refused at once. Where the enrolled fingerprint is known, the machine that
  enrolled counts as the first, whoever spoke first since this process started.
- *A copy with the same fingerprint* (container, cloned virtual machine): at first taken
  for a restart. It is found out when the old instance speaks again more than ``LATE_MS``
  after it was replaced, longer than any call of a dead process can be under way.

A refused instance stays refused until the first has been silent for ``QUIET_MS``, so that
a short reboot of the original does not let the copy in. What it cannot tell: a copy whose
original never speaks again is a moved disk.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from tramgac_collector.identity.codes import Code

# A call has a deadline of 20 s; whatever comes later was sent by a process that lives.
LATE_MS = 30_000
QUIET_MS = 600_000
# Instances remembered per agent: a crash loop must not grow the memory.
MAX_INSTANCES = 8


def _nobody(_agent_id: str) -> bytes:
    return b""


@dataclass(slots=True)
class _Seat:
    """Who may speak for one agent.

    Attributes:
        replaced: Former holders of the seat, and when each was replaced.
        refused: Instances found to be copies.
    """

    instance: bytes
    fingerprint: bytes
    last_ms: int
    replaced: OrderedDict[bytes, int] = field(default_factory=OrderedDict)
    refused: OrderedDict[bytes, None] = field(default_factory=OrderedDict)

    def give(self, instance: bytes, fingerprint: bytes, now_ms: int) -> None:
        self.replaced[self.instance] = now_ms
        self.replaced.pop(instance, None)
        self.refused.pop(instance, None)
        if len(self.replaced) > MAX_INSTANCES:
            self.replaced.popitem(last=False)
        self.instance, self.fingerprint, self.last_ms = instance, fingerprint, now_ms

    def take_back(self, instance: bytes, fingerprint: bytes, now_ms: int) -> None:
        """The holder is found to be the copy; the first gets its seat again."""
        copy = self.instance
        self.give(instance, fingerprint, now_ms)
        self.replaced.pop(copy, None)
        self.refuse(copy)

    def refuse(self, instance: bytes) -> None:
        self.refused[instance] = None
        if len(self.refused) > MAX_INSTANCES:
            self.refused.popitem(last=False)


class CloneWatch:
    """Sees every report of every agent. In memory only: a restart of the collector forgets.

    Args:
        enrolled: Fingerprint an agent enrolled with; empty if not known.
    """

    def __init__(self, enrolled: Callable[[str], bytes] = _nobody) -> None:
        self._enrolled = enrolled
        self._seats: dict[str, _Seat] = {}

    def forget(self, agent_id: str) -> None:
        """The agent was denied or re-enrolled."""
        self._seats.pop(agent_id, None)

    def observe(
        self, agent_id: str, instance: bytes, fingerprint: bytes, now_ms: int
    ) -> str | None:
        """Note one report; ``cloned`` if it comes from the second machine."""
        seat = self._seats.get(agent_id)
        if seat is None:
            self._seats[agent_id] = _Seat(instance, fingerprint, now_ms)
            return None
        if instance == seat.instance:
            seat.last_ms = max(seat.last_ms, now_ms)
            seat.fingerprint = fingerprint
            return None
        if now_ms - seat.last_ms > QUIET_MS:
            seat.give(instance, fingerprint, now_ms)
            return None
        if fingerprint != seat.fingerprint:
            return self._other_machine(agent_id, seat, instance, fingerprint, now_ms)
        if instance in seat.refused:
            return Code.CLONED.value
        return self._same_machine(seat, instance, fingerprint, now_ms)

    def _other_machine(
        self, agent_id: str, seat: _Seat, instance: bytes, fingerprint: bytes, now_ms: int
    ) -> str | None:
        if fingerprint and fingerprint == self._enrolled(agent_id):
            seat.take_back(instance, fingerprint, now_ms)
            return None
        seat.refuse(instance)
        return Code.CLONED.value

    @staticmethod
    def _same_machine(seat: _Seat, instance: bytes, fingerprint: bytes, now_ms: int) -> str | None:
        replaced_ms = seat.replaced.get(instance)
        if replaced_ms is None:
            seat.give(instance, fingerprint, now_ms)
        elif now_ms - replaced_ms > LATE_MS:
            seat.take_back(instance, fingerprint, now_ms)
        return None
