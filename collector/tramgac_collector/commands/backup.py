"""``tramgac-collector backup --to FILE --passphrase-file F``."""

import argparse
import os
import sys
from pathlib import Path

from tramgac_collector.backup.archive import save
from tramgac_collector.backup.store import StoreCopyError
from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK
from tramgac_proto.privatefile import sync_folder

MIN_PASSPHRASE = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--passphrase-file", type=Path, required=True)


def read_passphrase(path: Path) -> bytes:
    """First line of the file.

    Raises:
        CommandFailed: It cannot be read, or is too short to protect a CA key.
    """
    try:
        with path.open("rb") as file:
            passphrase = file.readline(1024).strip()
    except OSError as error:
        raise CommandFailed(f"passphrase: {error}") from error
    if len(passphrase) < MIN_PASSPHRASE:
        raise CommandFailed(f"{path}: the passphrase needs at least {MIN_PASSPHRASE} characters")
    return passphrase


def main(args: argparse.Namespace) -> int:
    """Write beside the target first, so that a failed backup never replaces a good one."""
    config = load_config(args.config)
    passphrase = read_passphrase(args.passphrase_file)
    part = args.to.with_name(args.to.name + ".part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600, exist_ok=False)
        with part.open("r+b") as file:
            manifest = save(config.state_dir, config.store_url, file, passphrase)
            file.flush()
            os.fsync(file.fileno())
        part.replace(args.to)
        sync_folder(args.to.parent)
    except (OSError, StoreCopyError) as error:
        part.unlink(missing_ok=True)
        raise CommandFailed(f"no backup was made: {error}") from error
    sys.stdout.write(f"{args.to}: {manifest['store_bytes']} bytes of store, and the keys\n")
    return EXIT_OK
