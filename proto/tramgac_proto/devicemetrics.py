"""Metrics of what runs no agent and is asked by SNMP: switches, printers, UPS, access points.

They carry the device's own id as ``host``. A switch has no series per port, apart from its
uplinks and ports in trouble: a hospital has thousands of ports.
"""

from tramgac_proto.metric import Metric, counter, gauge

_DEVICE = (
    gauge("device_up", "bool", "1 if the device answers SNMP, 0 if it should and does not"),
    gauge("device_uptime_seconds", "seconds", "Time since the device's SNMP agent started"),
    gauge("device_poll_seconds", "seconds", "Length of the last poll of the device"),
    gauge("device_storage_size_bytes", "bytes", "Size of the storage", "storage"),
    gauge("device_storage_used_ratio", "ratio", "Used share of the storage", "storage"),
    gauge("device_cpu_ratio", "ratio", "Mean load of the device's processors"),
)

_SWITCH = (
    gauge("switch_ports", "count", "Access ports that are up, by speed in Mbit/s", "speed"),
    gauge("switch_ports_down", "count", "Access ports that are enabled and have no carrier"),
    gauge("switch_ports_half_duplex", "count", "Access ports in half duplex"),
    gauge("switch_ports_slowed", "count", "Access ports below the speed they once had"),
    gauge("switch_ports_erroring", "count", "Access ports whose errors rise"),
    gauge("switch_stations", "count", "Stations learned behind access ports"),
    gauge("switch_stations_known", "count", "Of them, those that are declared or run an agent"),
    counter("switch_topology_changes_total", "count", "Spanning-tree topology changes"),
    gauge("port_up", "bool", "1 if the port has a carrier", "port"),
    gauge("port_speed_bytes", "bytes_per_second", "Negotiated speed in bytes per second", "port"),
    gauge("port_full_duplex", "bool", "1 full, 0 half; absent where unknown", "port"),
    gauge(
        "port_utilization_ratio",
        "ratio",
        "Share of the port's speed in use, over the device's own time",
        "port",
        "direction",
    ),
    gauge("port_error_ratio", "ratio", "Share of frames received with errors", "port"),
    gauge("port_discard_ratio", "ratio", "Share of frames thrown away on the way out", "port"),
    gauge(
        "port_finding",
        "bool",
        "1 while something is wrong with the port, 0 once it is well again",
        "port",
        "finding",
    ),
)

_PRINTER = (
    gauge("printer_error", "bool", "1 while the printer tells of this error", "error"),
    gauge("printer_supply_ratio", "ratio", "What is left of the supply", "supply"),
    counter("printer_pages_total", "count", "Pages printed in the printer's life"),
    gauge("printer_asleep", "bool", "1 while it answers nothing but may just be off"),
)

_UPS = (
    gauge("ups_on_battery", "bool", "1 while the load is fed from the battery"),
    gauge("ups_on_battery_seconds", "seconds", "How long it has been so"),
    gauge("ups_battery_low", "bool", "1 if the battery is low, by its own word or by its figures"),
    gauge("ups_battery_replace", "bool", "1 if the battery must be replaced"),
    gauge("ups_battery_charge_ratio", "ratio", "Charge of the battery"),
    gauge("ups_runtime_seconds", "seconds", "Time left on battery, as the device estimates it"),
    gauge("ups_runtime_trusted", "bool", "0 if that estimate cannot be believed"),
    gauge("ups_load_ratio", "ratio", "Load as a share of what it can feed"),
    gauge("ups_input_volts", "volts", "Voltage of the mains"),
    gauge("ups_temperature_celsius", "celsius", "Temperature of the battery"),
    gauge("ups_self_test_passed", "bool", "1 if the last self-test passed, 0 if it failed"),
    counter("ups_input_losses_total", "count", "Times the mains went bad"),
)

DEVICE_METRICS: tuple[Metric, ...] = (*_DEVICE, *_SWITCH, *_PRINTER, *_UPS)
