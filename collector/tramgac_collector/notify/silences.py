"""Acknowledgements as silences of Alertmanager, so that it too rests while somebody is at work.

Nothing is remembered here: what ought to be there follows from the store, what is there is asked
of Alertmanager, and the difference is made. A restart of either side changes nothing.
"""

import json
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import Engine

from tramgac_collector.notify import rows
from tramgac_collector.notify.alertmanager import NotTaken, call, stamp
from tramgac_collector.notify.pipeline import Case, Delivery, fed_as
from tramgac_collector.notify.plain import plain
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.store.engine import reading

log = logging.getLogger(__name__)
AUTHOR = "tramgac-collector"
# All of them: its filter takes no pattern.
_LIST = "/api/v2/silences"
# Two clocks; a silence that ends a second later is the same.
_SAME_MS = 1_000
_MOST = 500


class Silence(NamedTuple):
    """What ought to be quiet, as Alertmanager knows it, and until when."""

    incident: str
    severity: str
    ends_ms: int
    by: str


class _Standing(NamedTuple):
    """A silence of ours that Alertmanager holds."""

    id: str
    silence: Silence


def wanted(cases: Sequence[Case]) -> list[Silence]:
    """One for each acknowledged alert; what got worse since is another alert and stays loud."""
    found: dict[tuple[str, str], Silence] = {}
    for case in cases:
        for ack in case.acks:
            known = fed_as(case, ack.at_ms)
            if known is None:
                continue
            key = str(case.incident.id), known.severity
            one = Silence(*key, ack.expires_ms, plain(ack.recipient))
            if key not in found or found[key].ends_ms < one.ends_ms:
                found[key] = one
    return list(found.values())[:_MOST]


class Silences:
    """Knows when they were looked at last.

    Args:
        engine: The store.
        settings: Where Alertmanager is.
    """

    def __init__(self, engine: Engine, settings: NotifySection) -> None:
        self._engine = engine
        self._settings = settings
        self._looked_ms = 0
        self._maybe_there = True

    def due(self, now_ms: int) -> Callable[[], Delivery] | None:
        """What to do now, if anything."""
        if not self._settings.alertmanager:
            return None
        if 0 <= now_ms - self._looked_ms < self._settings.resend_seconds * 1000:
            return None
        self._looked_ms = now_ms
        return self.now(now_ms) if self._maybe_there or self._acked(now_ms) else None

    def _acked(self, now_ms: int) -> list[Case]:
        with reading(self._engine) as connection:
            return rows.acknowledged_at_alertmanager(connection, now_ms)

    def now(self, now_ms: int) -> Callable[[], Delivery]:
        """Make what Alertmanager holds equal to what was acknowledged."""
        ought = wanted(self._acked(now_ms))
        self._maybe_there = self._maybe_there or bool(ought)
        return partial(settle, self._settings.alertmanager, ought, now_ms)

    def heard(self, delivery: Delivery) -> None:
        """How it ended; once nothing of ours is left, nothing is asked any more."""
        self._maybe_there = not (delivery.ok and delivery.proof == _NONE)


_NONE = "no silence"


def settle(addresses: Sequence[str], ought: Sequence[Silence], now_ms: int) -> Delivery:
    """Create and expire silences at the first Alertmanager that answers; it tells the others."""
    error = "no Alertmanager"
    for address in addresses:
        try:
            _settle(address, ought, now_ms)
        except NotTaken as refused:
            error = str(refused)
        else:
            proof = f"{len(ought)} silences" if ought else _NONE
            return Delivery(ok=True, proof=proof)
    return Delivery(ok=False, error=error)


def _settle(address: str, ought: Sequence[Silence], now_ms: int) -> None:
    there = _standing(address)
    missing = list(ought)
    for one in there:
        same = next((two for two in missing if _equal(one.silence, two)), None)
        if same is None:
            call(address, f"/api/v2/silence/{quote(one.id)}", method="DELETE")
        else:
            missing.remove(same)
    for silence in missing:
        try:
            call(address, _LIST, _body(silence, now_ms))
        except NotTaken as refused:
            if not refused.for_itself:
                raise
            log.warning("no silence for incident %s: %s", silence.incident, refused)


def _equal(one: Silence, two: Silence) -> bool:
    return one[:2] == two[:2] and abs(one.ends_ms - two.ends_ms) <= _SAME_MS


def _standing(address: str) -> list[_Standing]:
    try:
        found = json.loads(call(address, _LIST))
        ours = [one for one in found if one["createdBy"] == AUTHOR]
        return [_read(one) for one in ours if one["status"]["state"] != "expired"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotTaken(f"silences cannot be read: {error}") from None


def _read(one: dict[str, Any]) -> _Standing:
    said = {match["name"]: match["value"] for match in one["matchers"]}
    ends_ms = round(datetime.fromisoformat(one["endsAt"]).timestamp() * 1000)
    silence = Silence(said.get("incident", ""), said.get("severity", ""), ends_ms, "")
    return _Standing(str(one["id"]), silence)


def _body(silence: Silence, now_ms: int) -> dict[str, object]:
    said = {"incident": silence.incident, "severity": silence.severity}
    return {
        "matchers": [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in said.items()
        ],
        "startsAt": stamp(now_ms),
        "endsAt": stamp(silence.ends_ms),
        "createdBy": AUTHOR,
        "comment": f"incident {silence.incident}: acknowledged by {silence.by}",
    }
