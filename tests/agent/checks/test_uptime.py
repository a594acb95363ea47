"""Uptime: what files left behind say of the last stop, and clocks that jump."""

import json
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from helpers.onecheck import observe, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tramgac_agent.checks.base import CheckSettings, Observation
from tramgac_agent.checks.uptime import UptimeCheck
from tramgac_agent.clock import Clock
from tramgac_agent.host import heartbeat
from tramgac_proto.v1 import fleet_pb2

CASES = Path(__file__).parent / "cases" / "uptime"
ALWAYS = {"host_uptime_seconds", "host_boot_timestamp_seconds", "host_clock_steps_total"}


@dataclass
class HeldClock(Clock):
    """A clock the test moves."""

    wall: int = 1_790_000_000_000
    boottime: int = 3_600_000
    boot: bytes = field(default=bytes(range(16)))

    def wall_ms(self) -> int:
        return self.wall

    def boottime_ms(self) -> int:
        return self.boottime

    def boot_id(self) -> bytes:
        return self.boot

    def pass_time(self, seconds: float) -> None:
        self.wall += round(seconds * 1000)
        self.boottime += round(seconds * 1000)

    def reboot(self, down_seconds: float) -> None:
        self.wall += round(down_seconds * 1000) + 30_000
        self.boottime = 30_000
        self.boot = bytes(reversed(self.boot))


def check_with(clock: Clock) -> UptimeCheck:
    check = UptimeCheck(CheckSettings())
    check.clock = clock
    return check


def notes(observations: list[Observation]) -> list[fleet_pb2.OutageNote]:
    return [one.detail for one in observations if isinstance(one.detail, fleet_pb2.OutageNote)]


def kinds(observations: list[Observation]) -> list[str]:
    return [note.kind for note in notes(observations)]


def as_dict(note: fleet_pb2.OutageNote) -> dict[str, Any]:
    return {
        "kind": note.kind,
        "from": note.from_unix_ms,
        "to": note.to_unix_ms,
        "seconds": note.seconds,
    }


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_a_start_tells_what_the_files_prove_and_no_more(case: str, tmp_path: Path) -> None:
    """Files as an earlier life left them give exactly these events and values."""
    for file in (CASES / case).glob("*.json"):
        shutil.copy(file, tmp_path)
    now = json.loads((CASES / case / "now.json").read_text())
    clock = HeldClock(now["wall_ms"], now["boottime_ms"], bytes.fromhex(now["boot_id"]))

    seen = observe(check_with(clock), tmp_path)

    expected = json.loads((CASES / case / "expected.json").read_text())
    assert [as_dict(note) for note in notes(seen)] == expected["notes"]
    found = {name: value for name, value in values(seen).items() if name not in ALWAYS}
    assert found == expected["values"]


def test_this_machine_is_as_old_as_its_kernel_says(tmp_path: Path) -> None:
    """Uptime and boot time agree with /proc/uptime and /proc/stat."""
    (seen,) = [values([one]) for one in observe(UptimeCheck(CheckSettings()), tmp_path)[1:]]

    uptime = float(Path("/proc/uptime").read_text().split()[0])
    stat = Path("/proc/stat").read_text().split()
    assert seen["host_uptime_seconds"] == pytest.approx(uptime, abs=5)
    btime = float(stat[stat.index("btime") + 1])
    assert seen["host_boot_timestamp_seconds"] == pytest.approx(btime, abs=5)


def test_events_are_repeated_by_token_until_the_outbox_has_them(tmp_path: Path) -> None:
    """Nothing is lost when the agent dies in between, and nothing told twice afterwards."""
    clock = HeldClock()
    observe(check_with(clock), tmp_path)
    clock.reboot(down_seconds=600)
    lost = observe(check_with(clock), tmp_path, stored=False)
    clock.pass_time(20)
    check = check_with(clock)
    told = observe(check, tmp_path)
    clock.pass_time(60)
    quiet = observe(check, tmp_path)

    assert kinds(lost) == ["unclean_stop", "boot", "start"]
    assert kinds(told) == ["unclean_stop", "boot", "start", "start"]
    assert [one.token for one in told[:3]] == [one.token for one in lost[:3]]
    assert len({one.token for one in told[:4]}) == 4
    assert all(one.event for one in told[:4])
    assert kinds(quiet) == []


def test_a_power_cut_right_after_a_power_cut_is_seen(tmp_path: Path) -> None:
    """One run is enough to notice each of two short lives."""
    clock = HeldClock()
    observe(check_with(clock), tmp_path)
    for _ in range(2):
        clock.reboot(down_seconds=60)
        seen = observe(check_with(clock), tmp_path)
        assert kinds(seen) == ["unclean_stop", "boot", "start"]
        clock.boot = os.urandom(16)


