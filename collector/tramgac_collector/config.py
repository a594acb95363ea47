"""The collector's configuration file: ``/etc/tramgac/collector.toml``."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from tramgac_collector.notify.settings import NotifySection
from tramgac_collector.web.settings import WebSection
from tramgac_proto.configfile import convert, read_tree

DEFAULT_PATH = Path("/etc/tramgac/collector.toml")
ENV_PREFIX = "TRAMGAC_COLLECTOR_"

PositiveFloat = Annotated[float, msgspec.Meta(gt=0)]
PositiveInt = Annotated[int, msgspec.Meta(gt=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section: unknown keys are refused."""


class CollectorSection(Section, frozen=True, kw_only=True):
    """``[collector]``.

    Attributes:
        state_dir: Store (when SQLite), CA and server keys.
        inventory: YAML tree of what should exist.
        names: DNS names and addresses the server certificate carries.
    """

    state_dir: str = "/var/lib/tramgac/collector"
    inventory: str = "/etc/tramgac/inventory.yml"
    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class ListenSection(Section, frozen=True, kw_only=True):
    """``[listen]``: ``host:port`` of each door; metrics and web stay on loopback by default."""

    grpc: str = "0.0.0.0:8443"
    enrollment: str = "0.0.0.0:8444"
    throughput: str = "0.0.0.0:8445"
    web: str = "127.0.0.1:8480"
    metrics: str = "127.0.0.1:8481"


class StoreSection(Section, frozen=True, kw_only=True):
    """``[store]``: SQLAlchemy URL; empty means SQLite in the state folder.

    Attributes:
        floor_bytes: Free disk below which somebody must act; shown beside what is free.
    """

    url: str = ""
    floor_bytes: PositiveInt = 2 * 1024**3


class RetentionSection(Section, frozen=True, kw_only=True):
    """``[retention]``: how long each class of record is kept."""

    points_days: PositiveFloat = 3.0
    rollups_days: PositiveFloat = 400.0
    events_days: PositiveFloat = 400.0
    evidence_days: PositiveFloat = 3660.0


class LimitsSection(Section, frozen=True, kw_only=True):
    """``[limits]``: what one agent may ask of the collector.

    Attributes:
        calls_per_minute: A call of more than 256 KiB counts for several.
    """

    series_per_agent: PositiveInt = 2_000
    calls_per_minute: PositiveInt = 120
    backlog_bytes_per_second: PositiveInt = 8_000
    inflight_bytes: PositiveInt = 256 * 1024 * 1024
    queue_batches: PositiveInt = 4_000


class ThroughputSection(Section, frozen=True, kw_only=True):
    """``[throughput]``: bounds of every lease.

    Attributes:
        responder: Whether the collector itself answers tests.
        floor_share: Share of the expected rate a floor test is paced to.
        max_seconds: Longest test.
        max_bytes: Largest test, whatever the pace.
        site_bytes_per_day: Sum of granted bytes a site may spend in 24 h.
        night: When capacity tests may run, in Viet Nam; may cross midnight.
        capacity_days: How often a path's capacity is measured.
        capacity_seconds: Longest capacity test.
    """

    responder: bool = True
    floor_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.8
    max_seconds: PositiveFloat = 1.0
    max_bytes: PositiveInt = 100_000_000
    site_bytes_per_day: PositiveInt = 4_000_000_000
    night: Annotated[
        str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$")
    ] = "22:00-05:00"
    capacity_days: PositiveFloat = 7.0
    capacity_seconds: PositiveFloat = 3.0


class RulesSection(Section, frozen=True, kw_only=True):
    """``[rules]``: packs of a province's own.

    Attributes:
        folder: Where they lie, each with its signature; none if empty.
        trusted_keys: Files with the public keys of whoever may sign them.
    """

    folder: str = ""
    trusted_keys: tuple[str, ...] = ()


class Config(Section, frozen=True, kw_only=True):
    """The whole file."""

    collector: CollectorSection = CollectorSection()
    listen: ListenSection = ListenSection()
    store: StoreSection = StoreSection()
    retention: RetentionSection = RetentionSection()
    limits: LimitsSection = LimitsSection()
    throughput: ThroughputSection = ThroughputSection()
    notify: NotifySection = NotifySection()
    rules: RulesSection = RulesSection()
    web: WebSection = WebSection()

    @property
    def state_dir(self) -> Path:
        """The collector's state folder."""
        return Path(self.collector.state_dir)

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the store."""
        return self.store.url or f"sqlite:///{self.state_dir / 'store.db'}"


def load_config(path: Path = DEFAULT_PATH) -> Config:
    """Read and check the whole configuration.

    Raises:
        ConfigError: Names file, key and fix.
    """
    return convert(read_tree(path, ENV_PREFIX), Config, str(path))
