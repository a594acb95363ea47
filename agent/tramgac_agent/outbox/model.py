"""What goes into the outbox and what comes out."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from tramgac_proto.v1 import fleet_pb2

_MIB = 1024 * 1024

State = Literal["ok", "full", "disk_full", "readonly", "corrupt"]


class Kind(IntEnum):
    """How a record is treated when room is needed; finer than the class on the wire."""

    EVENT = 1
    POINT = 2
    # A point that says "could not measure": thinned apart from the good ones, so that
    # thinning can never make a bad hour look good.
    FAILED_POINT = 3
    GAP = 4


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """Bounds of the queue on disk; whichever is reached first.

    Attributes:
        max_age_days: Points older than this are thinned to one an hour.
        max_bytes: Size of the file.
        max_free_share: Share of the free disk space (our own file counted as free).
        ballast_bytes: Space held back so that a full disk still lets us delete.
    """

    max_age_days: float = 30.0
    max_bytes: int = 256 * _MIB
    max_free_share: float = 0.05
    ballast_bytes: int = 2 * _MIB


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record as it waits.

    Attributes:
        payload: A serialized ``Record`` without its ``seq``; parsed only when it is sent.
    """

    seq: int
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes; what batches and rates are counted in."""
        return len(self.payload)

    def fill(self, message: fleet_pb2.Record) -> None:
        """Turn ``message`` into this record."""
        message.ParseFromString(self.payload)
        message.seq = self.seq

    @property
    def message(self) -> fleet_pb2.Record:
        """The record as a message of its own."""
        message = fleet_pb2.Record()
        self.fill(message)
        return message

    @property
    def series_ids(self) -> tuple[int, ...]:
        """The series the record refers to; empty for a gap record."""
        return tuple(self.message.observation.series_ids)


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """The outbox in figures.

    Attributes:
        bytes: Live bytes of the file, freed pages not counted.
        oldest_seq: Lowest sequence number that waits; 0 when nothing does.
        last_seq: Highest sequence number ever given in this epoch.
        settled_seq: Everything up to here was acknowledged and deleted.
        lost: Measurements given up since the agent's start, by reason.
        state: ``ok``, ``full`` (old points are being thinned), or why the disk is not used.
    """

    epoch: str
    records: int
    bytes: int
    oldest_seq: int
    last_seq: int
    settled_seq: int
    quarantined: int
    lost: dict[str, int]
    state: State
