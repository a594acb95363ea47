"""Who may test which path now: never two tests on one segment, uplink or line.

All in memory and with the time given from outside. A lease expires by itself, so an agent that
dies holds nothing; after a restart ``restore`` brings back turns and spending.
"""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tramgac_collector.config import Config, ThroughputSection
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.lan.budget import DAY_MS, Account
from tramgac_collector.lan.busy import Get, is_busy, is_quiet, nothing_known
from tramgac_collector.lan.calendar import clinic_ends, clinics_of, night_opens
from tramgac_collector.lan.history import History, Past
from tramgac_collector.lan.ledger import Ending, Entry, Grant
from tramgac_collector.lan.segments import COLLECTOR, Map, Refused, Route, site_key
from tramgac_collector.lan.turns import Turns, share_of
from tramgac_collector.model import Owner
from tramgac_proto.limits import MAX_LEASE_REQUESTS
from tramgac_proto.throughput import lease
from tramgac_proto.throughput.plane import FLOOR_SECONDS
from tramgac_proto.v1 import fleet_pb2

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# Both ends begin together: the answer is on its way, the ends start their processes.
LEAD_MS = 2_000
# From the grant on: the way back, two process starts, the test itself.
LIFETIME_MS = 20_000
# No lease holds anything for longer: see `until_ms`.
_LONGEST_HOLD_MS = LIFETIME_MS + lease.CLOCK_TOLERANCE_MS + math.ceil(lease.MAX_SECONDS * 1000)
# At the rate that is expected; the least a burst needs to show a rate.
CAPACITY_SPAN_SECONDS = 0.5
CAPACITY_LEAST_BYTES = 1_000_000
BANDWIDTH_DELAYS = 8
_LONGEST_RTT = 2.0
_HOUR_MS = 3_600_000
# Three floor tests, at two a day.
_FLOOR_DAYS = 3.0
_SPREAD_MS = 30 * 60_000
_VERDICTS = frozenset({"held", "not_held", "aborted", "refused", "lower_bound", "measured"})
_MOST_BYTES = 2**62
_MOST_CHARS = 160
# Fits the field, and an inventory may be mended sooner than anything else is due.
_LONGEST_WAIT_MS = 7 * 24 * _HOUR_MS


class Book(Protocol):
    """Where the conductor writes down what it did; must not block."""

    def granted(self, grant: Grant) -> None:
        """A lease was given."""
        ...

    def ended(self, ending: Ending) -> None:
        """Its initiator said how the test ended."""
        ...

    def refused(self, owner: Owner, refusal: fleet_pb2.LeaseRefusal, now_ms: int) -> None:
        """A request was refused; ``target`` is as the agent sent it."""
        ...

    def count(self, code: str) -> None:
        """``granted`` or the reason of a refusal."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What one report's requests got.

    Attributes:
        tokens: Serialized ``LeaseToken`` messages.
        refusals: One for every other request.
    """

    tokens: list[bytes] = field(default_factory=list)
    refusals: list[fleet_pb2.LeaseRefusal] = field(default_factory=list)


def own_address(config: Config) -> str:
    """``host:port`` under which agents reach the collector's own responder.

    The address it listens on, or, when it listens on all, the first of the collector's names
    that is not this machine's name for itself.
    """
    anywhere = {"", "0.0.0.0", "::", "[::]", "*"}  # noqa: S104 - recognised, not bound
    host, _, port = config.listen.throughput.rpartition(":")
    if host not in anywhere:
        return config.listen.throughput
    names = config.collector.names
    away = [name for name in names if name != "localhost" and not name.startswith("127.")]
    name = (away or names or ["localhost"])[0]
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def remembered_ms(section: ThroughputSection) -> int:
    """How far back earlier tests decide about the next; the ledger may be shorter."""
    days = max(_FLOOR_DAYS, section.capacity_days + 1)
    return int(days * DAY_MS)


