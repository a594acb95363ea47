"""Why a restic repository cannot be read, in every version's own way."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.restic_looking import seen
from helpers.restic_repository import Repository
from helpers.restic_versions import restics


def _wrong_password(repository: Repository) -> None:
    repository.password_file.write_text("not the password")


def _no_password(repository: Repository) -> None:
    repository.password_file.write_text("")


def _no_password_file(repository: Repository) -> None:
    repository.password_file.unlink()


def _no_keys(repository: Repository) -> None:
    for key in (repository.path / "keys").iterdir():
        key.unlink()


def _moved(repository: Repository) -> None:
    repository.path.rename(repository.path.with_name("elsewhere"))


def _broken_key(repository: Repository) -> None:
    (key,) = (repository.path / "keys").iterdir()
    key.write_text("{}")


def _empty_config(repository: Repository) -> None:
    (repository.path / "config").chmod(0o600)
    (repository.path / "config").write_text("")


BLIND = [
    (_wrong_password, "blind_auth"),
    (_no_password, "blind_auth"),
    (_no_password_file, "blind_auth"),
    (_no_keys, "blind_auth"),
    (_moved, "missing"),
    (_broken_key, "blind_tool"),
    (_empty_config, "blind_tool"),
]


@pytest.mark.parametrize(("harm", "state"), BLIND)
def test_newer_versions_say_why_they_cannot_read(
    repository: Repository, tmp_path: Path, harm: Callable[[Repository], None], state: str
) -> None:
    """By exit code, in 0.18."""
    harm(repository)
    shown = seen(dataclasses.replace(repository, program=restics()["trixie"]), tmp_path)

    assert (shown.state, shown.snapshots) == (state, None)


@pytest.mark.soak
@pytest.mark.parametrize(("harm", "state"), BLIND)
def test_the_newest_version_says_why_it_cannot_read(
    repository: Repository, tmp_path: Path, harm: Callable[[Repository], None], state: str
) -> None:
    """The same in 0.19."""
    harm(repository)
    shown = seen(dataclasses.replace(repository, program=restics("sid")["sid"]), tmp_path)

    assert (shown.state, shown.snapshots) == (state, None)
