"""The page shows what is valid now, and never one series twice."""

import gzip
import math
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from tramgac_collector.live.fragments import HOSTS_PER_BLOCK
from tramgac_collector.live.layout import RefusedSeries
from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner
from tramgac_proto.catalogue import CATALOGUE
from tramgac_proto.v1 import fleet_pb2

START = 1_763_760_000_000
FAR = START + 10**9
SETTLED = START + 120_000
HIS = Owner("agent-a", "bv-a", "main", "his")
PACS = Owner("agent-b", "bv-a", "main", "pacs")
UPTIME = (("tramgac_host_uptime_seconds", ()),)

Labels = tuple[tuple[str, str], ...]


class Declared:
    """An inventory of two facilities."""

    def __init__(self, *hosts: Owner, codes: bool = True) -> None:
        self.hosts = list(hosts)
        self.codes = codes

    def expected_hosts(self) -> Sequence[Owner]:
        return self.hosts

    def facility_codes(self) -> dict[str, str]:
        return {"bv-a": "01001", "bv-b": "01002"} if self.codes else {}


def new_state(*hosts: Owner) -> LiveState:
    return LiveState(Declared(*hosts), START)


def call(state: LiveState, owner: Owner, now_ms: int) -> None:
    status = fleet_pb2.AgentStatus(outbox_records=7, outbox_bytes=4096)
    state.seen(owner, now_ms, status, 1500, FAR)


def uptime(state: LiveState, owner: Owner, value: float, event_ms: int = START) -> None:
    state.apply(owner, "uptime", state.layout(owner, UPTIME), [value], event_ms, FAR)


def values(state: LiveState) -> dict[tuple[str, str], float]:
    """Every series on the page by name and host, refusing a series shown twice."""
    found: dict[tuple[str, str], float] = {}
    seen = set()
    for family in text_string_to_metric_families(state.render().decode()):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in seen, key
            seen.add(key)
            found[sample.name, sample.labels.get("host", "")] = sample.value
    return found


class Oracle:
    """The same data for prometheus_client."""

    def __init__(self, data: dict[str, list[tuple[Owner, Labels, float]]]) -> None:
        self.data = data

    def collect(self) -> Iterator[Metric]:
        for name, rows in self.data.items():
            metric = CATALOGUE[name]
            names = ["facility", "site", "host", *metric.labels]
            kind = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
            family = kind(name, metric.help, labels=names)
            for owner, labels, value in rows:
                own = [dict(labels)[label] for label in metric.labels]
                family.add_metric([owner.facility, owner.site, owner.host, *own], value)
            yield family


NASTY = 'a"b\\c\nd%s%%e{} ê'


def test_the_page_equals_the_client_librarys_byte_for_byte() -> None:
    """Same lines for every metric of the catalogue an agent may send, odd labels included."""
    state = LiveState(Declared(codes=False), START)
    numbers = [1.0, math.nan, math.inf, -math.inf, 0.1, 1e6, 123_456_789.0, 5e-324, 1.5e300]
    data: dict[str, list[tuple[Owner, Labels, float]]] = {}
    for index, owner in enumerate((HIS, PACS)):
        series = [
            (metric.name, tuple((label, f"{NASTY}{index}{n}") for label in metric.labels))
            for metric in CATALOGUE.values()
            if metric.owner == "agent"
            for n in range(3 if metric.labels else 1)
        ]
        chosen = [numbers[(index + n) % len(numbers)] for n in range(len(series))]
        layout = state.layout(owner, series)
        state.apply(owner, "all", layout, [1.0] * len(series), START, FAR)
        state.apply(owner, "all", layout, chosen, START, FAR)
        for (name, labels), value in zip(series, chosen, strict=True):
            data.setdefault(name, []).append((owner, labels, value))
    registry = CollectorRegistry()
    registry.register(Oracle(data))

    expected = generate_latest(registry)

    assert sorted(state.render().splitlines()) == sorted(expected.splitlines())
    assert gzip.decompress(state.render_gzip()) == state.render()


def test_values_in_any_order_reach_their_own_series() -> None:
    """Families that alternate in an observation stand together on the page."""
    state = new_state()
    series = (
        ("tramgac_path_rtt_seconds", (("target", "t1"), ("method", "icmp"))),
        ("tramgac_path_loss_ratio", (("target", "t1"), ("method", "icmp"))),
        ("tramgac_path_rtt_seconds", (("target", "t2"), ("method", "icmp"))),
        ("tramgac_path_loss_ratio", (("target", "t2"), ("method", "icmp"))),
    )
    state.apply(HIS, "latency", state.layout(HIS, series), [0.1, 0.2, 0.3, 0.4], START, FAR)

    lines = [line for line in state.render().decode().splitlines() if 'target="' in line]

    assert [line.rsplit(" ", 1)[1] for line in lines] == ["0.1", "0.3", "0.2", "0.4"]


