"""A province of 200 facilities is reported on in bounded time and memory."""

import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helpers.evidence import NOW
from helpers.reporting import BEGIN, DAY, ReportStore
from sqlalchemy import insert

from tramgac_collector.report.page import report_page
from tramgac_collector.store import schema

_FACILITIES = 200
_HOSTS = 10
_HOUR = 3_600_000
# Beside seven others on two cores; alone it takes about a third.
_MOST_SECONDS = 60.0
_MOST_BYTES = 400 * 2**20


def inventory() -> str:
    """Each with ten hosts, one system and two datasets."""
    lines = ["facilities:"]
    for number in range(_FACILITIES):
        hosts = ", ".join(f"{{id: h{host}}}" for host in range(_HOSTS))
        answers = "answers: {kind: hospital, ownership: public}"
        lines += [
            f'  - {{id: f{number}, code: "{number}", {answers},',
            f"     sites: [{{id: main, hosts: [{hosts}]}}],",
            "     systems: [{id: his, kind: his, host: h0, level: {}}], datasets: [",
            *(
                f"       {{id: d{n}, host: h{n}, of: his, rpo_hours: 26, "
                "destinations: [{id: nas, kind: nas}]},"
                for n in range(2)
            ),
            "     ]}",
        ]
    return "\n".join(lines) + "\n"


def facts(number: int) -> Iterator[dict[str, Any]]:
    """A fortnight of changes of one facility."""
    told = [("mon.cover", f"f{number}", BEGIN + hour * _HOUR, 0.9 + hour % 2 / 10)
            for hour in range(0, 300, 3)]  # fmt: skip
    for data in range(2):
        series = f"f{number}/h{data}/d{data}@nas"
        told.append(("bk.declared", series, BEGIN - 90 * DAY, (BEGIN - 90 * DAY) / 1000))
        for day in range(14):
            at = BEGIN + day * DAY
            told += [("bk.last_good", series, at, at / 1000), ("bk.run", series, at, 0.0)]
    told += [
        ("host.disk", f"f{number}/main/h{host}//srv", BEGIN + day * DAY, 0.5 + day / 100)
        for host in range(_HOSTS)
        for day in range(14)
    ]
    for name, subject, at, value in told:
        yield {
            "name": name, "subject": subject, "collected_ms": at, "received_ms": at,
            "value": value, "text": "", "expires_ms": at + DAY, "origin": "agent:x/c",
            "quality": "measured",
        }  # fmt: skip


def fill(store: ReportStore) -> None:
    """As two weeks of 200 hospitals leave it."""
    with store.engine.begin() as connection:
        for number in range(_FACILITIES):
            connection.execute(insert(schema.fact_history), list(facts(number)))
        rows = [
            {"facility": f"f{number}", "rule": f"r.{rule}", "at_ms": BEGIN + turn * DAY,
             "status": ("fail", "pass_observed")[turn % 2], "raw_status": "fail",
             "reason": "r", "pack_version": "p 1"}
            for number in range(_FACILITIES)
            for rule in range(60)
            for turn in range(3)
        ]  # fmt: skip
        connection.execute(insert(schema.rule_history), rows)


def test_two_hundred_facilities_are_reported_on(tmp_path: Path) -> None:
    """Figures and page; what it took is printed."""
    store = ReportStore(tmp_path, inventory())
    fill(store)
    # As on the morning after: the window is over, and read from history.
    store.now_ms = NOW + 2 * DAY
    began = time.monotonic()
    made = store.figures()
    read = time.monotonic()
    page = report_page(made, None, "vi")
    printed = time.monotonic()
    tracemalloc.start()
    report_page(made, None, "en")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    sizes = f"{len(page) / 1e6:.1f} MB page, {peak / 2**20:.0f} MiB more while printing"
    print(f"200 facilities: figures {read - began:.1f} s, page {printed - read:.1f} s, {sizes}")  # noqa: T201 - the figure is wanted
    assert len(made.places) == _FACILITIES
    assert printed - began < _MOST_SECONDS
    assert peak < _MOST_BYTES
