"""One device, asked through pysnmp: one request in flight, answers bounded, OIDs as numbers.

pysnmp's own walk looks every object up in a MIB and trusts the device to come to an end; here
neither is done. Everything is numeric, and a table that does not move on is given up.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pyasn1.type import univ  # type: ignore[import-untyped]
from pysnmp.entity import config
from pysnmp.entity.rfc3413 import cmdgen
from pysnmp.hlapi.v3arch.asyncio import (
    CommunityData,
    SnmpEngine,
    Udp6TransportTarget,
    UdpTransportTarget,
    UsmUserData,
)
from pysnmp.hlapi.v3arch.asyncio.lcd import CommandGeneratorLcdConfigurator
from pysnmp.proto import rfc1905
from pysnmp.proto.api import v2c

from tramgac_agent.snmp.errors import SnmpFailed, code_of
from tramgac_agent.snmp.secrets import read_secret
from tramgac_agent.snmp.settings import Device
from tramgac_agent.snmp.values import Oid, Value

# 5 columns of 10 rows fit into one datagram of 1,472 bytes.
_COLUMNS_AT_ONCE = 5
_SCALARS_AT_ONCE = 20
MAX_ROWS = 10_000
# Of all columns of one poll together, and of one value, so that no device fills our memory.
MAX_CELLS = 60_000
_MOST_BYTES = 256
_RETRIES = 1

_TOO_BIG, _NO_SUCH_NAME, _AUTHORIZATION = 1, 2, 16
_AUTH = {
    "": config.USM_AUTH_NONE,
    "md5": config.USM_AUTH_HMAC96_MD5,
    "sha": config.USM_AUTH_HMAC96_SHA,
    "sha256": config.USM_AUTH_HMAC192_SHA256,
    "sha512": config.USM_AUTH_HMAC384_SHA512,
}
_PRIVACY = {
    "": config.USM_PRIV_NONE,
    "des": config.USM_PRIV_CBC56_DES,
    "aes": config.USM_PRIV_CFB128_AES,
    "aes256": config.USM_PRIV_CFB256_AES,
}
_LCD = CommandGeneratorLcdConfigurator()
_ABSENT = (rfc1905.NoSuchObject, rfc1905.NoSuchInstance, rfc1905.EndOfMibView)

_Pairs = list[tuple[Oid, object]]


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Who we say we are.

    Attributes:
        name: What pysnmp files them under.
        secret: Compared, never shown.
        data: pysnmp's own form.
    """

    name: str
    secret: tuple[object, ...]
    data: object


@dataclass(slots=True)
class Engines:
    """One engine for the life of the process.

    pysnmp knows one pass phrase by user name. Where two devices give one name different ones,
    the second gets another engine.
    """

    _engines: list[tuple[SnmpEngine, dict[str, object]]] = field(default_factory=list)

    def for_(self, credentials: Credentials) -> SnmpEngine:
        """The engine that knows these, or nothing that contradicts them."""
        for engine, known in self._engines:
            if known.setdefault(credentials.name, credentials.secret) == credentials.secret:
                return engine
        self._engines.append((SnmpEngine(), {credentials.name: credentials.secret}))
        return self._engines[-1][0]

    def close(self) -> None:
        """Close their sockets and end their timers."""
        for engine, _ in self._engines:
            if engine.transport_dispatcher is not None:
                engine.close_dispatcher()
        self._engines.clear()


def credentials_of(device: Device) -> Credentials:
    """Read the device's secrets.

    Raises:
        SnmpFailed: ``bad_secret_file``.
    """
    if device.version != "3":
        community = read_secret(device.community_file)
        # Named by its own hash: devices of one community share an entry.
        model = 0 if device.version == "1" else 1
        name = f"c{hash((community, model))}"
        return Credentials(name, (community,), CommunityData(name, community, mpModel=model))
    files = (device.auth_key_file, device.privacy_key_file)
    keys = [read_secret(one) if one else None for one in files]
    ways = {"authProtocol": _AUTH[device.auth], "privProtocol": _PRIVACY[device.privacy]}
    secret = (*keys, device.auth, device.privacy)
    return Credentials(f"user {device.user}", secret, UsmUserData(device.user, *keys, **ways))


