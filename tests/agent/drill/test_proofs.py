"""Proofs: restored content is used as its own program would use it."""

import gzip
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from helpers.backup import SERIES, gone, script
from helpers.drilling import Drilling, drilling, flip_byte, largest_pack
from helpers.postgres import running_postgres
from helpers.restic_versions import restics

from tramgac_agent.drill.proof import Task, prove
from tramgac_agent.drill.settings import DrillSettings
from tramgac_agent.drill.tally import DrillFailed
from tramgac_agent.restic.runner import Budget

VERSIONS = restics()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Drilling]:
    """The installed restic."""
    with drilling(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Dumps of a small database with an owner that exists nowhere else, by format."""
    with running_postgres() as host:
        with psycopg.connect(
            host=host, user="tramgac", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute("CREATE ROLE his")
            connection.execute("CREATE TABLE visit (id int PRIMARY KEY, note text)")
            connection.execute("INSERT INTO visit SELECT i, 'x' FROM generate_series(1, 500) i")
            connection.execute("ALTER TABLE visit OWNER TO his")
        found = {}
        for name in ("plain", "custom"):
            path = tmp_path_factory.mktemp("dump") / name
            words = ["-h", host, "-U", "tramgac", "-F", name, "-f", str(path), "postgres"]
            subprocess.run(["pg_dump", *words], check=True, timeout=60)
            found[name] = path.read_bytes()
    return found | {"gzip": gzip.compress(found["plain"])}


def _with_dump(bench: Drilling, content: bytes, query: str = "") -> None:
    path = bench.tree / "his.dump"
    path.write_bytes(content)
    bench.table |= {"proof": "postgres", "proof_path": str(path), "proof_query": query}
    bench.backup()


@pytest.mark.parametrize(
    ("version", "form"),
    [("debian", "custom"), ("trixie", "gzip")],
)
def test_a_postgresql_dump_is_loaded_and_answers(
    tmp_path: Path, dumps: dict[str, bytes], version: str, form: str
) -> None:
    """Out of restic, into a cluster of its own, and a count of what must be there."""
    with drilling(tmp_path, VERSIONS[version]) as bench:
        _with_dump(bench, dumps[form], "SELECT count(*) FROM visit")

        assert bench.drill(SERIES, "--full") == 0
        assert (bench.last["proof"], bench.last["proof_count"]) == ("postgres", 500)
        assert bench.left_behind == []


def test_a_dump_that_was_cut_off_fails(bench: Drilling, dumps: dict[str, bytes]) -> None:
    """Also where what is left of it loads without a word."""
    content = dumps["plain"]
    _with_dump(bench, content[: content.index(b"ALTER TABLE ONLY")])

    assert bench.drill(SERIES, "--full") == 1
    assert bench.last["failure"] == "proof_failed"
    assert bench.left_behind == []


def test_a_database_without_the_rows_fails(bench: Drilling, dumps: dict[str, bytes]) -> None:
    """A query that gives zero is no proof."""
    _with_dump(bench, dumps["custom"], "SELECT count(*) FROM visit WHERE id > 500")

    assert bench.drill(SERIES, "--full") == 1
    assert bench.last["failure"] == "proof_failed"


def test_a_dump_in_a_damaged_repository_never_gets_as_far(
    bench: Drilling, dumps: dict[str, bytes]
) -> None:
    """The restore fails before the proof begins."""
    _with_dump(bench, dumps["custom"])
    flip_byte(largest_pack(bench.repository))

    assert bench.drill(SERIES, "--full") == 1
    assert (bench.last["failure"], bench.last.get("proof")) == ("damaged", None)


def test_without_the_server_the_proof_is_inconclusive(bench: Drilling) -> None:
    """What cannot be tried is not called bad. MariaDB is not on this machine."""
    bench.table |= {"proof": "mysql", "proof_path": str(bench.tree / "large.bin")}
    bench.backup()

    assert bench.drill(SERIES, "--full") == 75
    assert (bench.last["failure"], bench.last["conclusive"]) == ("proof_tool_missing", False)


def _database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE visit (id INTEGER PRIMARY KEY, note TEXT)")
        database.executemany("INSERT INTO visit (note) VALUES (?)", [("x" * 200,)] * 500)
        database.execute("CREATE INDEX by_note ON visit (note)")
        database.commit()


def test_a_sqlite_database_is_checked_and_answers(bench: Drilling) -> None:
    """Whole: it passes with its count. A page changed before the backup: it fails."""
    path = bench.tree / "his.db"
    _database(path)
    query = "SELECT count(*) FROM visit"
    bench.table |= {"proof": "sqlite", "proof_path": str(path), "proof_query": query}
    bench.backup()

    assert bench.drill(SERIES, "--full") == 0
    assert bench.last["proof_count"] == 500

    for at in range(4096, 4096 + 64):
        flip_byte(path, at)
    bench.backup()
    assert bench.drill(SERIES, "--full") == 1
    assert bench.last["failure"] == "proof_failed"


def test_what_stands_in_the_journal_is_part_of_the_database(bench: Drilling) -> None:
    """A database backed up while in use has its newest rows beside it."""
    path = bench.tree / "his.db"
    query = "SELECT count(*) FROM visit"
    bench.table |= {"proof": "sqlite", "proof_path": str(path), "proof_query": query}
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE visit (id INTEGER)")
        database.execute("INSERT INTO visit VALUES (1), (2)")
        database.commit()
        bench.backup()

    assert bench.drill(SERIES, "--full") == 0
    assert bench.last["proof_count"] == 2


def test_a_proof_path_that_leads_elsewhere_is_not_followed(bench: Drilling) -> None:
    """A link in the backup cannot make us look at a live file."""
    live = bench.folder / "live.db"
    _database(live)
    (bench.tree / "his.db").symlink_to(live)
    bench.table |= {"proof": "sqlite", "proof_path": str(bench.tree / "his.db")}
    bench.backup()

    assert bench.drill(SERIES, "--full") == 1
    assert bench.last["failure"] == "proof_failed"


def test_images_are_images(bench: Drilling) -> None:
    """Every file has the preamble of DICOM; one that has not fails it, and so does none."""
    folder = bench.tree / "pacs"
    (folder / "2026").mkdir(parents=True)
    bench.table |= {"proof": "dicom", "proof_path": str(folder)}
    bench.backup()
    assert bench.drill(SERIES, "--full") == 1

    for number in range(3):
        (folder / "2026" / f"{number}").write_bytes(bytes(128) + b"DICM" + os.urandom(100))
    bench.backup()
    assert bench.drill(SERIES, "--full") == 0
    assert bench.last["proof_count"] == 3

    (folder / "2026" / "cut").write_bytes(bytes(100))
    bench.backup()
    assert bench.drill(SERIES, "--full") == 1


def test_an_own_command_decides(bench: Drilling, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the folder, counts for us, never sees the password, and its exit code counts."""
    monkeypatch.setenv("RESTIC_PASSWORD", "never told")
    hook = script(
        bench.folder / "hook",
        'test -z "$RESTIC_PASSWORD" && test "$1" = "$TRAMGAC_DRILL_FOLDER" || exit 3\n'
        'test "$2" = "" && echo "$TRAMGAC_DRILL_SERIES" && find "$1" -name "*.dat" | wc -l',
    )
    bench.table |= {"proof": "hook", "hook": [str(hook)]}
    bench.backup()

    assert bench.drill(SERIES, "--full") == 0
    assert (bench.last["proof"], bench.last["proof_count"]) == ("hook", 6)

    bench.table["hook"] = ["/bin/false"]
    assert bench.drill(SERIES, "--full") == 1
    bench.table["hook"] = ["/no/such/program"]
    assert bench.drill(SERIES, "--full") == 75


def test_a_hook_that_hangs_is_ended(tmp_path: Path) -> None:
    """With all that it started."""
    started = tmp_path / "started"
    hook = script(tmp_path / "hook", f"sleep 61 & echo $! >{started}; wait")
    settings = DrillSettings(proof="hook", hook=(str(hook),), scratch="/s")

    with pytest.raises(DrillFailed, match="deadline"):
        prove("hook", tmp_path, Task(settings, tmp_path, Budget(3)))

    assert gone(int(started.read_text()))
