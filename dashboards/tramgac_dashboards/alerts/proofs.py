"""Unit tests of the rules, for ``promtool test rules``: each alert quiet and firing.

What has a facility is tried in four at once: one for which it fires, one in a storm, one with
planned work, one on which it must stay quiet. Each is looked at one step before it may fire, and
when it must.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from tramgac_dashboards.alerts import cases, cases_hospitals, extras
from tramgac_dashboards.alerts.cases import Case
from tramgac_dashboards.alerts.files import (
    ALERTS,
    LABEL,
    RECORDS,
    annotations,
    dump,
    every,
    labels,
)
from tramgac_dashboards.alerts.model import Alert
from tramgac_dashboards.alerts.thresholds import seconds

CASES: Final[dict[str, tuple[Case, ...]]] = {
    "centre": cases.CENTRE,
    "fleet": cases.FLEET,
    "silence": cases_hospitals.SILENCE,
    "services": cases_hospitals.SERVICES,
    "hosts": cases_hospitals.HOSTS,
    "paths": cases_hospitals.PATHS,
    "devices": cases_hospitals.DEVICES,
    "verdicts": cases_hospitals.VERDICTS,
}
_FIRING, _STORM, _PLANNED, _CALM = "bv-a", "bv-storm", "bv-planned", "bv-calm"
# Seconds between samples and between evaluations; what is held for hours is tried in larger steps.
_STEP, _LONG_STEP = 30, 1_800
_LONG_INTERVAL: Final = 240
_LONG: Final = 1_800
_LATER: Final = "99999999"
_FILTERED: Final = re.compile(r"\{\{ \$value[^}]*\}\}")


def alert_of(case: Case) -> Alert:
    """The rule that a case is about.

    Raises:
        ValueError: There is none, or more than one.
    """
    found = [
        one
        for one in every()
        if one.name == case.name and case.level in {None, one.level} and case.scope == one.scope
    ]
    if len(found) != 1:
        raise ValueError(f"{case.name}: {len(found)} rules")
    return found[0]


def _held(alert: Alert) -> int:
    return seconds(alert.hold.time) if alert.hold.time else 0


def _is_long(case: Case) -> bool:
    return case.first + _held(alert_of(case)) >= _LONG


def _values(values: str, count: int) -> str:
    """As promtool wants them, for so many samples; the last one stays."""
    *before, last = values.split(" ")
    step = "" if re.search(r"\d[+-]", last) else "+0"
    return " ".join([*before, f"{last}{step}x{count}"])


def _series(series: Mapping[str, str], facility: str, count: int) -> dict[str, str]:
    return {
        name.replace(f'facility="{_FIRING}"', f'facility="{facility}"'): _values(values, count)
        for name, values in series.items()
    }


def _planned(alert: Alert) -> dict[str, str]:
    """Planned work of the narrowest scope that quietens an alert."""
    places = {"facility": _PLANNED, "site": "main", "host": "s1"}
    inside = ",".join(f'{name}="{places[name]}"' for name in alert.planned)
    return {f"tramgac_maintenance_until_timestamp_seconds{{{inside}}}": _LATER}


def _expected(alert: Alert, case: Case, facility: str) -> dict[str, object]:
    mine = dict(case.labels)
    if "facility" in mine:
        mine["facility"] = facility

    def said(text: str) -> str:
        named = LABEL.sub(lambda found: mine.get(found[1], ""), text)
        return _FILTERED.sub(case.value, named)

    return {
        "exp_labels": mine | labels(alert),
        "exp_annotations": {name: said(text) for name, text in annotations(alert).items()},
    }


def _looks(alert: Alert, case: Case, step: int, firing: Sequence[str]) -> list[dict[str, object]]:
    """Just before it may fire, and when it must."""
    due = -(-(case.first + _held(alert)) // step) * step
    looks: list[dict[str, object]] = []
    if due:
        looks.append({"eval_time": f"{due - step}s", "alertname": case.name, "exp_alerts": []})
    fired = [_expected(alert, case, one) for one in firing]
    return [*looks, {"eval_time": f"{due}s", "alertname": case.name, "exp_alerts": fired}]


def _test(name: str, interval: int, series: Mapping[str, str], looks: object) -> dict[str, object]:
    listed = [{"series": one, "values": values} for one, values in series.items()]
    return {
        "name": name, "interval": f"{interval}s", "input_series": listed, "alert_rule_test": looks,
    }  # fmt: skip


def _tests(case: Case) -> Iterator[dict[str, object]]:
    alert = alert_of(case)
    step, interval = (_LONG_STEP, _LONG_INTERVAL) if _is_long(case) else (_STEP, _STEP)
    count = (case.first + _held(alert) + 2 * step) // interval + 2
    series = _series(case.fires, _FIRING, count)
    firing = [_FIRING]
    name = " ".join(one for one in (case.name, case.level or "", case.scope) if one)
    if "facility" in case.labels:
        series |= _series(case.quiet, _CALM, count) | _series(case.fires, _STORM, count)
        storm = f'tramgac_storm_until_timestamp_seconds{{facility="{_STORM}"}}'
        series |= {storm: _values(_LATER, count)}
        if not alert.storm or alert.level == "critical":
            firing.append(_STORM)
        if alert.planned:
            series |= _series(case.fires, _PLANNED, count)
            series |= _series(_planned(alert), _PLANNED, count)
    else:
        looks = [{"eval_time": f"{count * interval}s", "alertname": case.name, "exp_alerts": []}]
        yield _test(f"{name} quiet", interval, _series(case.quiet, _CALM, count), looks)
    yield _test(f"{name} fires", interval, series, _looks(alert, case, step, firing))


def _file(tests: Sequence[object], step: int, alerts: Sequence[str]) -> str:
    order = [*RECORDS, *chain.from_iterable(ALERTS[name] for name in alerts)]
    return dump(
        {
            "rule_files": ["../rules/tramgac.yml", *(f"../alerts/{name}.yml" for name in alerts)],
            "evaluation_interval": f"{step}s",
            "group_eval_order": order,
            "tests": tests,
        }
    )


def files() -> Iterator[tuple[str, str]]:
    """Each file, by its path in ``dashboards/``."""
    for name, group in CASES.items():
        alerts = ["tramgac-centre" if name in {"centre", "fleet"} else "tramgac-hospitals"]
        short = [test for case in group if not _is_long(case) for test in _tests(case)]
        long = [test for case in group if _is_long(case) for test in _tests(case)]
        yield f"tests/{name}.yml", _file(short, _STEP, alerts)
        if long:
            yield f"tests/{name}-long.yml", _file(long, _LONG_STEP, alerts)
    yield "tests/extras.yml", _file(extras.TESTS, _STEP, list(ALERTS))
