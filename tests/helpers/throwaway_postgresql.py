"""A PostgreSQL of its own for one test: on a socket only, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_USER = "nobody"


def _program(name: str) -> str:
    found = shutil.which(name)
    if found:
        return found
    # Debian keeps the server's own programs off the PATH.
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not versions:
        raise FileNotFoundError(f"{name}: install the package postgresql")
    return str(versions[-1])


def _run(command: list[str]) -> None:
    # initdb and postgres refuse to run as root.
    drop = ["setpriv", f"--reuid={_USER}", "--regid=nogroup", "--clear-groups"]
    prefix = drop if os.geteuid() == 0 else []
    # Not a pipe: the server inherits it and would hold it open for ever.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [*prefix, *command], stdout=output, stderr=output, timeout=60, check=False, cwd="/"
        )
        output.seek(0)
        if done.returncode:
            raise RuntimeError(output.read().decode(errors="replace"))


@contextmanager
def throwaway_postgresql() -> Iterator[str]:
    """Yield the SQLAlchemy URL of an empty database."""
    folder = Path(tempfile.mkdtemp(prefix="tramgac-pg-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam(_USER).pw_uid, -1)
        data = str(folder / "data")
        options = ["-U", "tramgac", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"]
        _run([_program("initdb"), "-D", data, *options])
        control = [_program("pg_ctl"), "-D", data, "-w", "-l", str(folder / "log")]
        server = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        _run([*control, "-o", server, "start"])
        try:
            yield f"postgresql://tramgac@/postgres?host={folder}"
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
