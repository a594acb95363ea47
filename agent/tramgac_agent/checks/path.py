"""Whether the places that matter can be reached: the gateway, portals, systems on other segments.

Only handshakes; no request, no data of anybody. What it means that one is not reached is told at
the centre, where other sites are seen as well.
"""

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, wait
from functools import partial
from typing import Annotated, Literal

import msgspec

from tramgac_agent.checks.base import Check, CheckSettings, Context, Observation, Sample
from tramgac_agent.host.card import default_route
from tramgac_agent.host.newest import Newest
from tramgac_agent.probes import tcp
from tramgac_agent.probes.base import CannotProbe, Deadline
from tramgac_agent.probes.detached import Detached
from tramgac_agent.probes.reach import Place, Reach, reach
from tramgac_agent.probes.resolve import resolve
from tramgac_proto.pathmetrics import PATH_STAGES

MAX_TARGETS = 16
GAP_SECONDS = 1.0
# Left to the runner after the slowest target.
MARGIN_SECONDS = 2.0
INTERNAL = "internal_error"

Kind = Literal["tcp", "tls", "gateway"]


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[checks.path.targets]]``: one place.

    Attributes:
        name: Label ``target``.
        kind: ``gateway`` is this host's own default route, asked by ICMP echo.
        address: ``host:port``; none for the gateway.
        server_name: For SNI and the certificate where it is not the host of ``address``.
        ca_file: Whom to believe; empty: the system's authorities.
        verify: False takes any certificate.
        timeout_seconds: Limit of one try.
        tries: All must fail before the place is down.
    """

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
    kind: Kind = "tcp"
    address: Annotated[str, msgspec.Meta(max_length=260)] = ""
    server_name: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_.-]{0,253}$")] = ""
    ca_file: str = ""
    verify: bool = True
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=20)] = 5.0
    tries: Annotated[int, msgspec.Meta(ge=1, le=5)] = 3

    def __post_init__(self) -> None:
        """Refuse a place nobody could go to."""
        if (self.kind == "gateway") == bool(self.address):
            raise ValueError(f"target `{self.name}`: kind gateway has no address, others need one")
        if self.address:
            tcp.split_address(self.address)
        if self.kind != "tls" and (self.server_name or self.ca_file or not self.verify):
            raise ValueError(f"target `{self.name}`: certificates are for kind tls")

    @property
    def place(self) -> Place:
        """As the probe takes it."""
        host, port = tcp.split_address(self.address)
        return Place(*(host, port, self.kind == "tls", self.server_name, self.ca_file, self.verify))

    @property
    def longest_seconds(self) -> float:
        """Time of all tries together when none is answered."""
        return self.tries * self.timeout_seconds + (self.tries - 1) * GAP_SECONDS


class PathSettings(CheckSettings, frozen=True, kw_only=True):
    """``[checks.path]``."""

    targets: Annotated[tuple[Target, ...], msgspec.Meta(min_length=1, max_length=MAX_TARGETS)]

    def __post_init__(self) -> None:
        """Refuse doubles and tries that cannot end within the deadline."""
        if len({one.name for one in self.targets}) < len(self.targets):
            raise ValueError("two targets have the same name")
        deadline = self.deadline_seconds or PathCheck.deadline_seconds
        for one in self.targets:
            if one.longest_seconds > deadline - MARGIN_SECONDS:
                raise ValueError(
                    f"target `{one.name}`: {one.tries} tries take {one.longest_seconds:.0f} s of"
                    f" the {deadline:.0f} s deadline; lower tries or timeout_seconds"
                )


class _Watched:
    """One target over the life of the agent."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.told = ""
        self._answered = False

    def probe(self, stop: threading.Event) -> Reach:
        """Try until it is reached, or not as often as it may.

        Raises:
            CannotProbe: Nothing can be said.
        """
        found = self._once()
        for _ in range(self.target.tries - 1):
            if found.stage == "ok":
                break
            if stop.wait(GAP_SECONDS):
                raise CannotProbe("stopped")
            found = self._once()
        if self.target.kind == "gateway":
            self._answered |= found.stage == "ok"
            if not self._answered:
                # Many gateways never answer an echo: only one that did can be missed.
                raise CannotProbe("gateway_silent")
        return found

    def _once(self) -> Reach:
        deadline = Deadline(self.target.timeout_seconds)
        if self.target.kind != "gateway":
            return reach(self.target.place, deadline)
        return self._gateway(deadline)

    @staticmethod
    def _gateway(deadline: Deadline) -> Reach:
        # Loaded late: it brings asyncio, and a host without this target needs it not.
        from tramgac_agent.probes.icmp import Pinger  # noqa: PLC0415 - see above

        _, gateway = default_route()
        if not gateway:
            raise CannotProbe("no_gateway")
        address = resolve(gateway, 0, deadline)[0]
        with Pinger(address) as pinger:
            seconds = pinger.round_trip(min(deadline.left, 0.95))
        stage = "timeout" if seconds is None else "ok"
        return Reach(stage=stage, reason=stage, address=str(address[1][0]))


def _samples(target: Target, found: Reach) -> tuple[Sample, ...]:
    # An address that was written down was not looked up.
    written = found.address == target.address.rpartition(":")[0].strip("[]")
    values = {
        "reachable": float(found.stage == "ok"),
        "stage": float(PATH_STAGES.index(found.stage)),
        "resolve_seconds": None if written else found.resolve,
        "connect_seconds": found.connect,
        "tls_seconds": found.tls,
        "certificate_expiry_timestamp_seconds": found.expiry,
    }
    labels = {"target": target.name}
    return tuple(
        Sample(f"tramgac_path_{name}", value, labels)
        for name, value in values.items()
        if value is not None
    )


class PathCheck(Check[PathSettings]):
    """Tries all places side by side; each is bounded, and none waits for another."""

    name = "path"
    interval_seconds = 60.0
    deadline_seconds = 45.0
    settings_type = PathSettings

    def __init__(self, settings: PathSettings) -> None:
        super().__init__(settings)
        self._watched = [_Watched(target) for target in settings.targets]
        self._detached: Detached[Reach] = Detached()
        self._newest = Newest()

    def run(self, context: Context) -> Iterable[Observation]:
        """Try every place; one that cannot be tried fails alone."""
        futures = [
            self._detached.submit(one.target.name, partial(one.probe, context.stop))
            for one in self._watched
        ]
        wait(futures, timeout=max(0.1, context.deadline_seconds - MARGIN_SECONDS))
        found = [
            _observed(one, future, context)
            for one, future in zip(self._watched, futures, strict=True)
        ]
        heard = [(one.stream, one.samples) for one in found]
        self._newest.note(heard, context.state_dir, int(time.time()))
        return found


def _observed(one: _Watched, future: Future[Reach], context: Context) -> Observation:
    name = one.target.name
    if not future.done():
        return Observation(failure="hung", stream=name)
    try:
        found = future.result()
    except CannotProbe as failed:
        if one.told != failed.code:
            context.log.warning("%s: %s", name, failed)
            one.told = failed.code
        return Observation(failure=failed.code, stream=name)
    except Exception:  # our bug with one place must not end the others
        if one.told != INTERNAL:
            context.log.exception("%s: failed unexpectedly", name)
            one.told = INTERNAL
        return Observation(failure=INTERNAL, stream=name)
    said = f"{found.reason} at {found.address or 'no address'}"
    if said != one.told:
        context.log.info("%s is now: %s", name, said)
        one.told = said
    return Observation(_samples(one.target, found), stream=name)
