"""Who hears of an alert: one cause is told once, and never not at all."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from helpers.alertmanager import Alertmanager
from helpers.backup import until
from helpers.mail_sink import MailSink, mail_sink
from helpers.promql import existing, names

from tramgac_dashboards.alerts.files import RECORDS, every, labels
from tramgac_dashboards.places import ROOT

EXAMPLE = ROOT / "examples/alertmanager.yml"
SITE = {"facility": "bv-a", "site": "main"}


def test_rules_read_only_what_exists() -> None:
    """Metrics of the catalogue, the collector's own, and recorded values; all of them parse."""
    read = {one.name: names(one.expression) for one in every()}
    read |= {one.name: names(one.expr) for rules in RECORDS.values() for one in rules}
    known = existing()
    assert {name: left for name, used in read.items() if (left := used - known)} == {}
    assert names("rate(a_total[5m]) / on (x) sum by (x) (b) > bool 1 unless c offset 1d") == {
        "a_total", "b", "c",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "receiver"),
    [
        ({"alertname": "Watchdog", "severity": "none", "told_by": "prometheus"}, "dead-man"),
        ({"alertname": "RegulatoryGap", "severity": "none", "rule": "x"}, "nobody"),
        ({"alertname": "CollectorTells", "severity": "none"}, "nobody"),
        ({"alertname": "SiteUnreachable", "incident": "7", "severity": "high"}, "duty"),
        (
            {"alertname": "AgentSilent", "told_by": "collector", "severity": "warning"},
            "duty-without-ends",
        ),
        ({"alertname": "IncidentOpen", "told_by": "collector", "severity": "warning"}, "duty"),
        ({"alertname": "IncidentOpen", "told_by": "collector", "severity": "info"}, "nobody"),
        ({"alertname": "HostRebooted", "told_by": "collector", "severity": "info"}, "nobody"),
        ({"alertname": "TramgacQueueLong", "told_by": "prometheus"}, "centre"),
    ],
)  # fmt: skip
def test_each_kind_has_its_receiver(given: dict[str, str], receiver: str) -> None:
    """By the routing that ships, as amtool walks it."""
    argv = ["amtool", "config", "routes", "test", f"--config.file={EXAMPLE}"]
    argv += [f"--verify.receivers={receiver}", *(f"{key}={value}" for key, value in given.items())]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Told:
    """A real Alertmanager with the inhibitions that ship, and its mails."""

    def __init__(self, manager: Alertmanager, sink: MailSink) -> None:
        self.manager = manager
        self.sink = sink

    def post(self, *alerts: dict[str, str], over: bool = False) -> None:
        """Tell it of alerts, or that they are over."""
        ends = time.time() + (-1 if over else 600)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))
        begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends - 700))
        body = [{"labels": one, "startsAt": begun, "endsAt": stamp} for one in alerts]
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.manager.url}/api/v2/alerts", json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - loopback
            pass

    def state(self, name: str, told_by: str = "collector") -> str:
        """Whether it is told or suppressed."""
        held = [
            one for one in self.manager.alerts(name)
            if one["labels"].get("told_by", "") == told_by
        ]  # fmt: skip
        return str(held[0]["status"]["state"]) if held else ""


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    """The inhibitions of the example, with the quick routing of the helper."""
    rules = EXAMPLE.read_text(encoding="utf-8")
    rules = rules[rules.index("inhibit_rules:") : rules.index("receivers:")]
    with mail_sink() as sink:
        manager = Alertmanager(tmp_path, sink.port)
        config = manager.folder / "alertmanager.yml"
        text = config.read_text().replace("group_by: [incident]", "group_by: [alertname, facility]")
        config.write_text(text + rules)
        manager.start()
        yield Told(manager, sink)
        manager.stop()


