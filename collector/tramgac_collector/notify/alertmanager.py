"""Alertmanager, API v2: what holds is told again and again, what is over is told as resolved.

Alertmanager keeps no alert that it does not hear of, and forgets all of them when it restarts;
its own log of what it has told keeps a repeated alert from becoming a second message.
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypedDict

from tramgac_collector.inventory.model import Inventory
from tramgac_collector.notify.digest import Gap
from tramgac_collector.notify.message import Topic, compose, place_of
from tramgac_collector.notify.pipeline import RECOVERED, Delivery, Telling
from tramgac_collector.notify.words import LANGUAGES, pick, words_of

# It forgets an alert that was not told again for so many turns.
LIVES = 4
# What is over is told for so long, in case the first telling was lost with a restart.
RESOLVED_MS = 15 * 60_000
_TRIAL_MS = 120_000
_PER_CALL = 500
_SECONDS = 10.0
_LONGEST_ANSWER = 4_000_000
_LONGEST_SAID = 2_000
# Not valid; not of the form of its API.
_FOR_ITSELF = (400, 422)
# Some 20 bad alerts among 500; each costs about 18 calls.
_MOST_HALVINGS = 400


class Alert(TypedDict):
    """One element of ``POST /api/v2/alerts``."""

    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str
    generatorURL: str


def stamp(at_ms: int) -> str:
    """A moment as the API writes it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def alert_name(code: str) -> str:
    """``site_unreachable`` as ``SiteUnreachable``."""
    return "".join(part.capitalize() for part in code.split("_"))


def runbook_notes(name: str, base: str) -> dict[str, str]:
    """Annotations: where an alert's runbook is in each language; none without a base address."""
    return {f"runbook_{one}": f"{base}/{one}/{name}" for one in LANGUAGES if base}


def incident_alert(
    topic: Topic,
    told: Telling,
    inventory: Inventory,
    ends_ms: int,
    page_url: str,
    *,
    runbooks: str = "",
) -> Alert:
    """An incident as an alert.

    Args:
        topic: With the link for whoever Alertmanager tells, if there is one.
        told: What it was when it was told: another label would be another alert.
        inventory: For names.
        ends_ms: When Alertmanager may forget it; of a closed incident, when it ended.
        page_url: Where the page is; empty where nobody says.
        runbooks: Below which address the runbooks are; empty: none is named.
    """
    incident = topic.incident
    labels = {
        "alertname": alert_name(told.code),
        "incident": str(incident.id),
        "code": told.code,
        "severity": told.severity,
        "facility": incident.facility,
        "site": incident.site,
    }
    notes = {"link": topic.link, **runbook_notes(labels["alertname"], runbooks)}
    for language in LANGUAGES:
        message = compose([topic], inventory, language)
        notes |= {
            f"summary_{language}": message.subject,
            f"description_{language}": message.body,
            f"sms_{language}": message.sms,
            f"place_{language}": place_of(incident.node, inventory, language),
            f"step_{language}": pick(words_of(incident.code).step, language),
        }
    return _alert(labels, notes, (incident.opened_ms, ends_ms), page_url)


def gap_alert(gap: Gap, ends_ms: int, page_url: str, *, runbooks: str = "") -> Alert:
    """A regulatory gap: told so that it can be looked at, with a severity that pages nobody."""
    labels = {
        "alertname": "RegulatoryGap",
        "severity": "none",
        "facility": gap.facility,
        "rule": gap.rule,
        "status": gap.status,
        "advisory": "yes" if gap.advisory else "no",
    }
    notes = {"clause": gap.words.clause, **runbook_notes(labels["alertname"], runbooks)}
    for language, text in zip(LANGUAGES, gap.words.text, strict=True):
        notes[f"summary_{language}"] = text
    return _alert(labels, notes, (gap.since_ms, ends_ms), page_url)


def trial_alert(now_ms: int) -> Alert:
    """An alert that says that it is none, and ends by itself."""
    labels = {"alertname": "Trial", "severity": "info", "trial": str(now_ms)}
    notes = {
        "summary_vi": "Tin thử của Trạm Gác, không cần làm gì.",
        "summary_en": "A trial message of Trạm Gác, nothing to do.",
    }
    return _alert(labels, notes, (now_ms, now_ms + _TRIAL_MS), "")


