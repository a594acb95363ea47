"""When each alert fires, and on nearly the same input does not: the input of its unit test.

Facility ``bv-a`` is the one it fires for. Values are promtool's, without the number of repeats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tramgac_dashboards.alerts.model import Level

Series = Mapping[str, str]
_F: Final = 'facility="bv-a"'
_S: Final = f'{_F},site="main"'
_H: Final = f'{_S},host="s1"'
_FACILITY: Final = {"facility": "bv-a"}
_SITE: Final = {"facility": "bv-a", "site": "main"}
_HOST: Final = {"facility": "bv-a", "site": "main", "host": "s1"}
_UP: Final = 'up{job="tramgac",instance="centre"}'
# Steps of 240 s: after an hour it is there, and grows no more.
_BORN: Final = "_x14 1"
_JOB: Final = {"job": "tramgac", "instance": "centre"}


@dataclass(frozen=True, slots=True)
class Case:
    """One rule's test.

    Attributes:
        fires: Series on which it fires.
        quiet: Series on which it does not.
        labels: Of the alert, beside its own.
        value: As its text shows it.
        first: Seconds until its expression holds for the first time.
        level: Which of the rules of that name; with ``scope``.
    """

    name: str
    fires: Series
    quiet: Series
    labels: Mapping[str, str] = field(default_factory=dict)
    value: str = ""
    first: int = 0
    level: Level | None = None
    scope: str = ""


def _steady(name: str, bad: str, well: str, **labels: str) -> tuple[Series, Series, dict[str, str]]:
    """One series of a host with further labels, bad and well."""
    inside = ",".join([_H, *(f'{key}="{value}"' for key, value in labels.items())])
    series = f"{name}{{{inside}}}"
    return {series: bad}, {series: well}, {**_HOST, **labels}


_TURN: Final = "tramgac_judge_last_turn_timestamp_seconds"
_STORE: Final = "tramgac_collector_store"

CENTRE: Final = (
    Case(
        "TramgacJudgeWorks",
        {f'{_TURN}{{part="IncidentPart"}}': "0+30", f'{_TURN}{{part="facts"}}': "0+30"},
        {f'{_TURN}{{part="IncidentPart"}}': "-30", f'{_TURN}{{part="facts"}}': "0+30"},
    ),
    Case("TramgacCollectorDown", {_UP: "0"}, {_UP: "1"}, _JOB),
    Case(
        "TramgacCollectorRestarts",
        {'process_start_time_seconds{job="tramgac",instance="centre"}': "0+1"},
        {'process_start_time_seconds{job="tramgac",instance="centre"}': "5"},
        _JOB, "3", 90,
    ),
    Case(
        "TramgacJudgeStalled", {_UP: "1", f'{_TURN}{{part="IncidentPart"}}': "0"},
        {_UP: "1", f'{_TURN}{{part="IncidentPart"}}': "0+30"}, {"part": "IncidentPart"}, first=120,
    ),
    Case(
        "TramgacJudgeFailing", {'tramgac_judge_failures{part="IncidentPart"}': "0+1"},
        {'tramgac_judge_failures{part="IncidentPart"}': "3"}, {"part": "IncidentPart"}, "6", 180,
    ),
    Case(
        "TramgacNoFacts", {_UP: "1", f'{_TURN}{{part="facts"}}': "0"},
        {_UP: "1", f'{_TURN}{{part="facts"}}': "0+30"}, {"part": "facts"}, first=90,
    ),
    Case(
        "TramgacReloadFailed", {'tramgac_collector_reloads_total{result="failed"}': "0+1"},
        {'tramgac_collector_reloads_total{result="failed"}': "2"}, {"result": "failed"}, "", 30,
    ),
    Case(
        "TramgacStoreBelowFloor",
        {f"{_STORE}_free_bytes": "1073741824", f"{_STORE}_floor_bytes": "2147483648"},
        {f"{_STORE}_free_bytes": "2147483648", f"{_STORE}_floor_bytes": "2147483648"},
        value="1Gi",
    ),
    Case(
        "TramgacStoreFilling",
        {f"{_STORE}_free_bytes": "NaN 9000000000-8000000", f"{_STORE}_floor_bytes": "2147483648"},
        {f"{_STORE}_free_bytes": "9000000000-1000", f"{_STORE}_floor_bytes": "2147483648"},
        first=1800,
    ),
    Case(
        "TramgacQueueLong", {"tramgac_collector_queue_batches": "1001"},
        {"tramgac_collector_queue_batches": "1000"}, value="1001",
    ),
    Case(
        "TramgacAckSlow",
        {
            'tramgac_collector_ack_seconds_bucket{le="1.0"}': "0+90",
            'tramgac_collector_ack_seconds_bucket{le="2.5"}': "0+100",
            'tramgac_collector_ack_seconds_bucket{le="+Inf"}': "0+100",
        },
        {
            'tramgac_collector_ack_seconds_bucket{le="1.0"}': "0+100",
            'tramgac_collector_ack_seconds_bucket{le="2.5"}': "0+100",
            'tramgac_collector_ack_seconds_bucket{le="+Inf"}': "0+100",
        },
        value="2.35s", first=30,
    ),
    Case(
        "TramgacCardinalityHigh", {"tramgac_collector_series": "800001"},
        {"tramgac_collector_series": "800000"}, value="800k",
    ),
)  # fmt: skip

_OUTBOX: Final = f"tramgac_agent_outbox_records{{{_H}}}"

FLEET: Final = (
    Case(
        "TramgacRecordsQuarantined",
        {_UP: "1", 'tramgac_collector_quarantined_total{code="unknown_metric"}': _BORN},
        {_UP: "1", 'tramgac_collector_quarantined_total{code="unknown_metric"}': "7"},
        {"code": "unknown_metric"}, first=3600,
    ),
    Case(
        "TramgacCallsRefused", {'tramgac_collector_refused_total{code="denied"}': "0+1"},
        {'tramgac_collector_refused_total{code="cloned"}': "0+1"}, {"code": "denied"}, "11", 330,
    ),
    Case(
        "TramgacAgentCloned", {'tramgac_collector_refused_total{code="cloned"}': "0+1"},
        {'tramgac_collector_refused_total{code="denied"}': "0+1"}, {"code": "cloned"}, first=30,
    ),
    Case(
        "TramgacHandshakesFailing", {"tramgac_collector_handshake_failures_total": "0+3"},
        {"tramgac_collector_handshake_failures_total": "0+0.5"}, value="21", first=210,
    ),
    Case(
        "TramgacRecordsLost",
        {_UP: "1", f'tramgac_agent_lost_records{{{_H},reason="full"}}': _BORN},
        {_UP: "1", f'tramgac_agent_lost_records{{{_H},reason="full"}}': "9 _x14 9"},
        {**_HOST, "reason": "full"}, first=3600,
    ),
    Case(
        "TramgacLiveRefused",
        {'tramgac_collector_live_refused_total{code="too_many_series"}': "0+1"},
        {'tramgac_collector_live_refused_total{code="too_many_series"}': "4"},
        {"code": "too_many_series"}, first=30,
    ),
    Case(
        "TramgacOutboxGrowing", {_OUTBOX: "5001"}, {_OUTBOX: "900000-10"}, _HOST, "5.001k",
        first=1800,
    ),
    Case(
        "TramgacAgentCertificatesEnding",
        {
            f"tramgac_agent_certificate_expiry_timestamp_seconds{{{_H}}}": "7000000",
            f"tramgac_agent_up{{{_H}}}": "1",
        },
        {
            f"tramgac_agent_certificate_expiry_timestamp_seconds{{{_H}}}": "7000000",
            f"tramgac_agent_up{{{_H}}}": "0",
        },
        _FACILITY, "1",
    ),
    Case(
        "TramgacCentreClockWrong",
        {f'tramgac_agent_clock_offset_seconds{{host="s{n}"}}': "-31" for n in range(4)},
        {
            'tramgac_agent_clock_offset_seconds{host="s1"}': "-900",
            **{f'tramgac_agent_clock_offset_seconds{{host="w{n}"}}': "1" for n in range(4)},
        },
        value="31",
    ),
    Case(
        "TramgacVersionsMany",
        {f'tramgac_agent_info{{host="s{n}",version="0.{n}"}}': "1" for n in range(4)},
        {f'tramgac_agent_info{{host="s{n}",version="0.{n % 3}"}}': "1" for n in range(4)},
        value="4",
    ),
    Case(
        "TramgacAgentHeavy",
        *_steady("tramgac_agent_resident_memory_bytes", "104857600", "94371840"), "100Mi",
    ),
    Case(
        "TramgacCheckFailing", {f'tramgac_check_success{{{_H},check="disk"}}': "0"},
        {f'tramgac_check_success{{{_H},check="disk"}}': "1"}, {**_FACILITY, "check": "disk"}, "1",
    ),
    Case(
        "TramgacCoverageLow", {f"tramgac_facility_coverage_ratio{{{_F}}}": "0.75"},
        {f"tramgac_facility_coverage_ratio{{{_F}}}": "0.8"}, _FACILITY, "75%",
    ),
    Case(
        "TramgacHostNeverReported", {f'tramgac_host_info{{{_H},role="server"}}': "1"},
        {
            f'tramgac_host_info{{{_H},role="server"}}': "1",
            f"tramgac_agent_last_seen_timestamp_seconds{{{_H}}}": "1",
        },
        _FACILITY, "1",
    ),
    Case(
        "TramgacDeviceNotAsked",
        {
            f'tramgac_host_info{{{_H},role="ups"}}': "1",
            f'tramgac_agent_up{{{_S},host="s2"}}': "1",
        },
        {f'tramgac_host_info{{{_H},role="ups"}}': "1", f"tramgac_device_up{{{_H}}}": "0"},
        _FACILITY, "1",
    ),
    Case(
        "TramgacSeriesNotJudged",
        {f'tramgac_backup_rpo_seconds{{{_H},series="db@nas"}}': "86400"},
        {
            f'tramgac_backup_rpo_seconds{{{_H},series="db@nas"}}': "86400",
            f'tramgac_backup_state{{{_H},series="db@nas",state="late"}}': "1",
        },
        _FACILITY, "1",
    ),
    Case(
        "TramgacRulesNotJudged", {f"tramgac_facility_info{{{_F}}}": "1"},
        {
            f"tramgac_facility_info{{{_F}}}": "1",
            f'tramgac_rule_status{{{_F},rule="vn.a"}}': "3",
        },
        _FACILITY,
    ),
)  # fmt: skip