def test_an_end_is_told_only_where_somebody_knows_it() -> None:
    """A rule cannot tell what is over from what nobody sees any more."""
    tree = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    mails = {one["name"]: one.get("email_configs", ()) for one in tree["receivers"]}
    ends = {name: one["send_resolved"] for name, many in mails.items() for one in many}
    assert ends == {"duty": True, "duty-without-ends": False, "centre": True}


def _fired(name: str, **mine: str) -> dict[str, str]:
    alert = next(one for one in every() if one.name == name)
    return {"alertname": name, **labels(alert), **mine}


def test_one_cause_is_told_once_and_by_whoever_still_can(told: Told) -> None:
    """The second opinion is silent beside a living judge and speaks when it stalls."""
    here = {"alertname": "CollectorTells", "severity": "none"}
    works, stalled = _fired("TramgacJudgeWorks"), _fired("TramgacJudgeStalled")
    incident = {"alertname": "SiteUnreachable", "incident": "7", "severity": "high", **SITE}
    dark, silent = _fired("SiteUnreachable", **SITE), _fired("AgentSilent", **SITE, host="s1")
    late = _fired("BackupLate", **SITE, host="s1", series="db@nas")
    verdict = _fired("IncidentOpen", **SITE, code="site_unreachable")
    told.post(here, works)
    told.post(incident, dark, silent, late, verdict)
    until(lambda: told.sink.subjects() == ["firing SiteUnreachable 1"])
    names_ = ("SiteUnreachable", "AgentSilent", "BackupLate", "IncidentOpen")
    assert {told.state(name) for name in names_} == {"suppressed"}

    told.post(stalled)
    until(lambda: "firing TramgacJudgeStalled 1" in told.sink.subjects())
    told.post(works, verdict, here, incident, over=True)
    until(lambda: "firing BackupLate 1" in told.sink.subjects())
    until(lambda: told.state("SiteUnreachable") == "active")
    assert told.state("AgentSilent") == "suppressed"
    time.sleep(1.5)  # several of its group intervals
    assert not [one for one in told.sink.subjects() if one.startswith("resolved")]


def test_prometheus_tells_where_the_collector_does_not(told: Told) -> None:
    """Verdicts of a judge that Alertmanager does not hear come by Prometheus, once."""
    works = _fired("TramgacJudgeWorks")
    silent = _fired("AgentSilent", **SITE, host="s1")
    told.post(works)
    told.post(silent, _fired("IncidentOpen", **SITE, code="agent_silent"))
    until(lambda: told.sink.subjects() == ["firing IncidentOpen 1"])
    assert told.state("AgentSilent") == "suppressed"
    told.post(_fired("TramgacJudgeStalled"))
    until(lambda: "firing TramgacJudgeStalled 1" in told.sink.subjects())
    told.post(_fired("IncidentOpen", **SITE, code="agent_silent"), over=True)
    time.sleep(1.5)  # several of its group intervals
    assert not [one for one in told.sink.subjects() if one.startswith("resolved")]


def test_a_verdict_rests_while_the_collector_is_down(told: Told) -> None:
    """What Prometheus cannot read any more ends there, and is no recovery."""
    told.post(_fired("IncidentOpen", **SITE, code="agent_silent"))
    until(lambda: told.sink.subjects() == ["firing IncidentOpen 1"])
    down = _fired("TramgacCollectorDown")
    told.post(down)
    until(lambda: "firing TramgacCollectorDown 1" in told.sink.subjects())
    assert told.state("IncidentOpen") == "suppressed"


def test_an_incident_rests_while_nobody_judges(told: Told) -> None:
    """The collector's own alert runs out when its judge stalls; that is no recovery either."""
    told.post({"alertname": "RegionLinkDown", "incident": "8", "severity": "high"})
    until(lambda: told.sink.subjects() == ["firing RegionLinkDown 1"])
    told.post(_fired("TramgacJudgeStalled"))
    until(lambda: "firing TramgacJudgeStalled 1" in told.sink.subjects())
    assert told.state("RegionLinkDown", told_by="") == "suppressed"
