"""What was told of a backup series, without a wire: a good one, and whatever is wrong with it."""

from typing import Any

from helpers.evidence import NOW, OWNER, SERIES, arrival

from tramgac_collector.backups.copies import Judged
from tramgac_collector.backups.declared import Declarations
from tramgac_collector.backups.judging import judge_beside
from tramgac_collector.facts.backups import DECLARED
from tramgac_collector.facts.kinds import EVENT_VALID_MS, Claim
from tramgac_collector.facts.ledger import FactLedger
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_proto.v1 import fleet_pb2

MINUTE = 60_000
HOUR = 3_600_000
DAY = 24 * HOUR
FILES = 1_000
BYTES = 10**9
LOOK_VALID_MS = int(2.5 * HOUR)


def inventory(settings: str = "", destination: str = "kind: nas", more: str = "") -> Inventory:
    """One host with the dataset ``db`` on its way to ``nas`` (and to ``more`` destinations)."""
    return parse_inventory(
        f"""
facilities:
  - id: bvdk
    code: "1"
    sites: [{{id: main, hosts: [{{id: his-1}}]}}]
    datasets:
      - id: db
        host: his-1
        rpo_hours: 26
        {settings or "kind: database"}
        destinations: [{{id: nas, {destination}}}{more}]
""",
        "test",
    )


class Told:
    """A ledger that is told things of series; times are hours before ``NOW``."""

    def __init__(self, series: str = SERIES, facts: FactLedger | None = None) -> None:
        self.series = series
        self.facts = facts or FactLedger()
        self._runs = 0
        self._newest = (snapshot(1), NOW - HOUR)

    def _tell(self, hours: float, valid_ms: int = LOOK_VALID_MS, **detail: object) -> "Told":
        one = arrival(at_ms=NOW - round(hours * HOUR), **detail)  # type: ignore[arg-type]
        one.expires_ms = one.event_ms + valid_ms
        self.facts.observe(one)
        return self

    def begin(self, hours: float, run_id: str = "open") -> "Told":
        """A run began."""
        run = fleet_pb2.BackupRun(
            series=self.series, run_id=run_id, outcome="running",
            started_unix_ms=NOW - round(hours * HOUR),
        )  # fmt: skip
        return self._tell(hours, backup_run=run)

    def run(self, hours: float, outcome: str = "complete", **more: Any) -> "Told":
        """A run of half an hour ended; it tells sizes unless ``counts_known`` is False."""
        self._runs += 1
        ended = NOW - round(hours * HOUR)
        sizes = {
            "counts_known": True,
            "files": FILES,
            "bytes": BYTES + self._runs * 1_000,
            "bytes_added": BYTES // 1_000,
            "files_changed": 10,
            "files_unmodified": FILES - 10,
        }
        if outcome in {"complete", "partial"}:
            self._newest = (more.get("snapshot_id") or snapshot(hours), ended)
        told = {
            "run_id": f"run-{self._runs}",
            "snapshot_id": snapshot(hours),
            "exit_code": 0 if outcome == "complete" else 1,
            "started_unix_ms": ended - 30 * MINUTE,
            **sizes,
            **more,
        }
        run = fleet_pb2.BackupRun(series=self.series, outcome=outcome, ended_unix_ms=ended, **told)
        return self._tell(hours, backup_run=run)

    def look(self, hours: float = 0.1, state: str = "ok", **more: Any) -> "Told":
        """The repository was looked at; its newest snapshot is the one saved last."""
        shown: dict[str, Any] = more
        if state == "ok":
            shown = {
                "snapshots": 30,
                "newest_id": self._newest[0],
                "newest_unix_ms": self._newest[1] - 30 * MINUTE,
                "oldest_unix_ms": NOW - 40 * DAY,
                "summary_known": True,
                "files": FILES,
                "bytes": BYTES,
                "medium": "elsewhere",
                **more,
            }
        seen = fleet_pb2.RepositoryState(series=self.series, state=state, **shown)
        return self._tell(hours, repository=seen)

    def check(self, days: float, scope: str = "metadata", **more: Any) -> "Told":
        """The structure was checked, or the last of 30 slices was read."""
        ended = NOW - round(days * DAY)
        told: dict[str, Any] = {"passed": True, "conclusive": True}
        if scope == "data":
            told |= {"slices": 30, "slices_read": 30, "oldest_slice_unix_ms": ended - 29 * DAY}
        check = fleet_pb2.IntegrityCheck(
            series=self.series, scope=scope, ended_unix_ms=ended, **(told | more)
        )
        return self._tell(days * 24, integrity=check)

    def drill(self, days: float, kind: str = "sample", **more: Any) -> "Told":
        """Something was restored: 100 MB/s, so that all of it takes 10 s."""
        told: dict[str, Any] = {
            "passed": True,
            "conclusive": True,
            "drill_id": f"{kind}-{days}",
            "bytes": BYTES // 10,
            "restore_seconds": 1.0,
            "snapshot_bytes": BYTES,
        }
        drill = fleet_pb2.Drill(
            series=self.series, kind=kind, ended_unix_ms=NOW - round(days * DAY), **(told | more)
        )
        return self._tell(days * 24, drill=drill)

    def probe(self, result: str, hours: float = 1) -> "Told":
        """Deleting was tried."""
        probe = fleet_pb2.ImmutabilityProbe(series=self.series, result=result, method="rest_delete")
        return self._tell(hours, 8 * DAY, immutability=probe)

    def heard(self, hours: float = 0) -> "Told":
        """The agent called."""
        self.facts.called(OWNER, NOW - round(hours * HOUR), 0)
        self.facts.settle()
        return self

    def declared(self, days: float) -> "Told":
        """The inventory has named the series for so long."""
        declare(self.facts, self.series, NOW - round(days * DAY))
        return self

    def judged(self, asked: Inventory, hours: float = 0) -> Judged:
        """Judge it ``hours`` after ``NOW``."""
        now_ms = NOW + round(hours * HOUR)
        return judge_beside(self.facts, Declarations.of(asked), self.series, now_ms).series[
            self.series
        ]


def declare(facts: FactLedger, series: str, since_ms: int) -> None:
    """Note since when a series is declared, as the collector does."""
    facts.measured_here(
        Claim(DECLARED, series, since_ms / 1000, "", since_ms, EVENT_VALID_MS), since_ms
    )


def snapshot(hours: float) -> str:
    """Id of the snapshot of the run that ended so long ago."""
    return f"{round(hours * 1000):08x}" * 8


def good(series: str = SERIES, facts: FactLedger | None = None) -> Told:
    """Eight days of complete runs, a fresh look, every proof: nothing is wrong."""
    told = Told(series, facts).declared(60)
    for day in range(8, -1, -1):
        told.run(1 + 24 * day)
    return told.look().check(3).check(1, "data").drill(5).heard()


def runless() -> Told:
    """A week of snapshots, every proof, and nobody who tells of runs."""
    told = Told().declared(60).check(3).check(1, "data").drill(5)
    for hours in range(150, 0, -24):
        told.look(hours, newest_id=snapshot(hours), newest_unix_ms=NOW - hours * HOUR)
    return told.look(0, newest_id=snapshot(0), newest_unix_ms=NOW - HOUR).heard()


def sizeless() -> Told:
    """Six runs that tell no sizes, after some that did; nothing looks at the repository."""
    told = Told().declared(60).run(1 + 24 * 6)
    for day in range(5, -1, -1):
        told.run(1 + 24 * day, counts_known=False)
    return told.heard()
