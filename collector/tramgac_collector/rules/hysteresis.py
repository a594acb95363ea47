"""How long something must be bad before it is a gap, and good before it is none (pure)."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple

from tramgac_collector.rules.status import Status
from tramgac_collector.web.words import VIETNAM

_MINUTE_MS = 60_000
_ENTER_MS = 15 * _MINUTE_MS
_ENTER_SHARE = 3 / 5
_LEAVE_MS = 60 * _MINUTE_MS
_DAYS, _BAD_DAYS, _GOOD_DAYS = 7, 3, 5
_WORK = (time(7), time(17))
_SATURDAY = 5
COVER_DAYS = 7
_COVER_ENTER, _COVER_LEAVE = 0.95, 0.97
_BAD = {Status.FAIL, Status.PARTIAL}
_UNKNOWN = {Status.UNKNOWN, Status.STALE}
# Nothing older is asked for.
KEPT_MS = (_DAYS + 4) * 24 * 60 * _MINUTE_MS


class Seen(NamedTuple):
    """From when on the evidence alone said so."""

    at_ms: int
    status: Status


class Shown(NamedTuple):
    """What is shown until now.

    Attributes:
        status: None for nothing yet.
        gap: The gap that was shown last and was not good since, known or not meanwhile: only
            good that was seen ends one.
    """

    status: Status | None = None
    gap: Status | None = None


def settled(
    kind: str, seen: Sequence[Seen], shown: Shown, now_ms: int, cover: float | None = None
) -> Status:
    """What is shown, given what the evidence says.

    Only the change between good and bad is delayed. What is not known is never hidden by
    what was known before.

    Args:
        kind: Of ``Hysteresis``.
        seen: What the evidence alone said, each from its time on, the last one now.
        shown: What is shown until now.
        now_ms: Now.
        cover: For ``coverage``: its mean of the last seven days, where that is known.
    """
    raw = seen[-1].status
    if kind in {"none", "age"} or raw not in {*_BAD, Status.PASS_OBSERVED}:
        return raw
    was_bad = shown.status in _BAD or shown.gap is not None
    bad = raw in _BAD
    if kind == "coverage":
        bad = _covered_badly(cover, was_bad=was_bad) if cover is not None else bad
    elif bad == was_bad:
        return raw
    elif kind == "state":
        bad = _state(seen, now_ms) if bad else not _good_since(seen, now_ms - _LEAVE_MS)
    else:
        bad = _performance(seen, now_ms, was_bad=was_bad)
    return _as(raw, shown, bad=bad)


def gap_after(shown: Shown, status: Status) -> Status | None:
    """The gap that still stands once ``status`` is shown."""
    if status in _BAD:
        return status
    return shown.gap if status in _UNKNOWN else None


def _as(raw: Status, shown: Shown, *, bad: bool) -> Status:
    """The word for what was decided; where there was no good word yet, it is not known."""
    if bad == (raw in _BAD):
        return raw
    if bad:
        return shown.status if shown.status in _BAD else shown.gap or Status.FAIL
    good = shown.status is Status.PASS_OBSERVED
    return Status.PASS_OBSERVED if good else Status.UNKNOWN


def _bad_ms(seen: Sequence[Seen], begin_ms: int, end_ms: int) -> tuple[int, int]:
    """How long it was bad, and how long it was known, between two moments."""
    bad = known = 0
    for place, one in enumerate(seen):
        until = seen[place + 1].at_ms if place + 1 < len(seen) else end_ms
        length = max(0, min(until, end_ms) - max(one.at_ms, begin_ms))
        if one.status not in _UNKNOWN:
            known += length
            bad += length * (one.status in _BAD)
    return bad, known


def _state(seen: Sequence[Seen], now_ms: int) -> bool:
    """Bad for three fifths of the last quarter of an hour, and not only since a moment ago."""
    bad, _ = _bad_ms(seen, now_ms - _ENTER_MS, now_ms)
    return bad >= _ENTER_MS * _ENTER_SHARE and seen[0].at_ms <= now_ms - _ENTER_MS


def _good_since(seen: Sequence[Seen], since_ms: int) -> bool:
    since = [one for one in seen if one.at_ms > since_ms]
    before = [one for one in seen if one.at_ms <= since_ms][-1:]
    return bool(before) and all(one.status is Status.PASS_OBSERVED for one in (*before, *since))


def _performance(seen: Sequence[Seen], now_ms: int, *, was_bad: bool) -> bool:
    """Days on which it was bad for most of the working hours that are known."""
    today = datetime.fromtimestamp(now_ms / 1000, VIETNAM).date()
    days = [today - timedelta(days=back) for back in range(_DAYS + 4)]
    windows = []
    for day in days:
        begin, end = (datetime.combine(day, at, VIETNAM).timestamp() * 1000 for at in _WORK)
        bad, known = _bad_ms(seen, round(begin), min(round(end), now_ms))
        windows.append((day, known > 0, bad * 2 > known))
    if not was_bad:
        return sum(bad for _, _, bad in windows[:_DAYS]) >= _BAD_DAYS
    worked = [(known, bad) for day, known, bad in windows if day.weekday() < _SATURDAY]
    last = worked[:_GOOD_DAYS]
    return not all(known and not bad for known, bad in last)


def _covered_badly(cover: float, *, was_bad: bool) -> bool:
    return cover < (_COVER_LEAVE if was_bad else _COVER_ENTER)
