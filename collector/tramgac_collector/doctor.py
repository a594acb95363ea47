"""What keeps the centre from working: one look at each thing it stands on."""

import http.client
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from tramgac_collector.commands._rules import in_force
from tramgac_collector.commands.check_config import check_doors
from tramgac_collector.config import Config
from tramgac_collector.inventory.load import load_inventory, read_document
from tramgac_collector.inventory.versions import newest
from tramgac_collector.judge import checkup
from tramgac_collector.notify.reach import Reach, unreachable
from tramgac_collector.notify.reach import look as channels_of
from tramgac_collector.notify.roster import Person, roster_of
from tramgac_collector.rules.province import with_refusals
from tramgac_collector.store.engine import open_engine, reading
from tramgac_collector.store.schema import accounts
from tramgac_collector.web.accounts import account_of
from tramgac_collector.wsgi import split_address
from tramgac_proto.configfile import ConfigError

_MIN_FREE_BYTES = 1024**3
_MIN_FREE_SHARE = 0.05
_WARN_BEFORE = timedelta(days=14)
_SECONDS = 3.0
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        fix: What to do; empty when it is well.
    """

    what: str
    ok: bool
    text: str
    fix: str = ""


def _well(what: str, text: str) -> Finding:
    return Finding(what, ok=True, text=text)


def _problem(what: str, text: str, fix: str) -> Finding:
    return Finding(what, ok=False, text=text, fix=fix)


def look(config: Config) -> Iterator[Finding]:
    """Look at everything; nothing is changed."""
    yield from _doors(config)
    yield from _store(config)
    yield _disk(config)
    yield from _certificates(config)
    yield from _pages(config)
    yield _inventory(config)
    yield from _packs(config)
    yield from _people(config)
    yield from _judge(config)


def _doors(config: Config) -> Iterator[Finding]:
    try:
        doors = check_doors(config)
    except ConfigError as error:
        yield _problem("config", str(error), "mend it and run `check-config`")
        return
    running = _answers(config.listen.metrics)
    for name, address in doors.items():
        yield _door(name, address, running=running)


def _answers(address: str) -> bool:
    """Whether a collector's own health page answers there."""
    try:
        host, port = split_address(address)
    except ValueError:
        return False  # `config` has said why
    with closing(http.client.HTTPConnection(host, port, timeout=_SECONDS)) as connection:
        try:
            connection.request("GET", "/-/healthy")
            return connection.getresponse().read(64) == b"healthy\n"
        except (OSError, http.client.HTTPException):
            return False


def _door(name: str, address: str, *, running: bool) -> Finding:
    what = f"port {name}"
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if running:
            return _well(what, f"{address} is in use, and a collector answers")
        text = f"{address}: {error.strerror or error}"
        return _problem(what, text, f"free it, or change [listen] {name}")
    if running:
        fix = "look into the collector's log; a part of it does not run"
        return _problem(what, f"nobody listens on {address} though a collector runs", fix)
    return _well(what, f"{address} is free; no collector runs")


def _store(config: Config) -> Iterator[Finding]:
    if not config.store.url and not (config.state_dir / "store.db").exists():
        fix = "`tramgac-collector serve` makes it, or `db upgrade` as the same user"
        yield _problem("store", f"no store in {config.state_dir} yet", fix)
        return
    engine = open_engine(config.store_url)
    try:
        yield _schema(engine)
    except SQLAlchemyError as error:
        text = str(getattr(error, "orig", None) or error).splitlines()[0]
        yield _problem("store", text, "check [store] url, the server, and who may read it")
    finally:
        engine.dispose()


def _schema(engine: Engine) -> Finding:
    from alembic.migration import MigrationContext  # noqa: PLC0415 - heavy
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    folder = Path(__file__).parent / "store" / "migrations"
    head = ScriptDirectory(str(folder)).get_current_head()
    with reading(engine) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current != head:
        fix = "run `tramgac-collector db upgrade`, or restart `serve`"
        return _problem("store", f"schema is at {current}, not {head}", fix)
    return _well("store", f"answers; schema {current} is current")


