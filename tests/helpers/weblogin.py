"""A centre whose pages ask for a login, and browsers that log in."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from flask.testing import FlaskClient
from sqlalchemy import insert, select
from werkzeug.test import TestResponse

from tramgac_collector.config import CollectorSection, Config, ListenSection
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.store.engine import open_engine, reading, upgrade
from tramgac_collector.store.schema import agents, audit
from tramgac_collector.web import accounts
from tramgac_collector.web.accounts import Doer, Wanted
from tramgac_collector.web.app import create_app
from tramgac_collector.web.settings import WebSection

NOW = 1_795_312_800_000
PASSWORD = "một mật khẩu rất dài"
# By what other machines ask for the pages.
PUBLIC = "tram.example.org"
INVENTORY = """
facilities:
  - id: bv-uong-bi
    name: {vi: Bệnh viện Uông Bí, en: Uong Bi Hospital}
    code: "22001"
    sites: [{id: main, hosts: [{id: his, name: Máy chủ HIS}]}]
  - id: bv-ha-long
    name: Bệnh viện Hạ Long
    code: "22002"
    sites: [{id: main, hosts: [{id: pacs, name: Máy PACS}]}]
"""


class Centre:
    """A store, accounts in it, and the application at a time that stands still."""

    def __init__(self, folder: Path, web: WebSection, notify: NotifySection) -> None:
        self.config = Config(
            collector=CollectorSection(state_dir=str(folder)),
            listen=ListenSection(web="127.0.0.1:0"),
            notify=notify,
            web=web,
        )
        self.now_ms = NOW
        folder.mkdir(exist_ok=True)
        upgrade(self.config.store_url)
        self.engine = open_engine(self.config.store_url)
        (folder / "inventory.yml").write_text(INVENTORY)
        with self.engine.begin() as connection:
            import_inventory(connection, folder / "inventory.yml")
            for facility, host in (("bv-uong-bi", "his"), ("bv-ha-long", "pacs")):
                connection.execute(insert(agents).values(**_agent(facility, host)))
        self.start()

    def start(self) -> None:
        """Start the application, or start it anew."""
        self.app = create_app(self.config, now_ms=lambda: self.now_ms)

    def stop(self) -> None:
        """Close what the application holds open."""
        for name in ("store", "desk"):
            self.app.extensions[name].close()

    def account(self, name: str, *facilities: str, duty: bool = False) -> None:
        """Make an account of these facilities, or of the province."""
        role: Literal["facility", "province"] = "facility" if facilities else "province"
        with self.engine.begin() as connection:
            wanted = Wanted(name, role, facilities, duty)
            accounts.add(connection, Doer("test", self.now_ms), wanted, PASSWORD)

    def browser(self, name: str = "") -> FlaskClient:
        """A browser, logged in where a name is given."""
        client = self.app.test_client()
        if name:
            assert log_in(client, name).status_code == 303
        return client

    def audited(self, action: str) -> list[tuple[str, str, str]]:
        """Actor, object and detail of every such row."""
        with reading(self.engine) as connection:
            rows = connection.execute(select(audit).where(audit.c.action == action))
            return [(row.actor, row.object, row.detail) for row in rows]


def _agent(facility: str, host: str) -> dict[str, Any]:
    return {
        "id": f"id-{facility}-{host}",
        "facility": facility,
        "site": "main",
        "host": host,
        "role": "server",
        "state": "active",
        "fingerprint": b"",
        "version": "0.1.0",
        "enrolled_ms": 1,
        "last_seen_ms": NOW - 20_000,
    }


@contextmanager
def centre(
    folder: Path,
    web: WebSection | None = None,
    notify: NotifySection | None = None,
) -> Iterator[Centre]:
    """A centre that is closed at the end."""
    one = Centre(
        folder,
        web or WebSection(accounts=True, public_url=f"https://{PUBLIC}"),
        notify or NotifySection(),
    )
    try:
        yield one
    finally:
        one.stop()
        one.engine.dispose()


def form_key_of(page: str) -> str:
    """What the form of a page carries."""
    found = re.search(r'name="form_key" value="([0-9a-f]{64})"', page)
    assert found, page
    return found[1]


def log_in(
    client: FlaskClient, name: str, password: str = PASSWORD, address: str = "127.0.0.1"
) -> TestResponse:
    """Fill in the form and send it."""
    kwargs: dict[str, Any] = {"environ_base": {"REMOTE_ADDR": address}}
    if address != "127.0.0.1":
        kwargs["headers"] = {"Host": PUBLIC}
    page = client.get("/en/login", **kwargs).text
    form = {"form_key": form_key_of(page), "name": name, "password": password}
    return client.post("/en/login", data=form, **kwargs)
