"""What the tests of sources share."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for dumps."""
    made = tmp_path / "dumps"
    made.mkdir()
    return made
