"""A hospital of which everything is known that can be: measured, declared and handed in.

Facts by the real ledger, coverage by the real ingest part, every pack judged by the real rules
part; the clock stands still until the test moves it.
"""

from datetime import date
from pathlib import Path

from helpers.evidence import NOW, OWNER, SERIES, arrival
from helpers.judging import JudgedStore
from helpers.told import DAY, Told, good
from sqlalchemy import insert, text

from tramgac_collector.facts.derived import Derived
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.live.state import LiveState
from tramgac_collector.rules.library import FOLDER, Library
from tramgac_collector.rules.papers import FILE_NAME, read_papers
from tramgac_collector.store.engine import bump_generation
from tramgac_collector.store.schema import papers

MINUTE = 60_000
_OPTIONAL = ", ".join(one.pack.id for one in Library.read().packs if one.pack.optional)
_INVENTORY = f"""
packs: [{_OPTIONAL}]
facilities:
  - id: bvdk
    code: "1"
    level: 6
    answers: {{kind: hospital, ownership: public, insurance: true, ministry_linked: true,
              web_apps: true, restore_days: 180, nd331_binds: true, internet_needed: true}}
    sites: [{{id: main, hosts: [{{id: his-1}}]}}]
    systems:
      - {{id: his, kind: his, host: his-1, level: {{number: 3, decision: 1/QĐ, date: 2026-09-01}},
         probes: [{{tcp: "127.0.0.1:80"}}]}}
    datasets:
      - {{id: db, host: his-1, of: his, kind: database, rpo_hours: 24, copies: 1,
         destinations: [{{id: nas, kind: nas}}]}}
"""
_ISSUED = date(2026, 12, 20)


class Whole:
    """It reports as long as the test lets it.

    Attributes:
        told: What is told of its one backup series.
    """

    def __init__(self, folder: Path) -> None:
        self.centre = JudgedStore(folder, _INVENTORY)
        inventory = parse_inventory(_INVENTORY, "test")
        self._ingest = Derived(self.centre.facts, LiveState(inventory), lambda _: OWNER)
        self._ingest.set_inventory(inventory)
        self.told: Told = good(SERIES, self.centre.facts)
        with self.centre.engine.begin() as connection:
            connection.execute(text("UPDATE inventories SET imported_ms = 1"))
            for name, paper in read_papers(FOLDER / FILE_NAME).items():
                connection.execute(
                    insert(papers).values(
                        facility="bvdk", name=name, value="true", issued_on=_ISSUED,
                        expires_ms=NOW + 300 * DAY, given_by=paper.given_by,
                        entered_ms=NOW - 20 * DAY, entered_by="test",
                    )
                )  # fmt: skip
            bump_generation(connection)

    def reports(self, minutes: float) -> None:
        """Time passes, the agent calls and everything is measured and looked at again."""
        self.centre.now_ms += round(minutes * MINUTE)
        now, facts = self.centre.now_ms, self.centre.facts
        facts.called(OWNER, now, 0)
        path = {"target": "nas", "method": "icmp"}
        port = {"interface": "eno1"}
        facts.observe(
            arrival(
                ("filesystem_used_ratio", {"mountpoint": "/", "fstype": "ext4"}, 0.5),
                ("network_link_speed_bytes", port, 125e6),
                ("network_link_full_duplex", port, 1.0),
                ("service_up", {"system": "his", "method": "tcp"}, 1.0),
                ("path_rtt_seconds", path, 0.001),
                ("path_jitter_seconds", path, 0.0001),
                ("path_loss_ratio", path, 0.0),
                at_ms=now,
            )
        )
        self.told.look(-(now - NOW) / 3_600_000)
        self.is_silent(0)

    def is_silent(self, minutes: float) -> None:
        """Time passes and nobody calls; the centre goes on."""
        self.centre.now_ms += round(minutes * MINUTE)
        self._ingest.cover(self.centre.now_ms)
        self.centre.turn()

    def shown(self) -> dict[str, tuple[str, str]]:
        """Status and detail of every rule, as the page would have them."""
        query = text("SELECT rule, status, detail FROM rule_results")
        with self.centre.engine.connect() as connection:
            return {row.rule: (row.status, row.detail) for row in connection.execute(query)}
