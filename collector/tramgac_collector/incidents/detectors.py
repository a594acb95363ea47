"""Which facts are looked at, and by what: one line a fact. CONTRIBUTING says how to add one."""

from collections.abc import Mapping

from tramgac_collector.incidents.devices import OF_DEVICES
from tramgac_collector.incidents.paths import OF_PATHS
from tramgac_collector.incidents.speed import OF_SPEED
from tramgac_collector.incidents.symptoms import OF_HOSTS, Detector

# By name of the fact. A detector is pure; what it finds is a line of ``codes``.
DETECTORS: Mapping[str, Detector] = {
    **OF_HOSTS,
    **OF_DEVICES,
    **OF_PATHS,
    **OF_SPEED,
}
