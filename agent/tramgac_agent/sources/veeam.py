"""Veeam: event 190 of the log ``Veeam Backup``, or sessions as its REST service lists them.

Fields after Veeam's pages on event 190 ("backup job finished": JobResult 0 success, 1 warning,
2 failed; WillBeRetried) and on ``GET /api/v1/sessions``.
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar

import msgspec

from tramgac_agent.drop import Outcome, Record
from tramgac_agent.restic.repository import unix_ms
from tramgac_agent.sources import winevents
from tramgac_agent.sources.base import SeriesSettings, Source, SourceFailed, SourceSettings, Visit
from tramgac_agent.sources.export import ExportSettings, read
from tramgac_agent.sources.history import Run, report
from tramgac_agent.sources.winevents import Event

_STARTED, _FINISHED = 110, 190
_OUTCOMES: tuple[Outcome, ...] = ("complete", "partial", "failed")
# Windows levels of event 190 where JobResult is not named.
_LEVELS = {4: 0, 3: 1, 2: 2}
_RESULTS = {"Success": 0, "Warning": 1, "Failed": 2}


class VeeamSeries(SeriesSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[series]]``: one job.

    Attributes:
        job: Its name, exactly, or its id.
    """

    job: Annotated[str, msgspec.Meta(min_length=1)]


class VeeamSettings(ExportSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    series: Annotated[tuple[VeeamSeries, ...], msgspec.Meta(min_length=1, max_length=100)]


class _Result(msgspec.Struct, frozen=True):
    result: str = ""
    isCanceled: bool = False  # noqa: N815 - the product's name


class Session(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of the sessions; what is not named here is passed over."""

    id: str = ""
    name: str = ""
    job_id: str | None = None
    state: str = ""
    creation_time: str = ""
    end_time: str | None = None
    result: _Result | None = None
    will_be_retried: bool = False


class _Sessions(msgspec.Struct, frozen=True):
    data: Annotated[list[Session], msgspec.Meta(max_length=winevents.MAX_EVENTS)]


class VeeamSource(Source[VeeamSettings]):
    """Reads one export a visit."""

    name: ClassVar[str] = "veeam"
    settings_type: ClassVar[type[SourceSettings]] = VeeamSettings

    def look(self, visit: Visit) -> Iterable[Record]:
        """New runs and one state a series.

        Raises:
            SourceFailed: The export cannot be read.
            OSError: The state folder is not writable.
        """
        text = read(self.settings, visit).strip()
        if text.startswith("{"):
            sessions = sessions_of(text)
            runs = {one.id: runs_of_sessions(sessions, one.job) for one in self.settings.series}
        else:
            events = winevents.parse(text)
            runs = {one.id: runs_of_events(events, one.job) for one in self.settings.series}
        return report(self, visit, runs)


def runs_of_events(events: Iterable[Event], job: str) -> list[Run]:
    """Runs of ``job`` that are over; one that will be tried again is not."""
    begun: dict[str, int] = {}
    runs = []
    for event in sorted(events, key=lambda one: one.time_ms):
        session = event.named.get("JobSessionID", "")
        if event.number == _STARTED and session:
            begun.setdefault(session, event.time_ms)
        if event.number != _FINISHED or not _is_of(event, job) or _retried(event):
            continue
        result = _result(event)
        runs.append(
            Run(
                identity=session or f"{event.record}-{event.time_ms}",
                started_ms=min(begun.get(session, event.time_ms), event.time_ms),
                ended_ms=event.time_ms,
                outcome=_OUTCOMES[result],
                exit_code=result,
            )
        )
    return runs


def _is_of(event: Event, job: str) -> bool:
    """Older versions do not name their data; the message has the job's name in quotes."""
    return job in event.values or f"'{job}'" in event.message


def _retried(event: Event) -> bool:
    return event.named.get("WillBeRetried", "").lower() in {"true", "1"}


def _result(event: Event) -> int:
    """0 success, 1 warning, 2 failed; what cannot be read is no success."""
    said = event.named.get("JobResult")
    if said is None:
        return _LEVELS.get(event.level, 2)
    return {"0": 0, "1": 1, **_RESULTS}.get(said, 2)


def sessions_of(text: str) -> list[Session]:
    """The entries of one answer.

    Raises:
        SourceFailed: ``blind_tool``: it is no such answer.
    """
    try:
        return msgspec.json.decode(text.encode(), type=_Sessions).data
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise SourceFailed("blind_tool", f"no list of sessions: {error}") from error


def runs_of_sessions(sessions: Iterable[Session], job: str) -> list[Run]:
    """Runs of ``job`` that are over; a cancelled one was interrupted."""
    runs = []
    for one in sessions:
        result = one.result
        over = one.state == "Stopped" and not one.will_be_retried
        if job not in (one.name, one.job_id) or not over:
            continue
        if result is None or result.result == "None":
            continue
        code = _RESULTS.get(result.result, 2)
        ended_ms = unix_ms(one.end_time)
        runs.append(
            Run(
                identity=one.id or f"{job} {one.creation_time}",
                started_ms=min(unix_ms(one.creation_time) or ended_ms, ended_ms),
                ended_ms=ended_ms,
                outcome="interrupted" if result.isCanceled else _OUTCOMES[code],
                exit_code=max(code, int(result.isCanceled)),
            )
        )
    return runs
