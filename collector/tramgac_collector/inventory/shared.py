"""What several facilities share: the province, providers, portals, carriers' lines."""

from typing import Annotated

import msgspec

from tramgac_collector.inventory.base import Named, Names, Node, Reference, SitePlace, Title


class Province(Node, frozen=True, kw_only=True):
    """Whose inventory this is."""

    name: Names | Title


class Provider(Named, frozen=True, kw_only=True):
    """A vendor's cloud, a data centre, a carrier: what several facilities depend on."""


class Portal(Named, frozen=True, kw_only=True):
    """A place outside that many sites need: the insurance gateway, the central hospital.

    Attributes:
        address: ``host:port``; one host of each site tries whether it can be reached.
        tls: A TLS handshake as well.
        ca_file: On the agents: whom to believe; empty: the system's authorities.
        provider: Who runs it.
        sites: Who needs it, ``facility/site``; empty: every site.
    """

    address: Annotated[str, msgspec.Meta(pattern="^[][A-Za-z0-9_.:%-]{1,253}:[0-9]{1,5}$")]
    tls: bool = True
    ca_file: str = ""
    provider: Reference = ""
    sites: Annotated[tuple[SitePlace, ...], msgspec.Meta(max_length=2000)] = ()


class Link(Named, frozen=True, kw_only=True):
    """A carrier's line or node that several sites hang on: one cut takes them all.

    Attributes:
        carrier: The provider that mends it.
        sites: ``facility/site``. A site on two links has another way and is cut off by neither.
    """

    carrier: Reference = ""
    sites: Annotated[tuple[SitePlace, ...], msgspec.Meta(min_length=1, max_length=2000)]
