"""DICOM: every file of a folder begins as Part 10 of the standard says.

128 bytes of preamble, then ``DICM`` (DICOM PS3.10, 7.1). It proves that images are there and
are images, not that a viewer opens them.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tramgac_agent.drill.proof.base import ProofResult, Task, locate
from tramgac_agent.drill.tally import DrillFailed

_MAX_FILES = 100_000
_MAGIC_AT = 128
_MAGIC = b"DICM"
# The index of a medium and files that belong to no image.
_NO_IMAGE = frozenset({".tramgac-canary"})


def prove(restored: Path, task: Task) -> ProofResult:
    """Look at the first 100,000 files below ``proof_path``; all must be DICOM, and one at least.

    Raises:
        DrillFailed: ``deadline``, or the folder was not restored.
    """
    good = 0
    for path, _ in zip(_files(locate(restored, task)), range(_MAX_FILES), strict=False):
        if task.budget.left <= 0:
            raise DrillFailed("deadline", conclusive=False)
        if not _is_dicom(path):
            return ProofResult(good, "proof_failed")
        good += 1
    return ProofResult(good, "" if good else "proof_failed")


def _files(folder: Path) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = f"{place}/{name}"
            if name not in _NO_IMAGE and stat.S_ISREG(os.lstat(path).st_mode):
                yield path


def _is_dicom(path: str) -> bool:
    with Path(path).open("rb") as source:
        return source.read(_MAGIC_AT + len(_MAGIC))[_MAGIC_AT:] == _MAGIC
