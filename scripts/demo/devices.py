"""What switches, power supplies, printers and storage boxes tell the host that asks them."""

from collections.abc import Callable, Iterator, Mapping

from demo.look import Look, Sample, Self, between, count, labelled, near, ran, share
from tramgac_collector.inventory.devices import Device
from tramgac_proto.lanwords import PORT_WORDS

_DAY = 86_400.0
_MBPS = 125_000.0
_PRINTER_ERRORS = ("low_paper", "no_paper", "low_toner", "no_toner", "door_open", "jammed")
_SPEEDS = ("10", "100", "1000")
# A battery of this many seconds at the load it has.
_RUNTIME = 2_700.0
_LOW = 0.2
_TIB = 2**40


def device_looks(me: Self, now: float) -> Iterator[Look]:
    """A look at each device the host asks."""
    asked = [one for one in me.site.devices if one.probed_by == me.host.id and one.snmp]
    for device in asked:
        told = tuple(_device(me, device, now))
        yield Look("snmp", told, 180 if device.kind != "printer" else 2_250, subject=device.id)
    if asked:
        yield Look("snmp", ran(me, "snmp", now))


def _has(me: Self, device: Device, fault: str) -> bool:
    return f"{device.id}:{fault}" in me.faults


def _device(me: Self, device: Device, now: float) -> Iterator[Sample]:
    key = (me.facility.id, device.id)
    asleep = _has(me, device, "asleep")
    if _has(me, device, "silent"):
        yield from labelled({}, device_up=0)
        return
    up = between(4, 200, *key) * _DAY
    yield from labelled(
        {},
        device_up=not asleep,
        device_poll_seconds=near(0.4, 0.5, now, *key),
        device_uptime_seconds=up + now - me.started,
    )
    yield from _KINDS[device.kind](me, device, now)


def _switch(me: Self, device: Device, now: float) -> Iterator[Sample]:
    key = (me.facility.id, device.id)
    bad = [code for code in PORT_WORDS if _has(me, device, code)]
    ports = {"10": 1 if "half_duplex" in bad else 0, "100": 3 + int(9 * share(*key)), "1000": 18}
    for speed in _SPEEDS:
        yield from labelled({"speed": speed}, switch_ports=ports[speed])
    stations = 20 + int(20 * share(*key, "stations"))
    yield from labelled(
        {},
        switch_ports_down=2 + int(6 * share(*key, "down")),
        switch_ports_half_duplex="half_duplex" in bad,
        switch_ports_slowed="slowed" in bad,
        switch_ports_erroring="errors" in bad,
        switch_stations=stations,
        switch_stations_known=stations - int(4 * share(*key, "strange")),
        switch_topology_changes_total=int(30 * share(*key, "tree")),
    )
    uplink = device.uplinks[0] if device.uplinks else "Te1/0/1"
    yield from _port(me, device, uplink, now)
    for code in bad:
        port = uplink if code == "overloaded" else _port_of(code)
        if port != uplink:
            yield from _port(me, device, port, now)
        yield from labelled({"port": port, "finding": code}, port_finding=1)
    if share(*key, "healed") < 0.5:  # noqa: PLR2004 - half of them
        healed = {"port": "Gi1/0/24", "finding": "flapping"}
        yield from labelled(healed, port_finding=0)


def _port_of(code: str) -> str:
    return f"Gi1/0/{3 + list(PORT_WORDS).index(code)}"


def _port(me: Self, device: Device, port: str, now: float) -> Iterator[Sample]:
    key = (me.facility.id, device.id, port)
    half = _has(me, device, "half_duplex") and port == _port_of("half_duplex")
    faulty = _has(me, device, "errors") and port == _port_of("errors")
    mbps = 10.0 if half else 10_000.0 if port.startswith("Te") else 1000.0
    labels = {"port": port}
    yield from labelled(
        labels,
        port_up=not (_has(me, device, "flapping") and port == _port_of("flapping")),
        port_speed_bytes=mbps * _MBPS,
        port_full_duplex=not half,
        port_error_ratio=near(0.03, 0.4, now, *key) if faulty else 0.0,
        port_discard_ratio=near(0.0004, 0.6, now, *key, "discards"),
    )
    busy = 0.93 if _has(me, device, "overloaded") else between(0.02, 0.3, *key)
    for direction in ("receive", "transmit"):
        used = min(1.0, busy * (1 + 0.05 * (near(1, 1, now, *key, direction) - 1)))
        yield from labelled({**labels, "direction": direction}, port_utilization_ratio=used)


def _ups(me: Self, device: Device, now: float) -> Iterator[Sample]:
    key = (me.facility.id, device.id)
    since = me.weather.on_battery.get(me.at)
    passed = 0.0 if since is None else max(0.0, now - since)
    left = max(0.02, 1 - me.weather.drain * passed / (_RUNTIME * between(0.5, 1.2, *key)))
    yield from labelled(
        {},
        ups_on_battery=since is not None,
        ups_on_battery_seconds=passed,
        ups_battery_low=left < _LOW,
        ups_battery_replace=_has(me, device, "battery_replace"),
        ups_battery_charge_ratio=left,
        ups_runtime_seconds=left * _RUNTIME * between(0.5, 1.2, *key) / me.weather.drain,
        ups_runtime_trusted=not _has(me, device, "battery_replace"),
        ups_load_ratio=near(0.4, 0.1, now, *key),
        ups_input_volts=near(228, 0.01, now, "mains") if since is None else 0.0,
        ups_temperature_celsius=near(29, 0.05, now, *key),
        ups_self_test_passed=not _has(me, device, "battery_replace"),
        ups_input_losses_total=int(20 * share(*key)) + (since is not None),
    )


def _printer(me: Self, device: Device, now: float) -> Iterator[Sample]:
    key = (me.facility.id, device.id)
    asleep = _has(me, device, "asleep")
    yield from labelled({}, printer_asleep=asleep)
    if asleep:
        return
    for error in _PRINTER_ERRORS:
        yield from labelled({"error": error}, printer_error=_has(me, device, error))
    for supply in ("toner-1", "drum-2"):
        left = 0.03 if _has(me, device, "low_toner") else between(0.1, 0.95, *key, supply)
        yield from labelled({"supply": supply}, printer_supply_ratio=left)
    pages = count(0.03, me.booted, now, *key)
    yield from labelled({}, printer_pages_total=int(40_000 * share(*key) + pages))


def _storage(me: Self, device: Device, now: float) -> Iterator[Sample]:
    key = (me.facility.id, device.id)
    for storage, drives in (("/volume1", 4), ("/volume2", 2)):
        used = near(0.6, 0.004, now, *key, storage)
        yield from labelled(
            {"storage": storage},
            device_storage_size_bytes=drives * (2 + int(4 * share(*key))) * _TIB,
            device_storage_used_ratio=min(0.97, used),
        )
    yield from labelled({}, device_cpu_ratio=near(0.2, 0.6, now, *key))


_KINDS: Mapping[str, Callable[[Self, Device, float], Iterator[Sample]]] = {
    "switch": _switch,
    "firewall": _switch,
    "ups": _ups,
    "printer": _printer,
    "nas": _storage,
}
