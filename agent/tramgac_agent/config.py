"""The agent's configuration file: ``/etc/tramgac/agent.toml``."""

import hashlib
import socket
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from tramgac_agent.checks import CHECKS, load
from tramgac_agent.checks.base import CheckSettings
from tramgac_agent.probes.tcp import split_address
from tramgac_proto.configfile import ConfigError, convert, origin, read_tree

DEFAULT_PATH = Path("/etc/tramgac/agent.toml")
ENV_PREFIX = "TRAMGAC_AGENT_"


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section: unknown keys are refused."""


class AgentSection(Section, frozen=True, kw_only=True):
    """``[agent]``.

    Attributes:
        state_dir: Outbox, identity, drop folder and the checks' own state.
        role: ``server`` on a hospital server, ``probe`` on any other machine of its LAN.
    """

    state_dir: str = "/var/lib/tramgac/agent"
    role: Literal["server", "probe"] = "server"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class CollectorSection(Section, frozen=True, kw_only=True):
    """``[collector]``: where reports go.

    Attributes:
        address: ``host:port`` of the reporting port.
        enrollment_address: ``host:port`` of the enrolment port.
        server_name: Name in the collector's certificate when it differs from the host.
        report_seconds: Time between reports; a bare heartbeat goes out at half of it.
    """

    address: str
    enrollment_address: str = ""
    server_name: str = ""
    report_seconds: Annotated[float, msgspec.Meta(ge=1, le=600)] = 60.0

    def __post_init__(self) -> None:
        """Refuse what nobody could connect to."""
        split_address(self.address)
        if self.enrollment_address:
            split_address(self.enrollment_address)


class OutboxSection(Section, frozen=True, kw_only=True):
    """``[outbox]``: bounds of the queue on disk, whichever is reached first."""

    max_age_days: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    max_mebibytes: Annotated[float, msgspec.Meta(gt=0)] = 256.0
    max_free_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.05
    ballast_mebibytes: Annotated[float, msgspec.Meta(ge=0)] = 2.0


class ResponderSection(Section, frozen=True, kw_only=True):
    """``[responder]``: answers throughput tests of other agents; off unless asked for.

    Attributes:
        reflect_to: IP addresses whose latency probes are answered (UDP, same port).
        reflect_key_file: Key that the site's agents share; empty: the addresses alone decide.
    """

    enabled: bool = False
    listen: str = "0.0.0.0:8445"
    reflect_to: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    reflect_key_file: str = ""

    def __post_init__(self) -> None:
        """Refuse what nobody could listen on, and peers that are no addresses."""
        split_address(self.listen)
        for peer in self.reflect_to:
            try:
                socket.inet_pton(socket.AF_INET6 if ":" in peer else socket.AF_INET, peer)
            except OSError:
                raise ValueError(f"reflect_to: `{peer}` is not an IP address") from None


class _File(Section, frozen=True, kw_only=True):
    agent: AgentSection = AgentSection()
    collector: CollectorSection
    outbox: OutboxSection = OutboxSection()
    responder: ResponderSection = ResponderSection()
    checks: dict[str, dict[str, Any]] = {}


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the agent was told.

    Attributes:
        checks: Settings of every check that is switched on, by name.
        digest: SHA-256 of the tree in force, hex.
    """

    path: str
    agent: AgentSection
    collector: CollectorSection
    outbox: OutboxSection
    responder: ResponderSection
    checks: dict[str, CheckSettings]
    digest: str

    @property
    def state_dir(self) -> Path:
        """The agent's state folder."""
        return Path(self.agent.state_dir)


def _checks(tree: dict[str, dict[str, Any]], where: str) -> dict[str, CheckSettings]:
    settings: dict[str, CheckSettings] = {}
    for name, section in tree.items():
        if name not in CHECKS:
            known = ", ".join(sorted(CHECKS))
            raise ConfigError(f"{where}: [checks.{name}]: no such check; known: {known}")
        one = convert(section, load(name).settings_type, f"{where}: [checks.{name}]")
        if one.enabled:
            settings[name] = one
    return settings


def load_config(path: Path = DEFAULT_PATH) -> Config:
    """Read and check the whole configuration.

    Raises:
        ConfigError: Names file, key and fix.
    """
    tree = read_tree(path, ENV_PREFIX)
    where = origin(path, ENV_PREFIX)
    file = convert(tree, _File, where)
    return Config(
        path=str(path),
        agent=file.agent,
        collector=file.collector,
        outbox=file.outbox,
        responder=file.responder,
        checks=_checks(file.checks, where),
        digest=hashlib.sha256(msgspec.json.encode(tree, order="sorted")).hexdigest(),
    )
