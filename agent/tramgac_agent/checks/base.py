"""What a check is. The runner owns the rest: schedule, deadline, duration, success, logging."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

from tramgac_proto.v1 import fleet_pb2

Detail = (
    fleet_pb2.BackupRun
    | fleet_pb2.RepositoryState
    | fleet_pb2.ServiceState
    | fleet_pb2.OutageNote
    | fleet_pb2.ThroughputResult
    | fleet_pb2.InventorySeen
    | fleet_pb2.Drill
    | fleet_pb2.IntegrityCheck
    | fleet_pb2.ImmutabilityProbe
    | fleet_pb2.Maintenance
)


class CheckFailed(Exception):  # noqa: N818 - a failure is an outcome, reported like any other
    """The check could not measure.

    Args:
        code: Stable, lower_snake_case; becomes the observation's ``failure``.
        text: For the log and ``check --debug``; never leaves the host.
    """

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code


class NotApplicable(Exception):  # noqa: N818 - not an error
    """There is nothing to measure here; the runner records neither success nor failure."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one catalogue series.

    Attributes:
        name: A key of ``tramgac_proto.catalogue.CATALOGUE`` with owner ``agent``.
        value: In the catalogue's unit.
        labels: Label values by name; exactly the catalogue's labels.
    """

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """What one check saw of one subject.

    Attributes:
        samples: Values of catalogue series.
        detail: Typed message, where meaning matters.
        subject: Empty for this host, else the id of an inventory object assigned to it.
        event: True for a state change or a backup result: kept when points are thinned.
        token: Idempotency key within the check. The outbox takes each token once, even
            across a crash, so a source that is read again (drop file, tick) is not doubled.
        failure: Stable code when this subject could not be measured.
        stream: What this observation replaces at the centre: the newest one of a
            ``(check, subject, stream)`` is what is shown. Empty with a ``detail``: the
            runner takes the detail's own key (series, system, target).
        valid_seconds: How long the values say something; 0 is 2.5 intervals.
        age_seconds: How long ago it was seen, for what another process left in a file; the
            outbox sets the record's clocks back by it.
    """

    samples: tuple[Sample, ...] = ()
    detail: Detail | None = None
    subject: str = ""
    event: bool = False
    token: str = ""
    failure: str = ""
    stream: str = ""
    valid_seconds: int = 0
    age_seconds: float = 0.0


Seconds = Annotated[float, msgspec.Meta(gt=0, le=366 * 86400)]


class CheckSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings every check has; a check adds its own by subclassing.

    A zero ``interval_seconds`` or ``deadline_seconds`` means the check's own default.
    """

    enabled: bool = True
    interval_seconds: Annotated[float, msgspec.Meta(ge=0, le=366 * 86400)] = 0.0
    deadline_seconds: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 0.0


@dataclass(frozen=True, slots=True)
class Context:
    """What the runner hands to a check for one run.

    Attributes:
        log: Logger with the check's name bound.
        state_dir: Folder of this check alone, kept between runs and restarts.
        stop: Set when the agent stops; long work must look at it, and at its deadline.
        deadline_seconds: Time the runner will wait.
        agent: What checks may need of the rest of the agent.
    """

    log: logging.Logger
    state_dir: Path
    stop: threading.Event
    deadline_seconds: float
    agent: "AgentView"


@dataclass(frozen=True, slots=True)
class AgentView:
    """The rest of the agent, as far as a check may see it.

    Attributes:
        state_dir: The agent's state folder (``/var/lib/tramgac/agent``).
        host: Host name the collector knows this agent by; empty before enrolment.
        leases: Where granted throughput leases are found and wished for.
    """

    state_dir: Path
    host: str
    leases: "LeaseDesk"


# More than a collector grants within the life of a lease.
_MAX_GRANTED = 16


class LeaseDesk:
    """Wishes for throughput tests on their way out, granted leases on their way in.

    Thread-safe. The uplink sends wishes with the next call and files what comes back.

    Attributes:
        offset_ms: Collector's clock minus this host's, as last heard.
    """

    offset_ms = 0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wishes: dict[tuple[str, str, str], fleet_pb2.LeaseRequest] = {}
        self._granted: list[bytes] = []
        self._refused: dict[tuple[str, str, str], fleet_pb2.LeaseRefusal] = {}
        self._arrived = threading.Event()

    def wish(self, request: fleet_pb2.LeaseRequest) -> None:
        """Ask for a test; asking again for the same test replaces the earlier wish."""
        with self._lock:
            self._wishes[request.target, request.direction, request.proves] = request

    def take_wishes(self) -> list[fleet_pb2.LeaseRequest]:
        """Return and forget all wishes (the uplink's side)."""
        with self._lock:
            wishes = list(self._wishes.values())
            self._wishes.clear()
            return wishes

    def withdraw(self, target: str, direction: str, proves: str) -> None:
        """Forget a wish that nobody waits for any more."""
        with self._lock:
            self._wishes.pop((target, direction, proves), None)

    def grant(self, tokens: Iterable[bytes]) -> None:
        """File serialized ``LeaseToken`` messages (the uplink's side)."""
        with self._lock:
            self._granted = [*self._granted, *tokens][-_MAX_GRANTED:]
        self._arrived.set()

    def refuse(self, refusals: Iterable[fleet_pb2.LeaseRefusal]) -> None:
        """File why wishes got no lease (the uplink's side); the newest word on each counts."""
        with self._lock:
            for one in refusals:
                self._refused[one.target, one.direction, one.proves] = one
                while len(self._refused) > _MAX_GRANTED:
                    del self._refused[next(iter(self._refused))]
        self._arrived.set()

    def take_refused(
        self, target: str, direction: str, proves: str
    ) -> fleet_pb2.LeaseRefusal | None:
        """Return and forget why a wish was refused; None while nothing was heard."""
        with self._lock:
            return self._refused.pop((target, direction, proves), None)

    def take_granted(self, timeout: float = 0.0) -> list[bytes]:
        """Return and forget granted tokens, waiting up to ``timeout`` seconds for one."""
        if timeout > 0:
            self._arrived.wait(timeout)
        with self._lock:
            granted, self._granted = self._granted, []
            self._arrived.clear()
            return granted


S = TypeVar("S", bound=CheckSettings)


class Check(ABC, Generic[S]):
    """One kind of measurement. Subclass, set the class attributes, write ``run``.

    Attributes:
        name: Key in the registry and in the configuration.
        interval_seconds: Default time between runs.
        deadline_seconds: Default time limit of one run.
        settings_type: The section ``[checks.NAME]`` of the configuration.
    """

    name: ClassVar[str]
    interval_seconds: ClassVar[float]
    deadline_seconds: ClassVar[float]
    settings_type: ClassVar[type[CheckSettings]] = CheckSettings

    def __init__(self, settings: S) -> None:
        self.settings = settings

    @abstractmethod
    def run(self, context: Context) -> Iterable[Observation]:
        """Measure once.

        Raises:
            CheckFailed: Nothing could be measured.
            NotApplicable: There is nothing to measure on this host.
        """

    def handed_over(self, observations: Sequence[Observation]) -> None:
        """Learn that the outbox took these observations of the last run, maybe in memory only."""

    def stored(self, observations: Sequence[Observation]) -> None:
        """Learn that these observations of the last run are safe on disk.

        Only then may a source that is read once (a drop file) be removed.
        """
