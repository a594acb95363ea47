"""One accepted observation, ready to be shown and to become facts."""

from dataclasses import dataclass

from tramgac_collector.facts.kinds import Slot
from tramgac_collector.live.layout import Layout
from tramgac_collector.model import Owner
from tramgac_proto.v1 import fleet_pb2


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about a record that is the same for every record of its kind.

    Attributes:
        code: Not empty: such records are quarantined for this reason.
        missing: A series is not defined yet; the agent is asked for its table.
        stream: Key of what the record replaces in the live view and in ``latest``.
        subject: Whom the values belong to.
        slots: Which values are facts.
        size: Number of values.
    """

    code: str = ""
    missing: bool = False
    stream: str = ""
    subject: Owner | None = None
    layout: Layout | None = None
    slots: tuple[Slot, ...] = ()
    size: int = 0


@dataclass(slots=True)
class Arrival:
    """One accepted observation, with both its times.

    Attributes:
        reporter: The agent that sent it.
        subject: Whom it tells of.
        exact: Event time comes from time since boot, not from the wall clock.
        offset_ms: Add this to the agent's wall-clock times.
    """

    reporter: Owner
    subject: Owner
    plan: Plan
    observation: fleet_pb2.Observation
    values: list[float]
    event_ms: int
    received_ms: int
    expires_ms: int
    exact: bool
    offset_ms: int

    def centre_ms(self, agent_unix_ms: int) -> int:
        """A time of the agent's wall clock by ours: never before 1970, never after the event.

        A clock that was ahead then and is right now would else make old evidence look fresh.
        """
        return max(0, min(agent_unix_ms + self.offset_ms, self.event_ms))
