"""What is kept beside a result: who it is about, what is missing, how old what was looked at is."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tramgac_collector.rules.engine import Judged
from tramgac_collector.rules.evaluate import Evidence, Finding
from tramgac_collector.rules.overlays import Acceptance, Overlay
from tramgac_collector.rules.pack import Rule
from tramgac_collector.rules.status import ORDER, Status
from tramgac_collector.rules.storm import Storm
from tramgac_collector.rules.tailoring import Tailoring, tailored_dict

MAX_BYTES = 4_000
_MOST_NAMES = 12


class Beside(NamedTuple):
    """What is told beside a result and is not evidence.

    Attributes:
        tailored: Numbers of the facility's own that it was judged by.
        gap: What was shown before it was not known any more.
    """

    overlay: Overlay | None = None
    tailored: tuple[Tailoring, ...] = ()
    gap: Status | None = None


def detail_of(judged: Judged, shown: Status, beside: Beside) -> str:
    """JSON of at most ``MAX_BYTES``."""
    return _spell(detail_dict(judged, shown, beside))


def detail_dict(judged: Judged, shown: Status, beside: Beside) -> dict[str, Any]:
    """The worst subjects first, and how many more there are."""
    result = judged.result
    told: dict[str, Any] = {}
    if result.preview:
        told["preview"] = True
    if shown is not result.status:
        told["raw"] = result.status.value
    if judged.due_ms is not None:
        told["due_ms"] = judged.due_ms
    if beside.overlay is not None:
        told["overlay"] = overlay_dict(beside.overlay, judged)
    if beside.tailored:
        told["tailored"] = [tailored_dict(one) for one in beside.tailored[:_MOST_NAMES]]
    if beside.gap is not None:
        told["gap"] = beside.gap.value
    findings = sorted(result.findings, key=lambda one: ORDER.index(one.status))
    told["findings"] = kept = []
    size = len(_spell(told))
    for number, one in enumerate(findings):
        said = finding_dict(one)
        size += len(_spell(said)) + 1
        if size > MAX_BYTES - 20:
            told["more"] = len(findings) - number
            break
        kept.append(said)
    return told


def _spell(what: object) -> str:
    return json.dumps(what, ensure_ascii=True, separators=(",", ":"))


def overlay_dict(overlay: Overlay, judged: Judged) -> dict[str, Any]:
    """Which one, in short."""
    if isinstance(overlay, Storm):
        row = judged.row.row
        cite = str(row.excuse) if isinstance(row, Rule) and row.excuse else ""
        told = {"kind": "excused", "storm": overlay.id, "until_ms": overlay.over_ms}
        return {**told, "cite": cite[:200]}
    if isinstance(overlay, Acceptance):
        return {"kind": "accepted", "id": overlay.id, "until_ms": overlay.expires_ms}
    return {"kind": "excused", "id": overlay.id, "until_ms": overlay.until_ms}


def finding_dict(one: Finding) -> dict[str, Any]:
    """One subject; what says nothing is left out."""
    said: dict[str, Any] = {"subject": one.subject, "status": one.status.value}
    for key, holds in (("refuted", one.refuted), ("conflict", one.conflict)):
        if holds:
            said[key] = True
    for key, names in (("missing", one.missing), ("expired", one.expired)):
        if names:
            said[key] = list(names[:_MOST_NAMES])
    if one.used:
        said["used"] = _used(one.used)
    return said


def _used(used: Mapping[str, Evidence]) -> dict[str, list[Any]]:
    """By name: value, when it was so, from when on it says nothing."""
    return {
        name: [_short(one.value), one.collected_ms, one.expires_ms]
        for name, one in list(used.items())[:_MOST_NAMES]
    }


def _short(value: object) -> object:
    return value[:60] if isinstance(value, str) else value
