"""What an agent may say. Every refusal has a stable code; nothing here touches the store."""

import math
import re
from collections.abc import Sequence
from operator import attrgetter

from google.protobuf.descriptor import FieldDescriptor

from tramgac_collector.store.ledger import MAX_SEQ
from tramgac_collector.store.records import LOST_AT_CENTRE
from tramgac_proto.catalogue import CATALOGUE
from tramgac_proto.limits import (
    MAX_BATCH_RECORDS,
    MAX_GAP_RANGES,
    MAX_LABEL_VALUE_CHARS,
    MAX_MAINTENANCE_MS,
    MAX_RECORD_BYTES,
    MAX_SAMPLES_PER_RECORD,
)
from tramgac_proto.v1 import fleet_pb2

SeriesKey = tuple[str, tuple[tuple[str, str], ...]]

_MAX_DEFINITIONS = 10_000
_SEQ = attrgetter("seq")
_EPOCH = re.compile(r"[0-9a-f]{32}")
_CHECK = re.compile(r"[a-z][a-z0-9_]{0,31}")
_GAP_REASON = re.compile(r"[a-z_]{1,32}")
_OTHER_REASON = "other"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What agents give up measurements for (docs/formats/outbox.md); a label, so the set is closed.
_GAP_REASONS = frozenset(
    {
        "corrupt",
        "disk_full",
        "dropped",
        "oversized",
        "quarantined",
        "readonly",
        "thinned",
        "torn",
    }
)
# Clocks that send times beyond the year 2262 or before 1970 are not clocks.
_MAX_CLOCK_MS = 2**63 // 1_000_000
_MAX_VERSION_CHARS = 32
_PLAN_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_FAILURE = re.compile(r"[a-z0-9_]{0,64}")
_DETAILS = fleet_pb2.Observation.DESCRIPTOR.oneofs_by_name["detail"].fields


def _fields_of(kind: int) -> dict[str, tuple[str, ...]]:
    """Names of the fields of one type in each typed message, by the detail's own name."""
    return {
        detail.name: tuple(one.name for one in detail.message_type.fields if one.type == kind)
        for detail in _DETAILS
        if detail.message_type is not None
    }


_TEXT_FIELDS = _fields_of(FieldDescriptor.TYPE_STRING)
_DOUBLE_FIELDS = _fields_of(FieldDescriptor.TYPE_DOUBLE)


class BadBatch(Exception):  # noqa: N818 - the sender's fault, answered INVALID_ARGUMENT
    """The whole batch is garbage; the text is a stable code."""


def check_request(request: fleet_pb2.ReportRequest) -> None:
    """Refuse a batch whose frame makes no sense.

    Raises:
        BadBatch: With its code.
    """
    if not _EPOCH.fullmatch(request.epoch):
        raise BadBatch("bad_epoch")
    if len(request.records) > MAX_BATCH_RECORDS:
        raise BadBatch("too_many_records")
    if len(request.series) > _MAX_DEFINITIONS:
        raise BadBatch("too_many_series")
    if not request.HasField("status"):
        raise BadBatch("no_status")
    if len(request.status.boot_id) > 16 or len(request.status.instance) > 64:  # noqa: PLR2004
        raise BadBatch("bad_status")
    clocks = (request.status.sent_unix_ms, request.status.sent_boottime_ms)
    if not all(0 <= clock <= _MAX_CLOCK_MS for clock in clocks):
        raise BadBatch("bad_status")
    if request.oldest_kept_seq > MAX_SEQ or max(map(_SEQ, request.records), default=0) > MAX_SEQ:
        raise BadBatch("bad_seq")


def check_text(value: str) -> bool:
    """Whether ``value`` may be a label value or an identifier: short, no control characters."""
    return len(value) <= MAX_LABEL_VALUE_CHARS and not _CONTROL.search(value)


def plain_version(version: str) -> str:
    """A version as it may be stored: PostgreSQL takes no NUL, and nobody needs the rest."""
    return _CONTROL.sub("", version)[:_MAX_VERSION_CHARS]


