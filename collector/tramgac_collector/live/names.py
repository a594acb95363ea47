"""What things are called, as lines of 1 that Prometheus joins by their codes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tramgac_collector.live.layout import line_prefix
from tramgac_collector.model import Owner
from tramgac_collector.notify.plain import plain
from tramgac_proto.catalogue import CATALOGUE

# Family and facility: what is rendered, compared and put on the page as one piece.
Named = tuple[str, str]

# What people wrote; every other label is a code of ours.
_FREE = frozenset({"name_vi", "name_en", "title_vi", "title_en", "cite"})


class Info(NamedTuple):
    """One line.

    Attributes:
        family: Name of a metric that ends in ``_info``.
        place: What it is of; a part that is empty gets no label.
        labels: As the catalogue has them; free text is made one line of 120 characters.
    """

    family: str
    place: Owner
    labels: tuple[tuple[str, str], ...]


def render_names(infos: Iterable[Info]) -> Mapping[Named, bytes]:
    """The lines of each family and facility.

    Raises:
        RefusedSeries: The labels are not the catalogue's.
    """
    found: defaultdict[Named, list[str]] = defaultdict(list)
    for family, place, labels in infos:
        shown = [(name, plain(text) if name in _FREE else text) for name, text in labels]
        prefix = line_prefix(CATALOGUE[family], place, shown)
        found[family, place.facility].append(f"{prefix} 1.0\n")
    return {key: "".join(lines).encode() for key, lines in found.items()}
