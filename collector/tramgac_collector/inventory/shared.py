"""What several facilities share: the province, providers, carriers' lines."""

from typing import Annotated

import msgspec

from tramgac_collector.inventory.base import Named, Names, Node, Reference, SitePlace, Title


class Province(Node, frozen=True, kw_only=True):
    """Whose inventory this is."""

    name: Names | Title


class Provider(Named, frozen=True, kw_only=True):
    """A vendor's cloud, a data centre, a carrier: what several facilities depend on."""


class Link(Named, frozen=True, kw_only=True):
    """A carrier's line or node that several sites hang on: one cut takes them all.

    Attributes:
        carrier: The provider that mends it.
        sites: ``facility/site``. A site on two links has another way and is cut off by neither.
    """

    carrier: Reference = ""
    sites: Annotated[tuple[SitePlace, ...], msgspec.Meta(min_length=1, max_length=2000)]
