"""What the shipped packs are, byte for byte: a list of SHA-256 sums that is committed with them."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tramgac_collector.rules.lint import Complaint
from tramgac_collector.rules.pack import PackError

FILE = "SHA256SUMS"
_MEND = "install the package anew; after a change of ours: `sha256sum *.yml > SHA256SUMS`"


def read_sums(folder: Path) -> Mapping[str, str]:
    """Sum by file name.

    Raises:
        PackError: The list is missing or no such list.
    """
    path = folder / FILE
    try:
        rows = [line.split() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise PackError(f"{path}: cannot be read: {_MEND}") from error
    if not rows or any(len(row) != 2 for row in rows):  # noqa: PLR2004 - sum and name
        raise PackError(f"{path}: not a list of sums: {_MEND}")
    return {name: digest for digest, name in rows}


def changed(folder: Path) -> Iterator[tuple[str, Complaint]]:
    """Files that are not what was shipped, each with what to do.

    Raises:
        PackError: The list is missing.
    """
    sums = read_sums(folder)
    there = {path.name: path for path in folder.glob("*.yml")}
    for name in sorted(sums.keys() | there.keys()):
        if name not in there:
            text = f"it is missing: {_MEND}"
        elif name not in sums:
            text = f"it is not in {FILE}: a pack of your own goes into [rules] folder, signed"
        elif hashlib.sha256(there[name].read_bytes()).hexdigest() != sums[name]:
            text = f"it was changed after it was shipped: {_MEND}"
        else:
            continue
        yield name, Complaint("pack", f"{folder / name}: {text}")
