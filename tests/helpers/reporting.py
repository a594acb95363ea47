"""A judged store to report on: coverage, hours of work and incidents are put in by hand."""

from datetime import date
from pathlib import Path

from helpers.evidence import NOW
from helpers.judging import JudgedStore
from helpers.scenario import Fleet

from tramgac_collector.incidents.store import apply
from tramgac_collector.report import archive
from tramgac_collector.report.archive import Given
from tramgac_collector.report.model import Figures
from tramgac_collector.store.engine import reading

# NOW is 15:00 in Viet Nam of the second of these.
FIRST, LAST = date(2027, 1, 2), date(2027, 1, 15)
DAY = 86_400_000
# When FIRST begins.
BEGIN = 1_798_822_800_000
INVENTORY = """
facilities:
  - id: bvdk
    name: {vi: "Bệnh viện <b>Tỉnh</b> & con", en: General Hospital}
    code: "1"
    answers: {kind: hospital, ownership: public}
    sites: [{id: main, hosts: [{id: his-1}]}]
    systems: [{id: his, kind: his, host: his-1, level: {}}]
    datasets:
      - {id: db, host: his-1, of: his, rpo_hours: 24, destinations: [{id: nas, kind: nas}]}
"""


class ReportStore(JudgedStore):
    """Reports are asked for at ``now_ms``."""

    def __init__(self, folder: Path, inventory: str = INVENTORY, url: str = "") -> None:
        super().__init__(folder, inventory, url)
        self.add("at_work", from_ms=BEGIN - DAY, until_ms=NOW + 365 * DAY)

    def cover(self, at_ms: int, share: float, facility: str = "bvdk") -> None:
        """From then on this share of its hosts was heard."""
        self.add(
            "fact_history", name="mon.cover", subject=facility, collected_ms=at_ms,
            received_ms=at_ms, value=share, expires_ms=at_ms + 600_000, origin="collector",
            quality="measured",
        )  # fmt: skip

    def tell(self, fleet: Fleet) -> None:
        """Keep the incidents of a fleet that is only told about."""
        with self.engine.begin() as connection:
            for at_ms, _, change in fleet.events:
                apply(connection, [change], at_ms)

    def figures(self, first: date = FIRST, last: date = LAST, known_ms: int = 0) -> Figures:
        """As ``report`` makes them now, or as known at a moment."""
        window = archive.window_of(first, last, known_ms or self.now_ms, self.now_ms)
        with reading(self.engine) as connection:
            return archive.prepare(connection, "", window, self.now_ms)

    def give_out(self, first: date = FIRST, last: date = LAST) -> tuple[Figures, Given]:
        """And keep them."""
        made = self.figures(first, last)
        with self.engine.begin() as connection:
            return made, archive.give_out(connection, made, "test", self.now_ms)
