"""What an agent tells of its own host: uptime, itself, disks, network cards."""

from collections.abc import Iterator, Mapping

from demo.look import Look, Sample, Self, between, count, labelled, look, near, share, wave

_GIB = 2**30
# Mount point to size in GiB and how full it is, of a server.
_DISKS: Mapping[str, tuple[int, float]] = {"/": (60, 0.42), "/srv": (1800, 0.63)}
_PROBE_DISKS: Mapping[str, tuple[int, float]] = {"/": (110, 0.31)}
_FULL = 0.935
# Bytes a second that a network card carries on a working day.
_SERVER_RATE, _PROBE_RATE = 9e6, 4e5


def host_looks(me: Self, now: float) -> Iterator[Look]:
    """All looks at the host itself."""
    yield look(me, "uptime", now, _uptime(me, now))
    yield look(me, "self", now, _self(me, now), valid_seconds=360)
    yield look(me, "disk", now, _disks(me, now), valid_seconds=750)
    yield look(me, "link", now, _links(me, now))
    tick = int(now - me.started) // 10
    yield look(me, "tick", now, labelled({}, tick_last=tick))


def _uptime(me: Self, now: float) -> Iterator[Sample]:
    yield from labelled(
        {},
        host_uptime_seconds=now - me.booted,
        host_boot_timestamp_seconds=me.booted,
        host_last_stop_clean=me.clean,
        host_clock_step_seconds=round(between(-3, 3, me.place, "step"), 2),
        host_clock_steps_total=int(4 * share(me.place, "steps")),
        host_last_downtime_seconds=round(between(20, 400, me.place, "downtime")),
    )


def _self(me: Self, now: float) -> Iterator[Sample]:
    yield from labelled(
        {},
        agent_resident_memory_bytes=near(39e6, 0.03, now, me.place, "rss"),
        agent_cpu_seconds_total=count(0.002, me.started, now, me.place, "cpu"),
        agent_start_timestamp_seconds=me.started,
    )


def _disks(me: Self, now: float) -> Iterator[Sample]:
    disks = _DISKS if me.host.role == "server" else _PROBE_DISKS
    for mountpoint, (gib, usual) in disks.items():
        labels = {"mountpoint": mountpoint, "fstype": "ext4" if mountpoint == "/" else "xfs"}
        own = min(0.8, usual * between(0.7, 1.2, me.place, mountpoint))
        full = _FULL if "disk_full" in me.faults and mountpoint == "/srv" else own
        used = full + 0.002 * wave(now, me.place, mountpoint)
        files = gib * 65_536
        yield from labelled(
            labels,
            filesystem_size_bytes=gib * _GIB,
            filesystem_avail_bytes=round(gib * _GIB * (1 - used)),
            filesystem_used_ratio=used,
            filesystem_readonly="disk_readonly" in me.faults and mountpoint == "/srv",
            filesystem_files=files,
            filesystem_files_free=round(files * (1 - used / 3)),
            filesystem_errors=3 if "disk_errors" in me.faults else 0,
            filesystem_hung="disk_hung" in me.faults and mountpoint == "/srv",
        )


def _links(me: Self, now: float) -> Iterator[Sample]:
    server = me.host.role == "server"
    rate = (_SERVER_RATE if server else _PROBE_RATE) * between(0.4, 1.6, me.facility.id)
    half = "half_duplex" in me.faults
    mbps = 10 if half else 1000 if server else 100
    for interface in ("eno1", "eno2") if server else ("enp1s0",):
        port = {"interface": interface}
        spare = interface == "eno2"
        yield from labelled(port, network_link_up=not spare, network_link_known=not spare)
        if not spare:
            speed = mbps * 125_000.0
            yield from labelled(
                port, network_link_speed_bytes=speed, network_link_full_duplex=not half
            )
        yield from labelled(
            port,
            network_carrier_changes_total=2 + int(5 * share(me.place, interface)),
            network_crc_errors_total=count(0.2 * half, me.booted, now, me.place, "crc"),
            network_collisions_total=count(1.5 * half, me.booted, now, me.place, "collisions"),
        )
        for direction, of in (("receive", 1.0), ("transmit", 0.6)):
            way = {**port, "direction": direction}
            key = (me.place, interface, direction)
            yield from labelled(
                way,
                network_bytes_total=count(0 if spare else rate * of, me.booted, now, *key),
                network_errors_total=count(0.3 * half, me.booted, now, *key, "errors"),
                network_drops_total=count(0 if spare else 0.002, me.booted, now, *key, "drops"),
            )
