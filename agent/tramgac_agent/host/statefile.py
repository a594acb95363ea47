"""Small JSON files that survive a power cut whole, or are said to be broken."""

import logging
import os
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


def load(path: Path, kind: type[T], log: logging.Logger) -> T | None:
    """Read what ``save`` wrote.

    Returns:
        None when the file is missing, and when it is unreadable or torn (logged).
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("%s is unusable, starting without it: %s", path.name, error)
        return None


def save(path: Path, value: object) -> None:
    """Replace the file; after return the new content is on the disk.

    Raises:
        OSError: The old content still stands.
    """
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(value))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make a rename or a new file in ``directory`` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
