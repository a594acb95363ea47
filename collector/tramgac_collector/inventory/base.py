"""What everything in the inventory's tree is made of."""

from typing import Annotated

import msgspec

Id = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
# A reference; empty where there is none.
Reference = Annotated[str, msgspec.Meta(pattern="^([a-z0-9][a-z0-9-]{0,62})?$")]
# facility/site
SitePlace = Annotated[
    str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9-]{0,62}$")
]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Address = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_.:%-]{0,253}$")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Mbps = Annotated[float, msgspec.Meta(gt=0, le=400_000)]


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """Base of everything in the tree."""


class Names(Node, frozen=True, kw_only=True):
    """A name in Vietnamese and, where there is one, in English."""

    vi: Title
    en: str = ""


class Named(Node, frozen=True, kw_only=True):
    """Something with an id and a name people know it by."""

    id: Id
    name: Names | Title | None = None

    def title(self, language: str) -> str:
        """The name in ``vi`` or ``en``, else in the other language, else the id."""
        if isinstance(self.name, Names):
            return (self.name.en or self.name.vi) if language == "en" else self.name.vi
        return self.name or self.id
