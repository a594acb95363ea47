"""Lines the collector writes itself: liveness, coverage, names, derived series."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from tramgac_collector.live.fragments import Page
from tramgac_collector.live.layout import RefusedSeries, line_prefix
from tramgac_collector.live.names import Named
from tramgac_collector.live.streams import Place, Streams
from tramgac_collector.live.text import labels_text, spell
from tramgac_collector.model import Owner
from tramgac_proto.catalogue import CATALOGUE
from tramgac_proto.v1 import fleet_pb2

_UP = "tramgac_agent_up"
_LAST_SEEN = "tramgac_agent_last_seen_timestamp_seconds"
_OFFSET = "tramgac_agent_clock_offset_seconds"
_CERTIFICATE = "tramgac_agent_certificate_expiry_timestamp_seconds"
_RECORDS = "tramgac_agent_outbox_records"
_BYTES = "tramgac_agent_outbox_bytes"
_AGENT_INFO = "tramgac_agent_info"
_COVERAGE = "tramgac_facility_coverage_ratio"

# What a silent agent said of itself vanishes like its values. Its certificate stays:
# it runs out in the dark as well.
_SAID = (_OFFSET, _RECORDS, _BYTES)
# What an agent calls its version; anything else is none and is not shown.
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,31}")
# Enough to see that one is too long.
_VERSION_CHARS = 33
_OF_PLACE = (_UP, _LAST_SEEN, _CERTIFICATE, *_SAID)


def _place(owner: Owner) -> Place:
    return (owner.facility, owner.site, owner.host)


class CollectedLines:
    """Writes them on the page. The caller holds the page's lock."""

    def __init__(self, page: Page, streams: Streams) -> None:
        self._page = page
        self._streams = streams
        self._labels: dict[Place, str] = {}
        self._shown: dict[tuple[str, Place], float] = {}
        self._derived: defaultdict[tuple[str, Place], dict[str, bytes]] = defaultdict(dict)
        self._derived_of: defaultdict[str, set[tuple[str, Place]]] = defaultdict(set)
        self._versions: dict[Place, str] = {}
        self._named: dict[str, Mapping[Named, bytes]] = {}
        self._covered: set[str] = set()

    def alive(self, owner: Owner, status: fleet_pb2.AgentStatus, offset_ms: int) -> None:
        """Show that an agent calls, and what it says of itself."""
        place = _place(owner)
        self._set(_UP, place, 1.0)
        self._set(_OFFSET, place, offset_ms / 1000)
        self._set(_RECORDS, place, float(status.outbox_records))
        self._set(_BYTES, place, float(status.outbox_bytes))
        self.version(owner, status.version)

    def last_seen(self, owner: Owner, at_ms: int) -> None:
        """Show the last accepted call; 0 means there was none."""
        if at_ms > 0:
            self._set(_LAST_SEEN, _place(owner), at_ms / 1000)

    def certificate(self, owner: Owner, not_after_ms: int) -> None:
        """Show the end of the certificate; 0 means it is not known."""
        if not_after_ms > 0:
            self._set(_CERTIFICATE, _place(owner), not_after_ms / 1000)

    def version(self, owner: Owner, version: str) -> None:
        """Show what an agent told of its version; a silent one keeps it."""
        place, version = _place(owner), version[:_VERSION_CHARS]
        if self._versions.get(place) == version:
            return
        self._versions[place] = version
        if _VERSION.fullmatch(version):
            prefix = line_prefix(CATALOGUE[_AGENT_INFO], owner, (("version", version),))
            self._put(_AGENT_INFO, place, "info", f"{prefix} 1.0\n".encode())
        else:
            self._drop(_AGENT_INFO, place, "info")

    def silent(self, place: Place) -> None:
        """Show that a host does not report."""
        self._set(_UP, place, 0.0)
        for name in _SAID:
            self._unset(name, place)

    def remove_place(self, place: Place) -> None:
        """Remove liveness of a host."""
        for name in _OF_PLACE:
            self._unset(name, place)
        self._labels.pop(place, None)
        self._versions.pop(place, None)
        self._drop(_AGENT_INFO, place, "info")

    def keep_places(self, places: Collection[Place]) -> None:
        """Remove liveness of all other hosts."""
        for place in {*self._labels, *self._versions}.difference(places):
            self.remove_place(place)

    def name(self, source: str, named: Mapping[Named, bytes]) -> None:
        """Show what one source calls things; what it does not name any more is taken off."""
        before = self._named.get(source, {})
        for family, facility in before.keys() - named.keys():
            self._drop(family, (facility, "", ""), source)
        for key, fragment in named.items():
            if before.get(key) != fragment:
                self._put(key[0], (key[1], "", ""), source, fragment)
        self._named[source] = named

    def coverage(
        self, expected: Iterable[Place], reporting: Collection[Place], *, settled: bool
    ) -> None:
        """Show the share of declared hosts that report.

        Until the collector has run long enough to call a host silent, only full
        coverage is known.
        """
        declared: Counter[str] = Counter()
        present: Counter[str] = Counter()
        for place in expected:
            declared[place[0]] += 1
            present[place[0]] += place in reporting
        for facility in self._covered | declared.keys():
            place = (facility, "", "")
            hosts, here = declared[facility], present[facility]
            if hosts and (settled or here == hosts):
                self._set(_COVERAGE, place, here / hosts)
            else:
                self._unset(_COVERAGE, place)
        self._covered = set(declared)

    def derived(
        self, name: str, owner: Owner, labels: tuple[tuple[str, str], ...], value: float | None
    ) -> None:
        """Set or remove one series the collector owns."""
        metric = CATALOGUE.get(name)
        if metric is None or metric.owner != "collector":
            raise RefusedSeries("unknown_metric", name)
        key = (name, _place(owner))
        prefix = line_prefix(metric, owner, labels)
        lines = self._derived[key]
        if value is None:
            lines.pop(prefix, None)
        else:
            lines[prefix] = f"{prefix} {spell((value,))[0]}\n".encode()
            self._derived_of[owner.agent_id].add(key)
        if lines:
            self._put(name, key[1], "derived", b"".join(lines.values()))
        else:
            self._drop_derived(key)

    def remove_derived(self, agent_id: str) -> None:
        """Remove what was derived from an agent's evidence."""
        for key in self._derived_of.pop(agent_id, ()):
            self._drop_derived(key)

    def _drop_derived(self, key: tuple[str, Place]) -> None:
        name, place = key
        self._derived.pop(key, None)
        self._drop(name, place, "derived")

    def _set(self, name: str, place: Place, value: float) -> None:
        if self._shown.get((name, place)) == value:
            return
        self._shown[name, place] = value
        labels = self._labels.get(place)
        if labels is None:
            named = zip(("facility", "site", "host"), place, strict=True)
            labels = self._labels[place] = labels_text([(k, v) for k, v in named if v])
        self._put(name, place, "line", f"{name}{labels} {spell((value,))[0]}\n".encode())

    def _unset(self, name: str, place: Place) -> None:
        if self._shown.pop((name, place), None) is not None:
            self._drop(name, place, "line")

    def _put(self, name: str, place: Place, kind: str, fragment: bytes) -> None:
        block = self._page.block(name, self._streams.slot(place))
        self._page.put(block, (place, kind), fragment)

    def _drop(self, name: str, place: Place, kind: str) -> None:
        self._page.drop(name, self._streams.slot(place), (place, kind))
