"""The drill at full size: 20 hospitals of 10 agents, a health station, all of it with real times.

Each prints a table: what was cut, how many mails came, how soon, what the recovery said.
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers.backup import until
from helpers.fleet import now_ms
from helpers.province import SINGLE, Plan, Province, running
from helpers.province_centre import SETTLE_SECONDS, Centre, Mail, running_centre

PLAN = Plan(sites=20, agents=10, hosted=12)
TOLD_SECONDS = 180.0
# Leave 5 min, a look of 60 s, ticks, Alertmanager's interval of 30 s.
OVER_SECONDS = 460.0
QUIET_SECONDS = 60.0
HOSTED = [f"{one}/his" for one in PLAN.hospitals[: PLAN.hosted]]
LIS = f"{PLAN.dark}/lis"
RPO_MS = 26 * 3_600_000
# After the cut, and after the centre has settled from its restart inside the cut.
RPO_AFTER_SECONDS = 340.0


class Row(NamedTuple):
    """A line of the table; ``down_at`` and ``up_at`` are Unix seconds of cut and return."""

    what: str
    subject: str
    part: str
    down_at: float
    up_at: float = 0.0


def table(centre: Centre, rows: Sequence[Row]) -> str:
    """What came, for people."""
    lines = ["| scenario | mails | told after | recovered mails | after | what it says |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        about = [one for one in centre.mails() if row.subject in one.subject]
        about = [one for one in about if row.part in one.text]
        down = [one for one in about if one.subject.startswith("firing")]
        over = [one for one in about if one.subject.startswith("resolved")]
        said = " / ".join(over[0].text.splitlines()) if over else ""
        after = f"{over[0].at - row.up_at:.0f} s" if over else ""
        told = f"{down[0].at - row.down_at:.0f} s" if down else ""
        lines.append(f"| {row.what} | {len(down)} | {told} | {len(over)} | {after} | {said} |")
    return "\n".join(lines)


def show(centre: Centre, rows: Sequence[Row], capsys: pytest.CaptureFixture[str]) -> None:
    """Print the table past pytest."""
    with capsys.disabled():
        sys.stdout.write(f"\n{table(centre, rows)}\n")


def restart_all(centre: Centre, count: int) -> None:
    """SIGKILL of the collector, restart of Alertmanager, until it holds ``count`` again."""
    centre.kill()
    centre.alertmanager.stop()
    centre.alertmanager.start()
    centre.start()
    until(lambda: len([a for a in alerts(centre) if "incident" in a]) == count, 90)


def alerts(centre: Centre) -> list[dict[str, str]]:
    """Labels of what Alertmanager holds."""
    return [one["labels"] for one in centre.alertmanager.alerts()]


def subjects(centre: Centre) -> list[str]:
    """Of all mails, sorted."""
    return sorted(one.subject for one in centre.mails())


def settle(centre: Centre, province: Province) -> None:
    """Everybody calls, the collector is sure of itself, and nobody was told anything."""
    until(lambda: min(province.calls()) >= 1, 60)
    time.sleep(max(0.0, centre.started + SETTLE_SECONDS + 10 - time.time()))
    assert subjects(centre) == []


def tell_backup(province: Province, passes_ms: int) -> None:
    """A complete backup, and a good look at it, that is too old from ``passes_ms`` on."""
    series = f"{PLAN.dark}/may-00/db@nas"
    ended = passes_ms - RPO_MS
    times = {"started_unix_ms": ended, "ended_unix_ms": ended + 60_000}
    run = {"series": series, "run_id": "r1", "outcome": "complete", "snapshot_id": "ab12", **times}
    look = {
        "series": series, "state": "ok", "newest_unix_ms": ended, "newest_id": "ab12",
        "snapshots": 3, "oldest_unix_ms": ended - 86_400_000, "medium": "elsewhere",
    }  # fmt: skip
    place = (PLAN.dark, "main", "may-00")
    province.tell(place, check="restic", backup_run=run, valid_seconds=9_000)
    province.tell(place, check="restic", repository=look, valid_seconds=9_000)


def wait_told(centre: Centre, rows: Sequence[Row], kind: str, seconds: float) -> list[Mail]:
    """The mail of each row."""
    return [centre.wait_mail(f"{kind} {row.subject}", row.part, seconds) for row in rows]


def cut(province: Province) -> list[Row]:
    """Three disjoint causes at one moment."""
    now = time.time()
    province.cut(PLAN.dark)
    province.power(SINGLE, on=False)
    province.systems(HOSTED, up=False)
    return [
        Row("one site of 10 agents", "SiteUnreachable", PLAN.dark, now),
        Row("a site with one agent", "SiteUnreachable", SINGLE, now),
        Row("a provider of 12 hospitals", "ProviderDown", "Đám mây", now),
    ]


def at(moment: float, do: Callable[[], object]) -> None:
    """Do something at a Unix time."""
    time.sleep(max(0.0, moment - time.time()))
    do()


def check_recoveries(over: Sequence[Mail]) -> None:
    """Each says why, and what was down inside."""
    site, single, provider = (one.text for one in over)
    assert "Nguyên nhân: đường truyền" in site
    assert f"{PLAN.dark}, lis" in site
    assert "Nguyên nhân: điện hoặc máy chủ" in single
    assert f"{SINGLE}, may-00" in single
    assert f"{PLAN.hospitals[0]}, his" in provider


@pytest.mark.soak
def test_three_causes_at_once_are_told_once_and_are_over_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Restarts inside the cut double nothing; a backup that gets too old inside is told."""
    with running_centre(tmp_path, PLAN) as (centre, identities):
        province = Province(PLAN, identities, (centre.ports["grpc"], centre.ca_pem))
        with running(province):
            passes_ms = now_ms() + int((SETTLE_SECONDS + 10 + RPO_AFTER_SECONDS) * 1000)
            tell_backup(province, passes_ms)
            settle(centre, province)
            rows = cut(province)
            at(rows[0].down_at + 30, lambda: province.systems([LIS], up=False))
            told = wait_told(centre, rows, "firing", TOLD_SECONDS)
            restart_all(centre, 3)
            province.systems([LIS], up=True)
            late = Row("a backup's RPO inside it", "BackupLate", "db", passes_ms / 1000)
            at(passes_ms / 1000, lambda: wait_told(centre, [late], "firing", TOLD_SECONDS))
            up = time.time()
            province.heal(PLAN.dark)
            province.power(SINGLE, on=True)
            province.systems(HOSTED, up=True)
            rows = [row._replace(up_at=up) for row in rows]
            over = wait_told(centre, rows, "resolved", OVER_SECONDS)
            time.sleep(QUIET_SECONDS)
            show(centre, [*rows, late], capsys)

            assert max(one.at for one in told) - rows[0].down_at <= TOLD_SECONDS
            check_recoveries(over)
            assert subjects(centre) == [
                "firing BackupLate 1", "firing ProviderDown 1", "firing SiteUnreachable 1",
                "firing SiteUnreachable 1", "resolved ProviderDown 1",
                "resolved SiteUnreachable 1", "resolved SiteUnreachable 1",
            ]  # fmt: skip


@pytest.mark.soak
def test_the_centres_own_line_is_one_mail_and_no_site_is_blamed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All 21 sites go silent at once: one mail, one recovery, whatever restarts meanwhile."""
    with running_centre(tmp_path, PLAN) as (centre, identities):
        province = Province(PLAN, identities, (centre.ports["grpc"], centre.ca_pem))
        with running(province):
            settle(centre, province)
            row = Row("the centre's own line", "CollectorUplinkSuspected", "", time.time())
            province.cut()
            (told,) = wait_told(centre, [row], "firing", TOLD_SECONDS)
            restart_all(centre, 1)
            time.sleep(QUIET_SECONDS)
            row = row._replace(up_at=time.time())
            province.heal()
            wait_told(centre, [row], "resolved", OVER_SECONDS)
            time.sleep(QUIET_SECONDS)
            show(centre, [row], capsys)

            assert told.at - row.down_at <= TOLD_SECONDS
            assert subjects(centre) == [
                "firing CollectorUplinkSuspected 1", "resolved CollectorUplinkSuspected 1",
            ]  # fmt: skip
