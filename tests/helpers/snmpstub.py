"""A device on a UDP port that answers SNMP from a table, well or badly."""

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]
from pysnmp.proto import api, rfc1902, rfc1905

from tramgac_agent.snmp.values import Oid, Value

COMMUNITY = "public"


@dataclass
class Stub:
    """One device.

    Attributes:
        answers: What it has.
        most: More variables in one answer are "too big" for it.
        deaf: It never answers a question for what lies below this.
        manner: well | silent | backwards | truncated | garbage | twice | endless | empty | v1
    """

    answers: Mapping[Oid, Value]
    manner: str = "well"
    most: int = 1000
    deaf: Oid = ()
    asked: int = 0
    sock: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.oids = sorted(self.answers)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    def close(self) -> None:
        self.sock.close()

    def _serve(self) -> None:
        while True:
            try:
                data, peer = self.sock.recvfrom(65535)
            except OSError:
                return
            self.asked += 1
            if self.manner == "silent":
                continue
            for answer in self._answer(data):
                self.sock.sendto(answer, peer)

    def _answer(self, data: bytes) -> list[bytes]:
        if self.manner == "garbage":
            return [b"\x30\x82\xff\xff" + data[::-1]]
        module = api.PROTOCOL_MODULES[api.decodeMessageVersion(data)]
        if self.manner == "v1" and module is not api.PROTOCOL_MODULES[api.SNMP_VERSION_1]:
            return []
        message, _ = decoder.decode(data, asn1Spec=module.Message())
        request = module.apiMessage.get_pdu(message)
        asked = [tuple(map(int, name)) for name, _ in module.apiPDU.get_varbinds(request)]
        if self.deaf and any(name[: len(self.deaf)] == self.deaf for name in asked):
            return []
        response = module.apiMessage.get_response(message)
        pdu = module.apiMessage.get_pdu(response)
        found = self._pairs(module, request)
        if len(found) > self.most:
            module.apiPDU.set_error_status(pdu, 1)
        elif module is api.PROTOCOL_MODULES[api.SNMP_VERSION_1] and None in [v for _, v in found]:
            module.apiPDU.set_error_status(pdu, 2)
            module.apiPDU.set_error_index(pdu, [v for _, v in found].index(None) + 1)
        else:
            module.apiPDU.set_varbinds(pdu, [(n, _value(v)) for n, v in found])
        whole = encoder.encode(response)
        if self.manner == "truncated":
            return [whole[: len(whole) // 2]]
        return [whole, whole] if self.manner == "twice" else [whole]

    def _pairs(self, module: Any, request: Any) -> list[tuple[Oid, Any]]:
        names = [tuple(int(p) for p in name) for name, _ in module.apiPDU.get_varbinds(request)]
        if self.manner == "empty":
            return []
        if request.isSameTypeWith(module.GetRequestPDU()):
            return [(name, self.answers.get(name)) for name in names]
        rounds = 1
        if hasattr(module, "GetBulkRequestPDU") and request.isSameTypeWith(
            module.GetBulkRequestPDU()
        ):
            rounds = int(module.apiBulkPDU.get_max_repetitions(request))
        found: list[tuple[Oid, Any]] = []
        for _ in range(rounds):
            row = [self._after(name) for name in names]
            found += row
            names = [name for name, _ in row]
        return found

    def _after(self, name: Oid) -> tuple[Oid, Any]:
        if self.manner == "backwards" and name in self.answers:
            return (*name[:-1], max(0, name[-1] - 1)), 7
        if self.manner == "endless":
            return (*name, 1) if len(name) < 12 else (*name[:-1], name[-1] + 1), 7
        later = [one for one in self.oids if one > name]
        return (later[0], self.answers[later[0]]) if later else (name, None)


def _value(value: Value | None) -> Any:
    if value is None:
        return rfc1905.endOfMibView
    if isinstance(value, bytes):
        return rfc1902.OctetString(value)
    if isinstance(value, tuple):
        return rfc1902.ObjectName(value)
    return rfc1902.Integer32(value) if value < 2**31 else rfc1902.Counter64(value)
