"""Windows Server Backup: its event channel, or what ``Get-WBSummary`` says.

Event ids after Microsoft's pages on the backup operations of Windows Server: 4 finished well,
14 ended (its HRESULT says how), 8 cancelled, the others below failed.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

import msgspec

from tramgac_agent.drop import Outcome, Record
from tramgac_agent.restic.repository import unix_ms
from tramgac_agent.sources import winevents
from tramgac_agent.sources.base import SeriesSettings, Source, SourceFailed, SourceSettings, Visit
from tramgac_agent.sources.export import ExportSettings, read
from tramgac_agent.sources.history import Run, report
from tramgac_agent.sources.winevents import Event

_GOOD, _CANCELLED, _ENDED = 4, 8, 14
_FAILED = frozenset(
    [
        *(5, 9, 17, 18, 19, 20, 21, 22, 49, 50, 52, 100, 517, 518, 521, 527, 528, 544, 545, 546),
        *(561, 564, 612),
    ]
)
# The entries of one run come one after the other; a younger one may not be the last.
_SETTLED_MS = 300_000
_UNREADABLE = re.compile(r'NumUnreadableBytes="(\d{1,18})"')
_TOTAL = re.compile(r'TotalSize="(\d{1,15})"')
_DOTNET_DATE = re.compile(r"/Date\((-?\d{1,17})(?:[+-]\d{4})?\)/")
_WORST_FIRST: tuple[Outcome, ...] = ("failed", "interrupted", "partial", "complete")


class WbadminSettings(ExportSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file: one machine has one schedule, so one series."""

    series: Annotated[tuple[SeriesSettings, ...], msgspec.Meta(min_length=1, max_length=1)]


class WbadminSource(Source[WbadminSettings]):
    """Reads one export a visit."""

    name: ClassVar[str] = "wbadmin"
    settings_type: ClassVar[type[SourceSettings]] = WbadminSettings

    def look(self, visit: Visit) -> Iterable[Record]:
        """New runs and one state.

        Raises:
            SourceFailed: The export cannot be read.
            OSError: The state folder is not writable.
        """
        text = read(self.settings, visit).strip()
        snapshots = None
        if text.startswith("{"):
            runs, snapshots = runs_of_summary(text)
        else:
            runs = runs_of_events(winevents.parse(text), visit.now_ms)
        return report(self, visit, {self.settings.series[0].id: runs}, snapshots)


def runs_of_events(events: Iterable[Event], now_ms: int) -> list[Run]:
    """Finished runs; the entries of one share their ``BackupTime``, and the worst counts."""
    groups: dict[int, list[tuple[Event, Outcome]]] = defaultdict(list)
    for event in events:
        said = _outcome(event)
        if said and event.time_ms:
            begun_ms = unix_ms(event.named.get("BackupTime"))
            groups[begun_ms or event.time_ms].append((event, said))
    runs = []
    for begun_ms, entries in groups.items():
        ended_ms = max(event.time_ms for event, _ in entries)
        if ended_ms > now_ms - _SETTLED_MS:
            continue
        outcome = min((one for _, one in entries), key=_WORST_FIRST.index)
        runs.append(
            Run(
                identity=f"{begun_ms}",
                started_ms=min(begun_ms, ended_ms),
                ended_ms=ended_ms,
                outcome=outcome,
                exit_code=int(outcome != "complete"),
                reason="unreadable_files" if outcome == "partial" else "",
                bytes=_bytes([event for event, _ in entries]),
            )
        )
    return runs


def _outcome(event: Event) -> Outcome | None:
    """What one entry says of its run; None for one that says nothing of its end."""
    if event.number in _FAILED:
        return "failed"
    if event.number == _CANCELLED:
        return "interrupted"
    result = event.named.get("HRESULT", "")
    if event.number not in (_GOOD, _ENDED) or (event.number == _ENDED and not result):
        return None
    if _code(result):
        return "failed"
    unreadable = any(int(one) for one in _UNREADABLE.findall(event.named.get("VolumesInfo", "")))
    return "partial" if unreadable or _code(event.named.get("DetailedHRESULT", "")) else "complete"


def _code(text: str) -> int:
    """A result code, decimal or hexadecimal; 0 is good, and so is none; -1 cannot be read."""
    try:
        return int(text, 0) if text else 0
    except ValueError:
        return -1


def _bytes(events: Iterable[Event]) -> int | None:
    sizes = [_TOTAL.findall(event.named.get("VolumesInfo", "")) for event in events]
    return next((sum(map(int, found)) for found in sizes if found), None)


def runs_of_summary(text: str) -> tuple[list[Run], int]:
    """The last run, the last good one, and how many versions there are.

    Raises:
        SourceFailed: ``blind_tool``: it is no summary.
    """
    try:
        summary: Mapping[str, Any] = json.loads(text)
        versions = int(summary["NumberOfVersions"])
        code = int(summary["LastBackupResultHR"])
        detail = int(summary.get("LastBackupResultDetailedHR") or 0)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise SourceFailed("blind_tool", "no output of Get-WBSummary") from error
    if not 0 <= versions < 2**31:
        raise SourceFailed("blind_tool", "an impossible number of versions")
    last_ms = date_ms(summary.get("LastBackupTime"))
    good_ms = date_ms(summary.get("LastSuccessfulBackupTime"))
    runs = []
    if good_ms:
        runs.append(Run(f"{good_ms}", good_ms, good_ms, "complete", 0))
    if last_ms and (code or detail):
        outcome: Outcome = "failed" if code else "partial"
        runs = [one for one in runs if one.started_ms != last_ms]
        runs.append(Run(f"{last_ms}", last_ms, last_ms, outcome, 1))
    return runs, versions


def date_ms(value: object) -> int:
    """Unix milliseconds of a date as PowerShell 5 or 7 writes it to JSON; 0 when it is none."""
    if not isinstance(value, str):
        return 0
    found = _DOTNET_DATE.fullmatch(value)
    return max(0, int(found[1])) if found else unix_ms(value)
