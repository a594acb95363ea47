"""What must be backed up where, by series."""

from collections.abc import Mapping
from dataclasses import dataclass

from tramgac_collector.inventory.model import Dataset, Destination, Inventory


@dataclass(frozen=True, slots=True)
class Declared:
    """One dataset on its way to one destination; since when is a fact, ``bk.declared``.

    Attributes:
        series: ``facility/host/dataset@destination``.
        place: ``facility/site/host``; empty where the host is not declared.
    """

    series: str
    facility: str
    place: str
    dataset: Dataset
    destination: Destination


def dataset_of(series: str) -> str:
    """``facility/host/dataset``: what copies are counted of."""
    return series.partition("@")[0]


@dataclass(frozen=True, slots=True)
class Declarations:
    """Everything the inventory asks for.

    Attributes:
        series: By its id.
        datasets: All series of one ``facility/host/dataset``.
    """

    series: Mapping[str, Declared]
    datasets: Mapping[str, tuple[Declared, ...]]

    @classmethod
    def of(cls, inventory: Inventory) -> "Declarations":
        """Read them from an inventory."""
        series: dict[str, Declared] = {}
        datasets: dict[str, tuple[Declared, ...]] = {}
        for one in inventory.all_series():
            placed = inventory.place_of(one.facility.id, one.dataset.host)
            place = "" if placed is None else f"{one.facility.id}/{placed.site.id}/{placed.host.id}"
            declared = Declared(one.id, one.facility.id, place, one.dataset, one.destination)
            series[one.id] = declared
            key = dataset_of(one.id)
            datasets[key] = (*datasets.get(key, ()), declared)
        return cls(series, datasets)

    def group(self, series: str) -> tuple[Declared, ...]:
        """All series of the dataset; none when this one is not declared."""
        return self.datasets[dataset_of(series)] if series in self.series else ()
