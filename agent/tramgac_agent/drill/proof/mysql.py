"""MySQL and MariaDB: a dump is loaded into a throw-away MariaDB, where one is installed.

Written after the manual of MariaDB; not run against the real server.
"""

from pathlib import Path

from tramgac_agent.drill.proof.base import ProofResult, Task, locate, number, program, run
from tramgac_agent.drill.proof.server import Dump, as_server, room_for_server, running
from tramgac_agent.drill.tally import DrillFailed

_BY_DUMP = (b"-- MySQL dump", b"-- MariaDB dump")
_COMPLETE = b"-- Dump completed"
_DATABASE = "proof"
_DEFAULT_QUERY = (
    "SELECT count(*) FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND"
    " table_schema NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')"
)


def prove(restored: Path, task: Task) -> ProofResult:
    """Load ``proof_path`` (plain or with gzip) and run ``proof_query``.

    Raises:
        DrillFailed: ``deadline``, ``proof_tool_missing``, ``blind_tool`` or ``config``; or
            ``proof_failed`` when the dump was not restored.
    """
    server, install, client = map(program, ("mariadbd", "mariadb-install-db", "mariadb"))
    path = locate(restored, task)
    folder = room_for_server(task)
    data, socket = folder / "data", folder / "socket"
    code, _, _ = run(as_server([install, "--no-defaults", f"--datadir={data}"]), task)
    if code:
        raise DrillFailed("blind_tool", "no data folder could be made", conclusive=False)
    words = [f"--datadir={data}", f"--socket={socket}", "--skip-networking", "--skip-grant-tables"]
    ask = [client, "--no-defaults", f"--socket={socket}", "--batch", "--skip-column-names"]

    def told(query: str) -> tuple[int, str]:
        code, said, _ = run(as_server([*ask, "-e", query]), task)
        return code, said

    with running([server, "--no-defaults", *words], task, lambda: told("SELECT 1")[0] == 0):
        created, _ = told(f"CREATE DATABASE {_DATABASE}")
        if created or not _load([*ask, _DATABASE], Dump(path), task):
            return ProofResult(0, "proof_failed")
        code, said = told(task.settings.proof_query or _DEFAULT_QUERY)
        count = number(said) if code == 0 else 0
        return ProofResult(count, "" if count else "proof_failed")


def _load(argv: list[str], dump: Dump, task: Task) -> bool:
    with dump.feeding() as source:
        code, _, _ = run(as_server(argv), task, source=source)
    by_dump = any(one in dump.head for one in _BY_DUMP)
    return code == 0 and dump.whole and (not by_dump or _COMPLETE in dump.tail)
