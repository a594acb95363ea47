"""`tramgac-collector backup` and `restore`, as a person runs them."""

import io
import socket
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from helpers.postgres import throwaway_postgresql
from sqlalchemy import select

from tramgac_collector.__main__ import COMMANDS
from tramgac_collector.identity.ca import Authority
from tramgac_collector.store.engine import open_engine, reading
from tramgac_collector.store.schema import tokens
from tramgac_proto import commandline


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Box:
    """One collector's folder and configuration."""

    folder: Path
    url: str = ""

    def run(self, *arguments: str) -> Done:
        """The command table itself, in this process: the imports are paid for once."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            words = [*arguments, "--config", str(self.config)]
            code = commandline.run("tramgac-collector", COMMANDS, words)
        return Done(code, out.getvalue(), err.getvalue())

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def store_url(self) -> str:
        return self.url or f"sqlite:///{self.state / 'store.db'}"

    @property
    def config(self) -> Path:
        path = self.folder / "collector.toml"
        if not path.exists():
            path.write_text(
                f'[collector]\nstate_dir = "{self.state}"\n'
                f'[store]\nurl = "{self.url}"\n'
                f'[listen]\nmetrics = "127.0.0.1:{free_port()}"\n'
            )
        return path

    @property
    def passphrase(self) -> Path:
        path = self.folder.parent / "passphrase"
        path.write_text("correct horse battery\n")
        return path

    def token(self) -> str:
        done = self.run("token", "create", "--facility", "bvdk", "--site", "main")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def backup(self, target: Path) -> Done:
        return self.run("backup", "--to", str(target), "--passphrase-file", str(self.passphrase))

    def restore(self, source: Path, *more: str) -> Done:
        file = str(self.passphrase)
        return self.run("restore", "--from", str(source), "--passphrase-file", file, *more)

    def token_ids(self) -> list[str]:
        engine = open_engine(self.store_url)
        with reading(engine) as connection:
            found = list(connection.scalars(select(tokens.c.id)))
        engine.dispose()
        return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def make_box(folder: Path, url: str = "") -> Box:
    folder.mkdir()
    return Box(folder, url)


def test_store_and_keys_come_back_on_an_empty_machine(tmp_path: Path) -> None:
    """After losing the machine, agents and tokens find the same CA and the same store."""
    box = make_box(tmp_path / "one")
    token = box.token()
    saved = tmp_path / "centre.tgb"
    done = box.backup(saved)
    assert done.returncode == 0, done.stderr
    assert saved.stat().st_mode & 0o777 == 0o600
    assert token.split(".")[1].encode() not in saved.read_bytes()

    new = make_box(tmp_path / "two")
    done = new.restore(saved)
    assert done.returncode == 0, done.stderr
    assert new.token_ids() == [token.split(".")[1]]
    assert Authority.open(new.state).pin == token.split(".")[3] == Authority.open(box.state).pin
    for name in ("ca.pem", "lease.key"):
        assert (new.state / "identity" / name).stat().st_mode & 0o777 == 0o600


def test_a_restore_over_living_state_is_asked_for_twice(tmp_path: Path) -> None:
    """Without --force nothing is touched; with it the old files are moved aside, not lost."""
    box = make_box(tmp_path / "one")
    box.token()
    saved = tmp_path / "centre.tgb"
    assert box.backup(saved).returncode == 0
    later = box.token()
    done = box.restore(saved)
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert later.split(".")[1] in box.token_ids()
    done = box.restore(saved, "--force")
    assert done.returncode == 0, done.stderr
    assert later.split(".")[1] not in box.token_ids()
    assert len(list(box.state.glob("*.before-*"))) >= 2


def test_bad_files_change_nothing(tmp_path: Path) -> None:
    """Wrong passphrase, cut file, stranger's file: a clear word, and the state as it was."""
    box = make_box(tmp_path / "one")
    box.token()
    saved = tmp_path / "centre.tgb"
    assert box.backup(saved).returncode == 0
    before = box.token_ids()
    cut = tmp_path / "cut.tgb"
    cut.write_bytes(saved.read_bytes()[:-100])
    done = box.restore(cut, "--force")
    assert (done.returncode, "truncated" in done.stderr) == (1, True)
    stranger = tmp_path / "stranger"
    stranger.write_bytes(b"hello" * 100)
    assert "not a backup" in box.restore(stranger, "--force").stderr
    wrong = tmp_path / "wrong"
    wrong.write_text("incorrect horse battery\n")
    command = ["restore", "--from", str(saved), "--passphrase-file", str(wrong), "--force"]
    done = box.run(*command)
    assert (done.returncode, "wrong passphrase" in done.stderr) == (1, True)
    assert box.token_ids() == before
    assert not list(box.state.glob("*.before-*"))


def test_a_running_collector_is_not_restored_under(tmp_path: Path) -> None:
    """If something answers at the metrics address, the person is told to stop it."""
    box = make_box(tmp_path / "one")
    port = int(box.config.read_text().rpartition(":")[2].strip().strip('"'))
    with socket.create_server(("127.0.0.1", port)):
        done = box.restore(tmp_path / "any")
    assert (done.returncode, "stop it first" in done.stderr) == (1, True)


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    """A CA key is not put behind a few letters."""
    box = make_box(tmp_path / "one")
    short = tmp_path / "short"
    short.write_text("letmein\n")
    done = box.run("backup", "--to", str(tmp_path / "x"), "--passphrase-file", str(short))
    assert (done.returncode, "at least 12" in done.stderr) == (1, True)
    assert not (tmp_path / "x").exists()


def test_a_postgresql_store_comes_back_too(tmp_path: Path) -> None:
    """On the second tier the store goes through pg_dump and pg_restore, in one transaction."""
    with throwaway_postgresql() as url:
        box = make_box(tmp_path / "one", url)
        kept = box.token()
        saved = tmp_path / "centre.tgb"
        done = box.backup(saved)
        assert done.returncode == 0, done.stderr
        box.token()
        (box.state / "identity").rename(box.state / "gone")
        done = box.restore(saved)
        assert (done.returncode, "tables of the PostgreSQL store" in done.stderr) == (1, True)
        done = box.restore(saved, "--force")
        assert done.returncode == 0, done.stderr
        assert box.token_ids() == [kept.split(".")[1]]