class Conductor:
    """Grants leases.

    Args:
        signer: The collector's lease key.
        inventory: What exists; ``set_inventory`` replaces it.
        config: Bounds of every lease, and where the collector's own responder is.
        book: Where it is written down.
        facts: What is known of the ports on the way.
    """

    def __init__(
        self,
        signer: "Ed25519PrivateKey",
        inventory: Inventory,
        config: Config,
        book: Book,
        facts: Get = nothing_known,
    ) -> None:
        self._signer = signer
        self._section = config.throughput
        self._address = own_address(config) if self._section.responder else ""
        self._map = Map(inventory, self._address)
        self._book = book
        self._facts = facts
        self._accounts: dict[str, Account] = {}
        # What is taken: until when, by which lease.
        self._taken: dict[str, tuple[int, str]] = {}
        self._live: dict[str, Grant] = {}
        self._turns = Turns()
        self._history = History(self._section.capacity_days)
        self._newest_ms = 0

    def set_inventory(self, inventory: Inventory) -> None:
        """Use another inventory from now on."""
        self._map = Map(inventory, self._address)

    def restore(self, entries: Iterable[Entry], past: Iterable[Past]) -> None:
        """Take up where an earlier process left off.

        Args:
            entries: What was granted within the last day.
            past: What was granted and said within the last weeks, oldest first.
        """
        for entry in entries:
            self._take(entry.grant, entry.free_ms, _paying(entry.grant))
        self._history.restore(past)

    def grant(
        self, owner: Owner, requests: Sequence[fleet_pb2.LeaseRequest], now_ms: int
    ) -> Answer:
        """Permit those requests that may run now, and say why the others may not."""
        answer = Answer()
        self._follow(now_ms)
        for request in requests[:MAX_LEASE_REQUESTS]:
            try:
                answer.tokens.append(self._grant(owner, request, now_ms))
                code = "granted"
            except Refused as refused:
                code = refused.code
                _, target, direction, proves = _wish(owner, request)
                wait_ms = refused.retry_ms or _later(owner, request, _HOUR_MS)
                refusal = fleet_pb2.LeaseRefusal(
                    target=target,
                    direction=direction,
                    proves=proves,
                    code=code,
                    retry_after_ms=min(wait_ms, _LONGEST_WAIT_MS),
                )
                answer.refusals.append(refusal)
                self._book.refused(owner, refusal, now_ms)
            self._book.count(code)
        return answer

    def ended(self, owner: Owner, result: fleet_pb2.ThroughputResult, now_ms: int) -> None:
        """A test's initiator reports: what it loaded is free, though no sooner than a test ends."""
        if len(result.lease_id) != lease.ID_BYTES:
            return
        identity, free_ms = result.lease_id.hex(), now_ms
        verdict = result.verdict if result.verdict in _VERDICTS else "other"
        grant = self._live.get(identity)
        if grant is not None and grant.initiator == owner.agent_id:
            free_ms = _free_ms(grant, verdict, now_ms)
            del self._live[identity]
            for one in grant.locks:
                if self._taken.get(one, (0, ""))[1] == identity:
                    self._taken[one] = (free_ms, "")
        ending = Ending(
            id=identity,
            initiator=owner.agent_id,
            at_ms=free_ms,
            verdict=verdict,
            bytes=min(result.bytes, _MOST_BYTES),
        )
        path = (owner.agent_id, result.target, result.direction)
        self._history.ended(path, result.proves, ending.verdict, now_ms)
        self._book.ended(ending)

    def _follow(self, now_ms: int) -> None:
        """After the clock was set back nothing may be held until it is that late again."""
        if now_ms >= self._newest_ms - _LONGEST_HOLD_MS:
            self._newest_ms = max(self._newest_ms, now_ms)
            return
        latest = now_ms + _LONGEST_HOLD_MS
        held = self._taken.items()
        self._taken = {one: (min(until_ms, latest), by) for one, (until_ms, by) in held}
        self._live = {key: one for key, one in self._live.items() if one.until_ms <= latest}
        for account in self._accounts.values():
            account.set_back(now_ms)
        self._turns = Turns()
        self._history.set_back(now_ms)
        self._newest_ms = now_ms

    def _grant(self, owner: Owner, request: fleet_pb2.LeaseRequest, now_ms: int) -> bytes:
        _check(request)
        route = self._map.route(owner, request.target)
        self._permit(owner, request, route, now_ms)
        claims = self._claims(owner, request, route, now_ms)
        self._admit(owner, request, route, claims.max_bytes, now_ms)
        grant = Grant(
            id=claims.id.hex(),
            site=site_key(owner.facility, owner.site),
            initiator=owner.agent_id,
            target=request.target,
            granted_ms=now_ms,
            expires_ms=claims.expires_unix_ms,
            max_bytes=claims.max_bytes,
            direction=request.direction,
            proves=request.proves,
            starts_ms=claims.not_before_unix_ms,
            # A responder forgives so much of a clock's error, and a test that began goes on.
            until_ms=claims.expires_unix_ms
            + lease.CLOCK_TOLERANCE_MS
            + math.ceil(claims.max_seconds * 1000),
            locks=tuple(sorted(route.locks)),
        )
        self._take(grant, grant.until_ms, route.sites)
        self._turns.taken(_wish(owner, request))
        self._history.granted(
            (owner.agent_id, request.target, request.direction), request.proves, now_ms
        )
        self._book.granted(grant)
        return lease.sign(claims, self._signer)

    def _take(self, grant: Grant, until_ms: int, sites: Iterable[str]) -> None:
        for one in grant.locks:
            if until_ms > self._taken.get(one, (0, ""))[0]:
                self._taken[one] = (until_ms, grant.id)
        for site in sites:
            self._accounts.setdefault(site, Account()).charge(grant.granted_ms, grant.max_bytes)
        now_ms = grant.granted_ms
        self._newest_ms = max(self._newest_ms, now_ms)
        for old in [one for one, live in self._live.items() if live.until_ms <= now_ms]:
            del self._live[old]
        self._live[grant.id] = grant

    def _permit(
        self, owner: Owner, request: fleet_pb2.LeaseRequest, route: Route, now_ms: int
    ) -> None:
        """The hour must be right, and a capacity test must be due."""
        later = _later(owner, request, 0)
        if request.proves == "capacity":
            opens = night_opens(self._section.night, now_ms)
            if opens is not None:
                raise Refused("not_night", opens - now_ms + later)
            path = (owner.agent_id, request.target, request.direction)
            due_ms = self._history.due_ms(path)
            if now_ms < due_ms:
                raise Refused("not_due", due_ms - now_ms + later)
        elif is_quiet(request) and not is_busy(route, self._facts, now_ms):
            return
        for end in route.ends:
            ends_ms = clinic_ends(clinics_of(self._map.inventory, end), now_ms)
            if ends_ms is not None:
                raise Refused("clinic_hours", ends_ms - now_ms + later)

    def _claims(
        self, owner: Owner, request: fleet_pb2.LeaseRequest, route: Route, now_ms: int
    ) -> fleet_pb2.LeaseClaims:
        section = self._section
        if request.proves == "capacity":
            # It need not be faster than the slowest part its initiator knows of.
            asked = request.pace_bytes_per_second
            pace = asked if 0 < asked <= lease.MAX_PACE else lease.MAX_PACE
            seconds = section.capacity_seconds
            planned = _capacity_bytes(route.expect, request.rtt_seconds)
        else:
            pace = min(request.pace_bytes_per_second, route.expect * section.floor_share)
            seconds = section.max_seconds
            planned = max(1, int(pace * min(FLOOR_SECONDS, seconds)))
        return fleet_pb2.LeaseClaims(
            id=os.urandom(lease.ID_BYTES),
            initiator=owner.agent_id,
            responder=route.responder,
            direction=request.direction,
            proves=request.proves,
            pace_bytes_per_second=pace,
            max_bytes=min(planned, section.max_bytes, lease.MAX_BYTES),
            max_seconds=min(seconds, lease.MAX_SECONDS),
            not_before_unix_ms=now_ms + LEAD_MS,
            expires_unix_ms=now_ms + LIFETIME_MS,
            address=route.address,
            target=request.target,
        )

    def _admit(
        self,
        owner: Owner,
        request: fleet_pb2.LeaseRequest,
        route: Route,
        count: int,
        now_ms: int,
    ) -> None:
        """All of the way must be free, and both sites must have budget left."""
        free = {one: self._taken.get(one, (0, ""))[0] for one in route.locks}
        busy = [one for one, until_ms in free.items() if now_ms < until_ms]
        if busy:
            turn = self._turns.promise(
                _wish(owner, request), route.locks, max(free.values()), now_ms
            )
            raise Refused(_busy_code(busy), max(1, turn - now_ms))
        budget = self._section.site_bytes_per_day
        waits = [
            account.wait_ms(count, now_ms, budget)
            for site in route.sites
            if (account := self._accounts.get(site)) is not None
        ]
        if count > budget or any(waits):
            wait = max(waits, default=0) or 24 * _HOUR_MS
            raise Refused("budget_spent", wait + _later(owner, request, 0))


