"""The scrape's door: what Prometheus and its tools get."""

import gzip
import http.client
import os
import resource
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from helpers.stack import poll

from tramgac_collector.live.names import Info
from tramgac_collector.live.state import LiveState
from tramgac_collector.metrics_app import Probe, accepts_gzip, start_metrics_server
from tramgac_collector.model import Owner
from tramgac_collector.wsgi import split_address
from tramgac_proto.catalogue import CATALOGUE
from tramgac_proto.v1 import fleet_pb2

START = 1_763_760_000_000
HOST = Owner("agent-a", "bv-a", "main", "his")


class Declared:
    def expected_hosts(self) -> list[Owner]:
        return [HOST]


# What the collector works out itself, by the way it is told to the page.
_DERIVED = tuple(
    f"tramgac_{name}"
    for name in (
        *("agent_lost_records", "backup_", "deadline_", "gap_", "incident_", "judge_"),
        *("maintenance_", "rule_", "storm_"),
    )
)


def everything() -> LiveState:
    """A state in which every metric of the catalogue has a value."""
    live = LiveState(Declared(), START)
    live.seen(HOST, START, fleet_pb2.AgentStatus(version="1.4.0"), 10, START)
    names = [name for name in CATALOGUE if name.endswith(("facility_info", "site_info"))]
    names += ["tramgac_host_info", "tramgac_system_info"]
    xs = {name: tuple((label, "x") for label in CATALOGUE[name].labels) for name in names}
    live.name("inventory", [Info(name, HOST, xs[name]) for name in names])
    agent = [metric for metric in CATALOGUE.values() if metric.owner == "agent"]
    series = [(metric.name, tuple((n, "x") for n in metric.labels)) for metric in agent]
    live.apply(HOST, "all", live.layout(HOST, series), [1.0] * len(series), START, START + 10**6)
    for metric in CATALOGUE.values():
        if metric.owner != "collector" or not metric.name.startswith(_DERIVED):
            continue
        live.derived(metric.name, HOST, tuple((n, "x") for n in metric.labels), 1.0)
    live.sweep(START)
    return live


@contextmanager
def serving(live: LiveState, ready: Callable[[], bool]) -> Iterator[http.client.HTTPConnection]:
    server = start_metrics_server("127.0.0.1:0", live, ready)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        yield connection
    finally:
        connection.close()
        server.close()


def get(
    connection: http.client.HTTPConnection, path: str, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers=named)
    answer = connection.getresponse()
    return answer, answer.read()


def test_promtool_finds_nothing_to_complain_about() -> None:
    """Every metric of the catalogue and every own metric follows Prometheus' rules."""
    with serving(everything(), lambda: True) as connection:
        answer, page = get(connection, "/metrics")

    verdict = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, check=False
    )

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert verdict.stdout + verdict.stderr == b""
    assert verdict.returncode == 0
    missing = [name for name in CATALOGUE if f"\n# TYPE {name} ".encode() not in b"\n" + page]
    assert missing == []
    assert b"\ntramgac_collector_build_info{" in page
    assert b"\nprocess_resident_memory_bytes " in page
    assert b"_created" not in page


def test_a_compressed_page_is_the_same_page() -> None:
    """Compression only when it is asked for."""
    with serving(everything(), lambda: True) as connection:
        answer, packed = get(connection, "/metrics", Accept_Encoding="deflate, gzip;q=0.5")
        _, plain = get(connection, "/metrics")

    assert answer.headers["Content-Encoding"] == "gzip"
    own = b"# HELP process_virtual_memory_bytes"
    assert gzip.decompress(packed).split(own)[0] == plain.split(own)[0]


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("deflate, GZIP ; q=0.2", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("br", False),
        ("", False),
    ],
)
def test_gzip_is_negotiated(header: str, accepted: object) -> None:
    """A client that refuses gzip does not get it."""
    assert accepts_gzip(header) == accepted


def test_health_is_the_process_and_readiness_the_store() -> None:
    """A store that hangs or fails makes the collector not ready, and never unhealthy."""
    answers = iter([True, False])

    def ready() -> bool:
        return next(answers)  # the third call raises

    with serving(everything(), ready) as connection:
        statuses = [get(connection, "/-/ready")[0].status for _ in range(3)]
        healthy = get(connection, "/-/healthy")[0].status
        nowhere = get(connection, "/")[0].status
        connection.request("POST", "/metrics", body=b"x")
        posted = connection.getresponse().status

    assert statuses == [200, 503, 503]
    assert (healthy, nowhere, posted) == (200, 404, 405)


def test_a_store_that_hangs_does_not_hang_the_answer() -> None:
    """Not ready comes in bounded time and from one thread, until the store answers again."""
    release, asked = threading.Event(), threading.Semaphore(0)

    def ready() -> bool:
        asked.release()
        return release.wait(60)

    probe = Probe(ready, seconds=0.05)
    assert [probe() for _ in range(3)] == [False] * 3
    assert asked.acquire(timeout=10)
    assert not asked.acquire(blocking=False)
    release.set()
    assert Probe(ready)()
    poll(probe, bool, 10, "an answer once the store is back")


def test_closing_ends_the_threads_and_frees_the_port() -> None:
    """The server leaves nothing behind, even with a connection open."""
    before = threading.active_count()
    with serving(everything(), lambda: True) as connection:
        get(connection, "/-/healthy")
        port = connection.port

    start_metrics_server(f"127.0.0.1:{port}", everything(), lambda: True).close()

    assert threading.active_count() == before


@pytest.mark.parametrize("text", ["", "8480", ":8480", "host:", "host:x", "host:70000"])
def test_an_address_without_host_or_port_is_refused(text: str) -> None:
    """The message shows what an address looks like."""
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:8480"):
        split_address(text)


def test_addresses_of_both_families_are_understood() -> None:
    """Brackets belong to the spelling, not to the address."""
    assert split_address("127.0.0.1:0") == ("127.0.0.1", 0)
    assert split_address("[::1]:8481") == ("::1", 8481)


@contextmanager
def many_descriptors(count: int) -> Iterator[None]:
    """Hold ``count`` descriptors, as a collector with as many agents does."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 2 * count), before[1]))
    held: list[int] = []
    try:
        while len(held) < count:
            held.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for one in held:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_thousand_agents_do_not_shut_the_door() -> None:
    """The page is served on descriptors that select() would not take."""
    with many_descriptors(1100), serving(everything(), lambda: True) as connection:
        answer, body = get(connection, "/metrics")

    assert answer.status == 200
    assert b"tramgac_agent_up" in body
