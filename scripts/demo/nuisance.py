"""What a collector must refuse, really sent to it: the counters of refusals have series then."""

import socket

import grpc
from helpers.fleet import BOOT_ID, SimulatedAgent, SimulatedIdentity, boottime_ms, now_ms

from tramgac_proto.v1 import fleet_pb2


class Nuisance:
    """One agent of a registered host that behaves badly, and one that was thrown out.

    Args:
        port: The collector's.
        ca_pem: What signed its certificate.
        rude: Registered, on a host of its own.
        denied: Registered, then denied.
    """

    def __init__(
        self, port: int, ca_pem: bytes, rude: SimulatedIdentity, denied: SimulatedIdentity
    ) -> None:
        self._port = port
        self._rude, self._denied = SimulatedAgent(rude, 1), SimulatedAgent(denied, 2)
        for agent in (self._rude, self._denied):
            agent.connect(f"127.0.0.1:{port}", ca_pem)

    async def once(self) -> None:
        """Each nuisance once."""
        self._knock()
        await self._refused(self._denied, fleet_pb2.ReportRequest(epoch="0" * 32))
        await self._refused(self._rude, fleet_pb2.ReportRequest(epoch="not an epoch"))
        told = self._batch()
        await self._rude.send(told)
        await self._rude.send(told)

    def _knock(self) -> None:
        """Words instead of TLS."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=5) as line:
            line.settimeout(0.5)
            line.sendall(b"GET / HTTP/1.0\r\n\r\n")
            try:
                line.recv(64)
            except OSError:
                return

    async def _refused(self, agent: SimulatedAgent, request: fleet_pb2.ReportRequest) -> None:
        try:
            await agent.send(request)
        except grpc.RpcError:
            return
        raise AssertionError("the collector took what it must refuse")

    def _batch(self) -> fleet_pb2.ReportRequest:
        """One series in two streams, a metric nobody knows, a test nobody may run."""
        self._rude.series_known = True
        places = (("one", 1), ("two", 1), ("three", 2))
        request = self._rude.request([self._record(*one) for one in places])
        request.series.add(id=1, name="tramgac_tick_last")
        request.series.add(id=2, name="tramgac_no_such_thing")
        request.lease_requests.add(target="nobody", direction="send", proves="floor")
        return request

    def _record(self, stream: str, number: int) -> fleet_pb2.Record:
        self._rude.seq += 1
        told = fleet_pb2.Observation(
            check="tick", stream=stream, series_ids=[number], values=[1.0], valid_seconds=60
        )
        return fleet_pb2.Record(
            seq=self._rude.seq,
            wall_unix_ms=now_ms(),
            boottime_ms=boottime_ms(),
            boot_id=BOOT_ID,
            record_class=fleet_pb2.RECORD_CLASS_POINT,
            observation=told,
        )

    async def close(self) -> None:
        """Hang up."""
        await self._rude.close()
        await self._denied.close()
