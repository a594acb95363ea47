"""``[web]`` of the collector's configuration."""

from typing import Annotated

import msgspec

_NoOrHttps = Annotated[str, msgspec.Meta(pattern=r"^(https://[a-zA-Z0-9.:\[\]-]{1,300}/?)?$")]


class WebSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may look at the pages, and through what.

    Attributes:
        accounts: Every page but links of messages asks for a login.
        tls_certificate: PEM file, the chain in it; with it the pages speak TLS themselves.
        tls_key: PEM file of its key.
        proxy: Address of the one proxy in front of the pages; only it may connect.
        public_url: By what people reach them; any other name is refused.
        session_hours: How long a login lasts at most.
        idle_minutes: How long it lasts while nobody does anything.
    """

    accounts: bool = False
    tls_certificate: str = ""
    tls_key: str = ""
    proxy: str = ""
    public_url: _NoOrHttps = ""
    session_hours: Annotated[float, msgspec.Meta(gt=0, le=24)] = 12.0
    idle_minutes: Annotated[float, msgspec.Meta(gt=0, le=1440)] = 30.0

    @property
    def secure(self) -> bool:
        """Whether every browser reaches the pages by HTTPS."""
        return bool(self.tls_certificate or self.proxy)
