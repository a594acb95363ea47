"""The page shows what is valid now, and never one series twice."""

import gzip
import math
from collections.abc import Iterator

import pytest
from helpers.livestate import (
    FAR,
    HIS,
    PACS,
    SETTLED,
    START,
    UPTIME,
    Declared,
    Labels,
    call,
    new_state,
    uptime,
    values,
)
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from tramgac_collector.live.layout import RefusedSeries
from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner
from tramgac_proto.catalogue import CATALOGUE


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
    state = LiveState(Declared(), START)
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
    state = LiveState(Declared(), START)
    call(state, HIS, START)
    uptime(state, HIS, 1.0)
    state.forget(HIS.agent_id)

    assert state.render() == b""
