"""The restics to test with: the installed one, and those of `scripts/other-restic`."""

from pathlib import Path

_TOOLS = Path(__file__).parents[2] / ".tools"


def restics(*suites: str) -> dict[str, str]:
    """Program by name: ``debian`` for the installed one, then one for each suite.

    Raises:
        AssertionError: One was not fetched; ``make test`` does it.
    """
    found = {"debian": "restic"}
    for suite in suites or ("trixie",):
        path = _TOOLS / f"restic-{suite}" / "usr/bin/restic"
        if not path.is_file():
            raise AssertionError(f"{path}: run `scripts/other-restic {suite}`")
        found[suite] = str(path)
    return found
