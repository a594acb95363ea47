"""A store with incidents, a held clock, and a notifier that tells of them."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apprise import Apprise
from sqlalchemy import Engine, insert, select, update

from tramgac_collector.config import CollectorSection, Config, StoreSection
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.notify.by_apprise import deliver
from tramgac_collector.notify.outbound import Envelope
from tramgac_collector.notify.pipeline import Delivery
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.notify.step import Notifier
from tramgac_collector.store.engine import open_engine, reading, upgrade
from tramgac_collector.store.schema import incident_events, incidents, notifications

# Sunday, 22 November 2026, 09:00 in Viet Nam.
NINE = 1_795_312_800_000
MINUTE = 60_000
INVENTORY_TEXT = """
providers: [{id: cloud, name: Đám mây Y tế}]
facilities:
  - id: bv-uong-bi
    name: {vi: Bệnh viện Uông Bí, en: Uong Bi Hospital}
    code: "22001"
    sites:
      - {id: main, name: Cơ sở chính, hosts: [{id: his, name: Máy chủ HIS}]}
      - {id: hai, name: {vi: Cơ sở hai, en: Second site}, hosts: [{id: lis}]}
    systems: [{id: emr, kind: emr, name: Bệnh án điện tử, host: his}]
    datasets:
      - id: db
        name: {vi: Dữ liệu HIS, en: HIS data}
        host: his
        rpo_hours: 24
        destinations: [{id: nas}]
  - id: bv-ha-long
    name: Bệnh viện Hạ Long
    code: "22002"
    sites: [{id: main, hosts: [{id: his}]}]
"""
INVENTORY = parse_inventory(INVENTORY_TEXT, "the test's inventory")


with warnings.catch_warnings():
    # Some of its hundred plugins, all loaded at the first use, import what Python 3.13 drops.
    warnings.simplefilter("ignore", DeprecationWarning)
    Apprise.instantiate("json://localhost")


def send_here(envelope: Envelope) -> Delivery:
    """By apprise in this process: starting one for each mail takes half a second."""
    return Delivery(**deliver(envelope.task()))


class Desk:
    """What a test does with incidents and time."""

    def __init__(self, engine: Engine, config: Config) -> None:
        self.engine, self.config = engine, config
        self.now_ms = NINE
        self.notifier = Notifier(engine, config, send_here)

    def open(self, code: str = "site_unreachable", **values: Any) -> int:
        """A new incident, as the incident engine would store it."""
        row = {
            "node": "bv-uong-bi/main",
            "facility": "bv-uong-bi",
            "site": "main",
            "severity": "high",
            "opened_ms": self.now_ms,
            "changed_ms": self.now_ms,
            "detail": json.dumps(values.pop("detail", {})),
            **values,
        }
        with self.engine.begin() as connection:
            made = connection.execute(insert(incidents).values(code=code, **row))
        key = made.inserted_primary_key
        return int(key[0]) if key else 0

    def change(self, incident: int, **values: Any) -> None:
        """The incident engine changes a row."""
        with self.engine.begin() as connection:
            connection.execute(update(incidents).where(incidents.c.id == incident).values(values))

    def close(self, incident: int) -> None:
        """It is over."""
        self.change(incident, closed_ms=self.now_ms)

    def after(self, seconds: float) -> None:
        """Let time pass, then two turns: one hands out, one takes in."""
        self.now_ms += int(seconds * 1000)
        for _ in range(2):
            self.notifier.step(self.now_ms, INVENTORY)
            self.notifier.outbound.settle(30)

    def restart(self) -> None:
        """Another process takes over."""
        self.notifier.close()
        self.notifier = Notifier(self.engine, self.config, send_here)

    def notifications(self) -> list[tuple[str, str, str, str]]:
        """Stage, recipient, state and reason of every notification."""
        with reading(self.engine) as connection:
            return [
                (row.stage, row.recipient, row.state, row.reason)
                for row in connection.execute(select(notifications).order_by("id"))
            ]

    def incident(self, number: int) -> Any:
        """A row of incidents."""
        with reading(self.engine) as connection:
            return connection.execute(select(incidents).where(incidents.c.id == number)).one()

    def events(self, number: int) -> list[str]:
        """What happened to an incident."""
        with reading(self.engine) as connection:
            query = select(incident_events.c.kind).where(incident_events.c.incident_id == number)
            return list(connection.scalars(query.order_by(incident_events.c.id)))


@contextmanager
def desk(folder: Path, settings: NotifySection, url: str = "") -> Iterator[Desk]:
    """A desk with a store of its own, SQLite where no address is given."""
    config = Config(
        collector=CollectorSection(state_dir=str(folder)),
        store=StoreSection(url=url),
        notify=settings,
    )
    upgrade(config.store_url)
    engine = open_engine(config.store_url)
    one = Desk(engine, config)
    try:
        yield one
    finally:
        one.notifier.outbound.settle(30)
        one.notifier.close()
        engine.dispose()


def write_roster(folder: Path, text: str) -> str:
    """A roster file that only its owner can read."""
    path = folder / "roster.yml"
    path.write_text(text)
    path.chmod(0o600)
    return str(path)
