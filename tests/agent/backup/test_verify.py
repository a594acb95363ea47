"""Checks of a repository say damage only where restic found it, and are never in the way."""

import json
import os
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from helpers.backup import SERIES, drop_folder, dropped, gone, script, until
from helpers.rest_server import rest_server
from helpers.restic_repository import Repository, exclusive_lock
from helpers.restic_versions import restics
from helpers.verifying import flip, packs, start_verify, verify, verify_config, verify_one

from tramgac_agent.backup.running import mark
from tramgac_agent.restic.checking import DAMAGED, result_of
from tramgac_agent.restic.verifier import only_one

SLICES = 3
FATAL = "Fatal: repository contains errors"


@pytest.fixture(params=list(restics()))
def restic(request: pytest.FixtureRequest) -> str:
    return restics()[request.param]


def slice_of(pack: Path, slices: int = SLICES) -> int:
    """Which slice restic reads a pack in: by the first byte of its id."""
    return int(pack.name[:2], 16) % slices + 1


def slow_check(tmp_path: Path) -> Path:
    """A restic whose checks take a minute."""
    text = f'case "$*" in *check*) echo $$ >{tmp_path}/pid; exec sleep 60;; esac; exec restic "$@"'
    return script(tmp_path / "slow", text)


def test_a_whole_repository_passes_and_coverage_grows(
    filled: Repository, tmp_path: Path, restic: str
) -> None:
    """First the structure, then slice by slice; the oldest is known once all were read."""
    config = verify_config(tmp_path, filled, {"slices": 2}, restic=restic)
    first, second, third = (verify_one(config) for _ in range(3))

    assert (first["scope"], first["passed"], first["slices"]) == ("metadata", True, 2)
    assert first["tool_version"] in {"0.14.0", "0.18.0"}
    assert "slices_read" not in first
    assert (second["scope"], second["slice"], second["slices_read"]) == ("data", 1, 1)
    assert "oldest_slice_unix_ms" not in second
    assert (third["slice"], third["slices_read"]) == (2, 2)
    assert second["started_unix_ms"] <= third["oldest_slice_unix_ms"] <= third["started_unix_ms"]
    assert not filled.locks()
    assert not list((tmp_path / "cache").glob("verify-cache*"))


def test_a_flipped_byte_is_found_by_its_slice_alone_and_read_again_first(
    filled: Repository, tmp_path: Path, restic: str
) -> None:
    """Until that slice reads whole; its last good reading stays known."""
    pack = packs(filled)[0]
    config = verify_config(tmp_path, filled, {"slices": SLICES}, restic=restic)
    flip(pack)
    structure, *readings = (verify_one(config) for _ in range(1 + slice_of(pack)))
    again = verify_one(config)
    flip(pack)
    mended = verify_one(config)

    assert structure["passed"]
    assert [one["slice"] for one in readings] == list(range(1, slice_of(pack) + 1))
    *others, found = readings
    assert all(one["passed"] for one in others)
    assert (found["passed"], found["failure"], found["slices_bad"]) == (False, "damaged", 1)
    assert found["errors"] >= 1
    assert "conclusive" not in found
    assert (again["slice"], again["failure"]) == (slice_of(pack), "damaged")
    assert (mended["slice"], mended["passed"]) == (slice_of(pack), True)
    assert mended["slices_read"] == slice_of(pack)
    assert "slices_bad" not in mended


def test_a_deleted_pack_is_found_in_the_structure_and_no_data_is_read_meanwhile(
    filled: Repository, tmp_path: Path, restic: str
) -> None:
    """Every slice would look damaged as well."""
    config = verify_config(tmp_path, filled, restic=restic)
    packs(filled)[0].unlink()
    records = [verify_one(config) for _ in range(2)]

    assert [(one["scope"], one["failure"]) for one in records] == [("metadata", "damaged")] * 2


def test_a_pack_that_no_index_names_is_no_damage(
    filled: Repository, tmp_path: Path, restic: str
) -> None:
    """An interrupted backup leaves it behind; it costs room and nothing else."""
    config = verify_config(tmp_path, filled, restic=restic)
    name = "ab" * 32
    (filled.path / "data/ab").mkdir(exist_ok=True)
    (filled.path / "data/ab" / name).write_bytes(b"left behind")

    assert verify_one(config)["passed"]


def test_a_wrong_password_says_nothing_of_the_repository(
    filled: Repository, tmp_path: Path, restic: str
) -> None:
    """Inconclusive, and tried again at the next start."""
    filled.password_file.write_text("not the password")
    config = verify_config(tmp_path, filled, restic=restic)
    records = [verify_one(config) for _ in range(2)]

    for record in records:
        assert (record["failure"], record["conclusive"]) == ("blind_auth", False)
        assert record["scope"] == "metadata"


def test_a_server_that_does_not_answer_says_nothing_either(
    filled: Repository, tmp_path: Path
) -> None:
    """Whoever it is that does not."""
    config = verify_config(tmp_path, filled, repository="rest:http://127.0.0.1:9/")

    assert verify_one(config)["failure"] == "blind_unreachable"