def gap_reason(reason: str) -> str:
    """A reason as it is stored and shown; one of a newer agent is still a loss."""
    return reason if reason in _GAP_REASONS else _OTHER_REASON


def check_series(series: fleet_pb2.Series) -> tuple[SeriesKey, str]:
    """Return name and labels in the catalogue's order, and a code when they are refused."""
    metric = CATALOGUE.get(series.name)
    if metric is None:
        return ("", ()), "unknown_metric"
    if metric.owner != "agent":
        return ("", ()), "not_an_agent_metric"
    labels = {label.name: label.value for label in series.labels}
    if len(series.labels) != len(metric.labels) or set(labels) != set(metric.labels):
        return ("", ()), "bad_labels"
    if not all(map(check_text, labels.values())):
        return ("", ()), "bad_label_value"
    return (series.name, tuple((name, labels[name]) for name in metric.labels)), ""


def check_head(observation: fleet_pb2.Observation) -> str:
    """Judge what does not change between records of one stream; return a code or nothing."""
    if not _CHECK.fullmatch(observation.check):
        return "bad_check"
    if not check_text(observation.subject) or not check_text(observation.stream):
        return "bad_subject"
    if len(observation.series_ids) > MAX_SAMPLES_PER_RECORD:
        return "too_many_samples"
    if len(set(observation.series_ids)) != len(observation.series_ids):
        return "double_series"
    return ""


def check_values(size: int, values: Sequence[float]) -> str:
    """Judge the values of one record of ``size`` series."""
    if len(values) != size:
        return "bad_shape"
    # The sum is not finite whenever one value is not; only then is each looked at,
    # since finite values may overflow in the sum.
    if not math.isfinite(sum(values)) and not all(map(math.isfinite, values)):
        return "not_finite"
    return ""


def check_detail(observation: fleet_pb2.Observation, kind: str, place: str) -> str:
    """Judge failure code and typed message.

    Args:
        observation: What the agent sent.
        kind: Which detail is set.
        place: ``facility/host`` a backup series must begin with.
    """
    if not _FAILURE.fullmatch(observation.failure):
        return "bad_failure"
    if not kind:
        return ""
    detail = getattr(observation, kind)
    if not all(check_text(getattr(detail, name)) for name in _TEXT_FIELDS[kind]):
        return "bad_text"
    series = getattr(detail, "series", None)
    if series is not None and not series.startswith(f"{place}/"):
        return "foreign_series"
    if kind == "maintenance" and not _is_plan(observation):
        return "bad_maintenance"
    finite = all(math.isfinite(getattr(detail, name)) for name in _DOUBLE_FIELDS[kind])
    return "" if finite else "not_finite"


def _is_plan(observation: fleet_pb2.Observation) -> bool:
    """Whether it is work that an agent may plan: on its own host, with a reason and bounds."""
    plan = observation.maintenance
    lasts = plan.until_unix_ms - plan.from_unix_ms
    told = _PLAN_ID.fullmatch(plan.plan_id) and plan.reason and not observation.subject
    times = (plan.from_unix_ms, plan.until_unix_ms, plan.ended_unix_ms)
    sound = all(0 <= one <= _MAX_CLOCK_MS for one in times)
    return bool(told) and sound and 0 < lasts <= MAX_MAINTENANCE_MS


def check_gap(gap: fleet_pb2.GapRecord) -> str:
    """Judge a gap record; one without ranges tells of losses that never had a number."""
    if not _GAP_REASON.fullmatch(gap.reason) or gap.reason == LOST_AT_CENTRE:
        return "bad_gap_reason"
    if len(gap.ranges) > MAX_GAP_RANGES or gap.records > MAX_SEQ:
        return "bad_gap_ranges"
    if any(not 0 < one.first <= one.last <= MAX_SEQ for one in gap.ranges):
        return "bad_gap_ranges"
    return ""


def check_size(payload: bytes) -> str:
    """Judge the serialized record."""
    return "record_too_large" if len(payload) > MAX_RECORD_BYTES else ""
