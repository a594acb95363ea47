"""A real PostgreSQL server of our own, on a unix socket below one folder."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

# Not durable on purpose: what is tested is our SQL, not PostgreSQL's.
_SETTINGS = "-c fsync=off -c full_page_writes=off -c max_connections=40 -c shared_buffers=16MB"


def _program(name: str) -> str:
    found = shutil.which(name)
    if found:
        return found
    # Debian keeps the server's own programs off the PATH.
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not versions:
        raise FileNotFoundError(f"{name}: install the package postgresql")
    return str(versions[-1])


def as_server(name: str, *argv: str) -> list[str]:
    """`initdb` and the server refuse root; `nobody` exists everywhere and owns nothing."""
    command = [_program(name), *argv]
    return ["runuser", "-u", "nobody", "--", *command] if os.geteuid() == 0 else command


def _run(*argv: str) -> None:
    done = subprocess.run(
        as_server(*argv), capture_output=True, text=True, timeout=60, check=False, cwd="/"
    )
    if done.returncode:
        raise RuntimeError(f"{argv[0]}: {done.stdout}{done.stderr}")


@contextmanager
def running_postgres(settings: str = "") -> Iterator[str]:
    """Start a server, with more ``-c NAME=VALUE``; gives the folder of its socket."""
    # Short: a unix socket's path may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="tg-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    data = folder / "data"
    try:
        _run("initdb", "-D", str(data), "-U", "tramgac", "-A", "trust", "-N", "-E", "UTF8")
        options = f"-k {folder} -c listen_addresses='' {_SETTINGS} {settings}"
        _run("pg_ctl", "-D", str(data), "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield str(folder)
        finally:
            _run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def throwaway_postgresql() -> Iterator[str]:
    """Start a server for one test; gives the SQLAlchemy URL of an empty database."""
    with running_postgres() as folder:
        yield new_database(folder).replace("+psycopg", "", 1)


def new_database(socket_folder: str) -> str:
    """Create an empty database; gives its SQLAlchemy URL."""
    name = f"t{uuid4().hex[:12]}"
    with psycopg.connect(
        host=socket_folder, user="tramgac", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return f"postgresql+psycopg://tramgac@/{name}?host={socket_folder}"