class _Command(Protocol):
    """What pysnmp's command generators have in common."""

    def send_varbinds(self, *given: object) -> object:
        """Send one request and call back once."""
        ...


class Session:
    """Asks one device.

    Args:
        device: Whom.
        engines: Shared by all.
    """

    def __init__(self, device: Device, engines: Engines) -> None:
        self._device = device
        self._engines = engines
        self._engine: SnmpEngine | None = None
        self._address = ""
        self.repetitions = device.max_repetitions

    async def open(self) -> None:
        """Resolve the address and read the secrets, anew each time it is called.

        Raises:
            SnmpFailed: ``unresolved`` or ``bad_secret_file``.
        """
        device = self._device
        credentials = credentials_of(device)
        target_type = Udp6TransportTarget if ":" in device.address else UdpTransportTarget
        try:
            target = await target_type.create(
                (device.address, device.port), device.timeout_seconds, _RETRIES
            )
        except Exception as error:
            raise SnmpFailed("unresolved", str(error)) from error
        self._engine = self._engines.for_(credentials)
        context = device.context.encode()
        self._address, _ = _LCD.configure(self._engine, credentials.data, target, context)

    async def get(self, oids: Sequence[Oid]) -> dict[Oid, Value]:
        """Values of instances; what the device does not have is left out."""
        found: dict[Oid, Value] = {}
        for start in range(0, len(oids), _SCALARS_AT_ONCE):
            part = list(oids[start : start + _SCALARS_AT_ONCE])
            found.update(_values(await self._get_part(part)))
        return found

    async def _get_part(self, part: list[Oid]) -> _Pairs:
        """Version 1 refuses a whole request for one object it lacks: ask without that one."""
        while part:
            status, index, pairs = await self._ask(cmdgen.GetCommandGenerator(), (), part)
            if not status:
                return pairs
            if status == _TOO_BIG and len(part) > 1:
                half = len(part) // 2
                return [*await self._get_part(part[:half]), *await self._get_part(part[half:])]
            if status != _NO_SUCH_NAME or not 0 < index <= len(part):
                raise _refused(status)
            part = [*part[: index - 1], *part[index:]]
        return []

    async def walk(self, columns: Sequence[Oid]) -> dict[Oid, dict[Oid, Value]]:
        """Columns of tables, by column and index.

        Raises:
            SnmpFailed: Also ``non_increasing`` and ``too_many_rows``.
        """
        found: dict[Oid, dict[Oid, Value]] = {column: {} for column in columns}
        for start in range(0, len(columns), _COLUMNS_AT_ONCE):
            at = {column: column for column in columns[start : start + _COLUMNS_AT_ONCE]}
            while at:
                at = self._take(at, await self._next(list(at.values())), found)
        return found

    def _take(
        self, at: dict[Oid, Oid], pairs: _Pairs, found: dict[Oid, dict[Oid, Value]]
    ) -> dict[Oid, Oid]:
        """File one answer; return how far each column is that has not come to its end."""
        ways = list(at)
        ended = set[Oid]()
        moved = dict(at)
        for number, (name, value) in enumerate(pairs):
            column = ways[number % len(ways)]
            if column in ended:
                continue
            if name[: len(column)] != column or isinstance(value, _ABSENT):
                ended.add(column)
                continue
            if name <= moved[column]:
                raise SnmpFailed("non_increasing", ".".join(map(str, name)))
            moved[column] = name
            if (plain := _plain(value)) is not None:
                found[column][name[len(column) :]] = plain
            if len(found[column]) > MAX_ROWS:
                raise SnmpFailed("too_many_rows", ".".join(map(str, column)))
        if sum(map(len, found.values())) > MAX_CELLS:
            raise SnmpFailed("too_many_rows", "all columns together")
        if moved == at and not ended:
            raise SnmpFailed("malformed", "an answer with nothing in it")
        return {column: one for column, one in moved.items() if column not in ended}

    async def _next(self, oids: list[Oid]) -> _Pairs:
        """What follows; a device that chokes on much is asked for less from now on.

        Only one that answers less has choked: silence to the end teaches nothing.
        """
        before = self.repetitions
        try:
            return await self._next_or_less(oids)
        except BaseException:
            self.repetitions = before
            raise

    async def _next_or_less(self, oids: list[Oid]) -> _Pairs:
        while True:
            try:
                status, _, pairs = await self._ask_next(oids)
            except SnmpFailed as failed:
                if failed.code != "timeout" or self.repetitions == 1:
                    raise
                status, pairs = _TOO_BIG, []
            if not status:
                return pairs
            if status == _NO_SUCH_NAME and self._device.version == "1":
                # The end of the view for one of them is an error for all.
                return await self._one_by_one(oids) if len(oids) > 1 else [((), None)]
            if status != _TOO_BIG or self.repetitions == 1:
                raise _refused(status)
            self.repetitions = max(1, self.repetitions // 2)

    async def _one_by_one(self, oids: list[Oid]) -> _Pairs:
        answers = [await self._next([one]) for one in oids]
        if not all(answers):
            raise SnmpFailed("malformed", "an answer with nothing in it")
        return [pairs[0] for pairs in answers]

    async def _ask_next(self, oids: list[Oid]) -> tuple[int, int, _Pairs]:
        if self._device.version == "1":
            return await self._ask(cmdgen.NextCommandGeneratorSingleRun(), (), oids)
        how = (0, self.repetitions)
        return await self._ask(cmdgen.BulkCommandGeneratorSingleRun(), how, oids)

    async def _ask(
        self, command: _Command, how: tuple[int, ...], oids: Iterable[Oid]
    ) -> tuple[int, int, _Pairs]:
        """One request: error status, error index, and what came back."""
        answered: asyncio.Future[tuple[object, int, int, _Pairs]]
        answered = asyncio.get_running_loop().create_future()
        command.send_varbinds(
            self._engine,
            self._address,
            None,
            self._device.context.encode(),
            *how,
            [(oid, v2c.null) for oid in oids],
            _callback(answered),
        )
        indication, status, index, pairs = await answered
        if indication:
            raise SnmpFailed(code_of(indication), str(indication))
        return status, index, pairs


def _callback(answered: "asyncio.Future[tuple[object, int, int, _Pairs]]") -> Callable[..., None]:
    def take(*given: Any) -> None:  # noqa: ANN401 - pysnmp has no types
        _, _, indication, status, index, pairs, _ = given
        if answered.done():
            return
        try:
            plain = [(tuple(name), value) for name, value in pairs or ()]
            answered.set_result((indication, int(status or 0), int(index or 0), plain))
        except Exception as error:  # noqa: BLE001 - whatever a device sends, it is its answer
            answered.set_exception(SnmpFailed("malformed", str(error)))

    return take


def _refused(status: int) -> SnmpFailed:
    if status == _AUTHORIZATION:
        return SnmpFailed("access_denied")
    return SnmpFailed("error_status", str(status))


def _values(pairs: _Pairs) -> dict[Oid, Value]:
    return {name: plain for name, value in pairs if (plain := _plain(value)) is not None}


def _plain(value: object) -> Value | None:
    """A pysnmp value as ours; None for "there is none" and what no family wants."""
    if value is None or isinstance(value, _ABSENT):
        return None
    if isinstance(value, univ.OctetString):
        return bytes(value)[:_MOST_BYTES]
    if isinstance(value, univ.ObjectIdentifier):
        return tuple(int(part) for part in value)
    return int(value) if isinstance(value, univ.Integer) else None
