"""What the agent is told about a device."""

from typing import Annotated, Literal

import msgspec

Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
PortName = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Mac = Annotated[str, msgspec.Meta(pattern="^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$")]
KnownMacs = Annotated[tuple[Mac, ...], msgspec.Meta(max_length=1024)]
Mbps = Annotated[float, msgspec.Meta(gt=0, le=400_000)]


class Device(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[checks.snmp.devices]]``.

    Attributes:
        name: Its id in the inventory, which must name this host as ``probed_by``.
        kind: Family in the registry: what is asked, and what is made of it.
        version: SNMP version; ``3`` needs ``user``.
        community_file: Holds the community of versions 1 and 2c; nobody else may read it.
        auth_key_file: Holds the pass phrase of version 3; likewise ``privacy_key_file``.
        uplinks: Names (ifName) of ports that carry other devices: polled every minute.
        expect_mbps: What a port must carry, by name; others are held to their own best.
        known_macs: Hardware addresses of what is declared, to count what is not.
        max_repetitions: Largest answer asked for; lowered by itself where a device chokes.
    """

    name: Name
    address: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_.:%-]{1,253}$")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 161
    kind: Name
    version: Literal["1", "2c", "3"] = "2c"
    community_file: str = ""
    user: Annotated[str, msgspec.Meta(max_length=32)] = ""
    auth: Literal["", "md5", "sha", "sha256", "sha512"] = ""
    auth_key_file: str = ""
    privacy: Literal["", "des", "aes", "aes256"] = ""
    privacy_key_file: str = ""
    context: Annotated[str, msgspec.Meta(max_length=32)] = ""
    uplinks: Annotated[tuple[PortName, ...], msgspec.Meta(max_length=16)] = ()
    expect_mbps: Annotated[dict[PortName, Mbps], msgspec.Meta(max_length=512)] = {}
    known_macs: KnownMacs = ()
    interval_seconds: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=30)] = 2.0
    max_repetitions: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        if self.version == "3":
            if not self.user:
                raise ValueError(f"device `{self.name}`: version 3 needs a user")
            if bool(self.auth) != bool(self.auth_key_file):
                raise ValueError(f"device `{self.name}`: auth and auth_key_file belong together")
            if bool(self.privacy) != bool(self.privacy_key_file):
                raise ValueError(
                    f"device `{self.name}`: privacy and privacy_key_file belong together"
                )
            if self.privacy and not self.auth:
                raise ValueError(f"device `{self.name}`: privacy needs auth")
        elif not self.community_file:
            raise ValueError(f"device `{self.name}`: version {self.version} needs community_file")
