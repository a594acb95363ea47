"""Who may test which path now: one test per site at a time, within a pace and a daily budget.

All in memory and with the time given from outside. A lease expires by itself, so an agent
that dies holds nothing; after a restart ``restore`` brings back what the last day has cost.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, select

from tramgac_collector.config import Config
from tramgac_collector.inventory.model import Inventory, Placed
from tramgac_collector.model import Owner
from tramgac_collector.store import schema
from tramgac_proto.limits import MAX_LEASE_REQUESTS
from tramgac_proto.throughput import lease
from tramgac_proto.throughput.plane import FLOOR_SECONDS
from tramgac_proto.v1 import fleet_pb2

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

COLLECTOR = "collector"
# The answer's way back, two process starts, the test itself. While it lasts, both sites are
# taken.
LIFETIME_MS = 20_000
DAY_MS = 86_400_000
BYTES_PER_MEGABIT = 125_000
_ANYWHERE = frozenset({"", "0.0.0.0", "::", "[::]", "*"})  # noqa: S104 - recognised, not bound


class Refused(Exception):  # noqa: N818 - an outcome, counted and otherwise unsaid
    """No lease.

    Args:
        code: unknown_direction | capacity_not_offered | bad_pace | unknown_initiator |
            unknown_target | no_responder | no_expectation | site_busy | budget_spent
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Grant:
    """One lease as the ``leases`` table keeps it.

    Attributes:
        id: 32 hex digits.
        site: ``facility/site`` of the initiator.
        target: As the initiator calls it.
    """

    id: str
    site: str
    initiator: str
    target: str
    granted_ms: int
    expires_ms: int
    max_bytes: int


def insert_grant(connection: Connection, grant: Grant) -> None:
    """Write a grant down."""
    connection.execute(insert(schema.leases).values(**asdict(grant)))