def _free_ms(grant: Grant, verdict: str, now_ms: int) -> int:
    """When what a test loaded is free, of which its initiator says now that it ended.

    It is believed no sooner than the longest test would end that began in time: said earlier it
    costs nothing to make up. A word nobody knows frees nothing.
    """
    if verdict == "other":
        return grant.until_ms
    longest_ms = grant.until_ms - grant.expires_ms - lease.CLOCK_TOLERANCE_MS
    return min(max(now_ms, grant.starts_ms + longest_ms), grant.until_ms)


def _wish(owner: Owner, request: fleet_pb2.LeaseRequest) -> tuple[str, str, str, str]:
    """Who wants what; cut, since nobody has bounded what an agent may ask for."""
    words = (request.target, request.direction, request.proves)
    target, direction, proves = (word[:_MOST_CHARS] for word in words)
    return owner.agent_id, target, direction, proves


def _later(owner: Owner, request: fleet_pb2.LeaseRequest, at_least_ms: int) -> int:
    """A wait that differs between agents, so that what ends for all does not wake all."""
    return at_least_ms + int(_SPREAD_MS * share_of("/".join(_wish(owner, request))))


def _busy_code(busy: Iterable[str]) -> str:
    kinds = {one.partition(":")[0] for one in busy}
    if "segment" in kinds:
        return "segment_busy"
    return "collector_busy" if kinds == {COLLECTOR} else "uplink_busy"


def _paying(grant: Grant) -> set[str]:
    """The sites whose segments a grant loads."""
    names = (one.partition(":")[2].split("/") for one in grant.locks if one.startswith("segment:"))
    return {site_key(parts[0], parts[1]) for parts in names} or {grant.site}


def _capacity_bytes(expect: float, rtt_seconds: float) -> int:
    """Enough to see the rate: half a second of it, and 8 times what fits into the path."""
    rtt = rtt_seconds if 0 <= rtt_seconds <= _LONGEST_RTT else _LONGEST_RTT
    wanted = max(CAPACITY_SPAN_SECONDS, BANDWIDTH_DELAYS * rtt) * expect
    return max(CAPACITY_LEAST_BYTES, math.ceil(wanted))


def _check(request: fleet_pb2.LeaseRequest) -> None:
    if request.direction not in lease.DIRECTIONS:
        raise Refused("unknown_direction")
    if request.proves not in lease.PROVES:
        raise Refused("unknown_proof")
    # Written so that NaN is refused too. A capacity test has no pace.
    if request.proves == "floor" and not 0 < request.pace_bytes_per_second <= lease.MAX_PACE:
        raise Refused("bad_pace")
