"""Do the declared systems answer: systemd unit, TCP port, HTTP(S) page with its text."""

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import msgspec

from tramgac_agent.checks.base import Check, CheckSettings, Context, Observation, Sample
from tramgac_agent.host.changes import ChangeMemory
from tramgac_agent.probes import systemd, tcp
from tramgac_agent.probes.base import CannotProbe, Deadline, ProbeFailed
from tramgac_agent.probes.detached import Detached
from tramgac_proto.v1 import fleet_pb2

MAX_SYSTEMS = 32
GAP_SECONDS = 1.0
# Left to the runner after the slowest system.
MARGIN_SECONDS = 2.0
# A redirect to the login page is an answer like any other.
_FIRST_BAD_STATUS = 400

Kind = Literal["systemd", "tcp", "http"]
_PLACE = {"systemd": "unit", "tcp": "address", "http": "url"}
_HTTP_ONLY = ("expect_text", "expect_status", "follow_redirects", "ca_file")

Id = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
Unit = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,254})?$")]


class System(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[checks.service.systems]]``: one way to ask one system.

    Attributes:
        system: Label ``system``; may be declared once for each method.
        expect_text: Must be in the first 64 KiB of the page, compared as UTF-8.
        expect_status: The only good status; 0: any below 400.
        verify: False accepts any certificate and is told as ``ok_unverified``.
        timeout_seconds: Limit of one try, from name lookup to the last byte wanted.
        subject: Inventory object this agent asks from outside; empty for its own host.
    """

    system: Id
    kind: Kind
    unit: Unit = ""
    address: str = ""
    url: str = ""
    expect_text: str = ""
    expect_status: Annotated[int, msgspec.Meta(ge=0, le=599)] = 0
    follow_redirects: bool = False
    ca_file: str = ""
    verify: bool = True
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 5.0
    tries: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    subject: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{0,63}$")] = ""

    def __post_init__(self) -> None:
        """Refuse a place that is missing, unusable, or of another kind."""
        for kind, key in _PLACE.items():
            if bool(getattr(self, key)) != (kind == self.kind):
                needs = f"needs `{_PLACE[self.kind]}` and no other of {', '.join(_PLACE.values())}"
                raise ValueError(f"system `{self.system}`: kind {self.kind} {needs}")
        foreign = [key for key in _HTTP_ONLY if getattr(self, key)]
        if self.kind != "http" and (foreign or not self.verify):
            key = (*foreign, "verify")[0]
            raise ValueError(f"system `{self.system}`: `{key}` is for kind http")
        if self.kind == "tcp":
            tcp.split_address(self.address)
        if self.kind == "http":
            self._check_url()

    def _check_url(self) -> None:
        from tramgac_agent.probes.web import parse_url  # noqa: PLC0415 - brings ssl and http

        parse_url(self.url)

    @property
    def method(self) -> str:
        """Label ``method``: systemd, tcp, http or https."""
        return "https" if self.url.startswith("https:") else self.kind

    @property
    def key(self) -> str:
        """Tells this declaration from all others; a file name too."""
        return f"{self.subject}.{self.system}.{self.method}"

    @property
    def longest_seconds(self) -> float:
        """Time of all tries together when none is answered."""
        return self.tries * self.timeout_seconds + (self.tries - 1) * GAP_SECONDS


class ServiceSettings(CheckSettings, frozen=True, kw_only=True):
    """``[checks.service]``."""

    systems: Annotated[tuple[System, ...], msgspec.Meta(min_length=1, max_length=MAX_SYSTEMS)]

    def __post_init__(self) -> None:
        """Refuse doubles and tries that cannot end within the deadline."""
        keys = [one.key for one in self.systems]
        if len(set(keys)) < len(keys):
            raise ValueError("a system is declared twice with the same method and subject")
        deadline = self.deadline_seconds or ServiceCheck.deadline_seconds
        for one in self.systems:
            if one.longest_seconds > deadline - MARGIN_SECONDS:
                raise ValueError(
                    f"system `{one.system}`: {one.tries} tries take {one.longest_seconds:.0f} s"
                    f" of the {deadline:.0f} s deadline; lower tries or timeout_seconds"
                )


@dataclass(frozen=True, slots=True)
class Finding:
    """What one probe of a system found.

    Attributes:
        reason: ``ok``, ``ok_unverified``, or why it is down.
        seconds: Time to the answer; None without one, and for systemd.
        restarts: systemd's count; None for other methods.
        expiry: End of the certificate, seconds since the epoch; None where none was seen.
    """

    reason: str
    seconds: float | None = None
    restarts: int | None = None
    expiry: float | None = None

    @property
    def up(self) -> bool:
        """Whether the system serves."""
        return self.reason in {"ok", "ok_unverified"}


def probe_tcp(system: System, deadline: Deadline) -> Finding:
    """Connect and hang up."""
    host, port = tcp.split_address(system.address)
    began = time.perf_counter()
    try:
        tcp.connect(host, port, deadline).close()
    except CannotProbe:
        raise
    except ProbeFailed as failed:
        return Finding(failed.code)
    return Finding("ok", time.perf_counter() - began)


def probe_http(system: System, deadline: Deadline) -> Finding:
    """Fetch the page and judge it."""
    from tramgac_agent.probes import web  # noqa: PLC0415 - brings ssl and http

    trust = web.Trust(system.ca_file, system.verify)
    wanted = system.expect_text.encode()
    visit = web.Visit(web.parse_url(system.url), trust, wanted, deadline)
    began = time.perf_counter()
    try:
        reply = web.follow(visit) if system.follow_redirects else visit.ask()
    except CannotProbe:
        raise
    except ProbeFailed as failed:
        return Finding(failed.code, expiry=visit.expiry)
    elapsed = time.perf_counter() - began
    good = "ok" if system.verify or system.method == "http" else "ok_unverified"
    if system.expect_status:
        status_good = reply.status == system.expect_status
    else:
        status_good = reply.status < _FIRST_BAD_STATUS
    if not status_good:
        good = f"status_{reply.status}"
    elif not reply.found:
        good = "text_missing"
    return Finding(good, elapsed, expiry=visit.expiry)


class _Watched:
    """One declared system over the life of the agent."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.changes = ChangeMemory()
        self.told = False
        self._restarts = systemd.Restarts()

    def probe(self, stop: threading.Event) -> Finding:
        """Try until it is up, or down as often as it may.

        Raises:
            CannotProbe: Nothing can be said.
        """
        finding = self._once()
        for _ in range(self.system.tries - 1):
            if finding.up:
                break
            if stop.wait(GAP_SECONDS):
                raise CannotProbe("stopped")
            finding = self._once()
        return finding

    def _once(self) -> Finding:
        deadline = Deadline(self.system.timeout_seconds)
        if self.system.kind == "http":
            return probe_http(self.system, deadline)
        if self.system.kind == "tcp":
            return probe_tcp(self.system, deadline)
        return self._unit()

    def _unit(self) -> Finding:
        shown = systemd.show(self.system.unit, self.system.timeout_seconds)
        reason, restarts = systemd.judge(systemd.parse_show(shown))
        if restarts is not None and self._restarts.looping(restarts, time.monotonic()):
            reason = "crash_loop"
        return Finding(reason, restarts=restarts)


