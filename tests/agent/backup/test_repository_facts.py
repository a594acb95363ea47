"""What a real restic repository shows beyond its newest snapshot, whatever version reads it."""

import dataclasses
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from helpers.backup import drop_folder, dropped, probe_config, script
from helpers.looking import look, state_of
from helpers.rest_store import RestStore, rest_store
from helpers.restic_looking import seen
from helpers.restic_repository import Repository, exclusive_lock, multiply
from helpers.restic_versions import restics

from tramgac_agent.drop import RepositoryState

pytestmark = pytest.mark.alone

HOUR_MS = 3600_000
NOT_AN_ID = "5" * 64  # named like a file of restic, with another content


@pytest.fixture(params=sorted(restics()))
def versions(request: pytest.FixtureRequest, repository: Repository) -> Repository:
    return dataclasses.replace(repository, program=restics()[request.param])


@pytest.fixture(params=[False, True], ids=["local", "rest"])
def reached(
    request: pytest.FixtureRequest, repository: Repository
) -> Iterator[tuple[Repository, str]]:
    """A repository and the address to read it by."""
    if not request.param:
        yield repository, ""
        return
    with rest_store(repository.path) as store:
        yield repository, store.address


@pytest.fixture
def served(repository: Repository) -> Iterator[RestStore]:
    with rest_store(repository.path) as store:
        yield store


def save(repository: Repository, folder: Path, *words: str, days_ago: float = 0) -> str:
    """Back up ``folder`` as it would have been so long ago; return the new snapshot's id."""
    source = folder / "source"
    source.mkdir(exist_ok=True)
    (source / "a").write_text("one")
    before = set(names(repository))
    moment = datetime.now() - timedelta(days=days_ago)  # noqa: DTZ005 - as restic takes it
    repository.restic("backup", f"--time={moment:%Y-%m-%d %H:%M:%S}", *words, str(source))
    (new,) = set(names(repository)) - before
    return new


def names(repository: Repository) -> list[str]:
    return [path.name for path in (repository.path / "snapshots").iterdir()]


def forget(repository: Repository, identity: str) -> None:
    (repository.path / "snapshots" / identity).unlink()


def truncate(repository: Repository, kind: str, identity: str) -> None:
    path = repository.path / kind / identity
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:40])


def test_content_place_and_age_are_told(versions: Repository, tmp_path: Path) -> None:
    """Content, months, keys, repository and medium are known at once."""
    save(versions, tmp_path, days_ago=70)
    first = seen(versions, tmp_path)
    newest = save(versions, tmp_path)
    state = seen(versions, tmp_path)

    saved = json.loads(versions.restic("cat", "snapshot", newest).stdout)
    assert (state.newest_id, state.content_id) == (newest, saved["tree"])
    assert (first.months, state.months) == (1, 2)
    assert state.keys == 1
    assert state.repository_id == first.repository_id is not None
    assert str(state.repository_id) in versions.restic("cat", "config").stdout.decode()
    assert state.medium == "same_device"
    assert (state.vanished, state.damaged) == (0, 0)


def test_a_mount_that_was_empty_is_a_known_zero(versions: Repository, tmp_path: Path) -> None:
    """It is saved with exit code 0."""
    (tmp_path / "empty").mkdir()
    versions.restic("backup", str(tmp_path / "empty"))
    state = seen(versions, tmp_path)

    assert (state.files, state.bytes) == (0, 0)


def test_a_young_snapshot_that_is_gone_is_counted_once(
    reached: tuple[Repository, str], tmp_path: Path
) -> None:
    """With the time of the newest; one that is old enough may go."""
    repository, address = reached
    old = save(repository, tmp_path, days_ago=20)
    lost = [save(repository, tmp_path, days_ago=days) for days in (2, 1)]
    save(repository, tmp_path)
    assert seen(repository, tmp_path, address).vanished == 0
    for identity in (old, *lost):
        forget(repository, identity)
    state = seen(repository, tmp_path, address, hours=1)
    next_state = seen(repository, tmp_path, address, hours=2)

    assert (state.vanished, state.snapshots, state.damaged) == (2, 1, 0)
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    assert state.vanished_newest_unix_ms is not None
    assert abs(state.vanished_newest_unix_ms / 1000 - yesterday.timestamp()) < 600
    assert (next_state.vanished, next_state.vanished_newest_unix_ms) == (0, None)


def test_all_of_them_may_be_gone(reached: tuple[Repository, str], tmp_path: Path) -> None:
    """The repository is readable, empty, and that is the news."""
    repository, address = reached
    for days in (2, 1):
        save(repository, tmp_path, days_ago=days)
    seen(repository, tmp_path, address)
    for identity in names(repository):
        forget(repository, identity)
    state = seen(repository, tmp_path, address, hours=1)

    assert (state.state, state.snapshots, state.vanished) == ("ok", 0, 2)