@pytest.mark.parametrize(("moved", "steps"), [(1.9, 0), (-1.9, 0), (2.1, 1), (-7200.0, 1)])
def test_only_a_step_is_a_step(tmp_path: Path, moved: float, steps: int) -> None:
    """Slewing is no event; a jump is counted, measured and told with its bounds."""
    clock = HeldClock()
    check = check_with(clock)
    observe(check, tmp_path)
    clock.pass_time(60)
    clock.wall += round(moved * 1000)
    seen = observe(check, tmp_path)
    clock.pass_time(60)
    later = observe(check, tmp_path)

    assert kinds(seen) == ["clock_step"] * steps
    assert kinds(later) == []
    assert values(later)["host_clock_steps_total"] == steps
    assert values(later).get("host_clock_step_seconds") == (moved if steps else None)
    for note in notes(seen):
        assert note.seconds == moved
        assert note.to_unix_ms - note.from_unix_ms == round(moved * 1000)


def test_an_age_by_the_wall_clock_is_withdrawn_after_a_step(tmp_path: Path) -> None:
    """The downtime across a reboot was read off a clock that has just been corrected."""
    clock = HeldClock()
    observe(check_with(clock), tmp_path)
    clock.reboot(down_seconds=600)
    check = check_with(clock)
    first = observe(check, tmp_path)
    clock.wall += 3 * 3_600_000
    after = observe(check, tmp_path)

    assert values(first)["host_last_downtime_seconds"] == 630
    assert "host_last_downtime_seconds" not in values(after)
    assert values(after)["host_last_stop_clean"] == 0


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-1500, 1500), max_size=12))
def test_the_boot_time_does_not_wander_with_the_clock(tmp_path: Path, slews: list[int]) -> None:
    """It changes only when it is off by more than 30 s, and is never off by more."""
    clock = HeldClock()
    state = tmp_path / os.urandom(4).hex()
    state.mkdir()
    check = check_with(clock)
    told = values(observe(check, state))["host_boot_timestamp_seconds"]
    for slew in slews:
        clock.pass_time(60)
        clock.wall += slew
        if slew == 0:
            check = check_with(clock)
        fresh = values(observe(check, state))["host_boot_timestamp_seconds"]
        derived = (clock.wall - clock.boottime) / 1000
        assert abs(fresh - derived) <= 30
        assert fresh in (told, derived)
        assert (fresh != told) == (abs(derived - told) > 30)
        told = fresh


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=64))
def test_no_rubbish_in_the_files_stops_the_check(tmp_path: Path, rubbish: bytes) -> None:
    """Whatever lies in heartbeat and marker, uptime is measured."""
    (tmp_path / "heartbeat.json").write_bytes(rubbish)
    (tmp_path / "clean-stop.json").write_bytes(rubbish)

    assert kinds(observe(check_with(HeldClock()), tmp_path)) == ["start"]


def test_a_disk_that_refuses_the_heartbeat_does_not_stop_the_measurement(tmp_path: Path) -> None:
    """Uptime goes out all the same, and the event is told once."""
    check = check_with(HeldClock())

    first = observe(check, tmp_path / "missing")
    again = observe(check, tmp_path / "missing")

    assert kinds(first) == ["start"]
    assert kinds(again) == []
    assert values(again)["host_uptime_seconds"] == 3600


@pytest.mark.parametrize(
    ("answer", "clean"), [("stopping", 1.0), ("running", None), ("degraded", None), ("", None)]
)
def test_a_stop_is_clean_only_if_systemd_was_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, clean: float | None
) -> None:
    """The daemon's own orderly end proves nothing about the host's."""
    fake = tmp_path / "bin" / "systemctl"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho {answer}\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(heartbeat, "_SYSTEMD", tmp_path)
    clock = HeldClock()
    observe(check_with(clock), tmp_path)
    clock.pass_time(10)

    heartbeat.mark_clean_stop(tmp_path, clock)
    clock.reboot(down_seconds=300)
    seen = observe(check_with(clock), tmp_path)

    assert values(seen).get("host_last_stop_clean") == clean
    assert kinds(seen) == (["clean_stop"] if clean else []) + ["boot", "start"]


def test_a_silent_systemd_does_not_hold_up_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is dropped after its time limit, and the marker says so."""
    fake = tmp_path / "systemctl"
    fake.write_text("#!/bin/sh\nexec sleep 60\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(heartbeat, "_SYSTEMD", tmp_path)
    monkeypatch.setattr(heartbeat, "_ASK_SYSTEMD_SECONDS", 0.2)
    began = time.monotonic()

    heartbeat.mark_clean_stop(tmp_path)

    assert time.monotonic() - began < 30
    assert json.loads((tmp_path / "clean-stop.json").read_text())["host_stopping"] is None
