"""Asking a REST server whether it would delete proves something and touches nothing."""

import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.backup import SERIES
from helpers.rest_server import RestServer, rest_server
from helpers.restic_repository import Repository
from helpers.restic_versions import restics
from helpers.verifying import verify, verify_config

from tramgac_agent.restic import immutability
from tramgac_agent.restic.immutability import Answer, probe, server_of

USER, WORD = "his01", "p@ss/word"
QUOTED = "his01:p%40ss%2Fword"


@pytest.fixture(params=[True, False], ids=["append-only", "ordinary"])
def server(request: pytest.FixtureRequest, repository: Repository) -> Iterator[RestServer]:
    with rest_server(
        repository.path, append_only=request.param, user=USER, password=WORD
    ) as running:
        yield running


def ask(address: str, **environment: str) -> Answer:
    found = server_of(address, environment)
    assert found is not None
    return probe(found)


def files(repository: Repository) -> list[Path]:
    return sorted(path for path in repository.path.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", list(restics()))
def test_restic_works_with_the_stub(repository: Repository, tmp_path: Path, name: str) -> None:
    """So that what it answers means something: backup to it, restore from it, forget in it."""
    (tmp_path / "a").write_text("content")
    with rest_server(repository.path, append_only=True) as server:
        address = f"rest:http://127.0.0.1:{server.port}/"

        def restic(*words: str) -> bytes:
            command = [restics()[name], "-r", address, *words]
            return subprocess.run(
                command, env=repository.environment, check=True, capture_output=True, timeout=60
            ).stdout

        restic("backup", str(tmp_path / "a"))
        said = restic("dump", "latest", str(tmp_path / "a"))
        (snapshot,) = (repository.path / "snapshots").iterdir()
        server.append_only = False
        restic("forget", snapshot.name)

    assert said == b"content"
    assert not repository.locks()
    assert not snapshot.exists()


def test_the_answer_tells_whether_deleting_is_refused(
    server: RestServer, repository: Repository
) -> None:
    """403 or not; one DELETE of a random snapshot, and nothing is gone."""
    before = files(repository)
    answer = ask(f"rest:http://{QUOTED}@127.0.0.1:{server.port}/")

    assert answer == Answer("refused" if server.append_only else "allowed")
    ((method, path),) = server.seen
    assert method == "DELETE"
    assert re.fullmatch(r"/snapshots/[0-9a-f]{64}", path)
    assert files(repository) == before


def test_credentials_may_stand_in_the_environment(server: RestServer) -> None:
    """Where restic reads them too."""
    address = f"rest:http://127.0.0.1:{server.port}/"

    answer = ask(address, RESTIC_REST_USERNAME=USER, RESTIC_REST_PASSWORD=WORD)
    assert answer.result != "unknown"
    assert ask(address) == Answer("unknown", "blind_auth")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, Answer("allowed")),
        (301, Answer("unknown", "http_301")),
        (307, Answer("unknown", "http_307")),
        (405, Answer("unknown", "http_405")),
        (503, Answer("unknown", "http_503")),
    ],
)
def test_any_other_answer_proves_nothing(
    repository: Repository, status: int, expected: Answer
) -> None:
    """And a redirect is never followed."""
    with rest_server(repository.path) as server:
        server.answer = status
        assert ask(f"rest:http://127.0.0.1:{server.port}/") == expected
        assert len(server.seen) == 1


def serve_once(said: bytes, *, drip: bool = False) -> int:
    """A server that says that and then waits; return its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with listener, listener.accept()[0] as peer:
            peer.settimeout(20)
            peer.sendall(said)
            try:
                while peer.recv(4096) or drip:
                    peer.sendall(b"X: y\r\n")
                    threading.Event().wait(0.1)
            except OSError:
                return

    threading.Thread(target=answer, daemon=True).start()
    return int(listener.getsockname()[1])


def test_a_server_that_never_finishes_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when each byte comes in time."""
    monkeypatch.setattr(immutability, "TIMEOUT_SECONDS", 0.5)
    port = serve_once(b"HTTP/1.1 200 OK\r\n", drip=True)

    assert ask(f"rest:http://127.0.0.1:{port}/") == Answer("unknown", "blind_timeout")


def test_what_is_no_http_or_no_tls_or_nobody_proves_nothing() -> None:
    """Each with its code."""
    nonsense = serve_once(b"220 smtp.example\r\n")
    plain = serve_once(b"HTTP/1.1 200 OK\r\n\r\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = free.getsockname()[1]

    assert ask(f"rest:http://127.0.0.1:{nonsense}/") == Answer("unknown", "not_http")
    assert ask(f"rest:https://127.0.0.1:{plain}/") == Answer("unknown", "untrusted_tls")
    assert ask(f"rest:http://127.0.0.1:{closed}/") == Answer("unknown", "blind_unreachable")


@pytest.mark.parametrize("name", list(restics()))
def test_without_a_port_it_asks_where_restic_does(
    name: str, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server of that machine must not get the password, nor answer for this one."""
    asked: list[tuple[str, int]] = []

    def note(place: tuple[str, int], *_: Any) -> socket.socket:
        asked.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", note)
    # Nobody may listen there: 127.66.66.66 is this machine and belongs to no test server.
    for scheme, port in (("http", 80), ("https", 443)):
        address = f"rest:{scheme}://127.66.66.66/his01/"
        assert ask(address).failure == "blind_unreachable"
        restic = subprocess.Popen(
            [restics()[name], "--no-cache", "-r", address, "cat", "config"],
            env=repository.environment,
            stderr=subprocess.PIPE,
        )
        assert restic.stderr is not None
        said = restic.stderr.readline()
        restic.kill()
        restic.communicate()
        assert asked[-1] == ("127.66.66.66", port)
        assert f"dial tcp 127.66.66.66:{port}".encode() in said


@pytest.mark.parametrize(
    "address",
    ["/srv/backup", "sftp:h:/b", "s3:https://h/b", "rest:ftp://h/", "rest:http://h:x/", "rest:/a"],
)
def test_only_a_rest_server_is_asked(address: str) -> None:
    """Nothing else is ever sent a DELETE."""
    assert server_of(address, {}) is None


def test_the_verifier_asks_weekly_and_reports_for_each_series(
    server: RestServer, repository: Repository, tmp_path: Path
) -> None:
    """Without waiting for the window; an unknown answer lasts a day."""
    place = tmp_path / "address"
    place.write_text(f"rest:http://{QUOTED}@127.0.0.1:{server.port}/\n")
    table: dict[str, object] = {"probe_immutability": True, "slices": 0, "metadata_days": 366}
    config = verify_config(tmp_path, repository, table, repository="", repository_file=str(place))
    server.answer = 503
    unknown = of_kind("immutability_probe", verify(config, "--now", "immutability"))
    server.answer = 0
    soon = of_kind("immutability_probe", verify(config))
    known = of_kind("immutability_probe", verify(config, "--now", "immutability"))
    later = of_kind("immutability_probe", verify(config))

    assert [one["failure"] for one in unknown] == ["http_503"]
    (record,) = known
    assert record["series"] == SERIES
    assert record["result"] == ("refused" if server.append_only else "allowed")
    assert soon == later == []
    assert sum(method == "DELETE" for method, _ in server.seen) == 2


def of_kind(kind: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in records if one["kind"] == kind]