def _samples(system: System, finding: Finding) -> tuple[Sample, ...]:
    both = {"system": system.system, "method": system.method}
    own = {"system": system.system}
    found = (
        ("tramgac_service_up", float(finding.up), both),
        ("tramgac_service_probe_seconds", finding.seconds, both),
        ("tramgac_service_restarts", finding.restarts, own),
        ("tramgac_service_certificate_expiry_timestamp_seconds", finding.expiry, own),
    )
    return tuple(Sample(name, value, labels) for name, value, labels in found if value is not None)


class ServiceCheck(Check[ServiceSettings]):
    """Asks all systems side by side; each is bounded, and none waits for another."""

    name = "service"
    interval_seconds = 60.0
    deadline_seconds = 45.0
    settings_type = ServiceSettings

    def __init__(self, settings: ServiceSettings) -> None:
        super().__init__(settings)
        self._watched = [_Watched(system) for system in settings.systems]
        self._detached: Detached[Finding] = Detached()

    def run(self, context: Context) -> Iterable[Observation]:
        """Judge every system; one that cannot be asked fails alone."""
        futures = [
            self._detached.submit(one.system.key, partial(one.probe, context.stop))
            for one in self._watched
        ]
        wait(futures, timeout=max(0.1, context.deadline_seconds - MARGIN_SECONDS))
        for one, future in zip(self._watched, futures, strict=True):
            yield from self._observe(one, future, context)

    def _observe(
        self, one: _Watched, future: Future[Finding], context: Context
    ) -> Iterable[Observation]:
        system = one.system
        stream = f"{system.system}/{system.method}"
        if not future.done():
            yield Observation(failure="hung", subject=system.subject, stream=stream)
            return
        try:
            finding = future.result()
        except CannotProbe as failed:
            context.log.warning("%s: %s", stream, failed)
            yield Observation(failure=failed.code, subject=system.subject, stream=stream)
            return
        except Exception:  # our bug with one system must not end the others
            context.log.exception("%s: failed unexpectedly", stream)
            yield Observation(failure="internal_error", subject=system.subject, stream=stream)
            return
        yield Observation(_samples(system, finding), subject=system.subject)
        token = one.changes.look(
            context.state_dir / f"{system.key}.json", {"reason": finding.reason}, context.log
        )
        if token:
            context.log.info("%s is now: %s", stream, finding.reason)
        if token or not finding.up or not one.told:
            detail = fleet_pb2.ServiceState(
                system=system.system,
                method=system.method,
                up=finding.up,
                reason=finding.reason,
                restarts=finding.restarts or 0,
            )
            yield Observation(
                detail=detail,
                subject=system.subject,
                stream=stream,
                event=bool(token),
                token=token and f"{system.key}-{token}",
            )
            one.told = True

    def handed_over(self, observations: Sequence[Observation]) -> None:
        """Make no second event of the changes."""
        if observations:
            for one in self._watched:
                one.changes.hand_over()

    def stored(self, observations: Sequence[Observation]) -> None:
        """Remember the states whose change is safe in the outbox."""
        if observations:
            for one in self._watched:
                one.changes.settle()
