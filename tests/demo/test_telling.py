"""The routing that ships, as the demonstration plays it, and the mails a person gets."""

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from demo.telling import EXAMPLE, PAGES, routing, rules_for
from helpers.alertmanager import Alertmanager
from helpers.backup import until
from helpers.mail_sink import MailSink, mail_sink

_GONE = "[Trạm Gác] Không còn theo dõi: Ổ đĩa sắp đầy: Bệnh viện A"


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[tuple[Alertmanager, MailSink]]:
    """An Alertmanager with those routes and words that does not wait."""
    with mail_sink() as sink:
        manager = Alertmanager(tmp_path, sink.port)
        tree = yaml.safe_load(routing(sink.port))
        tree["route"] |= {"group_wait": "0s", "group_interval": "1s"}
        (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(tree))
        manager.start()
        yield manager, sink
        manager.stop()


def _post(manager: Alertmanager, labels: dict[str, str], *, over: bool, **notes: str) -> None:
    def at(ahead: float) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ahead))

    ends = at(-1 if over else 600)
    body = [{"labels": labels, "annotations": notes, "startsAt": at(-900), "endsAt": ends}]
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{manager.url}/api/v2/alerts", json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - loopback
        pass


def test_routes_and_inhibitions_are_those_that_ship() -> None:
    """Nothing of who hears what is the demonstration's own."""
    shipped = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    played = yaml.safe_load(routing(25))
    assert played["inhibit_rules"] == shipped["inhibit_rules"]
    assert played["route"]["routes"] == shipped["route"]["routes"]
    mails = [one.get("email_configs") for one in shipped["receivers"]]
    assert [one.get("email_configs") for one in played["receivers"]] == mails


def test_runbooks_named_by_rules_are_on_the_pages_that_run() -> None:
    """The address that is to be replaced stands in the rules, and is replaced."""
    shipped = (EXAMPLE.parents[1] / "alerts/tramgac-centre.yml").read_text(encoding="utf-8")
    played = rules_for(shipped, "1s", "http://127.0.0.1:1")
    runbook = "runbooks/vi/Watchdog\n"
    assert f"{PAGES}{runbook}" in shipped
    assert f"http://127.0.0.1:1/{runbook}" in played
    assert PAGES not in played


def test_an_incident_is_mailed_in_the_collectors_own_words(
    centre: tuple[Alertmanager, MailSink],
) -> None:
    """Nothing is put before them: what is no longer watched is not said to be over."""
    manager, sink = centre
    incident = {"alertname": "DiskFilling", "incident": "7", "severity": "high", "facility": "a"}
    start = "[Trạm Gác] Ổ đĩa sắp đầy: Bệnh viện A"
    _post(
        manager, incident, over=False, summary_vi=start, description_vi="X", runbook_vi="http://r"
    )
    until(lambda: sink.subjects() == [start])
    assert sink.text(0).splitlines()[:2] == ["X", "Cách xử lý: http://r"]
    _post(manager, incident, over=True, summary_vi=_GONE, description_vi="Y")
    until(lambda: sink.subjects() == [start, _GONE])


def test_a_second_opinion_says_by_itself_that_it_is_over(
    centre: tuple[Alertmanager, MailSink],
) -> None:
    """Its words say what holds; that it no longer does stands before them."""
    manager, sink = centre
    alert = {"alertname": "Watching", "severity": "warning", "facility": "a"}
    _post(manager, alert, over=False, summary_vi="Im lặng")
    until(lambda: sink.subjects() == ["[Trạm Gác] Im lặng a"])
    _post(manager, alert, over=True, summary_vi="Im lặng")
    until(lambda: sink.subjects()[1:] == ["[Trạm Gác] Đã hết: Im lặng a"])
