"""Latency: real echoes and handshakes over loopback and a veth cable."""

import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from helpers.lan import Neighbour, ip, neighbour
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_agent.checks import latency
from tramgac_agent.checks.base import AgentView, Context, LeaseDesk, Observation
from tramgac_agent.checks.latency import LatencyCheck, LatencySettings, summarize
from tramgac_agent.probes import resolve
from tramgac_proto.catalogue import CATALOGUE
from tramgac_proto.compat import tomllib
from tramgac_proto.configfile import ConfigError, convert

CASES = Path(__file__).parent / "cases" / "latency"
QUICK: dict[str, Any] = {"probes": 4, "spacing_seconds": 0.01, "timeout_seconds": 0.3}


def check_of(*targets: dict[str, Any], **extra: object) -> LatencyCheck:
    tree = {**QUICK, **extra, "targets": list(targets)}
    return LatencyCheck(convert(tree, LatencySettings, "test"))


def context(folder: Path, deadline: float = 30.0) -> Context:
    view = AgentView(state_dir=folder, host="his-1", leases=LeaseDesk())
    return Context(logging.getLogger("test"), folder, threading.Event(), deadline, view)


def values(observation: Observation) -> dict[str, float]:
    return {
        sample.name.removeprefix("tramgac_path_"): sample.value for sample in observation.samples
    }


def method(observation: Observation) -> str:
    (only,) = {sample.labels["method"] for sample in observation.samples}
    return only


@pytest.fixture(scope="module")
def wire() -> Iterator[Neighbour]:
    with neighbour() as made:
        yield made


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_round_trips_become_figures(case: str) -> None:
    """Mean, extremes, jitter over answered neighbours and loss are those of the case."""
    trips = json.loads((CASES / case / "input.json").read_text(encoding="utf-8"))
    expected = json.loads((CASES / case / "expected.json").read_text(encoding="utf-8"))
    assert asdict(summarize(trips)) == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | st.floats(min_value=1e-6, max_value=1), min_size=1, max_size=100))
def test_figures_stay_in_their_bounds(trips: list[float | None]) -> None:
    """Loss is a ratio, the mean lies between the extremes, jitter within their span."""
    stats = summarize(trips)
    assert 0 <= stats.loss <= 1
    if stats.mean is None or stats.shortest is None or stats.longest is None:
        assert stats.loss == 1
        return
    assert stats.shortest <= stats.mean * (1 + 1e-9)
    assert stats.mean <= stats.longest * (1 + 1e-9)
    assert stats.jitter is None or stats.jitter <= (stats.longest - stats.shortest) * (1 + 1e-9)


def test_echoes_over_a_cable(wire: Neighbour, tmp_path: Path) -> None:
    """A machine that answers has every figure, by ICMP, with the catalogue's labels."""
    (seen,) = check_of({"name": "gateway", "address": wire.far}).run(context(tmp_path))
    got = values(seen)
    assert method(seen) == "icmp"
    assert got["loss_ratio"] == 0
    assert 0 < got["rtt_min_seconds"] <= got["rtt_seconds"] <= got["rtt_max_seconds"] < 0.3
    assert got["jitter_seconds"] >= 0
    for sample in seen.samples:
        assert set(sample.labels) == set(CATALOGUE[sample.name].labels)


def test_no_answer_is_a_measurement(wire: Neighbour, tmp_path: Path) -> None:
    """An address nobody has is loss 1 without a round trip, and not a failure."""
    (seen,) = check_of({"name": "gone", "address": wire.silent}).run(context(tmp_path))
    assert values(seen) == {"loss_ratio": 1}
    assert seen.failure == ""


def test_a_cut_in_the_middle_is_a_share(tmp_path: Path) -> None:
    """Probes lost after the cable went dead are counted beside those answered before."""
    with neighbour() as wire:
        check = check_of({"name": "flaky", "address": wire.far}, probes=40, timeout_seconds=0.05)
        seen: list[Observation] = []
        began = wire.received_packets()
        run = threading.Thread(target=lambda: seen.extend(check.run(context(tmp_path))))
        run.start()
        poll(lambda: wire.received_packets() >= began + 6)
        ip("-n", wire.namespace, "link", "set", wire.far_interface, "down")
        run.join(20)
    got = values(seen[0])
    assert 0 < got["loss_ratio"] < 1
    assert got["rtt_seconds"] > 0


