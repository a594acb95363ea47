"""What all records of one kind have in common, worked out once and kept."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from tramgac_collector.facts.mapping import slots_of
from tramgac_collector.ingest.arrival import Plan
from tramgac_collector.ingest.session import PlanKey, SeriesTable
from tramgac_collector.ingest.validate import SeriesKey, check_head
from tramgac_collector.live.layout import Layout, RefusedSeries
from tramgac_collector.model import Owner
from tramgac_proto.v1 import fleet_pb2

_MAX_STREAM_CHARS = 256


@dataclass(frozen=True, slots=True)
class Rules:
    """What judging a record needs of the rest of the collector.

    Attributes:
        make_layout: Renders labels; may raise ``RefusedSeries``.
        assigned: The owner of an inventory object an agent may report on, or ``None``.
    """

    make_layout: Callable[[Owner, list[SeriesKey]], Layout]
    assigned: Callable[[Owner, str], Owner | None]


def key_of(observation: fleet_pb2.Observation) -> PlanKey:
    """What tells kinds of records apart."""
    return (
        observation.check,
        observation.subject,
        observation.stream,
        tuple(observation.series_ids),
    )


def find_plan(
    rules: Rules, table: SeriesTable, owner: Owner, observation: fleet_pb2.Observation
) -> Plan:
    """Return the kept plan of an observation, or make it."""
    key = key_of(observation)
    plan = table.plans.get(key)
    if plan is None:
        plan = _make_plan(rules, table, owner, observation)
        if not plan.missing:
            table.keep_plan(key, plan)
    return plan


def _make_plan(
    rules: Rules, table: SeriesTable, owner: Owner, observation: fleet_pb2.Observation
) -> Plan:
    subject: Owner | None = owner
    code = check_head(observation)
    if not code and observation.subject:
        subject = rules.assigned(owner, observation.subject)
        code = "" if subject else "foreign_subject"
    ids = observation.series_ids
    code = code or next(filter(None, map(table.code_of, ids)), "")
    if code or subject is None:
        return Plan(code=code)
    if any(number not in table.known for number in ids):
        return Plan(missing=True)
    series = [table.known[number] for number in ids]
    place = f"{subject.facility}/{subject.host}/"
    labels = [pair for _, pairs in series for pair in pairs]
    if any(name == "series" and not value.startswith(place) for name, value in labels):
        return Plan(code="foreign_series")
    try:
        layout = rules.make_layout(subject, series) if series else None
    except RefusedSeries as refused:
        return Plan(code=refused.code)
    return Plan(
        stream=_stream_key(observation),
        subject=subject,
        layout=layout,
        slots=slots_of(subject, series),
        size=len(series),
    )


def _stream_key(observation: fleet_pb2.Observation) -> str:
    """What a record replaces; short enough for its column."""
    text = f"{observation.check}/{observation.subject}/{observation.stream}"
    if len(text) <= _MAX_STREAM_CHARS:
        return text
    return f"{observation.check}/{blake2b(text.encode(), digest_size=16).hexdigest()}"
