"""One step: from what is wrong to which incidents there are. Pure; the table is all it remembers.

What depends on something dark is not told (creation is suppressed), and whatever is known to be
well again ends (resolution never is). What nobody can see any more stays as it was, and is said
to be unknown. A backup whose RPO passes is told all the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec

from tramgac_collector.incidents.board import Board, Now
from tramgac_collector.incidents.causes import cause_of, down_inside, fate
from tramgac_collector.incidents.codes import (
    CODES,
    FLAPPING_MS,
    HELD_MS,
    MINUTE,
    MUTED_MS,
    Family,
    Severity,
)
from tramgac_collector.incidents.model import Change, Detail, Event, Incident, Key, Symptom, Window
from tramgac_collector.incidents.symptoms import pierces
from tramgac_collector.incidents.tree import CENTRE, Tree

# Ended so lately, an incident still explains what follows from it.
RECENT_MS = 20 * MINUTE
# While our own line is suspected, nobody's silence is told.
_SUSPECTED_MS = 10 * MINUTE
_RANKS = list(Severity)
_MOST_INSIDE = 64
# What a silence turns out to be when the rest goes silent as well.
_WIDER = {"many_sites_silent": "no_site_calls", "part_of_site": "power_or_link"}


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
            dark = one.kind.family is Family.SILENCE or one.code == "provider_down"
            if dark and since is not None and self.now_ms - since < MUTED_MS:
                found[one.node] = one
        return found

    def cover(self, symptom: Symptom) -> str:
        """Node of what already explains a finding, the widest first; empty where nothing does."""
        return self._centre(symptom) or self._site(symptom) or self._host_or_provider(symptom)

    def _around(self, symptom: Symptom) -> tuple[str, ...]:
        return (symptom.node, *self._up(symptom.node))

    def _centre(self, symptom: Symptom) -> str:
        centre = self.bad(CENTRE, "collector_uplink_suspected")
        inside = () if centre is None or symptom.node == CENTRE else centre.inside
        return CENTRE if any(site in inside for site in self._around(symptom)) else ""

    def _site(self, symptom: Symptom) -> str:
        """The dark site it is in, where whatever tells of it is dark as well."""
        if symptom.code in {"site_unreachable", "collector_uplink_suspected"}:
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
        return ""

    def muted(self, symptom: Symptom) -> str:
        """Node of what came back lately, so that nothing inside is told yet."""
        around = self._around(symptom)
        back = self._returning.get(CENTRE)
        if back is not None and any(site in back.detail.inside for site in around):
            return CENTRE
        for node in around:
            one = self._returning.get(node)
            if one is not None and one.key != symptom.key:
                return node
            dark_ms = self.board.dark_ms.get(node)
            if dark_ms is not None and node != symptom.node and self.now_ms - dark_ms < MUTED_MS:
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


def step(scene: Scene) -> list[Change]:
    """What changes now.

    Returns:
        Changes in the order they happened; each carries the whole incident.
    """
    changes: list[Change] = []
    for incident in scene.incidents:
        if incident.closed_ms is None:
            changes += _follow(scene, incident)
        elif scene.board.minutely:
            changes += _relabel(scene, incident)
    if scene.settled:
        changes += _open_all(scene)
    return changes


def _open_all(scene: Scene) -> Iterator[Change]:
    for key, symptom in scene.now.bad.items():
        if key not in scene.open and _is_told(scene, symptom):
            yield _opened(scene, symptom)


def _is_told(scene: Scene, symptom: Symptom) -> bool:
    """Whether a finding becomes an incident now."""
    pierced = pierces(symptom)
    if not _has_held(scene, symptom) or (scene.planned(symptom.node) and not pierced):
        return False
    if symptom.code in {"host_rebooted", "host_unclean_stop"} and scene.explained(symptom):
        return False
    centre = scene.bad(CENTRE, "collector_uplink_suspected")
    silence = CODES[symptom.code].family is Family.SILENCE and symptom.node != CENTRE
    if centre is not None and silence and scene.now_ms - centre.since_ms < _SUSPECTED_MS:
        return False
    above = scene.cover(symptom) or scene.muted(symptom)
    return not above or (pierced and above != CENTRE)


def _has_held(scene: Scene, symptom: Symptom) -> bool:
    held = scene.now_ms - symptom.since_ms
    if symptom.code == "agent_silent" and _systems_down(scene, symptom.node):
        return held >= HELD_MS
    return held >= CODES[symptom.code].hold_ms


def _systems_down(scene: Scene, place: str) -> list[str]:
    """Systems of a silent host that others know to be down."""
    systems = scene.tree.systems_on(place)
    return [node for node in systems if scene.bad(node, "service")]


def _opened(scene: Scene, symptom: Symptom) -> Change:
    facility, site, _ = scene.tree.where(symptom.node)
    cause, severity, inside = symptom.cause, symptom.how_bad, symptom.inside
    if symptom.code == "agent_silent":
        down = _systems_down(scene, symptom.node)
        here = scene.tree.systems_on(symptom.node)
        if down:
            cause, severity, inside = "server", Severity.CRITICAL.value, tuple(down)
        elif any(scene.board.answers(one, symptom.node, scene.now_ms) for one in here):
            cause = "agent_or_host_link"
    before = _just_before(scene, symptom.key)
    detail = Detail(
        text=symptom.detail,
        inside=inside[:_MOST_INSIDE],
        lost=dict(list(symptom.lost.items())[:_MOST_INSIDE]),
        previous=None if before is None else before.number,
        flaps=0 if before is None else 1,
    )
    incident = Incident(
        number=0,
        node=symptom.node,
        code=symptom.code,
        facility=facility,
        site=site,
        opened_ms=scene.now_ms,
        severity=severity,
        cause=cause,
        detail=detail,
    )
    info = {"since_ms": str(symptom.since_ms), "cause": cause}
    return Change(incident, Event.OPENED, info)


def _just_before(scene: Scene, key: Key) -> Incident | None:
    """The incident of the same kind that ended less than ten minutes ago."""
    for one in scene.incidents:
        ended = one.closed_ms
        if one.key == key and ended is not None and scene.now_ms - ended < FLAPPING_MS:
            return one
    return None


def _follow(scene: Scene, incident: Incident) -> Iterator[Change]:
    """An open incident: worse, better, over, or out of sight."""
    if not _exists(scene, incident):
        yield _closed(scene, incident, scene.now_ms, "removed_from_inventory")
        return
    symptom = scene.now.bad.get(incident.key)
    if symptom is not None:
        yield from _still_bad(scene, incident, symptom)
        return
    well = scene.now.well(incident.key)
    if well is not None:
        yield from _is_well(scene, incident, well)
    elif not incident.detail.unknown:
        # Time in which nothing is known is no good time.
        yield _noted(incident, Event.UNKNOWN, unknown=True, good_since_ms=None)


def _exists(scene: Scene, incident: Incident) -> bool:
    if incident.code == "agent_silent":
        return incident.node in scene.calling or scene.planned(incident.node)
    return scene.tree.knows(incident.node)


def _noted(incident: Incident, event: Event, **changed: object) -> Change:
    detail = msgspec.structs.replace(incident.detail, **changed)
    return Change(replace(incident, detail=detail), event)


def _still_bad(scene: Scene, incident: Incident, symptom: Symptom) -> Iterator[Change]:
    detail = incident.detail
    if detail.good_since_ms is not None or detail.unknown:
        flaps = detail.flaps + (detail.good_since_ms is not None)
        back = _noted(incident, Event.BACK, good_since_ms=None, unknown=False, flaps=flaps)
        incident = back.incident
        yield back
    worse = _RANKS.index(Severity(symptom.how_bad)) < _RANKS.index(Severity(incident.severity))
    wider = symptom.cause == _WIDER.get(incident.cause)
    if worse or wider or symptom.code != incident.code:
        info = {"from": f"{incident.code} {incident.severity}", "cause": symptom.cause}
        incident = replace(
            incident, code=symptom.code, severity=symptom.how_bad, cause=symptom.cause
        )
        yield Change(incident, Event.WORSE if worse else Event.RELABELLED, info)
    yield from _grown(incident, symptom)
    yield from _adopted(scene, incident, symptom)


def _grown(incident: Incident, symptom: Symptom) -> Iterator[Change]:
    """More went with it."""
    inside = tuple(dict.fromkeys((*incident.detail.inside, *symptom.inside)))[:_MOST_INSIDE]
    if len(inside) > len(incident.detail.inside):
        lost = dict(list((symptom.lost | incident.detail.lost).items())[:_MOST_INSIDE])
        yield _noted(incident, Event.CHILD_ADDED, inside=inside, lost=lost)


def _adopted(scene: Scene, incident: Incident, symptom: Symptom) -> Iterator[Change]:
    """An incident that turns out to be part of a larger one."""
    if incident.parent is not None or incident.kind.family not in {Family.SILENCE, Family.SERVICE}:
        return
    above = scene.cover(symptom)
    parent = next((one for key, one in scene.open.items() if key.node == above), None)
    if parent is not None and parent.number and parent.opened_ms >= incident.opened_ms:
        changed = replace(incident, parent=parent.number)
        yield Change(changed, Event.CHILD_ADDED, {"parent": str(parent.number)})


def _is_well(scene: Scene, incident: Incident, well: Symptom) -> Iterator[Change]:
    since = incident.detail.good_since_ms
    if since is None:
        since = scene.now_ms
        better = _noted(incident, Event.BETTER, good_since_ms=since, unknown=False)
        incident = better.incident
        yield better
    flapped = incident.detail.flaps > 0
    leave = FLAPPING_MS if flapped and incident.kind.leave_ms else incident.kind.leave_ms
    if scene.now_ms - since >= leave:
        yield from _relabel(scene, incident, since)
        cause, down = _explain(scene, incident, since)
        explained = replace(incident, cause=cause)
        explained = _noted(explained, Event.CLOSED, down=down).incident
        yield _closed(scene, explained, since, well.cause if well.node == incident.node else "")


def _closed(scene: Scene, incident: Incident, ended_ms: int, why: str) -> Change:
    info = {"down": " ".join(incident.detail.down), "why": why}
    info["noticed_ms"] = str(scene.now_ms)
    told = {key: value for key, value in info.items() if value}
    return Change(replace(incident, closed_ms=ended_ms), Event.CLOSED, told)


def _explain(scene: Scene, incident: Incident, ended_ms: int) -> tuple[str, tuple[str, ...]]:
    """Cause and what was down meanwhile, by what is known now."""
    lost = incident.detail.lost
    if incident.kind.family is not Family.SILENCE or not lost:
        return incident.cause, incident.detail.down
    fates = {place: fate(scene.board.get, place, ms) for place, ms in lost.items()}
    cause = cause_of(incident.code, fates) or incident.cause
    return cause, down_inside(scene.board, lost, ended_ms)


def _relabel(scene: Scene, incident: Incident, ended_ms: int | None = None) -> Iterator[Change]:
    """Say so where later evidence gives another cause than was told."""
    ended = incident.closed_ms if ended_ms is None else ended_ms
    if ended is None:
        return
    cause, down = _explain(scene, incident, ended)
    if cause != incident.cause or down != incident.detail.down:
        changed = _noted(replace(incident, cause=cause), Event.RELABELLED, down=down).incident
        info = {"from": incident.cause, "to": cause, "down": " ".join(down)}
        yield Change(changed, Event.RELABELLED, info)
