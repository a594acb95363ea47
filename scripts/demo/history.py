"""What stands in the centre's books before the day begins: papers, an accepted gap, plans."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from demo.centre import Centre
from tramgac_collector.incidents.model import Change, Detail, Event, Incident
from tramgac_collector.incidents.store import apply
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.store.engine import open_engine

_HOUR_MS = 3_600_000
_PAPERS = (
    ("doc:security_regulation", "DIR"),
    ("doc:protection_plan", "DIR"),
    ("att:level3_questions", "IT"),
    ("att:plan_measures_applied", "DIR"),
    ("doc:hosting_contract", "VEN"),
)
# Both are gaps in the small province, for what is wrong there with its backups.
ACCEPTED = (("bvdk-cua-bac", "vn.cv365.backup.onsite"), ("bvdk-tinh", "vn.tcvn.backup.321"))

# What was open when the collector was last stopped: node, code, severity, hours.
_OPEN = (
    ("bvdk-cua-bac/co-so-1/pacs-01//srv", "disk_filling", "high", 30.0),
    ("bvdk-tinh/co-so-1/lis-01", "clock_wrong", "low", 7.0),
    ("system:bvdk-tinh/emr", "certificate_expiring", "medium", 50.0),
    ("backup:bvdk-tinh/pacs-01/du-lieu-pacs@ngoai-vien", "backup_failed", "high", 11.0),
    ("backup:bvdk-cua-bac/his-01/du-lieu-his@nas", "backup_late", "high", 60.0),
    ("bvtn-hoa-gao/co-so-1/ups-cs1", "ups_on_battery", "critical", 0.6),
    ("ttyt-dong-che/co-so-1/printer-cs1", "printer_stuck", "low", 3.0),
)

LEFT_OPEN = frozenset({code for _, code, _, _ in _OPEN} | {"ups_battery_low"})


def hand_in(centre: Centre, inventory: Inventory) -> None:
    """Papers of half of the facilities."""
    today = datetime.now(UTC).date().isoformat()
    papers = [
        {"facility": one.id, "name": name, "value": "true", "issued_on": today, "given_by": role}
        for at, one in enumerate(inventory.facilities)
        for name, role in _PAPERS[: 2 + at % 4]
        if at % 3 != 1
    ]
    path = centre.folder / "papers.yml"
    path.write_text(json.dumps({"papers": papers}))
    centre.command("attest", "import", str(path))


def _accept(centre: Centre, facility: str, rule: str) -> None:
    days = [(datetime.now(UTC) + timedelta(days=ahead)).date().isoformat() for ahead in (90, 180)]
    centre.command(
        "rules", "accept", facility, rule, "--compensation", "Copied by hand every Friday",
        "--due", days[0], "--until", days[1], "--reason", "No money before next year",
        "--by", "Director",
    )  # fmt: skip


def declare_storm(centre: Centre, facilities: list[str], hours: float) -> str:
    """Storm mode for these facilities; what the command said."""
    until = (datetime.now().astimezone() + timedelta(hours=hours)).isoformat(timespec="minutes")
    words = [word for facility in facilities for word in ("--facility", facility)]
    return centre.command(
        "rules", "storm", "start", *words, "--to", until, "--cite", "Storm notice no. 3",
        "--reason", "Storm makes landfall tonight", "--by", "Ops centre",
    ).strip()  # fmt: skip


def lay_down(centre: Centre, inventory: Inventory, *, whole: bool) -> None:
    """What the centre has on record: papers and an accepted gap.

    Args:
        centre: Not yet started.
        inventory: What is there.
        whole: Also a storm, planned work, and incidents that stand open.
    """
    plan = partial(centre.command, "maintenance", "add")
    deeds: list[Callable[[], object]] = [
        partial(hand_in, centre, inventory),
        *(partial(_accept, centre, *one) for one in ACCEPTED),
    ]
    later: list[Callable[[], object]] = [
        partial(declare_storm, centre, ["bvdk-cua-bac", "bvdk-tinh"], 20.0),
        partial(plan, "bvtn-hoa-gao/co-so-1/may-do", "--hours", "3", "--reason", "New memory"),
        partial(plan, "bvdk-tinh/co-so-2", "--hours", "5", "--reason", "New switchboard"),
    ]
    for deed in deeds + later * whole:
        deed()
    if whole:
        leave_open(centre)


def leave_open(centre: Centre) -> None:
    """Incidents of the collector's life before this one; it opens none in its first 120 s."""
    now_ms = time.time_ns() // 1_000_000
    changes = []
    for node, code, severity, hours in _OPEN:
        place = node.removeprefix("backup:").removeprefix("system:").split("/")
        since = now_ms - round(hours * _HOUR_MS)
        changes.append(
            Change(
                Incident(
                    number=0, node=node, code=code, facility=place[0],
                    site="co-so-1" if ":" in node else place[1], opened_ms=since,
                    severity=severity, detail=Detail(since_ms=since),
                ),
                Event.OPENED,
            )
        )  # fmt: skip
    engine = open_engine(f"sqlite:///{centre.folder / 'state' / 'store.db'}")
    with engine.begin() as connection:
        apply(connection, changes, now_ms)
    engine.dispose()