def test_late_evidence_does_not_replace_newer() -> None:
    """A backlog arrives after the newest state and changes nothing on the page."""
    state = new_state()
    uptime(state, HIS, 200.0, START + 60_000)
    uptime(state, HIS, 100.0, START)

    assert values(state)["tramgac_host_uptime_seconds", "his"] == 200.0


def test_expired_values_vanish_and_never_come_back_from_a_backlog() -> None:
    """A value is shown until it says nothing any more, though its agent lives."""
    state = new_state()
    layout = state.layout(HIS, UPTIME)
    call(state, HIS, START)
    state.apply(HIS, "uptime", layout, [1.0], START, START + 5_000)
    assert ("tramgac_host_uptime_seconds", "his") in values(state)

    state.sweep(START + 5_000)
    state.apply(HIS, "uptime", layout, [1.0], START - 60_000, START + 4_000)

    assert ("tramgac_host_uptime_seconds", "his") not in values(state)
    assert values(state)["tramgac_agent_up", "his"] == 1.0


def test_what_is_older_goes_when_something_newer_has_expired() -> None:
    """A record that came too late to be shown still ends what it replaces."""
    state = new_state()
    layout = state.layout(HIS, UPTIME)
    call(state, HIS, START)
    state.apply(HIS, "uptime", layout, [1.0], START, START + 3_600_000)
    state.sweep(START + 60_000)
    state.apply(HIS, "uptime", layout, [2.0], START + 10_000, START + 50_000)
    assert ("tramgac_host_uptime_seconds", "his") not in values(state)
    state.apply(HIS, "uptime", layout, [3.0], START + 5_000, START + 3_600_000)
    assert ("tramgac_host_uptime_seconds", "his") not in values(state)
    state.apply(HIS, "uptime", layout, [4.0], START + 20_000, START + 3_600_000)
    assert values(state)["tramgac_host_uptime_seconds", "his"] == 4.0


def test_a_failed_check_takes_its_values_away() -> None:
    """Old values do not survive a failure, and older successes do not undo it."""
    state = new_state()
    uptime(state, HIS, 1.0)
    state.clear(HIS, "uptime", START + 1_000)
    uptime(state, HIS, 1.0, START + 500)
    assert ("tramgac_host_uptime_seconds", "his") not in values(state)

    uptime(state, HIS, 2.0, START + 2_000)

    assert values(state)["tramgac_host_uptime_seconds", "his"] == 2.0


def test_a_silent_agents_values_vanish_and_return_with_it() -> None:
    """`up` and `last_seen` stay; what is still valid is back with the first call."""
    state = new_state()
    call(state, HIS, SETTLED)
    uptime(state, HIS, 1.0)
    state.sweep(SETTLED + 110_000)
    assert values(state)["tramgac_agent_up", "his"] == 1.0

    state.sweep(SETTLED + 110_001)
    dark = values(state)
    call(state, HIS, SETTLED + 200_000)
    back = values(state)

    assert dark["tramgac_agent_up", "his"] == 0.0
    assert dark["tramgac_agent_last_seen_timestamp_seconds", "his"] == SETTLED / 1000
    assert dark["tramgac_agent_certificate_expiry_timestamp_seconds", "his"] == FAR / 1000
    assert ("tramgac_host_uptime_seconds", "his") not in dark
    assert ("tramgac_agent_outbox_records", "his") not in dark
    assert back["tramgac_agent_up", "his"] == 1.0
    assert back["tramgac_host_uptime_seconds", "his"] == 1.0


def test_a_late_record_does_not_wake_a_silent_agent() -> None:
    """Only a call does; then the record is shown."""
    state = new_state()
    call(state, HIS, SETTLED)
    state.sweep(SETTLED + 200_000)
    uptime(state, HIS, 5.0)
    assert ("tramgac_host_uptime_seconds", "his") not in values(state)

    call(state, HIS, SETTLED + 200_001)

    assert values(state)["tramgac_host_uptime_seconds", "his"] == 5.0


def test_no_agent_is_called_silent_while_the_collector_settles() -> None:
    """After a restart nothing is said of agents that had no time to call yet."""
    state = new_state(HIS, PACS)
    state.known(HIS, START - 10**6, FAR)
    state.sweep(SETTLED - 1)
    early = values(state)

    state.sweep(SETTLED)
    late = values(state)

    assert ("tramgac_agent_up", "his") not in early
    assert early["tramgac_agent_last_seen_timestamp_seconds", "his"] == (START - 10**6) / 1000
    assert late["tramgac_agent_up", "his"] == 0.0
    assert late["tramgac_agent_up", "pacs"] == 0.0
    assert ("tramgac_agent_last_seen_timestamp_seconds", "pacs") not in late


