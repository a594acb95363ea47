"""Carrier, negotiated speed, duplex and error counters of the network cards."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tramgac_agent.checks.base import (
    Check,
    CheckSettings,
    Context,
    NotApplicable,
    Observation,
    Sample,
)
from tramgac_agent.host.changes import ChangeMemory
from tramgac_agent.host.netdev import COUNTERS, Link, is_physical, parse_link, read_attributes

# Fourteen series each; the rest of the agent needs its share of the series table too.
MAX_INTERFACES = 32


class LinkSettings(CheckSettings, frozen=True, kw_only=True):
    """``[checks.link]``.

    Attributes:
        include: Shell patterns of interfaces measured besides the physical ones.
        exclude: Shell patterns of interfaces never measured.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class LinkCheck(Check[LinkSettings]):
    """What ``/sys/class/net`` says of each interface."""

    name = "link"
    interval_seconds = 60.0
    deadline_seconds = 10.0
    settings_type = LinkSettings

    def __init__(self, settings: LinkSettings) -> None:
        super().__init__(settings)
        self.net = Path("/sys/class/net")
        self._memory = ChangeMemory()

    def run(self, context: Context) -> Iterator[Observation]:
        """Read every wanted interface.

        Raises:
            NotApplicable: None is wanted, or there is no sysfs.
        """
        links = {path.name: parse_link(read_attributes(path)) for path in self._wanted()}
        if not links:
            raise NotApplicable("no network interface to measure")
        if len(links) > MAX_INTERFACES:
            context.log.warning("%d interfaces left out", len(links) - MAX_INTERFACES)
            links = dict(list(links.items())[:MAX_INTERFACES])
        states = {name: f"{one.up} {one.speed} {one.full_duplex}" for name, one in links.items()}
        token = self._memory.look(context.state_dir / "links.json", states, context.log)
        samples = [one for name, link in links.items() for one in samples_of(name, link)]
        yield Observation(tuple(samples), event=bool(token), token=token)

    def handed_over(self, observations: Sequence[Observation]) -> None:
        """Make no second event of the change."""
        if observations:
            self._memory.hand_over()

    def stored(self, observations: Sequence[Observation]) -> None:
        """Take a change of carrier, speed or duplex as told."""
        if observations:
            self._memory.settle()

    def _wanted(self) -> list[Path]:
        if not self.net.is_dir():
            return []
        return sorted(path for path in self.net.iterdir() if self._is_wanted(path))

    def _is_wanted(self, path: Path) -> bool:
        if any(fnmatchcase(path.name, glob) for glob in self.settings.exclude):
            return False
        asked_for = any(fnmatchcase(path.name, glob) for glob in self.settings.include)
        return path.is_dir() and (asked_for or is_physical(path))


def samples_of(interface: str, link: Link) -> Iterator[Sample]:
    """The catalogue series of one interface; what is not known is absent."""
    labels = {"interface": interface}
    values = {
        "network_link_up": link.up,
        "network_link_known": link.speed is not None,
        "network_link_speed_bytes": link.speed,
        "network_link_full_duplex": link.full_duplex,
        "network_carrier_changes_total": link.counters.get("carrier_changes"),
    }
    for name, value in values.items():
        if value is not None:
            yield Sample(f"tramgac_{name}", float(value), labels)
    for name, direction, source in COUNTERS:
        if source in link.counters:
            one = {**labels, "direction": direction} if direction else labels
            yield Sample(f"tramgac_network_{name}_total", float(link.counters[source]), one)
