"""Tests beside the cases: absent data, what stays when it has gone, and recorded values."""

from collections.abc import Iterator, Mapping
from typing import Final

from tramgac_dashboards.alerts.files import LABEL, annotations, every, labels

_H: Final = 'facility="bv-a",site="main",host="s1"'
_JUDGED: Final = 'tramgac_judge_last_turn_timestamp_seconds{part="IncidentPart"}'
_FACTS: Final = 'tramgac_judge_last_turn_timestamp_seconds{part="facts"}'
_OPEN: Final = "facility:tramgac_open_severity:max"
_ALIVE: Final = {_JUDGED: "0+30x60", _FACTS: "0+30x60"}
_COVERED: Final = 'tramgac_facility_coverage_ratio{facility="bv-a"}'
_GOOD: Final = f'tramgac_backup_last_good_timestamp_seconds{{{_H},series="db@nas"}}'
_RPO: Final = f'tramgac_backup_rpo_seconds{{{_H},series="db@nas"}}'
# Without any input only these hold.
_ALWAYS: Final = ("Watchdog", "TramgacCollectorDown")


def _test(name: str, series: Mapping[str, str], **more: object) -> dict[str, object]:
    listed = [{"series": one, "values": values} for one, values in series.items()]
    return {"name": name, "interval": "30s", "input_series": listed, **more}


def _fires(name: str, time: str, value: str = "", **mine: str) -> dict[str, object]:
    """That one alert fires, with these labels and this value in its texts."""
    alert = next(one for one in every() if one.name == name)

    def said(text: str) -> str:
        return LABEL.sub(lambda found: mine.get(found[1], ""), text).replace("{{ $value }}", value)

    notes = {key: said(text) for key, text in annotations(alert).items()}
    fired = {"exp_labels": mine | labels(alert), "exp_annotations": notes}
    return {"eval_time": time, "alertname": name, "exp_alerts": [fired]}


def _quiet(name: str, time: str) -> dict[str, object]:
    return {"eval_time": time, "alertname": name, "exp_alerts": []}


def _worst(value: float | None) -> list[object]:
    samples = [] if value is None else [{"labels": f'{_OPEN}{{facility="bv-a"}}', "value": value}]
    return [{"expr": _OPEN, "eval_time": "10m", "exp_samples": samples}]


def _silence() -> Iterator[object]:
    names = sorted({one.name for one in every()} - set(_ALWAYS))
    looks = [*(_quiet(name, "30m") for name in names), _fires("Watchdog", "0m")]
    looks.append(_quiet("TramgacCollectorDown", "60s"))
    looks.append(_fires("TramgacCollectorDown", "90s", job="tramgac"))
    yield _test("nothing is scraped", {}, alert_rule_test=looks)


def _severity() -> Iterator[object]:
    incident = 'tramgac_incident_open{facility="bv-a",site="main",code="x",severity="high"}'
    service = f'tramgac_service_up{{{_H},system="his",method="http"}}'
    cases: tuple[tuple[str, Mapping[str, str], float | None], ...] = (
        ("nothing open", {**_ALIVE, _COVERED: "0.8x40"}, 0),
        ("too few report", {**_ALIVE, _COVERED: "0.75x40"}, 0.5),
        ("nobody reports", {**_ALIVE, _COVERED: "0x40"}, None),
        ("the judge stands still", {_FACTS: "0+30x60", _JUDGED: "0x40", _COVERED: "1x40"}, None),
        ("no facts come in", {_JUDGED: "0+30x60", _FACTS: "0x40", _COVERED: "1x40"}, None),
        ("the judge is not known", {_COVERED: "1x40"}, None),
        ("an incident", {**_ALIVE, _COVERED: "1x40", incident: "2x40"}, 3),
        ("an incident nobody sees", {**_ALIVE, _COVERED: "0x40", incident: "1x40"}, 3),
        ("a provider's fault", {**_ALIVE, _COVERED: "1x40", service: "0x40"}, 4),
    )
    for name, series, value in cases:
        yield _test(f"worst that is open: {name}", series, promql_expr_test=_worst(value))


def _rest() -> Iterator[object]:
    queue = {"tramgac_collector_queue_batches": "2000x12 0x60"}
    told = [_fires("TramgacQueueLong", time, "2000") for time in ("6m", "11m")]
    yield _test(
        "a queue that is short again stays told for five minutes", queue,
        alert_rule_test=[*told, _quiet("TramgacQueueLong", "11m30s")],
    )  # fmt: skip
    planned = f"tramgac_maintenance_until_timestamp_seconds{{{_H}}}"
    place = {"facility": "bv-a", "site": "main", "host": "s1", "series": "db@nas"}
    yield _test(
        "a backup ages by Prometheus's own clock, planned work or not",
        {_GOOD: "0x60", _RPO: "600x60", planned: "99999x60"},
        alert_rule_test=[_quiet("BackupLate", "11m"), _fires("BackupLate", "11m30s", **place)],
        promql_expr_test=[
            {
                "expr": "series:tramgac_backup_age_rpo:ratio", "eval_time": "5m",
                "exp_samples": [
                    {
                        "labels": f'series:tramgac_backup_age_rpo:ratio{{{_H},series="db@nas"}}',
                        "value": 0.5,
                    }
                ],
            }
        ],
    )  # fmt: skip
    yield _test(
        "a collector without a judge", {'up{job="tramgac",instance="c"}': "1x20"},
        alert_rule_test=[
            _quiet("TramgacCollectorDown", "5m"),
            _fires("TramgacJudgeStalled", "5m"),
        ],
    )  # fmt: skip


def _unknown() -> Iterator[object]:
    """What is not known any more is neither over nor nothing."""
    bad = {f"tramgac_ups_battery_replace{{{_H}}}": "1x40"}
    past = {
        'tramgac_storm_until_timestamp_seconds{facility="bv-a"}': "60x40",
        f"tramgac_maintenance_until_timestamp_seconds{{{_H}}}": "60x40",
    }
    place = {"facility": "bv-a", "site": "main", "host": "s1"}
    yield _test(
        "a storm and work that are over quieten nothing", bad | past,
        alert_rule_test=[_fires("UpsBatteryBad", "10m", **place)],
    )  # fmt: skip
    incident = 'tramgac_incident_open{facility="bv-a",site="main",code="x",severity="critical"}'
    mine = {"facility": "bv-a", "site": "main", "code": "x"}
    yield _test(
        "a verdict does not end before it is known that nobody judges",
        {_JUDGED: "0+30x10 300x30", _FACTS: "0+30x60", incident: "1x40"},
        alert_rule_test=[
            _fires("TramgacJudgeStalled", "7m30s", part="IncidentPart"),
            _fires("IncidentOpen", "7m30s", "1", **mine),
            _quiet("IncidentOpen", "10m"),
        ],
    )  # fmt: skip
    asked = f'tramgac_service_up{{{_H},system="his",method="http"}}'
    systems = {
        f'tramgac_system_info{{facility="bv-a",system="{one}"}}': "1x40" for one in ("his", "lis")
    }
    down = "facility:tramgac_systems_down:count"
    yield _test(
        "no system is down only where all of them are known", {asked: "1x40", **systems},
        promql_expr_test=[{"expr": down, "eval_time": "10m", "exp_samples": []}],
    )  # fmt: skip


TESTS: Final[list[object]] = [*_silence(), *_severity(), *_rest(), *_unknown()]
