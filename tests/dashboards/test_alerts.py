"""Rules: what is committed is what the tables make, and each of them is proven both ways."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import _jsonnet  # type: ignore[import-untyped]
import pytest
import yaml

from tramgac_collector.incidents import codes, silence, symptoms
from tramgac_collector.incidents.codes import CODES
from tramgac_collector.judge import health
from tramgac_collector.notify.alertmanager import alert_name
from tramgac_dashboards import boards
from tramgac_dashboards.alerts.files import every, files
from tramgac_dashboards.alerts.model import SEVERITY
from tramgac_dashboards.alerts.proofs import CASES, alert_of
from tramgac_dashboards.alerts.thresholds import CENTRE, COLLECTOR, seconds
from tramgac_dashboards.places import ROOT

_PROOFS = sorted((ROOT / "tests").glob("*.yml"))
_NOTES = ("summary", "description", "runbook_url", "dashboard_url")


def _alerts() -> Iterator[Mapping[str, Any]]:
    for path in sorted((ROOT / "alerts").glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def test_what_is_committed_is_what_the_tables_make() -> None:
    """`make dashboards` would change nothing."""
    made = dict(files())
    stored = {
        f"{part}/{path.name}": path.read_text(encoding="utf-8")
        for part in ("alerts", "rules", "tests")
        for path in (ROOT / part).glob("*.yml")
    }
    assert stored.keys() == made.keys()
    assert [name for name, text in made.items() if stored[name] != text] == []


def test_promtool_finds_nothing_in_the_rules() -> None:
    """Not even a rule that stands twice."""
    paths = [str(path) for part in ("alerts", "rules") for path in (ROOT / part).glob("*.yml")]
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", *paths],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", _PROOFS, ids=lambda path: path.stem)
def test_each_alert_fires_when_it_must_and_only_then(path: Path) -> None:
    """Also one step before its time, in a storm, under planned work, and without any data."""
    done = subprocess.run(
        ["promtool", "test", "rules", path.name], cwd=path.parent,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_case() -> None:
    """The set of tried rules is the set of rules; the watchdog stands with absent data."""
    tried = [alert_of(case) for group in CASES.values() for case in group]
    assert len(tried) == len(set(map(id, tried)))
    assert {one.name for one in every() if one not in tried} == {"Watchdog"}


def test_no_alert_lacks_a_text_or_a_link() -> None:
    """In both languages, with a board that exists."""
    for alert in _alerts():
        notes = alert["annotations"]
        assert set(notes) == {f"{one}{end}" for one in _NOTES for end in ("", "_vi")}
        assert all(notes.values())
        assert notes["runbook_url_vi"].endswith(f"/vi/{alert['alert']}")
        assert (
            notes["dashboard_url"].removeprefix("/d/tramgac-").removesuffix("-en") in boards.BOARDS
        )
        assert alert["labels"]["severity"] == SEVERITY[alert["labels"]["level"]]


def test_a_second_opinion_is_named_and_graded_like_its_incident() -> None:
    """Else one cause would have two names; the three that are no incident are known."""
    named = {alert_name(code): CODES[code] for code in CODES}
    opinions = [one for one in every() if one.told_by == "collector"]
    assert {one.name for one in opinions} - named.keys() == {
        "IncidentOpen", "RegulatoryGap", "RegulatoryDeadline",
    }  # fmt: skip
    graded = {
        one.name for one in opinions if one.name in named and one.level == named[one.name].severity
    }
    assert graded == {one.name for one in opinions} & named.keys()


def test_every_time_has_its_reason() -> None:
    """Of `for` and `keep_firing_for`; and each threshold stands under a comment."""
    assert [one.name for one in every() if not one.hold.why or not one.keep.why] == []
    text = (ROOT / "thresholds.toml").read_text(encoding="utf-8")
    lines = text.splitlines()
    bare = [
        line
        for before, line in pairwise(lines)
        if " = " in line and not line.startswith("#") and not before.startswith("#")
    ]
    assert bare == []
    assert tomllib.loads(text).keys() == {"collector", "centre"}


def test_thresholds_are_the_collectors_own() -> None:
    """One number, two programs: the table that ships compares equal with the constants."""
    own: dict[str, object] = {
        "silent": silence.SILENT_MS / 1000,
        "held": codes.HELD_MS / 1000,
        "silent_together": silence._WINDOW_MS / 1000,
        "site_held": (CODES["site_unreachable"].hold_ms - silence.SILENT_MS) / 1000,
        "agent_held": (CODES["agent_silent"].hold_ms - silence.SILENT_MS) / 1000,
        "provider_held": CODES["provider_down"].hold_ms / 1000,
        "path_down_held": CODES["path_down"].hold_ms / 1000,
        "device_held": CODES["device_silent"].hold_ms / 1000,
        "printer_held": CODES["printer_stuck"].hold_ms / 1000,
        "disk_used_ratio": symptoms._DISK[0],
        "disk_used_high_ratio": symptoms._DISK_CRITICAL[0],
        "disk_watched_ratio": symptoms._DISK_WATCHED,
        "disk_full_soon": symptoms._FULL_SOON_MS[0] / 1000,
        "clock_seconds": symptoms._CLOCK_SECONDS[0],
        "certificate_soon": symptoms._CERTIFICATE_MS / 1000,
        "path_loss_ratio": symptoms._LOSS,
        "path_looks": symptoms._LOOKS * symptoms._LOOK_MS / 1000,
        "path_look_every": symptoms._LOOK_MS / 1000,
        "path_bad_looks_ratio": symptoms._MOST / symptoms._LOOKS,
        "service_flaps": symptoms._FLAPS,
        "service_flaps_within": symptoms._FLAP_MS / 1000,
        "fresh_boot_seconds": symptoms._FRESH_BOOT_MS / 1000,
        "facts_stalled_seconds": health.STALLED_MS / 1000,
    }
    shipped = {
        name: seconds(value) if isinstance(value, str) else value
        for name, value in COLLECTOR.items()
    }
    assert {name: shipped[name] for name in own} == own
    assert seconds(CENTRE["judge_for"]) + float(CENTRE["judge_seen_seconds"]) < 180


def test_the_first_reload_that_fails_is_a_rise() -> None:
    """A count that is born at 1 has not risen, and a reload is tried once."""
    begun = "from tramgac_collector.metrics import REGISTRY; print(REGISTRY.get_sample_value("
    asked = "'tramgac_collector_reloads_total', {'result': 'failed'}))"
    done = subprocess.run(
        [sys.executable, "-c", begun + asked], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0.0\n"


def test_no_threshold_is_there_for_nothing() -> None:
    """Each is read where rules are made, but for the one that says when an agent is silent."""
    folder = ROOT / "tramgac_dashboards"
    source = " ".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    idle = {one for one in (*COLLECTOR, *CENTRE) if not re.search(rf"\[[\"']{one}[\"']\]", source)}
    assert idle == {"silent"}


def test_the_mixin_is_the_committed_files() -> None:
    """Its three roots hold what lies beside it, and nothing else."""
    roots = ("grafanaDashboards", "prometheusAlerts", "prometheusRules")
    wanted = ", ".join(f"{root}: mixin.{root}" for root in roots)
    text = f"local mixin = import '{ROOT}/mixin.libsonnet'; {{{wanted}}}"
    mixin = json.loads(_jsonnet.evaluate_snippet("mixin", text))
    stored = {
        path.name: json.loads(path.read_text(encoding="utf-8"))
        for path in (ROOT / "grafana").rglob("*.json")
    }
    assert mixin["grafanaDashboards"] == stored
    assert [
        rule for group in mixin["prometheusAlerts"]["groups"] for rule in group["rules"]
    ] == list(_alerts())
    rules = yaml.safe_load((ROOT / "rules/tramgac.yml").read_text(encoding="utf-8"))
    assert mixin["prometheusRules"] == rules