def _disk(config: Config) -> Finding:
    folder = config.state_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    stat = os.statvfs(folder)
    free, size = stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize
    text = f"{free // 1024**2} MiB free for {config.state_dir}"
    if free < max(_MIN_FREE_BYTES, _MIN_FREE_SHARE * size):
        return _problem("disk", text, "make room before the store stops taking evidence")
    return _well("disk", text)


def _certificates(config: Config) -> Iterator[Finding]:
    for what, name in (("CA certificate", "ca.pem"), ("server certificate", "server.pem")):
        path = config.state_dir / "identity" / name
        try:
            found = x509.load_pem_x509_certificate(path.read_bytes())
        except FileNotFoundError:
            yield _problem(what, f"{path}: not there yet", "`serve` makes it at its first start")
            continue
        except (OSError, ValueError) as error:
            yield _problem(what, f"{path}: {error}", "bring it back with `restore`")
            continue
        yield _validity(what, found)


def _pages(config: Config) -> Iterator[Finding]:
    """What keeps people from logging in."""
    web = config.web
    if web.tls_certificate:
        try:
            found = x509.load_pem_x509_certificate(Path(web.tls_certificate).read_bytes())
        except (OSError, ValueError):
            return  # `config` has said why
        fix = "renew it at whoever gave it, then restart `serve`"
        yield _validity("page certificate", found, fix)
    if web.accounts and (known := _active_accounts(config)) is not None:
        yield from _accounts(known)


def _accounts(known: Mapping[str, frozenset[str]]) -> Iterator[Finding]:
    fix = "" if known else "make one: `tramgac-collector accounts add`"
    yield Finding("accounts", ok=bool(known), text=f"{len(known)} may log in", fix=fix)
    for name, gone in sorted(known.items()):
        if gone:
            text = f"{name} sees {', '.join(sorted(gone)[:_MOST_NAMED])}: not in the inventory"
            yield _problem("accounts", text, "mend the inventory, or `accounts facilities`")


def _active_accounts(config: Config) -> dict[str, frozenset[str]] | None:
    """Who may log in, with their facilities that are no more; None where no store says."""
    if not config.store.url and not (config.state_dir / "store.db").exists():
        return None
    engine = open_engine(config.store_url)
    try:
        with reading(engine) as connection:
            listed = connection.execute(select(accounts).where(accounts.c.state == "active"))
            there = {one.id for one in in_force(connection).facilities}
            return {
                one.name: (one.facilities or frozenset()) - there for one in map(account_of, listed)
            }
    except (SQLAlchemyError, ConfigError):
        return None  # `store` has said why
    finally:
        engine.dispose()


_RENEWS = "restart `serve`, which renews it"


def _validity(what: str, found: x509.Certificate, fix: str = _RENEWS) -> Finding:
    now = datetime.now(UTC)
    end = found.not_valid_after_utc
    if now < found.not_valid_before_utc:
        return _problem(what, "not valid yet", "set this machine's clock")
    if end - now < _WARN_BEFORE:
        return _problem(what, f"valid until {end:%Y-%m-%d}", fix)
    return _well(what, f"valid until {end:%Y-%m-%d}")


def _inventory(config: Config) -> Finding:
    path = Path(config.collector.inventory)
    try:
        hosts = len(load_inventory(path).expected_hosts())
        document = read_document(path)
    except ConfigError as error:
        return _problem("inventory", str(error), "mend it and run `inventory check`")
    if _in_force(config) not in {None, document}:
        text = f"{path} was changed since it was imported"
        return _problem("inventory", text, "run `tramgac-collector inventory import`")
    return _well("inventory", f"{path}: {hosts} hosts are expected to report")


