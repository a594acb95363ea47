"""What an agent tells of the ways to others, and of the systems it asks."""

from collections.abc import Iterator

from demo.look import Look, Sample, Self, between, labelled, look, near, share, wave
from tramgac_collector.inventory.model import System
from tramgac_proto.pathmetrics import DIRECTIONS, PATH_STAGES
from tramgac_proto.v1 import fleet_pb2

_DAY = 86_400.0
_TIMEOUT = PATH_STAGES.index("timeout")
# Mean round trip in seconds by how far it is.
_FAR = {"gateway": 0.0004, "collector": 0.011}
_PORTAL_RTT = 0.018
# Floor tests are paced to this share of what is expected.
_FLOOR = 0.8
_MBPS = 125_000.0


def path_looks(me: Self, now: float) -> Iterator[Look]:
    """All looks at ways and systems."""
    yield look(me, "latency", now, _latency(me, now), valid_seconds=750)
    if me.host.role == "probe":
        yield look(me, "path", now, _places(me, now))
        yield look(me, "throughput", now, _tests(me, now), valid_seconds=90_000)
    asked = [one for one in me.facility.systems if one.prober == me.host.id and one.probes]
    if asked:
        samples = (sample for one in asked for sample in _system(me, one, now))
        yield look(me, "service", now, samples)
        for one in asked:
            yield _state(me, one)


def _latency(me: Self, now: float) -> Iterator[Sample]:
    for target, method in (("gateway", "icmp"), ("collector", "udp")):
        key = (me.place, target)
        slow = 1 + 30 * ("wan_slow" in me.faults and target == "collector")
        rtt = near(_FAR[target] * slow * between(0.6, 1.8, me.facility.id), 0.2, now, *key)
        lossy = "loss" in me.faults and target == "collector"
        loss = 0.1 + 0.02 * wave(now, *key) if lossy else 0.0
        yield from labelled(
            {"target": target, "method": method},
            path_rtt_seconds=rtt,
            path_rtt_min_seconds=0.8 * rtt,
            path_rtt_max_seconds=1.9 * rtt,
            path_jitter_seconds=0.12 * rtt,
            path_loss_ratio=loss,
        )
    dwell = near(0.00008, 0.3, now, me.place, "dwell")
    yield from labelled({"target": "collector"}, path_reflector_dwell_seconds=dwell)
    for direction in DIRECTIONS:
        back = direction == "receive"
        yield from labelled(
            {"target": "collector", "direction": direction},
            path_loss_direction_ratio=loss if back else 0.0,
            path_queue_seconds=near(0.004 if back and slow > 1 else 0.0006, 0.4, now, me.at, back),
        )


def _days(me: Self, portal: str) -> int:
    """To the end of the certificate shown: the portal's own, or that of a firewall between."""
    return round(between(40, 300, portal, me.facility.id if "inspected" in me.faults else ""))


def _places(me: Self, now: float) -> Iterator[Sample]:
    for portal in me.inventory.portals:
        key = (me.at, portal.id)
        reached = portal.id not in me.weather.unreachable and f"no_{portal.id}" not in me.faults
        labels = {"target": portal.id}
        yield from labelled(
            labels,
            path_reachable=reached,
            path_stage=0 if reached else _TIMEOUT,
            path_resolve_seconds=near(0.006, 0.4, now, *key, "resolve"),
        )
        if reached:
            ends = now // _DAY * _DAY + _DAY * _days(me, portal.id)
            yield from labelled(
                labels,
                path_connect_seconds=near(_PORTAL_RTT, 0.2, now, *key),
                path_tls_seconds=near(2.4 * _PORTAL_RTT, 0.2, now, *key),
                path_certificate_expiry_timestamp_seconds=ends,
            )
    key = (me.at, "gateway")
    gateway = {"path_reachable": 1.0, "path_stage": 0.0}
    yield from labelled({"target": "gateway"}, **gateway)


def _tests(me: Self, now: float) -> Iterator[Sample]:
    """The last floor test each way, and the last capacity test; they are days or hours old."""
    expected = (me.host.expect_mbps or 100) * _MBPS
    servers = [one.id for one in me.site.hosts if one.responder]
    target = servers[0] if servers else "collector"
    for proves in ("floor", "capacity"):
        for direction in DIRECTIONS:
            key = (me.place, target, direction, proves)
            pace = _FLOOR * expected if proves == "floor" else expected
            weak = "lan_slow" in me.faults and direction == "receive"
            share_held = between(0.35, 0.5, *key) if weak else between(0.985, 0.999, *key)
            rate = pace * (share_held if proves == "floor" or weak else between(0.9, 0.97, *key))
            labels = {"target": target, "direction": direction, "proves": proves}
            yield from labelled(
                labels,
                path_throughput_bytes_per_second=rate + 0.001 * pace * wave(now // 600, *key),
                path_throughput_pace_bytes_per_second=pace,
                path_throughput_test_bytes=round(0.35 * pace),
            )
            if proves == "floor":
                yield from labelled(labels, path_throughput_held=not weak)


def _up(me: Self, one: System) -> bool:
    return f"{me.facility.id}/{one.id}" not in me.weather.down


def _system(me: Self, one: System, now: float) -> Iterator[Sample]:
    up, own = _up(me, one), {"system": one.id}
    for probe in one.probes:
        labels = {**own, "method": probe.method}
        yield from labelled(labels, service_up=up)
        if up:
            took = near(0.09 if probe.url else 0.004, 0.5, now, me.place, one.id, probe.method)
            yield from labelled(labels, service_probe_seconds=took)
        if probe.unit:
            yield from labelled(own, service_restarts=int(4 * share(me.place, one.id)))
        if probe.url:
            short = "certificate" in me.faults and one.id == "emr"
            days = 9 if short else round(between(45, 320, me.facility.id, one.id))
            ends = now // _DAY * _DAY + days * _DAY
            yield from labelled(own, service_certificate_expiry_timestamp_seconds=ends)


def _state(me: Self, one: System) -> Look:
    up = _up(me, one)
    state = fleet_pb2.ServiceState(
        system=one.id, method=one.probes[0].method, up=up, reason="" if up else "timeout"
    )
    return Look("service", stream=f"{one.id}/state", detail={"service": state})
