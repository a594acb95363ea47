"""One step: from what is wrong to which incidents there are. Pure; the table is all it remembers.

What depends on something dark is not told (creation is suppressed), and whatever is known to be
well again ends (resolution never is). What nobody can see any more stays as it was, and is said
to be unknown. A backup whose RPO passes is told all the same.
"""

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from tramgac_collector.incidents.causes import by_devices, cause_of, down_inside, fate, lost_mains
from tramgac_collector.incidents.codes import (
    CODES,
    DAY,
    FLAPPING_MS,
    HELD_MS,
    MINUTE,
    OFTEN,
    OFTEN_MS,
    Family,
    Severity,
)
from tramgac_collector.incidents.model import (
    MOST_INSIDE,
    Change,
    Detail,
    Event,
    Incident,
    Key,
    Symptom,
)
from tramgac_collector.incidents.scene import Scene
from tramgac_collector.incidents.symptoms import pierces
from tramgac_collector.incidents.tree import CENTRE, host_of, is_part

# While our own line is suspected, nobody's silence is told.
_SUSPECTED_MS = 10 * MINUTE
_RANKS = list(Severity)
_MOST_LOST = 64
# Silences of one place, which has power supplies and switches.
_ADOPTED = frozenset({Family.SILENCE, Family.SERVICE, Family.DEVICE})
_OF_PLACES = frozenset({"site_unreachable", "agent_silent"})
# What a silence turns out to be when the rest goes silent as well.
_WIDER = {"many_sites_silent": "no_site_calls", "part_of_site": "power_or_link"}


def step(scene: Scene) -> list[Change]:
    """What changes now.

    Returns:
        Changes in the order they happened; each carries the whole incident.
    """
    changes: list[Change] = []
    scene.board.forget_unseen({key.node for key in scene.open if key not in scene.now.bad})
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
    if not scene.tree.knows(symptom.node):
        return False
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
    lost = symptom.lost
    if symptom.code in _OF_PLACES and lost:
        fed = {symptom.node, *lost}
        if lost_mains(scene.board, scene.tree, fed, max(lost.values()), scene.now_ms):
            cause = "power"
    before = _just_before(scene, symptom.key)
    detail = Detail(
        text=symptom.detail,
        inside=inside[:MOST_INSIDE],
        lost=dict(list(symptom.lost.items())[:_MOST_LOST]),
        previous=None if before is None else before.number,
        again=0 if before is None else before.detail.again + 1,
        since_ms=symptom.since_ms,
    )
    mends = scene.tree.carrier_of(symptom.node)
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
        vendor="" if mends is None else mends.title("vi"),
    )
    info = {"since_ms": str(symptom.since_ms), "cause": cause}
    return Change(incident, Event.OPENED, info)


def _just_before(scene: Scene, key: Key) -> Incident | None:
    """The newest incident of the same kind that ended lately."""
    same = [one for one in scene.incidents if one.key == key and one.closed_ms is not None]
    return max(same, key=lambda one: one.number, default=None)


def _follow(scene: Scene, incident: Incident) -> Iterator[Change]:
    """An open incident: worse, better, over, or out of sight."""
    if not _exists(scene, incident):
        yield _gone(scene, incident, "removed_from_inventory")
        return
    well = scene.now.well(incident.key)
    if incident.key not in scene.now.bad and well is not None:
        yield from _is_well(scene, incident, well)
        return
    if incident.parent is not None and incident.parent not in scene.open_numbers:
        # Whoever counts causes must see it again: what hid it is over, it is not.
        incident = replace(incident, parent=None)
        yield Change(incident, Event.RELEASED)
    symptom = scene.now.bad.get(incident.key)
    if symptom is not None:
        yield from _still_bad(scene, incident, symptom)
    elif not incident.detail.unknown:
        # Time in which nothing is known is no good time.
        yield _noted(incident, Event.UNKNOWN, unknown=True, good_since_ms=None)
    elif _is_not_reported(scene, incident):
        yield _gone(scene, incident, "not_reported")
    elif incident.kind.slot == "ups" and incident.parent is None:
        # The mains went first, then everything: one story.
        lost = Symptom(incident.node, incident.code, bad=True, since_ms=incident.opened_ms)
        yield from _adopted(scene, incident, lost)


def _is_not_reported(scene: Scene, incident: Incident) -> bool:
    """Whether a host calls and has told nothing of a part for a day: it has none any more.

    A device that answers has told nothing of its ports or its battery, likewise.
    """
    node = incident.node
    of_device = incident.kind.family is Family.DEVICE and incident.code != "device_silent"
    if not is_part(node) and not of_device:
        return False
    codes = ("agent_silent", "device_silent")
    calls = any(scene.now.well(Key(host_of(node), code)) is not None for code in codes)
    return scene.board.unseen(node, scene.now_ms, calls=calls) >= DAY


def _gone(scene: Scene, incident: Incident, why: str) -> Change:
    """Over because there is nothing left to be bad; its cause says so, not that it is well."""
    return _closed(scene, replace(incident, cause=why), scene.now_ms, why)


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
    inside = tuple(dict.fromkeys((*incident.detail.inside, *symptom.inside)))[:MOST_INSIDE]
    if len(inside) > len(incident.detail.inside):
        lost = dict(list((symptom.lost | incident.detail.lost).items())[:_MOST_LOST])
        yield _noted(incident, Event.CHILD_ADDED, inside=inside, lost=lost)


def _adopted(scene: Scene, incident: Incident, symptom: Symptom) -> Iterator[Change]:
    """An incident that turns out to be part of a larger one."""
    if incident.parent is not None or incident.kind.family not in _ADOPTED:
        return
    above = scene.cover(symptom)
    parent = next((one for one in scene.open.values() if one.node == above and one.covers), None)
    if parent is not None and parent.number and parent.opened_ms >= incident.opened_ms:
        changed = replace(incident, parent=parent.number)
        yield Change(changed, Event.CHILD_ADDED, {"parent": str(parent.number)})


def _is_well(scene: Scene, incident: Incident, well: Symptom) -> Iterator[Change]:
    since = incident.detail.good_since_ms
    if since is None or since > scene.now_ms:  # the clock was set back
        since = scene.now_ms
        better = _noted(incident, Event.BETTER, good_since_ms=since, unknown=False)
        incident = better.incident
        yield better
    if scene.now_ms - since >= _leave_ms(incident):
        yield from _relabel(scene, incident, since)
        cause, down = _explain(scene, incident, since)
        explained = replace(incident, cause=cause)
        explained = _noted(explained, Event.CLOSED, down=down).incident
        yield _closed(scene, explained, since, well.cause if well.node == incident.node else "")


def _leave_ms(incident: Incident) -> int:
    """How long it must be good: the longer, the more often it came back."""
    detail, leave_ms = incident.detail, incident.kind.leave_ms
    if not leave_ms:
        return 0
    if detail.again >= OFTEN:
        return max(OFTEN_MS, leave_ms)
    return max(FLAPPING_MS, leave_ms) if detail.again or detail.flaps else leave_ms


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
    if incident.code in _OF_PLACES:
        found = (cause, ended_ms)
        cause = by_devices(scene.board, scene.tree, incident.node, lost, found)
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