def test_no_repository_is_not_damage(filled: Repository, tmp_path: Path, restic: str) -> None:
    """An unmounted share looks like that."""
    config = verify_config(tmp_path, filled, repository=str(tmp_path / "gone"), restic=restic)

    assert verify_one(config)["failure"] == "missing"


def test_the_deadline_ends_it_and_it_waits_its_turn(filled: Repository, tmp_path: Path) -> None:
    """Not again at once: the next start reads data instead, and restic is gone."""
    limits: dict[str, object] = {"deadline_seconds": 1.5, "slice_hours": 20}
    config = verify_config(tmp_path, filled, limits, restic=str(slow_check(tmp_path)))
    first = verify_one(config, expected_exit=75)
    second = verify_one(config, expected_exit=75)

    assert (first["scope"], first["failure"], first["conclusive"]) == (
        "metadata",
        "deadline",
        False,
    )
    assert (second["scope"], second["slice"]) == ("data", 1)
    assert verify(config) == []
    assert gone(int((tmp_path / "pid").read_text()))


def window_around(now: datetime, before: int, after: int) -> str:
    times = (now + timedelta(minutes=before), now + timedelta(minutes=after))
    return "-".join(f"{one:%H:%M}" for one in times)


def test_nothing_begins_outside_the_window_unless_asked(filled: Repository, tmp_path: Path) -> None:
    """Nor is anything reported; by hand it may."""
    now = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh"))
    config = verify_config(tmp_path, filled, {"window": [window_around(now, 120, 180)]})

    assert verify(config) == []
    assert verify_one(config, "--now", "metadata")["passed"]


def test_a_check_ends_before_its_window_does(filled: Repository, tmp_path: Path) -> None:
    """Whatever restic is doing by then."""
    now = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh"))
    left = 5 * 60 - now.second
    table: dict[str, object] = {
        "window": [window_around(now, -5, 5)],
        "stop_margin_seconds": left - 3,
    }
    config = verify_config(tmp_path, filled, table, restic=str(slow_check(tmp_path)))
    begun = time.monotonic()
    records = verify(config)

    assert time.monotonic() - begun < 30
    assert [one["failure"] for one in records] in ([], ["outside_window"])


@pytest.mark.parametrize("address", ["local", "rest"])
def test_a_lock_postpones(filled: Repository, tmp_path: Path, address: str) -> None:
    """Somebody works in the repository, from wherever; a leftover lock stops nobody."""
    with rest_server(filled.path) as server, exclusive_lock(filled) as holder:
        place = f"rest:http://127.0.0.1:{server.port}/" if address == "rest" else str(filled.path)
        config = verify_config(tmp_path, filled, repository=place)
        record = verify_one(config)
        assert (record["failure"], record["conclusive"]) == ("lock_seen", False)
        if address == "local":
            holder.kill()
            holder.wait()
            for lock in filled.locks():
                old = time.time() - 3600
                path = filled.path / "locks" / lock
                path.touch()
                os.utime(path, (old, old))
            assert verify_one(config)["passed"]


def test_a_lock_released_while_it_is_read_postpones_nothing(
    filled: Repository, tmp_path: Path
) -> None:
    """Version 0.14 would go on looking for it until the deadline."""
    gone_lock = "Load(<lock/abab>, 0, 0) returned error, retrying after 1s: 404 Not Found (404)"
    fake = script(
        tmp_path / "fake",
        f'case "$*" in *"list locks") echo {"ab" * 32}; exit;;'
        f' *"cat lock"*) echo "{gone_lock}" >&2; exec sleep 60;; esac; exec restic "$@"',
    )
    with rest_server(filled.path) as server:
        place = f"rest:http://127.0.0.1:{server.port}/"
        record = verify_one(verify_config(tmp_path, filled, repository=place, restic=str(fake)))

    assert record["passed"]


def test_a_running_backup_postpones(filled: Repository, tmp_path: Path) -> None:
    """Nothing of restic is started but its version."""
    log = tmp_path / "calls"
    fake = script(tmp_path / "counted", f'echo "$@" >>{log}; exec restic "$@"')
    config = verify_config(tmp_path, filled, restic=str(fake))
    with mark(drop_folder(tmp_path), SERIES):
        record = verify_one(config)

    assert (record["failure"], record["conclusive"]) == ("backup_running", False)
    assert not log.exists() or "check" not in log.read_text()
    assert verify_one(config)["passed"]


def test_a_backup_that_begins_ends_the_check_at_once(filled: Repository, tmp_path: Path) -> None:
    """It has the disk for itself within seconds."""
    config = verify_config(tmp_path, filled, restic=str(slow_check(tmp_path)))
    folder = drop_folder(tmp_path)
    pid = tmp_path / "pid"
    with start_verify(config, folder) as running:
        until(lambda: pid.exists() and pid.read_text() != "")
        with mark(folder, SERIES):
            until(lambda: gone(int(pid.read_text())))
            running.communicate(timeout=30)

    (record,) = dropped(folder)
    assert (record["failure"], record["scope"]) == ("backup_running", "metadata")


