"""What the tests of backup evidence share: a real repository of each test's own."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.restic_repository import Repository, template


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return template().copy_to(tmp_path)


@pytest.fixture
def filled(repository: Repository, tmp_path: Path) -> Repository:
    """One snapshot of content that fills a pack of its own."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_bytes(random.Random(1).randbytes(200_000))
    repository.restic("backup", str(source))
    return repository


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """The library leaves its repository in the environment of the process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
