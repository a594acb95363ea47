"""A real PostgreSQL server that a backup product archives, run as the server's own user."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from helpers.postgres import as_server, running_postgres


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        folder: Its socket, its ``data``, and whatever belongs to the product under test.
    """

    folder: Path

    def run(self, *argv: str) -> str:
        """Run a tool as the server's user.

        Raises:
            RuntimeError: It failed.
        """
        done = subprocess.run(
            as_server(*argv),
            cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(f"{argv}: {done.stdout}{done.stderr}")
        return done.stdout

    def sql(self, *statements: str) -> None:
        with psycopg.connect(
            host=str(self.folder), user="tramgac", dbname="postgres", autocommit=True
        ) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def archived_server(*, archive_mode: str = "on") -> Iterator[Server]:
    """Start a server that may be streamed from; ``off`` where nothing takes its WAL."""
    with running_postgres(
        f"-c archive_mode={archive_mode} -c wal_level=replica -c max_wal_senders=4"
    ) as folder:
        yield Server(Path(folder))