def _in_force(config: Config) -> str | None:
    """The inventory the collector works with, where that can be told."""
    if not config.store.url and not (config.state_dir / "store.db").exists():
        return None
    engine = open_engine(config.store_url)
    try:
        with reading(engine) as connection:
            version = newest(connection)
    except SQLAlchemyError:
        return None  # `store` has said why
    finally:
        engine.dispose()
    return version.document if version else None


def _packs(config: Config) -> Iterator[Finding]:
    """Rule packs that are not used, and why; those that are stay in force meanwhile."""
    if not config.store.url and not (config.state_dir / "store.db").exists():
        return
    engine = open_engine(config.store_url)
    try:
        with reading(engine) as connection:
            library = with_refusals(config.rules, connection)
    except SQLAlchemyError:
        # Told above, with the store.
        return
    except ConfigError as error:
        yield _problem("rule packs", str(error), "mend it; no rule is judged meanwhile")
        return
    finally:
        engine.dispose()
    for one in library.refused:
        text = f"{one.file} is not used: {one.complaints[0].text}"
        yield _problem("rule packs", text, "mend it; what was in force before stays in force")
    for own in library.instead:
        text = f"{own.pack} {own.version} of your own hides the shipped {own.shipped}"
        fix = f"compare them; raise your version, or `rules withdraw {own.pack}`"
        if own.newer:
            yield _problem("rule packs", f"{text}, which was read again since", fix)
        else:
            yield _well("rule packs", text)
    if not library.refused:
        yield _well("rule packs", f"{len(library.packs)} in force")


def _channels(config: Config, people: Sequence[Person]) -> list[Reach]:
    """How every channel did; where the store does not answer, nothing is known of any."""
    if not config.store.url and not (config.state_dir / "store.db").exists():
        return channels_of(None, people)
    engine = open_engine(config.store_url)
    try:
        with reading(engine) as connection:
            return channels_of(connection, people)
    except SQLAlchemyError:
        return channels_of(None, people)  # `store` has said why
    finally:
        engine.dispose()


def _people(config: Config) -> Iterator[Finding]:
    """Whether everybody in the roster can be reached, by what their channels answered."""
    what = "people to tell"
    try:
        people = roster_of(config.notify).people
    except ConfigError as error:
        yield _problem(what, str(error), "mend the roster and run `check-config`")
        return
    if not people and not config.notify.alertmanager:
        yield _problem(what, "nobody is told of anything", "give [notify] a roster or urls")
        return
    channels = _channels(config, people)
    for person in unreachable(people, channels):
        text = f"no channel of {person.id} works"
        yield _problem(what, text, "mend it, then `tramgac-collector notify test`")
    untried = [f"{who}/{how}" for (who, how), state, *_ in channels if state == "untried"]
    if untried:
        text = f"never tried: {', '.join(untried[:_MOST_NAMED])}"
        yield _problem(what, text, "run `tramgac-collector notify test`")
    elif not unreachable(people, channels):
        yield _well(what, f"{len(people)}, each with a channel that took a message")


def _judge(config: Config) -> Iterator[Finding]:
    """Whether the judge does its turns, and what it had to tell has left."""
    if not config.store.url and not (config.state_dir / "store.db").exists():
        return
    running, now_ms = _answers(config.listen.metrics), time.time_ns() // 1_000_000
    engine = open_engine(config.store_url)
    try:
        with reading(engine) as connection:
            wrong = list(checkup.judging(connection, now_ms)) if running else []
            stuck = list(checkup.deliveries(connection, now_ms))
            pace = checkup.slowest(connection) or "no turn yet"
    except SQLAlchemyError:
        return  # `store` has said why
    finally:
        engine.dispose()
    for what, complaints, text in (
        ("judge", wrong, f"works; {pace}" if running else "no collector runs"),
        ("messages", stuck, "none failed within a day"),
    ):
        yield from (_problem(what, one.text, one.fix) for one in complaints)
        if not complaints:
            yield _well(what, text)
