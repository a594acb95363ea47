"""The restic check: what a repository shows, and that a hung one harms nobody else."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from helpers.backup import SERIES, gone, probe_config, script, until
from helpers.onecheck import context, observe, values
from helpers.restic_repository import Repository, template

from tramgac_agent.checks.base import CheckFailed, NotApplicable
from tramgac_agent.checks.repository import RepositoryCheck, RepositorySettings
from tramgac_agent.restic.repository import (
    Lock,
    Look,
    Rule,
    snapshot_of,
    state_of_series,
    unix_ms,
)
from tramgac_agent.runner import measure

pytestmark = pytest.mark.alone

CASES = Path(__file__).parent / "cases/restic"


def look_of(case: dict[str, Any]) -> Look:
    locks = [Lock(unix_ms(one.pop("refreshed", None)), **one) for one in case["locks"]]
    snapshots = [snapshot_of(one) for one in case["snapshots"]]
    return Look(unix_ms(case["now"]), case["version"], snapshots, locks)


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
def test_what_a_listing_says_of_a_series(name: str) -> None:
    """Each recorded or hand-made listing gives exactly the expected state."""
    case = json.loads((CASES / name / "input.json").read_text())
    expected = json.loads((CASES / name / "expected.json").read_text())
    rule = msgspec.convert({"series": SERIES, **case["rule"]}, Rule)

    state = msgspec.to_builtins(state_of_series(rule, look_of(case), {}, 9000))
    for key in ("kind", "version", "series", "taken_unix_ms", "valid_seconds"):
        state.pop(key)

    assert state == expected


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """One repository with one snapshot of two files."""
    folder = tmp_path_factory.mktemp("restic")
    made = template().copy_to(folder)
    (folder / "source").mkdir()
    (folder / "source/a").write_text("one")
    (folder / "source/b").write_text("two two")
    made.restic("backup", str(folder / "source"))
    return made


def new_check(*configs: Path, command: tuple[str, ...] = ()) -> RepositoryCheck:
    return RepositoryCheck(RepositorySettings(probes=tuple(map(str, configs)), command=command))


@pytest.fixture
def hung(tmp_path: Path) -> tuple[Path, Path]:
    """A restic that does not come back and does not heed SIGTERM; and where its pid stands."""
    folder = tmp_path / "hung"
    folder.mkdir()
    pid = folder / "pid"
    return (
        script(folder / "restic", f"trap '' TERM; echo $$ >>{pid}\nwhile :; do sleep 1; done"),
        pid,
    )


def test_a_repository_is_read_through_a_child_and_the_reports_go_when_stored(
    tmp_path: Path, repository: Repository
) -> None:
    """Samples as in the catalogue; no report stays; ``last_good`` is never ours to say."""
    observations = observe(new_check(probe_config(tmp_path, repository)), tmp_path)
    shown = values(observations, series=SERIES)

    assert shown["backup_repository_readable"] == 1.0
    assert shown["backup_snapshots"] == 1.0
    assert (shown["backup_snapshot_files"], shown["backup_snapshot_bytes"]) == (2.0, 10.0)
    assert (shown["backup_locks"], shown["backup_stale_locks"]) == (0.0, 0.0)
    assert abs(shown["backup_newest_snapshot_timestamp_seconds"] - time.time()) < 600
    assert not any("last_good" in name for name in shown)
    assert list((tmp_path / "reports").glob("*.json")) == []


def test_a_hung_restic_fails_this_check_in_time_and_leaves_nothing_behind(
    tmp_path: Path, repository: Repository, hung: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe gives up at its own deadline; the series is blind, not fine."""
    monkeypatch.setenv("TRAMGAC_RESTIC_GRACE_SECONDS", "0.3")
    fake, pid = hung
    config = probe_config(tmp_path, repository, restic=str(fake), deadline_seconds=1)
    outcome = measure(new_check(config), context(tmp_path))

    assert outcome.code == "timeout"
    assert values(outcome.observations) == {"backup_repository_readable": 0.0}
    until(lambda: all(gone(int(one)) for one in pid.read_text().split()))


