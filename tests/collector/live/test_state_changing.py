"""The page while it changes: never stale, never torn."""

import gzip
import re
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from helpers.livestate import FAR, HIS, PACS, START, Declared, call, new_state, uptime
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_collector.live.fragments import HOSTS_PER_BLOCK
from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner

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
    state = LiveState(Declared(), START)
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
