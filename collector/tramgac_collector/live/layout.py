"""The unchanging part of an observation's lines: names and labels, rendered once."""

from collections.abc import Sequence
from dataclasses import dataclass

from tramgac_collector.live.text import labels_text
from tramgac_collector.model import Owner
from tramgac_proto.catalogue import CATALOGUE, Metric

Series = tuple[str, tuple[tuple[str, str], ...]]
_VALUE = " %s\n"


class RefusedSeries(ValueError):  # noqa: N818 - the word of the wire: records are refused
    """A series that must not be shown.

    Args:
        code: ``unknown_metric``, ``not_from_agent`` or ``wrong_labels``.
    """

    def __init__(self, code: str, name: str) -> None:
        super().__init__(f"{code}: {name}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one family.

    Attributes:
        family: Metric name.
        template: The lines with ``%s`` for each value.
        start: First of the family's values in the layout's order.
        stop: One past the last.
    """

    family: str
    template: str
    start: int
    stop: int

    def prefixes(self) -> set[str]:
        """What tells the lines apart: name and labels."""
        return set(self.template.split(_VALUE)[:-1])


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How to turn the values of one observation into lines.

    Attributes:
        place: ``(facility, site, host)`` the lines are labelled with.
        order: Which of the observation's values to take, family by family; ``None``
            where that is all of them in the order given.
        size: Number of lines.
    """

    place: tuple[str, str, str]
    groups: tuple[Group, ...]
    order: tuple[int, ...] | None
    size: int


def line_prefix(metric: Metric, owner: Owner, labels: Sequence[tuple[str, str]]) -> str:
    """Name and labels of one line.

    Raises:
        RefusedSeries: The labels are not the catalogue's.
    """
    if sorted(name for name, _ in labels) != sorted(metric.labels):
        raise RefusedSeries("wrong_labels", metric.name)
    place = (("facility", owner.facility), ("site", owner.site), ("host", owner.host))
    return metric.name + labels_text([*(pair for pair in place if pair[1]), *labels])


def _agent_metric(name: str) -> Metric:
    metric = CATALOGUE.get(name)
    if metric is None:
        raise RefusedSeries("unknown_metric", name)
    if metric.owner != "agent":
        raise RefusedSeries("not_from_agent", name)
    return metric


def make_layout(owner: Owner, series: Sequence[Series]) -> Layout:
    """Render the labels of ``series`` for ``owner``.

    A series named twice is shown once, with the later value.

    Raises:
        RefusedSeries: A name or a label the catalogue does not know.
    """
    families: dict[str, dict[str, int]] = {}
    for index, (name, labels) in enumerate(series):
        prefix = line_prefix(_agent_metric(name), owner, labels)
        families.setdefault(name, {})[prefix] = index
    groups: list[Group] = []
    order: list[int] = []
    for name, lines in families.items():
        template = "".join(prefix.replace("%", "%%") + _VALUE for prefix in lines)
        groups.append(Group(name, template, len(order), len(order) + len(lines)))
        order.extend(lines.values())
    natural = order == list(range(len(series)))
    place = (owner.facility, owner.site, owner.host)
    return Layout(place, tuple(groups), None if natural else tuple(order), len(order))