def poll(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "did not happen in time"
        time.sleep(0.005)


def test_handshakes_where_asked(listener: int, tmp_path: Path) -> None:
    """Method tcp times handshakes and says so in the label."""
    target = {"name": "his", "address": "localhost", "tcp_port": listener, "method": "tcp"}
    (seen,) = check_of(target).run(context(tmp_path))
    assert method(seen) == "tcp"
    assert values(seen)["loss_ratio"] == 0
    assert 0 < values(seen)["rtt_seconds"] < 0.3


def test_a_refusal_is_an_answer(tmp_path: Path) -> None:
    """A reset went there and back: the path is fine, whatever the service does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    target = {"name": "his", "address": "127.0.0.1", "tcp_port": closed, "method": "tcp"}
    (seen,) = check_of(target).run(context(tmp_path))
    assert values(seen)["loss_ratio"] == 0


def test_filtered_echo_falls_back_to_tcp(tmp_path: Path) -> None:
    """Where echo is ignored but a port answers, handshakes are measured instead."""
    with neighbour() as wire:
        wire.execute("sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=1")
        target = {"name": "his", "address": wire.far, "tcp_port": 9}
        (seen,) = check_of(target, timeout_seconds=0.1).run(context(tmp_path))
    assert method(seen) == "tcp"
    assert values(seen)["loss_ratio"] == 0


AS_NOBODY = """
import encodings.idna, json, logging, os, sys, threading
from pathlib import Path
import tramgac_agent.probes.icmp, tramgac_agent.probes.tcp
from tramgac_agent.checks.base import AgentView, Context, LeaseDesk
from tramgac_agent.checks.latency import LatencyCheck, LatencySettings
from tramgac_proto.configfile import convert
tree = json.loads(sys.argv[1])
os.setgroups([]); os.setgid(65534); os.setuid(65534)
folder = Path("/")
context = Context(logging.getLogger(), folder, threading.Event(), 30.0,
                  AgentView(state_dir=folder, host="", leases=LeaseDesk()))
check = LatencyCheck(convert(tree, LatencySettings, "test"))
for seen in check.run(context):
    print(seen.failure or seen.samples[0].labels["method"])
"""


def as_nobody(wire: Neighbour, **target: object) -> str:
    tree = json.dumps({**QUICK, "targets": [{"name": "gateway", "address": wire.near, **target}]})
    return wire.execute(sys.executable, "-c", AS_NOBODY, tree).strip()


def test_rights_decide_the_method() -> None:
    """A plain user has datagram ICMP by group range, else TCP, else says not_permitted."""
    if os.geteuid() != 0:
        pytest.fail("namespaces need root; run the tests as root or in a container")
    with neighbour() as wire:
        wire.execute("sysctl", "-qw", "net.ipv4.ping_group_range=1 0")
        assert as_nobody(wire) == "not_permitted"
        assert as_nobody(wire, tcp_port=9) == "tcp"
        wire.execute("sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")
        assert as_nobody(wire) == "icmp"


def test_an_unknown_name_fails_alone(tmp_path: Path) -> None:
    """A name that does not resolve is dns_failed; the other target is measured."""
    check = check_of(
        {"name": "typo", "address": "no-such-host.invalid"},
        {"name": "self", "address": "127.0.0.1"},
    )
    typo, own = check.run(context(tmp_path, 8))
    assert (typo.failure, typo.stream) in {("dns_failed", "typo"), ("dns_timeout", "typo")}
    assert values(own)["loss_ratio"] == 0


def test_our_own_fault_with_one_target_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody expected is said of that target, and logged; the other one is measured."""
    measure = LatencyCheck._measure

    def odd(self: LatencyCheck, target: latency.Target, *more: Any) -> latency.Measured:
        if target.name == "odd":
            raise ZeroDivisionError
        return measure(self, target, *more)

    monkeypatch.setattr(LatencyCheck, "_measure", odd)
    targets = [{"name": name, "address": "127.0.0.1"} for name in ("odd", "good")]
    bad, good = check_of(*targets).run(context(tmp_path, 8))
    assert (bad.failure, bad.stream, bad.samples) == ("internal_error", "odd", ())
    assert values(good)["loss_ratio"] == 0
    assert "ZeroDivisionError" in caplog.text


def test_a_silent_name_server_holds_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lookups that never return cost their target only, and one thread however often asked."""
    release = threading.Event()
    asked: list[str] = []
    real: Callable[..., object] = socket.getaddrinfo

    def silent(host: str | bytes, *arguments: object, **named: object) -> object:
        name = host.decode() if isinstance(host, bytes) else host
        if name != "pacs.example" or named.get("flags") == socket.AI_NUMERICHOST:
            return real(host, *arguments, **named)
        asked.append(name)
        release.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    monkeypatch.setattr(resolve, "RESOLVE_SECONDS", 0.2)
    check = check_of(
        {"name": "pacs", "address": "pacs.example"}, {"name": "self", "address": "127.0.0.1"}
    )
    try:
        for _ in range(3):
            pacs, own = check.run(context(tmp_path))
            assert pacs.failure == "dns_timeout"
            assert values(own)["loss_ratio"] == 0
        assert asked == ["pacs.example"]
    finally:
        release.set()


def test_the_deadline_bounds_a_run(wire: Neighbour, tmp_path: Path) -> None:
    """A deadline shorter than the probes need ends the run with what was sent by then."""
    check = check_of({"name": "gone", "address": wire.silent}, probes=20)
    began = time.monotonic()
    (seen,) = check.run(context(tmp_path, 3))
    assert time.monotonic() - began < 3
    assert values(seen) == {"loss_ratio": 1}


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({"targets": []}, "length"),
        ({"targets": [{"name": "a", "address": "x", "method": "tcp"}]}, "tcp_port"),
        ({"targets": [{"name": "a", "address": "x"}, {"name": "a", "address": "y"}]}, "same name"),
        ({"targets": [{"name": "A b", "address": "x"}]}, "regex"),
        ({"targets": [{"name": "a", "address": "x"}], "probes": 100}, "deadline"),
        ({"targets": [{"name": "a", "address": "x", "port": 1}]}, "unknown key"),
    ],
)
def test_bad_settings_are_refused(tree: dict[str, Any], says: str) -> None:
    """What cannot work is refused when the file is read, with the reason."""
    with pytest.raises(ConfigError, match=says):
        convert(tree, LatencySettings, "agent.toml")


def test_the_documented_example_loads() -> None:
    """The TOML in the page is a configuration the check takes."""
    page = Path(__file__).parents[3] / "docs/checks/latency.md"
    example = page.read_text(encoding="utf-8").split("```toml")[1].split("```")[0]
    section = tomllib.loads(example)["checks"]["latency"]
    assert [one.name for one in convert(section, LatencySettings, "page").targets] == [
        "gateway",
        "his",
        "hub",
    ]
