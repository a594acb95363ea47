"""What the inventory says of a facility and its things, as attributes of rules.

What nobody declared is there as None: not known, and never "no".
"""

from collections.abc import Iterator, Mapping

from tramgac_collector.inventory.devices import Device
from tramgac_collector.inventory.model import Dataset, Facility, Site, System
from tramgac_collector.rules.evaluate import Subject
from tramgac_collector.rules.expression import Value

_DAY_SECONDS = 86_400.0
Attributes = dict[str, Value]


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def of_facility(facility: Facility) -> Attributes:
    """What it answered itself, and the highest approved level of its systems."""
    answers = facility.answers
    levels = [level for one in facility.systems if (level := _level(one)) is not None]
    days = answers.restore_days
    return {
        "facility.kind": answers.kind,
        "facility.ownership": answers.ownership,
        "facility.ministry_linked": answers.ministry_linked,
        "facility.insurance": answers.insurance,
        "facility.licensed_year": _number(answers.licensed_year),
        "facility.nd331_binds": answers.nd331_binds,
        "facility.restore_period": None if days is None else days * _DAY_SECONDS,
        "facility.web_apps": answers.web_apps,
        "facility.internet_needed": answers.internet_needed,
        "facility.tt54_level": _number(facility.level),
        "facility.level": max(levels, default=None),
    }


def _level(system: System) -> float | None:
    """Approved, not proposed."""
    level = system.level
    return None if level is None or not level.decision else _number(level.number)


def of_system(system: System) -> Attributes:
    """Of a HIS or the like."""
    return {
        "system.kind": system.kind,
        "system.level": _level(system),
        "system.level_decided": None if system.level is None else bool(system.level.decision),
        "system.hosting": "rented" if system.provider else "own",
        "system.building_before_2026_07": system.building_before_2026_07,
        "system.online_service": system.online_service,
    }


def of_dataset(dataset: Dataset, facility: Facility) -> Attributes:
    """Of data that must be backed up; its level is that of its system."""
    system = next((one for one in facility.systems if one.id == dataset.of), None)
    found: Attributes = {
        "dataset.kind": dataset.kind,
        "dataset.period": dataset.rpo_hours * 3600,
        "dataset.important": dataset.important,
        "dataset.of": None if system is None else system.kind,
    }
    if system is not None:
        found["dataset.level"] = _level(system)
    return found


def subjects_of(facility: Facility, kind: str) -> Iterator[Subject]:
    """The declared things of one kind; ports and paths are not declared, they are seen."""
    common = of_facility(facility)
    if kind == "facility":
        yield Subject(kind, facility.id, facility.id, common)
    for one, own in _declared(facility, kind):
        yield Subject(kind, one, facility.id, {**common, **own})


def _declared(facility: Facility, kind: str) -> Iterator[tuple[str, Mapping[str, Value]]]:
    if kind == "system":
        yield from ((one.id, of_system(one)) for one in facility.systems)
    elif kind == "dataset":
        for one in facility.datasets:
            yield f"{one.host}/{one.id}", of_dataset(one, facility)
    for site in facility.sites:
        yield from _of_site(site, kind)


def _of_site(site: Site, kind: str) -> Iterator[tuple[str, Mapping[str, Value]]]:
    if kind == "site":
        yield site.id, {}
    elif kind == "host":
        yield from ((f"{site.id}/{one.id}", {}) for one in site.hosts)
    elif kind == "device":
        yield from ((f"{site.id}/{one.id}", _of_device(one)) for one in site.devices)


def _of_device(device: Device) -> Attributes:
    return {"device.kind": device.kind}
