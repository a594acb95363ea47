"""The tables as YAML, for Prometheus and promtool."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml

from tramgac_dashboards.alerts import centre, fleet, hospitals, records, verdicts
from tramgac_dashboards.alerts.model import Alert, Record
from tramgac_dashboards.model import LANGUAGES
from tramgac_dashboards.places import board_url, runbook_url

_HEAD: Final = "# Made by `make dashboards` from tramgac_dashboards/alerts; not by hand.\n"

# File, then its groups by name, in the order in which they are worked out.
ALERTS: Final[dict[str, dict[str, tuple[Alert, ...]]]] = {
    "tramgac-centre": {
        "tramgac-centre": centre.RUNNING,
        "tramgac-store": centre.STORE,
        "tramgac-calls": fleet.CALLS,
        "tramgac-agents": fleet.AGENTS,
        "tramgac-declared": fleet.DECLARED,
    },
    "tramgac-hospitals": {
        "tramgac-silence": hospitals.SILENCE,
        "tramgac-services": hospitals.SERVICES,
        "tramgac-hosts": hospitals.HOSTS,
        "tramgac-paths": hospitals.PATHS,
        "tramgac-devices": hospitals.DEVICES,
        "tramgac-backups": hospitals.BACKUPS,
        "tramgac-incidents": verdicts.INCIDENTS,
        "tramgac-law": verdicts.LAW,
    },
}
RECORDS: Final[dict[str, tuple[Record, ...]]] = {
    "tramgac-collector-records": records.COLLECTOR_ITSELF,
    "tramgac-places-records": records.PLACES,
    "tramgac-verdicts-records": records.VERDICTS,
    "tramgac-memory-records": records.MEMORY,
}
# A label in the text of an alert.
LABEL: Final = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
# Read over a day each time, and in no hurry; Prometheus forgets in five minutes what it worked out.
_SLOW: Final = {"tramgac-memory-records": "2m", "tramgac-declared": "2m"}


class _Dumper(yaml.SafeDumper):
    """Long expressions stay readable."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(content: object) -> str:
    """As YAML, in the order given."""
    body = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return _HEAD + body


def annotations(alert: Alert) -> dict[str, str]:
    """In both languages; the links are added here, so that none can lack one."""
    notes: dict[str, str] = {}
    for language in LANGUAGES[::-1]:
        end = "" if language == "en" else f"_{language}"
        notes |= {
            f"summary{end}": alert.summary.of(language),
            f"description{end}": alert.text.of(language),
            f"runbook_url{end}": runbook_url(alert.name, language),
            f"dashboard_url{end}": board_url(alert.board, language),
        }
    return notes


def labels(alert: Alert) -> dict[str, str]:
    """What an alert carries beside the labels of its expression."""
    fixed = {"severity": alert.severity, "level": alert.level, "told_by": alert.told_by}
    return fixed | ({"scope": alert.scope} if alert.scope else {})


def _rule(alert: Alert) -> dict[str, object]:
    rule: dict[str, object] = {"alert": alert.name, "expr": alert.expression}
    if alert.hold.time:
        rule["for"] = alert.hold.time
    if alert.keep.time:
        rule["keep_firing_for"] = alert.keep.time
    return rule | {"labels": labels(alert), "annotations": annotations(alert)}


def _group(name: str, rules: Sequence[Mapping[str, object]]) -> dict[str, object]:
    slow = {"interval": _SLOW[name]} if name in _SLOW else {}
    return {"name": name, **slow, "rules": rules}


def every() -> Iterator[Alert]:
    """Each alert, in the order of the files."""
    for groups in ALERTS.values():
        for rules in groups.values():
            yield from rules


def files() -> Iterator[tuple[str, str]]:
    """Each generated file, by its path in ``dashboards/``."""
    from tramgac_dashboards.alerts import proofs  # noqa: PLC0415 - it reads the tables of here

    for name, groups in ALERTS.items():
        made = [_group(g, [_rule(a) for a in rules]) for g, rules in groups.items()]
        yield f"alerts/{name}.yml", dump({"groups": made})
    recorded = [
        _group(name, [{"record": one.name, "expr": one.expr} for one in rules])
        for name, rules in RECORDS.items()
    ]
    yield "rules/tramgac.yml", dump({"groups": recorded})
    yield from proofs.files()


def write(folder: Path) -> int:
    """Write every file anew.

    Args:
        folder: ``dashboards/``.

    Returns:
        How many there are.
    """
    wanted = {folder / name: text for name, text in files()}
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for part in ("alerts", "rules", "tests"):
        for path in (folder / part).glob("*.yml"):
            if path not in wanted:
                path.unlink()
    return len(wanted)
