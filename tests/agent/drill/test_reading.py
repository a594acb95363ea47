"""What restic says of its data is told apart from everything else that can go wrong."""

from pathlib import Path

import pytest
from helpers.backup import script

from tramgac_agent.drill.reading import Repository
from tramgac_agent.drill.tally import DrillFailed
from tramgac_agent.restic.runner import Budget, Runner

LOST = "ReadFull(<data/3c703e9f90>): open /r/data/3c/3c703e9f90: no such file or directory"
MANY = f"""
echo 'ignoring error for /a: {LOST}' >&2
for i in $(seq 400); do
  echo "ignoring error for /dev/sda$i: operation not permitted and more words" >&2
done
echo 'Fatal: There were 401 errors' >&2; exit 1
"""
FEW = """
echo 'ignoring error for /dev: operation not permitted' >&2
echo 'Fatal: There were 1 errors' >&2; exit 1
"""
SAID = {
    "damage that harmless errors push out": (MANY, "damaged"),
    "only attributes": (FEW, ""),
    "full disk": ("echo 'write /x: no space left on device' >&2; exit 1", "no_space"),
    "no network": ("echo 'Fatal: dial tcp: connection refused' >&2; exit 1", "blind_unreachable"),
    "lost index": ("echo 'id 9a15ae8a not found in repository' >&2; exit 1", "damaged"),
    "cut pack": ("echo 'ReadFull(<data/3c703e9f90>): file is too short' >&2; exit 1", "damaged"),
    "unknown": ("echo 'Fatal: the moon is full' >&2; exit 1", "blind_tool"),
}


@pytest.mark.parametrize(("text", "code"), SAID.values(), ids=SAID)
def test_what_a_restore_says_is_understood(tmp_path: Path, text: str, code: str) -> None:
    """Only lost or broken data is damage, and it is not forgotten for what follows it."""
    restic = script(tmp_path / "restic", f'[ "$1" = cat ] && exit 0\n{text}')
    repository = Repository(Runner(restic, {"PATH": "/usr/bin:/bin"}, Budget(30)))

    if not code:
        assert repository.restore("0" * 64, tmp_path) > 0
        return
    with pytest.raises(DrillFailed) as failed:
        repository.restore("0" * 64, tmp_path)

    assert (failed.value.code, failed.value.conclusive) == (code, code == "damaged")


def test_damage_is_not_said_of_what_cannot_be_opened(tmp_path: Path) -> None:
    """A share that went away loses every file at once."""
    restic = script(tmp_path / "restic", f"echo 'Fatal: {LOST}' >&2; exit 1")
    repository = Repository(Runner(restic, {"PATH": "/usr/bin:/bin"}, Budget(30)))

    with pytest.raises(DrillFailed) as failed:
        repository.dump("0" * 64, "/a")

    assert (failed.value.code, failed.value.conclusive) == ("missing", False)