def test_how_long_nothing_may_vanish_is_declared(repository: Repository, tmp_path: Path) -> None:
    """``keep_days`` of the series; 0 lets everything go."""
    config = probe_config(tmp_path, repository).read_text()
    found = []
    for days in (0, 3, 30):
        text = f"{config}keep_days = {days}\n"
        lost = save(repository, tmp_path, days_ago=10)
        look(text, tmp_path)
        forget(repository, lost)
        found.append(state_of(look(text, tmp_path)).vanished)

    assert found == [0, 0, 1]


def test_who_remembers_nothing_invents_no_loss(repository: Repository, tmp_path: Path) -> None:
    """An empty memory, or one that was cut short."""
    lost = [save(repository, tmp_path, days_ago=days) for days in (2, 1)]
    found = []
    for identity, text in zip(lost, ("", "{"), strict=True):
        seen(repository, tmp_path)
        forget(repository, identity)
        (memory,) = (tmp_path / "looking-state").glob("*.json")
        memory.write_text(text)
        found.append(seen(repository, tmp_path).vanished)

    assert found == [0, 0]


def test_a_rewritten_snapshot_did_not_vanish(versions: Repository, tmp_path: Path) -> None:
    """``restic tag`` gives a new id each time and names the first; the content is the same."""
    save(versions, tmp_path, days_ago=1)
    states = [seen(versions, tmp_path)]
    for tag in ("one", "two"):
        versions.restic("tag", "--set", tag)
        states.append(seen(versions, tmp_path))

    assert [(one.vanished, one.snapshots) for one in states] == [(0, 1)] * 3
    assert len({one.content_id for one in states}) == 1
    assert len({one.newest_id for one in states}) == 3


def test_a_truncated_snapshot_is_damaged_and_not_vanished(
    versions: Repository, tmp_path: Path
) -> None:
    """Also where restic's cache still shows it whole; when it is removed, it has vanished."""
    broken = save(versions, tmp_path, days_ago=1)
    save(versions, tmp_path)
    seen(versions, tmp_path)
    truncate(versions, "snapshots", broken)
    states = [seen(versions, tmp_path)]
    shutil.rmtree(tmp_path / "cache")
    states.append(seen(versions, tmp_path))
    forget(versions, broken)
    states.append(seen(versions, tmp_path))

    assert [(one.damaged, one.vanished) for one in states] == [(1, 0), (1, 0), (0, 1)]


def test_a_foreign_snapshot_is_nothing_restic_can_read(
    versions: Repository, tmp_path: Path
) -> None:
    """Its content is what its name says; it was sealed with another key."""
    save(versions, tmp_path)
    content = b"from another repository"
    foreign = versions.path / "snapshots" / hashlib.sha256(content).hexdigest()
    foreign.write_bytes(content)
    state = seen(versions, tmp_path)

    assert (state.state, state.snapshots, state.damaged) == ("ok", 1, 1)


def test_a_server_shows_damage_too(
    repository: Repository, served: RestStore, tmp_path: Path
) -> None:
    """In the first visit after the number of snapshots changed, and until it is removed."""
    save(repository, tmp_path)
    broken = save(repository, tmp_path, days_ago=1)
    truncate(repository, "snapshots", broken)
    shutil.rmtree(tmp_path / "cache")  # what it holds hides the damage from whoever has it
    states = [seen(repository, tmp_path, served.address, hours=hours) for hours in range(4)]
    forget(repository, broken)
    gone = seen(repository, tmp_path, served.address, hours=30)

    assert [one.snapshots for one in states] == [1] * 4
    assert [one.damaged for one in states][1:] == [1] * 3
    assert (gone.damaged, gone.vanished) == (0, 0)  # nobody ever saw what it was


@pytest.mark.parametrize("suite", sorted(restics()))
def test_a_listing_that_was_refused_is_no_loss(
    repository: Repository, served: RestStore, tmp_path: Path, suite: str
) -> None:
    """Version 0.18 shows no snapshots then and ends with exit code 0."""
    repository = dataclasses.replace(repository, program=restics()[suite])
    save(repository, tmp_path)
    seen(repository, tmp_path, served.address)
    served.refused = ("/snapshots",)
    state = seen(repository, tmp_path, served.address, seconds=2)

    assert state.state in ("blind_auth", "blind_timeout")
    assert state.snapshots is None
    served.refused = ()
    state = seen(repository, tmp_path, served.address, hours=1)
    assert (state.state, state.snapshots, state.vanished) == ("ok", 1, 0)