def read_grants(connection: Connection, since_ms: int) -> list[Grant]:
    """What was granted after ``since_ms``, oldest first."""
    columns = [schema.leases.c[name] for name in Grant.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(schema.leases.c.granted_ms > since_ms)
        .order_by(schema.leases.c.granted_ms)
    )
    return [Grant(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class _Path:
    """Both ends of a test, as the inventory declares them.

    Attributes:
        sites: Keys that are taken while the test runs.
        expect: Bytes per second; the lower of what both ends are declared to carry.
    """

    responder: str
    address: str
    sites: frozenset[str]
    expect: float


@dataclass(slots=True)
class _Account:
    """What a site spends.

    Attributes:
        busy_until_ms: End of its newest lease.
        spent: (when, bytes) of the last 24 hours.
    """

    busy_until_ms: int
    spent: deque[tuple[int, int]]
    total: int = 0

    def charge(self, grant: "Grant") -> None:
        """Book a grant, and forget what is older than a day."""
        self.busy_until_ms = max(self.busy_until_ms, grant.expires_ms)
        self.spent.append((grant.granted_ms, grant.max_bytes))
        self.total += grant.max_bytes
        while self.spent[0][0] <= grant.granted_ms - DAY_MS:
            self.total -= self.spent.popleft()[1]

    def affords(self, count: int, now_ms: int, budget: int) -> bool:
        """Whether ``count`` more bytes fit into the last 24 hours' budget."""
        if self.total + count <= budget:
            return True
        recent = sum(size for at_ms, size in self.spent if at_ms > now_ms - DAY_MS)
        return recent + count <= budget


def own_address(config: Config) -> str:
    """``host:port`` under which agents reach the collector's own responder.

    The address it listens on, or, when it listens on all, the first of the collector's names
    that is not this machine's name for itself.
    """
    host, _, port = config.listen.throughput.rpartition(":")
    if host not in _ANYWHERE:
        return config.listen.throughput
    names = config.collector.names
    away = [name for name in names if name != "localhost" and not name.startswith("127.")]
    name = (away or names or ["localhost"])[0]
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


class LeaseOffice:
    """Grants leases.

    Args:
        signer: The collector's lease key.
        inventory: What exists; ``set_inventory`` replaces it.
        config: Bounds of every lease, and where the collector's own responder is.
        persist: Called with every grant; must not block.
        count: Called with ``granted`` or the reason of a refusal.
    """

    def __init__(
        self,
        signer: "Ed25519PrivateKey",
        inventory: Inventory,
        config: Config,
        *,
        persist: Callable[[Grant], object] = lambda _: None,
        count: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._signer = signer
        self._inventory = inventory
        self._section = config.throughput
        self._collector_address = own_address(config)
        self._persist = persist
        self._count = count
        self._accounts: dict[str, _Account] = {}

    def set_inventory(self, inventory: Inventory) -> None:
        """Use another inventory from now on."""
        self._inventory = inventory

    def restore(self, grants: Iterable[Grant]) -> None:
        """Charge the initiators' sites for what was granted before a restart."""
        for grant in grants:
            self._account(grant.site).charge(grant)

    def grant(
        self, owner: Owner, requests: Sequence[fleet_pb2.LeaseRequest], now_ms: int
    ) -> list[bytes]:
        """Return serialized ``LeaseToken`` messages for those requests that may run now."""
        tokens = []
        for request in requests[:MAX_LEASE_REQUESTS]:
            try:
                tokens.append(self._grant(owner, request, now_ms))
                code = "granted"
            except Refused as refused:
                code = refused.code
            self._count(code)
        return tokens

    def _grant(self, owner: Owner, request: fleet_pb2.LeaseRequest, now_ms: int) -> bytes:
        _check(request)
        path = self._resolve(owner, request.target)
        claims = self._claims(owner, request, path, now_ms)
        self._admit(path, claims.max_bytes, now_ms)
        grant = Grant(
            id=claims.id.hex(),
            site=_site_key(owner.facility, owner.site),
            initiator=owner.agent_id,
            target=request.target,
            granted_ms=now_ms,
            expires_ms=claims.expires_unix_ms,
            max_bytes=claims.max_bytes,
        )
        for site in path.sites:
            self._account(site).charge(grant)
        self._persist(grant)
        return lease.sign(claims, self._signer)

    def _claims(
        self, owner: Owner, request: fleet_pb2.LeaseRequest, path: _Path, now_ms: int
    ) -> fleet_pb2.LeaseClaims:
        section = self._section
        pace = min(request.pace_bytes_per_second, path.expect * section.floor_share)
        seconds = min(section.max_seconds, lease.MAX_SECONDS)
        planned = max(1, int(pace * min(FLOOR_SECONDS, seconds)))
        return fleet_pb2.LeaseClaims(
            id=os.urandom(lease.ID_BYTES),
            initiator=owner.agent_id,
            responder=path.responder,
            direction=request.direction,
            proves=request.proves,
            pace_bytes_per_second=pace,
            max_bytes=min(planned, section.max_bytes, lease.MAX_BYTES),
            max_seconds=seconds,
            not_before_unix_ms=now_ms,
            expires_unix_ms=now_ms + LIFETIME_MS,
            address=path.address,
            target=request.target,
        )

    def _admit(self, path: _Path, count: int, now_ms: int) -> None:
        """Both sites must be free and, the centre apart, have budget left."""
        if any(now_ms < self._account(site).busy_until_ms for site in path.sites):
            raise Refused("site_busy")
        budget = self._section.site_bytes_per_day
        for site in path.sites - {COLLECTOR}:
            if not self._account(site).affords(count, now_ms, budget):
                raise Refused("budget_spent")

    def _resolve(self, owner: Owner, target: str) -> _Path:
        """Both ends must be declared, and the initiator only reaches its own facility."""
        near = self._inventory.place_of(owner.facility, owner.host)
        if near is None or near.site.id != owner.site:
            raise Refused("unknown_initiator")
        sites = {_site_key(owner.facility, owner.site)}
        if target == COLLECTOR:
            if not self._section.responder:
                raise Refused("no_responder")
            expect = _expect(near)
            return _Path(COLLECTOR, self._collector_address, frozenset({*sites, COLLECTOR}), expect)
        far = self._inventory.place_of(owner.facility, target)
        if far is None or target == owner.host:
            raise Refused("unknown_target")
        if not (far.host.responder and far.host.address):
            raise Refused("no_responder")
        name = f"{owner.facility}/{far.site.id}/{far.host.id}"
        sites.add(_site_key(owner.facility, far.site.id))
        return _Path(name, _address(far), frozenset(sites), _expect(near, far))

    def _account(self, site: str) -> _Account:
        return self._accounts.setdefault(site, _Account(0, deque()))


def _site_key(facility: str, site: str) -> str:
    return f"{facility}/{site}"


def _address(placed: Placed) -> str:
    host = placed.host.address
    return (
        f"[{host}]:{placed.host.responder_port}"
        if ":" in host
        else (f"{host}:{placed.host.responder_port}")
    )


def _expect(*ends: Placed) -> float:
    declared = [end.host.expect_mbps for end in ends if end.host.expect_mbps is not None]
    if not declared:
        raise Refused("no_expectation")
    return min(declared) * BYTES_PER_MEGABIT


def _check(request: fleet_pb2.LeaseRequest) -> None:
    if request.direction not in lease.DIRECTIONS:
        raise Refused("unknown_direction")
    if request.proves != "floor":
        raise Refused("capacity_not_offered")
    # Written so that NaN is refused too.
    if not 0 < request.pace_bytes_per_second <= lease.MAX_PACE:
        raise Refused("bad_pace")