def test_a_hung_probe_is_ended_with_its_whole_group(
    tmp_path: Path, hung: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a probe that ignores SIGTERM and has children of its own."""
    monkeypatch.setattr("tramgac_agent.checks.repository._GRACE_SECONDS", 0.3)
    hurried = dataclasses.replace(context(tmp_path), deadline_seconds=1.5)
    fake, pid = hung
    wrapper = script(tmp_path / "probe", f"trap '' TERM\n{fake} & wait")
    begun = time.monotonic()
    with pytest.raises(CheckFailed, match="timeout"):
        list(new_check(tmp_path / "any.toml", command=(str(wrapper),)).run(hurried))

    assert time.monotonic() - begun < 8
    until(lambda: all(gone(int(one)) for one in pid.read_text().split()))


def test_a_probe_that_cannot_be_ended_is_not_waited_for(
    tmp_path: Path, hung: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that ``sudo`` started: it is not ours to signal, and the check goes on."""
    fake, _ = hung
    started: list[subprocess.Popen[bytes]] = []

    def refuse(*_: object) -> None:
        raise PermissionError

    def start(*words: Any, **more: Any) -> subprocess.Popen[bytes]:
        started.append(real(*words, **more))
        return started[0]

    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(os, "killpg", refuse)
    monkeypatch.setattr("tramgac_agent.checks.repository._GRACE_SECONDS", 0.1)
    check = new_check(tmp_path / "any.toml", command=(str(fake),))
    began = time.monotonic()
    try:
        outcome = measure(check, dataclasses.replace(context(tmp_path), deadline_seconds=1.0))
    finally:
        (probe,) = started
        probe.kill()
        probe.wait()

    assert outcome.code == "timeout"
    assert time.monotonic() - began < 20


def test_one_hung_repository_does_not_hide_the_next(
    tmp_path: Path, repository: Repository, hung: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its share of the time, and what was seen is handed over before the failure."""
    monkeypatch.setenv("TRAMGAC_RESTIC_GRACE_SECONDS", "0.3")
    (tmp_path / "one").mkdir()
    slow = probe_config(tmp_path / "one", repository, restic=str(hung[0]), deadline_seconds=1)
    good = probe_config(tmp_path, repository)
    outcome = measure(new_check(slow, good), context(tmp_path))

    assert outcome.code == "timeout"
    readable = [values([one])["backup_repository_readable"] for one in outcome.observations]
    assert readable == [0.0, 1.0]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("/no/such/probe",), "not_found"),
        (("/bin/false",), "probe_failed"),
        ((), "config"),
    ],
)
def test_a_probe_that_cannot_report_fails_the_check(
    tmp_path: Path, command: tuple[str, ...], code: str
) -> None:
    """Silence of the probe is not a readable repository."""
    with pytest.raises(CheckFailed, match=code):
        list(new_check(tmp_path / "none.toml", command=command).run(context(tmp_path)))


def test_without_probes_there_is_nothing_to_measure(tmp_path: Path) -> None:
    """Neither success nor failure."""
    with pytest.raises(NotApplicable):
        list(new_check().run(context(tmp_path)))


def test_the_resident_process_never_loads_resticpy() -> None:
    """It belongs to the child; here it would cost memory for good."""
    code = "import sys, tramgac_agent.checks.repository; print('restic' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert result.stdout == b"False\n"


def test_a_state_folder_that_refuses_writes_is_named(tmp_path: Path) -> None:
    """Not a defect of the check: its code says what to mend."""
    check = RepositoryCheck(RepositorySettings(probes=("/etc/none.toml",)))

    with pytest.raises(CheckFailed, match="unwritable"):
        list(check.run(context(tmp_path / "gone")))
