"""Facts of what runs no agent: switches and their ports, printers, power supplies.

The subject is the device, which stands like a host: ``facility/site/device``; of a port or a part
``facility/site/device/PART``. What is wrong with a port is a fact of its own for each finding.
"""

from collections.abc import Mapping

from tramgac_collector.facts.kinds import FactKind, FromMetric
from tramgac_proto.lanwords import PORT_WORDS

ANSWERS = FactKind("net.dev", "bool")
UPTIME = FactKind("net.dev.uptime", "seconds", 86_400.0)
# A load that moves a little is no news.
_SHARE = 0.05

# By the label ``finding``.
PORT_FINDINGS: Mapping[str, FactKind] = {
    code: FactKind(f"net.port.{code}", "bool") for code in PORT_WORDS
}
PORT_USE = FactKind("net.port.use", "ratio", _SHARE)
PORTS = FactKind("net.ports", "count")
PORTS_BESIDE: Mapping[str, FactKind] = {
    one: FactKind(f"net.ports.{one}", "count") for one in ("down", "half_duplex", "slowed")
}
PORTS_ERRORS = FactKind("net.ports.errors", "count")
STATIONS = FactKind("inv.stations", "count")
STATIONS_KNOWN = FactKind("inv.stations.known", "count")

PRINTER_ERROR = FactKind("print.error", "bool")
PRINTER_ASLEEP = FactKind("print.asleep", "bool")

ON_BATTERY = FactKind("ups.battery", "bool")
BATTERY_LOW = FactKind("ups.low", "bool")
BATTERY_REPLACE = FactKind("ups.replace", "bool")
SELF_TEST = FactKind("ups.selftest", "bool")
RUNTIME = FactKind("ups.runtime", "seconds", 300.0)
RUNTIME_TRUSTED = FactKind("ups.runtime.trusted", "bool")

_PORT = ("port",)

# By the name of the metric, without the prefix all have.
FROM_DEVICE: Mapping[str, FromMetric] = {
    "device_up": FromMetric(ANSWERS),
    "device_uptime_seconds": FromMetric(UPTIME),
    "switch_ports": FromMetric(PORTS, ("speed",)),
    **{f"switch_ports_{one}": FromMetric(kind) for one, kind in PORTS_BESIDE.items()},
    "switch_ports_erroring": FromMetric(PORTS_ERRORS),
    "switch_stations": FromMetric(STATIONS),
    "switch_stations_known": FromMetric(STATIONS_KNOWN),
    "port_up": FromMetric(FactKind("net.port.up", "bool"), _PORT),
    "port_speed_bytes": FromMetric(FactKind("net.port.speed", "bytes_per_second"), _PORT),
    "port_error_ratio": FromMetric(FactKind("net.port.error_share", "ratio", _SHARE), _PORT),
    "port_utilization_ratio": FromMetric(PORT_USE, ("port", "direction")),
    "port_finding": FromMetric(
        FactKind("net.port", "bool"), _PORT, by="finding", kinds=PORT_FINDINGS
    ),
    "printer_error": FromMetric(PRINTER_ERROR, ("error",)),
    "printer_supply_ratio": FromMetric(FactKind("print.supply", "ratio", _SHARE), ("supply",)),
    "printer_asleep": FromMetric(PRINTER_ASLEEP),
    "ups_on_battery": FromMetric(ON_BATTERY),
    "ups_battery_low": FromMetric(BATTERY_LOW),
    "ups_battery_replace": FromMetric(BATTERY_REPLACE),
    "ups_self_test_passed": FromMetric(SELF_TEST),
    "ups_battery_charge_ratio": FromMetric(FactKind("ups.charge", "ratio", _SHARE)),
    "ups_runtime_seconds": FromMetric(RUNTIME),
    "ups_runtime_trusted": FromMetric(RUNTIME_TRUSTED),
    "ups_load_ratio": FromMetric(FactKind("ups.load", "ratio", _SHARE)),
    "ups_temperature_celsius": FromMetric(FactKind("ups.celsius", "celsius", 2.0)),
}
