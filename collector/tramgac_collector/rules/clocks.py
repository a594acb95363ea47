"""Cyber incidents and breaches of personal data: a person declares them, we only keep the clock.

What happened is entered as papers of fixed names, each with the moment as its value; the newest
one counts, and a notice older than the detection belongs to an earlier case.
"""

from collections.abc import Callable, Mapping

from tramgac_collector.rules.evaluate import Evidence
from tramgac_collector.rules.given import Given, Papers

EVENTS = (
    *("incident.detected", "incident.noticed", "incident.reported", "incident.alerted"),
    *("incident.closed", "breach.detected", "breach.noticed", "breach.closed"),
)
"""Names a person may enter; ``incident.alerted`` is yes or no, the others are moments."""


def moment_ms(one: Given | None) -> int | None:
    """When it was, by what was entered."""
    if one is None or not one.value.isdecimal():
        return None
    return int(one.value)


def opened_ms(papers: Papers, facility: str, kind: str) -> int | None:
    """When the open case of a kind was detected; None while nobody declared one."""
    detected = moment_ms(papers.get(facility, "", f"{kind}.detected"))
    closed = moment_ms(papers.get(facility, "", f"{kind}.closed"))
    if detected is None or (closed is not None and closed >= detected):
        return None
    return detected


def _known(value: float | bool, now_ms: int) -> Evidence:  # noqa: FBT001 - it is the content
    return Evidence(value, now_ms, now_ms + 1, "attested")


def _open(kind: str) -> "_Clock":
    def term(papers: Papers, facility: str, now_ms: int) -> Evidence | None:
        return _known(opened_ms(papers, facility, kind) is not None, now_ms)

    return term


def _since(papers: Papers, facility: str, kind: str, event: str) -> tuple[int, int | None] | None:
    """When the open case began, and when the event followed, if it did."""
    began = opened_ms(papers, facility, kind)
    if began is None:
        return None
    at_ms = moment_ms(papers.get(facility, "", f"{kind}.{event}"))
    return began, (None if at_ms is None or at_ms < began else at_ms)


def _after(kind: str, event: str) -> "_Clock":
    def term(papers: Papers, facility: str, now_ms: int) -> Evidence | None:
        found = _since(papers, facility, kind, event)
        if found is None:
            return None
        until = now_ms if found[1] is None else found[1]
        return _known((until - found[0]) / 1000, now_ms)

    return term


def _done(kind: str, event: str) -> "_Clock":
    def term(papers: Papers, facility: str, now_ms: int) -> Evidence | None:
        found = _since(papers, facility, kind, event)
        return None if found is None else _known(found[1] is not None, now_ms)

    return term


def _alerted(papers: Papers, facility: str, now_ms: int) -> Evidence | None:
    """What the person in charge says; an answer given before this case is none."""
    began = opened_ms(papers, facility, "incident")
    said = papers.get(facility, "", "incident.alerted")
    if began is None or said is None or said.entered_ms < began:
        return None
    return _known(said.value == "true", now_ms)


_Clock = Callable[[Papers, str, int], Evidence | None]

CLOCKS: Mapping[str, _Clock] = {
    "incident.open": _open("incident"),
    "incident.first_notice_after": _after("incident", "noticed"),
    "incident.noticed": _done("incident", "noticed"),
    "incident.report_after": _after("incident", "reported"),
    "incident.reported": _done("incident", "reported"),
    "incident.alerted": _alerted,
    "breach.open": _open("breach"),
    "breach.notice_after": _after("breach", "noticed"),
    "breach.noticed": _done("breach", "noticed"),
}
