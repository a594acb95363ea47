"""Probe files with ``[verify]``, and the verifier as a real process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from helpers.backup import drop_folder, dropped, probe_config
from helpers.restic_repository import Repository

ANY_TIME: dict[str, object] = {"window": [], "slice_hours": 0}


def verify_config(
    folder: Path, of: Repository, verify: dict[str, object] | None = None, **settings: object
) -> Path:
    """A probe file for checks at any time, as often as asked."""
    config = probe_config(folder, of, **settings)
    table = ANY_TIME | (verify or {})
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    config.write_text("\n".join([config.read_text(), "[verify]", *lines, ""]))
    return config


def start_verify(config: Path, folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """The verifier, left running."""
    command = [sys.executable, "-m", "tramgac_agent.restic.verify"]
    return subprocess.Popen(
        [*command, "--config", str(config), "--drop", str(folder), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def verify(config: Path, *words: str, expected_exit: int = 0) -> list[dict[str, Any]]:
    """Verify once; return what it dropped, and clear the folder."""
    folder = drop_folder(config.parent)
    with start_verify(config, folder, *words) as running:
        _, said = running.communicate(timeout=100)
    assert running.returncode == expected_exit, said
    records = dropped(folder)
    for path in folder.glob("*.json"):
        path.unlink()
    return records


def verify_one(config: Path, *words: str, expected_exit: int = 0) -> dict[str, Any]:
    """The same, for the one record that is expected."""
    (record,) = verify(config, *words, expected_exit=expected_exit)
    return record


def packs(of: Repository) -> list[Path]:
    """Packs, biggest first: those of file content before those of folders."""
    found = (path for path in (of.path / "data").glob("*/*") if path.is_file())
    return sorted(found, key=lambda path: -path.stat().st_size)


def flip(pack: Path) -> None:
    """Change one byte in the middle."""
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 0xFF
    pack.write_bytes(data)
