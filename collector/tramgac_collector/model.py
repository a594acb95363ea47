"""Words that every part of the collector uses."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a value belongs to, by certificate and inventory; never by the wire.

    Attributes:
        agent_id: UUID of the reporting agent; empty for a host that has none.
    """

    agent_id: str
    facility: str
    site: str
    host: str
    role: str = "server"

    @property
    def place(self) -> str:
        """``facility/site/host``."""
        return f"{self.facility}/{self.site}/{self.host}"