def test_costly_questions_to_a_server_come_once(
    repository: Repository, served: RestStore, tmp_path: Path
) -> None:
    """Id, keys, size and files are all known within hours, and then rest until tomorrow."""
    save(repository, tmp_path)
    states = [seen(repository, tmp_path, served.address, hours=hours) for hours in range(5)]
    known = states[-1]
    before = served.asked("GET /")
    quiet = seen(repository, tmp_path, served.address, hours=5)
    each = served.asked("GET /") - before

    assert states[0].repository_id == known.repository_id is not None
    assert (known.keys, known.files, known.medium) == (1, 1, "same_machine")
    assert known.repository_bytes
    assert _slow_facts(known) == _slow_facts(quiet)
    # Two opens (snapshots, list locks), each with its keys, key, config and listing.
    assert each <= 10


def _slow_facts(state: RepositoryState) -> tuple[object, ...]:
    """What does not change while the repository does not."""
    return (state.keys, state.repository_id, state.repository_bytes, state.files, state.snapshots)


def test_a_thousand_snapshots_are_listed_and_one_is_counted(
    repository: Repository, tmp_path: Path
) -> None:
    """Those of 0.14 carry no summary; only the newest one's files are asked for, once."""
    first = save(repository, tmp_path, days_ago=60)
    multiply(repository, first, 1000)
    log = tmp_path / "calls"
    fake = script(tmp_path / "counting", f'echo "$@" >>{log}; exec restic "$@"')
    counting = dataclasses.replace(repository, program=str(fake))
    states = [seen(counting, tmp_path, hours=hours) for hours in range(3)]
    forget(repository, str(states[0].newest_id))
    states.append(seen(counting, tmp_path, hours=3))

    assert [one.snapshots for one in states] == [1001, 1001, 1001, 1000]
    assert [one.files for one in states] == [1] * 4
    assert [one.vanished for one in states] == [0, 0, 0, 1]
    assert log.read_text().count(" ls ") == 2


def test_the_holder_of_a_stale_lock_is_named(
    reached: tuple[Repository, str], tmp_path: Path
) -> None:
    """Host and process, for whoever has to look there."""
    repository, address = reached
    with exclusive_lock(repository) as holder:
        live = seen(repository, tmp_path, address)
        holder.kill()
        holder.wait()
        stale = seen(repository, tmp_path, address)

    assert (live.stale_locks, live.lock_host, live.lock_pid) == (0, "", 0)
    assert (stale.stale_locks, stale.lock_host) == (1, socket.gethostname())
    assert stale.lock_pid == holder.pid


def test_a_lock_that_cannot_be_read_is_counted(
    reached: tuple[Repository, str], tmp_path: Path
) -> None:
    """Whether it is stale is not known, and not said."""
    repository, address = reached
    (repository.path / "locks" / NOT_AN_ID).touch()
    state = seen(repository, tmp_path, address)

    assert (state.state, state.locks, state.stale_locks) == ("ok", 1, 0)
    assert state.oldest_lock_unix_ms is None


def test_a_folder_that_may_not_be_read_is_told_at_once(
    repository: Repository, tmp_path: Path
) -> None:
    """Version 0.14 would try for a minute, and 0.18 would show no snapshots at all."""
    (repository.path / "snapshots").chmod(0)
    config, folder = probe_config(tmp_path, repository), drop_folder(tmp_path)
    probe = (sys.executable, "-m", "tramgac_agent.sources.probe")
    # Else root may read it all the same.
    drop_rights = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    plain = drop_rights if os.geteuid() == 0 else ()
    subprocess.run(
        [*plain, *probe, "--config", str(config), "--drop", str(folder)],
        check=True,
        capture_output=True,
        timeout=20,
    )
    (state,) = dropped(folder)

    assert state["state"] == "blind_auth"


def test_being_ended_at_the_deadline_leaves_no_lock(
    repository: Repository, served: RestStore, tmp_path: Path
) -> None:
    """Nor was one ever asked for, in any question, even by a restic that was stopped half-way."""
    save(repository, tmp_path)
    for hours in range(4):
        seen(repository, tmp_path, served.address, hours=hours)
    served.held.clear()
    for held in ("/config", "/keys", "/snapshots", "/locks"):
        served.refused = (held,)
        state = seen(repository, tmp_path, served.address, hours=48, seconds=0.4)
        assert state.state == "blind_timeout"

    assert served.asked("POST") == served.asked("DELETE") == 0
    assert repository.locks() == []


@pytest.mark.soak
def test_the_newest_version_shows_the_same(repository: Repository, tmp_path: Path) -> None:
    """0.19: counts, loss and damage."""
    repository = dataclasses.replace(repository, program=restics("sid")["sid"])
    test_content_place_and_age_are_told(repository, tmp_path / "")
    test_a_truncated_snapshot_is_damaged_and_not_vanished(repository, tmp_path)
