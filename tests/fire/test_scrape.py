"""A real Prometheus and promtool on the live page of a working stack."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.ports import free_port
from helpers.stack import Stack, poll

CHECKS = """
[checks.uptime]
interval_seconds = 1
[checks.self]
interval_seconds = 1
[checks.disk]
interval_seconds = 2
[checks.link]
interval_seconds = 2
[checks.tick]
interval_seconds = 0.5
"""
SERIES = (
    "tramgac_agent_up",
    "tramgac_host_uptime_seconds",
    "tramgac_filesystem_avail_bytes",
    "tramgac_network_link_known",
    "tramgac_check_success",
    "tramgac_tick_last",
    "tramgac_collector_reports_total",
)


class Prometheus:
    """A server that scrapes one stack every second."""

    def __init__(self, folder: Path, target: int) -> None:
        self._port = free_port()
        folder.mkdir()
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            "scrape_configs:\n  - job_name: tramgac\n"
            f'    static_configs: [{{targets: ["127.0.0.1:{target}"]}}]\n'
        )
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'db'}",
                 f"--web.listen-address=127.0.0.1:{self._port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and values of an instant query; empty while it does not answer."""
        words = urllib.parse.urlencode({"query": expression})
        url = f"http://127.0.0.1:{self._port}/api/v1/query?{words}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                found = json.load(answer)["data"]["result"]
        except (urllib.error.URLError, OSError):
            return []
        return [(one["metric"], float(one["value"][1])) for one in found]

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(20)


@pytest.fixture
def prometheus(stack: Stack) -> Iterator[Prometheus]:
    """Prometheus, scraping ``stack``."""
    server = Prometheus(stack.root / "prometheus", stack.ports["metrics"])
    yield server
    server.close()


def test_a_real_prometheus_scrapes_the_stack(stack: Stack, prometheus: Prometheus) -> None:
    """The target is up, series of every kind arrive with the right labels, none is refused.

    ``promtool check metrics`` finds nothing to say about the same page.
    """
    stack.write_agent("h1", checks=CHECKS)
    stack.start_agent()
    poll(lambda: prometheus.query("up"), lambda found: [v for _, v in found] == [1], 40, "up")
    for name in SERIES:
        poll(lambda name=name: prometheus.query(name), bool, 20, name)  # type: ignore[misc]
    ((labels, value),) = prometheus.query("tramgac_tick_last")
    assert value >= 1
    place = {name: labels[name] for name in ("facility", "site", "host")}
    assert place == {"facility": "bv-test", "site": "main", "host": "h1"}
    before = value
    poll(lambda: prometheus.query("tramgac_tick_last")[0][1], lambda v: v > before, 20, "it moves")
    everything = prometheus.query("count({__name__=~'tramgac_.+'})")[0][1]
    on_page = sum(one.startswith("tramgac_") for one in stack.metrics())
    assert everything == pytest.approx(on_page, rel=0.1)
    complaints = [line for line in prometheus.log.read_text().splitlines() if "scrape" in line]
    assert not [line for line in complaints if "level=warn" in line or "level=error" in line]
    said = subprocess.run(
        ["promtool", "check", "metrics"], input=stack.get("/metrics"), capture_output=True,
        text=True, check=False, timeout=30,
    )  # fmt: skip
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
