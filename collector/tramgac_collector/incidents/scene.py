"""What one step looks at: what is known, what is open, and what explains a finding already."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tramgac_collector.incidents.board import Board, Now
from tramgac_collector.incidents.codes import CODES, MINUTE, MUTED_MS, Family
from tramgac_collector.incidents.devices import behind
from tramgac_collector.incidents.model import Incident, Key, Symptom, Window
from tramgac_collector.incidents.tree import CENTRE, Tree, site_of

# Ended so lately, an incident still explains what follows from it.
RECENT_MS = 20 * MINUTE
# Of sites and more.
_WIDE = frozenset({"site_unreachable", "region_link_down", "collector_uplink_suspected"})
# They take with them what they name, not all that is below them.
_BY_INSIDE = frozenset({"region_link_down", "collector_uplink_suspected"})


@dataclass(frozen=True)
class Scene:
    """What a step looks at.

    Attributes:
        settled: The collector runs long enough for silence to mean something.
        incidents: All that are open, and those that ended within ``RECENT_MS``.
    """

    board: Board
    tree: Tree
    incidents: Sequence[Incident]
    windows: Sequence[Window]
    now_ms: int
    settled: bool = True

    @cached_property
    def calling(self) -> set[str]:
        """Hosts that should call and about which nobody said that they will not."""
        hosts = (owner.place for owner in self.tree.inventory.expected_hosts())
        return {place for place in hosts if not self.planned(place)}

    @cached_property
    def now(self) -> Now:
        """What is known."""
        return self.board.now(self.tree, self.calling, self.now_ms)

    @cached_property
    def open(self) -> dict[Key, Incident]:
        """Open incidents by what they are of."""
        return {one.key: one for one in self.incidents if one.closed_ms is None}

    @cached_property
    def open_numbers(self) -> set[int]:
        """Of what is open."""
        return {one.number for one in self.open.values()}

    @cached_property
    def _planned(self) -> set[str]:
        return {one.node for one in self.windows if one.from_ms <= self.now_ms < one.until_ms}

    def planned(self, node: str) -> bool:
        """Whether work is planned now on it, or on what it depends on."""
        planned = self._planned
        return bool(planned) and (node in planned or not planned.isdisjoint(self._up(node)))

    def _up(self, node: str) -> tuple[str, ...]:
        return self.tree.ancestors(node)

    def bad(self, node: str, slot: str) -> Symptom | None:
        """A finding that holds."""
        return self.now.bad.get(Key(node, slot))

    @cached_property
    def _returning(self) -> dict[str, Incident]:
        """What came back within five minutes, by node: the backlog inside is still on its way."""
        found = {}
        for one in self.incidents:
            since = one.closed_ms or one.detail.good_since_ms
            if since is None and one.key not in self.now.bad:
                since = self.now_ms
            # An end that lies ahead was written before the clock was set back.
            if one.covers and since is not None and 0 <= self.now_ms - since < MUTED_MS:
                found[one.node] = one
        return found

    def cover(self, symptom: Symptom) -> str:
        """Node of what already explains a finding, the widest first; empty where nothing does."""
        site = self._site(symptom)
        wider = self._centre(symptom) or self._link(site or symptom.node)
        return wider or site or self._host_or_provider(symptom)

    def _around(self, symptom: Symptom) -> tuple[str, ...]:
        """It and what it depends on; of a line, the sites it took."""
        inside = symptom.inside if symptom.code == "region_link_down" else ()
        return (symptom.node, *self._up(symptom.node), *inside)

    def _link(self, site: str) -> str:
        """The line that took a site with it."""
        node = self.tree.link_of.get(site, "")
        link = self.bad(node, "region_link_down")
        return node if link is not None and site in link.inside else ""

    def _centre(self, symptom: Symptom) -> str:
        centre = self.bad(CENTRE, "collector_uplink_suspected")
        inside = () if centre is None or symptom.node == CENTRE else centre.inside
        return CENTRE if any(site in inside for site in self._around(symptom)) else ""

    def _site(self, symptom: Symptom) -> str:
        """The dark site it is in, where whatever tells of it is dark as well."""
        if symptom.code in _WIDE:
            return ""
        around = self._around(symptom)
        for node in around:
            site = self.bad(node, "site_unreachable")
            if site is not None and any(place in site.lost for place in around):
                return node
        return ""

    def _host_or_provider(self, symptom: Symptom) -> str:
        for node in self._up(symptom.node):
            if self.bad(node, "agent_silent") or self.bad(node, "provider_down"):
                return node
        return self._switch(symptom)

    def _switch(self, symptom: Symptom) -> str:
        """The silent switch that a device, or what was found on its own ports, is behind."""
        if CODES[symptom.code].family is not Family.DEVICE:
            return ""
        network = self.tree.network_of(site_of(symptom.node))
        return behind(symptom, lambda node: self.bad(node, "device_silent"), network)

    def muted(self, symptom: Symptom) -> str:
        """Node of what came back lately, so that nothing inside is told yet."""
        around, up = self._around(symptom), self._up(symptom.node)
        for node, one in self._returning.items():
            took = one.code in _BY_INSIDE and any(site in one.detail.inside for site in around)
            above = one.code not in _BY_INSIDE and node in (symptom.node, *up)
            if one.key != symptom.key and (took or above):
                return node
        for node in up:
            dark_ms = self.board.dark_ms.get(node, -MUTED_MS)
            # Of a site that is dark in part, the rest is told as ever.
            if self.now_ms - dark_ms < MUTED_MS and not self.bad(node, "site_unreachable"):
                return node
        return ""

    def explained(self, symptom: Symptom) -> bool:
        """Whether a start of a host is part of a silence that was, or will be, told."""
        for one in self.incidents:
            called_ms = one.detail.lost.get(symptom.node)
            ended = one.closed_ms if one.closed_ms is not None else self.now_ms
            if called_ms is not None and called_ms - MINUTE <= symptom.since_ms <= ended:
                return True
        return False
