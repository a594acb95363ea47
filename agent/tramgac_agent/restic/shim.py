"""Writes the executable that starts the wrapper; resticpy wants one path, not a command."""

import os
import shlex
import sys
from pathlib import Path

_WRAPPER = Path(__file__).with_name("wrapper.py")


def install(folder: Path) -> Path:
    """Write ``folder/restic-read-only`` (owner only, atomically) and return its path.

    ``-I -S`` keeps the environment, the user's site and every package out of the wrapper.

    Raises:
        OSError: The folder is not writable.
    """
    path = folder / "restic-read-only"
    line = shlex.join([sys.executable, "-I", "-S", str(_WRAPPER)])
    text = f'#!/bin/sh\nexec {line} "$@"\n'
    if path.is_file() and path.read_text() == text and os.access(path, os.X_OK):
        return path
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(text)
    temporary.chmod(0o700)
    temporary.replace(path)
    return path
