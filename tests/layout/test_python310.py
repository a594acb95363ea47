"""What the type checker cannot see: calls that Python 3.10 has, and answers differently."""

import re
import sys
from pathlib import Path

import pytest

from tramgac_collector.__main__ import main

ROOT = Path(__file__).parents[2]
# Each with its one home.
DIFFERENT = {
    r"fromisoformat\(": "proto/tramgac_proto/compat.py",
    r"sqlite_error(code|name)": "agent/tramgac_agent/host/sqlitename.py",
    r"\bimport tomli": "proto/tramgac_proto/compat.py",
}


@pytest.mark.parametrize("pattern", DIFFERENT)
def test_what_differs_has_one_home(pattern: str) -> None:
    """Agent and shared code go through it, so that old servers measure what new ones measure."""
    files = [path for name in ("agent", "proto") for path in (ROOT / name).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in files if re.search(pattern, path.read_text())}

    assert found == {DIFFERENT[pattern]}


def test_an_old_python_is_told_to_the_collectors_owner(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line and the exit code of a wrong set-up, no traceback."""
    monkeypatch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
    code = main()
    monkeypatch.undo()

    assert code == 78
    assert "needs Python 3.11 or newer" in capsys.readouterr().err
