"""PostgreSQL: a dump is loaded into a throw-away cluster, which is then asked something.

The cluster listens on a unix socket in the drill's own folder only. What is in the dump runs
in it with all rights, so the drill's user must have none that matter.
"""

import re
from pathlib import Path

from tramgac_agent.drill.proof.base import ProofResult, Task, locate, number, program, run
from tramgac_agent.drill.proof.server import Dump, as_server, room_for_server, running
from tramgac_agent.drill.tally import DrillFailed

_CUSTOM = b"PGDMP"
_TAR_MAGIC = slice(257, 262)
_BY_PG_DUMP = b"-- PostgreSQL database"
_COMPLETE = b"dump complete"
_USER = "drill"
_DATABASE = "proof"
_DEFAULT_QUERY = (
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%'"
    " AND n.nspname <> 'information_schema'"
)
# Owners of the real server are unknown here (undefined_object); their data is not.
_TOLERATED = "42704"
_ERROR = re.compile(r"(?:ERROR|FATAL|PANIC):\s+([0-9A-Z]{5})")
# Not durable on purpose: it lives for minutes.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_connections": "20",
    "shared_buffers": "32MB",
}


def prove(restored: Path, task: Task) -> ProofResult:
    """Load ``proof_path`` (plain, custom or tar; also with gzip) and run ``proof_query``.

    Raises:
        DrillFailed: ``deadline``, ``proof_tool_missing``, ``blind_tool`` or ``config``; or
            ``proof_failed`` when the dump was not restored.
    """
    path = locate(restored, task)
    if not path.is_file():
        raise DrillFailed("config", "`proof_path` must be one file", conclusive=False)
    folder = room_for_server(task)
    data = folder / "data"
    _initialise(data, task)
    options = [word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}")]
    server = [program("postgres"), "-D", str(data), "-k", str(folder), *options]
    with running(server, task, lambda: _psql("SELECT 1", "postgres", folder, task)[0] == 0):
        created, _ = _psql(f"CREATE DATABASE {_DATABASE}", "postgres", folder, task)
        if created or not _load(Dump(path), folder, task):
            return ProofResult(0, "proof_failed")
        query = task.settings.proof_query or _DEFAULT_QUERY
        code, said = _psql(query, _DATABASE, folder, task)
        count = number(said) if code == 0 else 0
        return ProofResult(count, "" if count else "proof_failed")


def _initialise(data: Path, task: Task) -> None:
    words = ["-U", _USER, "-A", "trust", "-N", "-E", "UTF8", "--locale=C", "--no-instructions"]
    code, _, _ = run(as_server([program("initdb"), "-D", str(data), *words]), task)
    if code:
        raise DrillFailed("blind_tool", "initdb failed", conclusive=False)


def _connection(folder: Path, database: str) -> list[str]:
    return ["-h", str(folder), "-U", _USER, "-d", database]


def _psql(query: str, database: str, folder: Path, task: Task) -> tuple[int, str]:
    words = ["-X", "-A", "-t", "-q", "-c", query]
    argv = [program("psql"), *_connection(folder, database), *words]
    code, said, _ = run(as_server(argv), task)
    return code, said


def _load(dump: Dump, folder: Path, task: Task) -> bool:
    """Whether all of the dump went in without an error that matters."""
    archive = dump.head.startswith(_CUSTOM) or dump.head[_TAR_MAGIC] == b"ustar"
    if archive:
        argv = [program("pg_restore"), "--no-owner", "--no-privileges", "--exit-on-error"]
    else:
        argv = [program("psql"), "-X", "-q", "-v", "VERBOSITY=sqlstate"]
    with dump.feeding() as source:
        code, _, errors = run(
            as_server([*argv, *_connection(folder, _DATABASE)]), task, source=source
        )
    if code or any(one != _TOLERATED for one in _ERROR.findall(errors)):
        return False
    if archive:
        return True
    # A text that was cut off between two statements loads without a word.
    return dump.whole and (_BY_PG_DUMP not in dump.head or _COMPLETE in dump.tail)