def _alert(
    labels: dict[str, str], notes: dict[str, str], times: tuple[int, int], page_url: str
) -> Alert:
    started_ms, ends_ms = times
    return {
        "labels": {name: text for name, text in labels.items() if text},
        "annotations": {name: text for name, text in notes.items() if text},
        "startsAt": stamp(started_ms),
        # A recovery at the very moment of its start would not be accepted.
        "endsAt": stamp(max(ends_ms, started_ms + 1)),
        "generatorURL": page_url,
    }


def telling_alert(now_ms: int, ends_ms: int) -> Alert:
    """That this collector tells: while Alertmanager holds it, Prometheus need not tell the same."""
    labels = {"alertname": "CollectorTells", "severity": "none"}
    notes = {
        "summary_vi": "Bộ thu nhận đang tự báo sự cố.",
        "summary_en": "The collector tells incidents itself.",
    }
    return _alert(labels, notes, (now_ms, ends_ms), "")


def ends_at(topic: Topic, now_ms: int, resend_ms: int) -> int:
    """When an alert may be forgotten; of a closed incident, when it was over."""
    if topic.kind == RECOVERED and topic.incident.closed_ms is not None:
        return topic.incident.closed_ms
    return now_ms + LIVES * resend_ms


def post(addresses: Sequence[str], alerts: Sequence[Alert]) -> Delivery:
    """Tell every Alertmanager of a cluster; good when one of them answered for all of it.

    What it refuses for itself is left out and named, so that the rest is told all the same.
    An empty list only asks whether somebody is there.
    """
    answers = [_post_all(address, alerts) for address in addresses]
    good = [one for one in answers if one.ok]
    if good:
        proof = "; ".join(one.proof for one in good)
        return Delivery(ok=True, proof=proof, refused=min((one.refused for one in good), key=len))
    return Delivery(ok=False, error="; ".join(one.error for one in answers))


def _post_all(address: str, alerts: Sequence[Alert]) -> Delivery:
    """In parts, each halved until what is refused stands alone."""
    parts = [alerts[at : at + _PER_CALL] for at in range(0, len(alerts) or 1, _PER_CALL)]
    refused: list[tuple[str, str]] = []
    for _call in range(len(parts) + _MOST_HALVINGS):
        if not parts:
            break
        part = parts.pop()
        try:
            call(address, "/api/v2/alerts", part)
        except NotTaken as error:
            if not error.for_itself or not part:
                return Delivery(ok=False, error=str(error))
            half = len(part) // 2
            if half:
                parts += [part[half:], part[:half]]
            else:
                refused.append((part[0]["labels"].get("incident", ""), str(error)))
    if parts:
        return Delivery(ok=False, error=f"{_host(address)}: refuses too much")
    return Delivery(ok=True, proof=f"{_host(address)}: 200", refused=tuple(refused))


class NotTaken(Exception):  # noqa: N818 - an answer
    """An Alertmanager did not take it, or did not answer.

    Attributes:
        for_itself: It refused what it was told, and may take something else.
    """

    def __init__(self, text: str, *, for_itself: bool = False) -> None:
        super().__init__(text)
        self.for_itself = for_itself


def call(address: str, path: str, body: object = None, method: str = "") -> bytes:
    """Ask one Alertmanager.

    Args:
        address: Its base address.
        path: Of its API, with whatever is asked.
        body: As JSON; None for nothing.
        method: Where it does not follow from the body.

    Returns:
        Its answer, at most 4 MB of it.

    Raises:
        NotTaken: Anything but success.
    """
    data = None if body is None else json.dumps(body, ensure_ascii=False).encode(errors="replace")
    request = urllib.request.Request(  # noqa: S310 - http and https only, by configuration
        f"{address.rstrip('/')}{path}",
        data=data,
        headers={"Content-Type": "application/json"},
        method=method or None,
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
            return bytes(answer.read(_LONGEST_ANSWER))
    except urllib.error.HTTPError as error:
        said = error.read(_LONGEST_SAID).decode(errors="replace")
        text = f"{_host(address)}: {error.code} {said[:100]}"
        raise NotTaken(text, for_itself=error.code in _FOR_ITSELF) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotTaken(f"{_host(address)}: {error}") from None


def _host(address: str) -> str:
    """Where it is, without a password that may stand in the address."""
    return address.partition("://")[2].rpartition("@")[2].partition("/")[0]