def test_ending_the_verifier_ends_restic(filled: Repository, tmp_path: Path) -> None:
    """As when its unit is stopped."""
    config = verify_config(tmp_path, filled, restic=str(slow_check(tmp_path)))
    pid = tmp_path / "pid"
    with start_verify(config, drop_folder(tmp_path)) as running:
        until(lambda: pid.exists() and pid.read_text() != "")
        running.terminate()
        running.communicate(timeout=30)

    assert running.returncode == 143
    until(lambda: gone(int(pid.read_text())))


def test_a_lost_or_torn_state_starts_again_with_nothing_read(
    filled: Repository, tmp_path: Path
) -> None:
    """Coverage is never guessed; other slices are other slices."""
    config = verify_config(tmp_path, filled, {"slices": 2})
    verify_one(config)
    assert verify_one(config)["slices_read"] == 1
    (state,) = (tmp_path / "probe-state").glob("*.verify")
    state.write_bytes(state.read_bytes()[:-5])
    record = verify_one(config, "--now", "slice")
    config = verify_config(tmp_path, filled, {"slices": 3})
    divided = verify_one(config, "--now", "slice")

    assert (record["slice"], record["slices_read"]) == (1, 1)
    assert (divided["slice"], divided["slices"], divided["slices_read"]) == (1, 3, 1)


def test_what_could_not_be_reported_is_done_again(filled: Repository, tmp_path: Path) -> None:
    """Exit 1, and nothing is remembered."""
    config = verify_config(tmp_path, filled)
    with start_verify(config, tmp_path / "no-such-folder") as running:
        running.communicate(timeout=60)

    assert running.returncode == 1
    assert verify_one(config)["scope"] == "metadata"


def test_two_never_check_at_once(filled: Repository, tmp_path: Path) -> None:
    """A second ends at once and says nothing."""
    config = verify_config(tmp_path, filled)
    (tmp_path / "probe-state").mkdir()
    with only_one(tmp_path / "probe-state") as alone:
        assert alone
        assert verify(config) == []


def test_the_records_can_be_read_at_once(filled: Repository, tmp_path: Path) -> None:
    """``--json``: a record a line, as dropped."""
    config = verify_config(tmp_path, filled)
    folder = drop_folder(tmp_path)
    with start_verify(config, folder, "--json") as running:
        said, _ = running.communicate(timeout=60)

    assert [json.loads(line) for line in said.splitlines()] == dropped(folder)


def test_damage_behind_a_server_is_looked_at_twice(filled: Repository, tmp_path: Path) -> None:
    """Its locks cannot be watched, so that a prune meanwhile would look like damage."""
    log = tmp_path / "calls"
    fake = script(tmp_path / "counted", f'echo "$@" >>{log}; exec restic "$@"')
    packs(filled)[0].unlink()
    with rest_server(filled.path) as server:
        place = f"rest:http://127.0.0.1:{server.port}/"
        record = verify_one(verify_config(tmp_path, filled, repository=place, restic=str(fake)))

    assert record["failure"] == "damaged"
    assert sum("check" in line for line in log.read_text().splitlines()) == 2
    assert {method for method, _ in server.seen} <= {"GET", "HEAD"}


@pytest.mark.parametrize(
    ("code", "text", "failure"),
    [
        (1, f"pack ab: does not exist\n{FATAL}", DAMAGED),
        (1, f"pack ab: Get: dial tcp: connection refused\n{FATAL}", "blind_unreachable"),
        (1, f"error for tree ab12:\n  write x: no space left on device\n{FATAL}", "blind_tool"),
        (
            1,
            "error: error loading index ab: invalid data\nFatal: LoadIndex returned errors",
            DAMAGED,
        ),
        (11, f"pack ab: does not exist\n{FATAL}", "lock_seen"),
        (124, "Stat(<config/>) returned error, retrying: connection refused", "blind_unreachable"),
        (124, "", "deadline"),
        (2, "panic: runtime error", "blind_tool"),
    ],
)
def test_only_what_restic_says_of_the_repository_is_damage(
    code: int, text: str, failure: str
) -> None:
    """The exit code first; then words of packs, not of the way there or of this host."""
    assert result_of(code, text, 1).failure == failure


@pytest.mark.parametrize(
    ("verify_table", "word"),
    [
        ({"window": ["10-11"]}, "HH:MM-HH:MM"),
        ({"zone": "Asia/Saigon2"}, "time zone"),
        ({"slices": 257}, "slices"),
        ({"slice": 3}, "slice"),
        ({"probe_immutability": True}, "rest:"),
    ],
)
def test_a_wrong_table_is_refused_by_name(
    repository: Repository, tmp_path: Path, verify_table: dict[str, object], word: str
) -> None:
    """Exit 78; a mistyped key never switches a check off."""
    config = verify_config(tmp_path, repository, verify_table)
    with start_verify(config, drop_folder(tmp_path)) as running:
        _, said = running.communicate(timeout=60)

    assert running.returncode == 78
    assert word in said.decode()
