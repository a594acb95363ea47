"""What the tests of backup evidence share: a real repository of each test's own."""

from pathlib import Path

import pytest
from helpers.restic_repository import Repository, template


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return template().copy_to(tmp_path)