def test_coverage_is_the_share_of_declared_hosts_that_report() -> None:
    """Full coverage is known at once, partial coverage only when silence can be judged."""
    state = new_state(HIS, PACS)
    call(state, HIS, START)
    state.sweep(START + 1_000)
    half = values(state)
    call(state, PACS, START)
    state.sweep(START + 2_000)
    full = values(state)
    call(state, HIS, SETTLED + 1_000)
    state.sweep(SETTLED + 1_000)

    assert ("tramgac_facility_coverage_ratio", "") not in half
    assert full["tramgac_facility_coverage_ratio", ""] == 1.0
    assert values(state)["tramgac_facility_coverage_ratio", ""] == 0.5
    assert b'tramgac_facility_info{code="01001",facility="bv-a"} 1.0\n' in state.render()


def test_a_new_inventory_replaces_what_was_expected() -> None:
    """A host that is no longer declared and never reported is no longer shown."""
    state = new_state(HIS, PACS)
    call(state, HIS, SETTLED)
    state.sweep(SETTLED)
    assert ("tramgac_agent_up", "pacs") in values(state)

    state.set_inventory(Declared(HIS))

    assert ("tramgac_agent_up", "pacs") not in values(state)
    assert values(state)["tramgac_facility_coverage_ratio", ""] == 1.0


def test_of_two_agents_on_one_host_the_newer_speaks() -> None:
    """A reinstalled host is shown once, and the old agent takes over only from a silent one."""
    state = new_state()
    old, new = HIS, Owner("agent-new", HIS.facility, HIS.site, HIS.host)
    call(state, old, SETTLED)
    uptime(state, old, 1.0)
    call(state, new, SETTLED)
    uptime(state, new, 2.0)
    call(state, old, SETTLED + 1)
    uptime(state, old, 1.0, START + 5)
    assert values(state)["tramgac_host_uptime_seconds", "his"] == 2.0

    call(state, old, SETTLED + 120_000)
    state.sweep(SETTLED + 120_000)

    assert values(state)["tramgac_host_uptime_seconds", "his"] == 1.0
    assert values(state)["tramgac_agent_up", "his"] == 1.0


def test_of_two_that_report_one_subject_the_newer_is_shown() -> None:
    """The same series from two agents stands on the page once; the other waits its turn."""
    state = new_state()
    switch = Owner("", "bv-a", "main", "switch-1")
    layout = state.layout(switch, UPTIME)
    state.apply(HIS, "snmp/switch-1", layout, [1.0], START, START + 50_000)
    state.apply(PACS, "snmp/switch-1", layout, [2.0], START, START + 20_000)
    state.apply(HIS, "snmp/switch-1", layout, [1.5], START + 1, START + 50_000)
    assert values(state)["tramgac_host_uptime_seconds", "switch-1"] == 2.0

    state.sweep(START + 20_000)
    state.apply(HIS, "snmp/switch-1", layout, [1.7], START + 2, START + 50_000)

    assert values(state)["tramgac_host_uptime_seconds", "switch-1"] == 1.7


def test_a_series_named_twice_in_one_observation_is_shown_once() -> None:
    """The later value counts."""
    state = new_state()
    state.apply(HIS, "uptime", state.layout(HIS, UPTIME * 2), [1.0, 2.0], START, FAR)

    assert values(state)["tramgac_host_uptime_seconds", "his"] == 2.0


@pytest.mark.parametrize(
    ("name", "labels", "code"),
    [
        ("tramgac_nonsense", (), "unknown_metric"),
        ("tramgac_agent_up", (), "not_from_agent"),
        ("tramgac_host_uptime_seconds", (("facility", "bv-b"),), "wrong_labels"),
        ("tramgac_path_rtt_seconds", (("target", "t"),), "wrong_labels"),
        (
            "tramgac_path_rtt_seconds",
            (("target", "t"), ("target", "t"), ("method", "m")),
            "wrong_labels",
        ),
    ],
)
def test_series_outside_the_catalogue_are_refused(name: str, labels: Labels, code: str) -> None:
    """An agent can neither invent a metric nor name another hospital."""
    with pytest.raises(RefusedSeries) as refused:
        new_state().layout(HIS, [(name, labels)])

    assert refused.value.code == code


def test_an_agent_cannot_fill_the_page() -> None:
    """Two thousand series per agent, however many streams it spreads them over."""
    state = new_state()
    for n in range(1_100):
        series = [("tramgac_check_success", (("check", f"c{n}-{k}"),)) for k in range(3)]
        state.apply(HIS, f"c{n}", state.layout(HIS, series), [1.0] * 3, START, FAR)

    assert state.render().count(b"\ntramgac_check_success") == 1_998


