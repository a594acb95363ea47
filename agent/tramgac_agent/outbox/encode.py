"""Observation -> record: names checked against the catalogue, labels turned into ids."""

import math
from collections.abc import Callable
from hashlib import blake2b

from tramgac_agent.checks.base import Observation, Sample
from tramgac_agent.outbox.model import Kind
from tramgac_proto.catalogue import CATALOGUE
from tramgac_proto.limits import (
    MAX_LABEL_VALUE_CHARS,
    MAX_RECORD_BYTES,
    MAX_SAMPLES_PER_RECORD,
)
from tramgac_proto.v1 import fleet_pb2

SeriesKey = tuple[str, tuple[tuple[str, str], ...]]

# The wire's own list: a new kind of message needs no line here.
_DETAIL_FIELD = {
    field.message_type.full_name: field.name
    for field in fleet_pb2.Observation.DESCRIPTOR.oneofs_by_name["detail"].fields
    if field.message_type is not None
}


class OversizedError(ValueError):
    """The observation is larger than the collector accepts; it becomes a gap."""


def series_key(sample: Sample) -> SeriesKey:
    """Name and labels of a sample, labels in the order of their names.

    Raises:
        ValueError: The name is not an agent's metric, or the labels are not exactly the
            catalogue's: a mistake in the check.
    """
    metric = CATALOGUE.get(sample.name)
    if metric is None or metric.owner != "agent":
        raise ValueError(f"{sample.name}: not a metric an agent may send")
    if set(sample.labels) != set(metric.labels):
        raise ValueError(
            f"{sample.name}: labels are {sorted(sample.labels)}, expected {sorted(metric.labels)}"
        )
    return sample.name, tuple(
        (name, _clean(value)) for name, value in sorted(sample.labels.items())
    )


def _clean(value: str) -> str:
    """A label value the collector takes: short, nothing that could garble a page or a log."""
    if not value.isprintable():
        value = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in value)
    return value[:MAX_LABEL_VALUE_CHARS]


def kind_of(observation: Observation) -> Kind:
    """How the record is treated when room is needed."""
    if observation.event:
        return Kind.EVENT
    return Kind.FAILED_POINT if observation.failure else Kind.POINT


def stream_hash(check: str, observation: Observation) -> int:
    """What a newer record replaces, as the signed 64-bit number SQLite stores."""
    text = f"{check}\0{observation.subject}\0{observation.stream}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def encode(
    check: str,
    observation: Observation,
    valid_seconds: int,
    intern: Callable[[SeriesKey], int],
) -> fleet_pb2.Observation:
    """Fill the message; ``intern`` gives the id of a series.

    Raises:
        ValueError: A name or a label is not in the catalogue.
        OversizedError: Too many samples.
    """
    if len(observation.samples) > MAX_SAMPLES_PER_RECORD:
        raise OversizedError(f"{check}: {len(observation.samples)} samples in one observation")
    # One value that is no number, or one series twice, would cost the whole record.
    values = {
        series_key(sample): sample.value
        for sample in observation.samples
        if math.isfinite(sample.value)
    }
    message = fleet_pb2.Observation(
        check=check,
        subject=observation.subject,
        values=values.values(),
        valid_seconds=observation.valid_seconds or valid_seconds,
        failure=observation.failure,
        stream=observation.stream,
    )
    if observation.detail is not None:
        detail = getattr(message, _DETAIL_FIELD[observation.detail.DESCRIPTOR.full_name])
        detail.CopyFrom(observation.detail)
        detail.SetInParent()  # an empty one still says which kind it is
    if message.ByteSize() > MAX_RECORD_BYTES - 4096:
        raise OversizedError(f"{check}: observation of {message.ByteSize()} bytes")
    message.series_ids.extend(map(intern, values))
    return message
