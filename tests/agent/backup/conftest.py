"""What the tests of backup evidence share: one real repository, copied for each test."""

from pathlib import Path

import pytest
from helpers import restic_repository
from helpers.restic_repository import Repository


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return restic_repository.create(tmp_path_factory.mktemp("template"))


@pytest.fixture
def repository(template: Repository, tmp_path: Path) -> Repository:
    return template.copy_to(tmp_path)