def test_derived_series_outlive_silence_but_not_the_agent() -> None:
    """The last good backup stays on the page of a dark host."""
    state = new_state()
    name = "tramgac_backup_state"
    call(state, HIS, SETTLED)
    for one, value in (("good", 1.0), ("overdue", 0.0), ("blind", 0.0)):
        state.derived(name, HIS, (("series", "s"), ("state", one)), value)
    state.derived(name, HIS, (("series", "s"), ("state", "blind")), None)
    state.sweep(SETTLED + 500_000)
    assert state.render().count(b"\ntramgac_backup_state{") == 2

    state.forget(HIS.agent_id)

    assert b"tramgac_backup_state" not in state.render()
    assert ("tramgac_agent_up", "his") not in values(state)


def test_a_forgotten_agent_leaves_nothing() -> None:
    """No line, no header of an empty family."""
    state = LiveState(Declared(codes=False), START)
    call(state, HIS, START)
    uptime(state, HIS, 1.0)
    state.forget(HIS.agent_id)

    assert state.render() == b""


STREAMS = [(owner, name) for owner in (HIS, PACS) for name in ("uptime", "drives")]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(STREAMS),
        st.sampled_from(["apply", "clear", "forget"]),
        st.integers(0, 3),
        st.sampled_from(["plain", "gzip", "both", "none"]),
    ),
    max_size=25,
)


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_what_is_kept_between_reads_is_never_stale(
    steps: list[tuple[tuple[Owner, str], str, int, str]],
) -> None:
    """Whatever changes and however it is read, both pages are what was told last."""
    state = LiveState(Declared(codes=False), START)
    told: dict[tuple[str, str], list[str]] = {}
    for event, ((owner, stream), action, value, read) in enumerate(steps):
        key = (owner.agent_id, stream)
        if action == "apply":
            names = [f"{stream}-{n}" for n in range(1 + value % 2)]
            series = [("tramgac_check_success", (("check", name),)) for name in names]
            layout = state.layout(owner, series)
            state.apply(owner, stream, layout, [value] * len(names), START + event, FAR)
            told[key] = [f'check="{name}",facility="bv-a",host="{owner.host}"' for name in names]
            told[key] = [f"{line} {value}" for line in told[key]]
        elif action == "clear":
            state.clear(owner, stream, START + event)
            told.pop(key, None)
        else:
            state.forget(owner.agent_id)
            for other in [key for key in told if key[0] == owner.agent_id]:
                del told[other]
        expected = sorted(line for lines in told.values() for line in lines)
        if read in {"plain", "both"}:
            assert shown(state.render()) == expected
        if read in {"gzip", "both"}:
            packed = state.render_gzip()
            assert shown(gzip.decompress(packed) if packed else b"") == expected


def shown(page: bytes) -> list[str]:
    """Labels without the site, and the value, of every line."""
    lines = [line for line in page.decode().splitlines() if not line.startswith("#")]
    found = [re.fullmatch(r'\w+\{(.*),site="main"\} (\d)\.0', line) for line in lines]
    return sorted(f"{one[1]} {one[2]}" if one else "?" for one in found)


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(old)


@pytest.mark.usefixtures("restless")
def test_a_scrape_during_updates_is_whole() -> None:
    """Lines are never torn and series never doubled while another thread reports."""
    state = new_state()
    rival = Owner("agent-c", HIS.facility, HIS.site, HIS.host)
    for n in range(HOSTS_PER_BLOCK):
        uptime(state, Owner(f"filler-{n}", "bv-b", "main", f"h{n}"), 1.0)
    stop = threading.Event()
    reported = 0

    def report() -> None:
        nonlocal reported
        while not stop.is_set():
            reported += 1
            for owner in (HIS, PACS, rival):
                call(state, owner, START + reported)
                uptime(state, owner, float(reported), START + reported)
            state.forget(rival.agent_id)
            if reported % 3 == 0:
                state.forget(HIS.agent_id)
                state.forget(PACS.agent_id)

    thread = threading.Thread(target=report)
    thread.start()
    rounds = 0
    try:
        until = time.monotonic() + 0.7
        while time.monotonic() < until or reported < 200:
            rounds += 1
            for _ in range(20):
                state.render()
            page = gzip.decompress(state.render_gzip()) if rounds % 2 else state.render()
            lines = [line for line in page.decode().splitlines() if not line.startswith("#")]
            names = [line.rsplit(" ", 1)[0] for line in lines]
            assert len(names) == len(set(names))
            assert all(float(line.rsplit(" ", 1)[1]) >= 0 for line in lines)
            assert page.endswith(b"\n")
    finally:
        stop.set()
        thread.join()
