"""``tramgac-collector restore --from FILE --passphrase-file F [--force]``."""

import argparse
import socket
import sys
from pathlib import Path

from tramgac_collector.backup.archive import StateInTheWay, restore
from tramgac_collector.backup.store import StoreCopyError
from tramgac_collector.backup.vault import VaultError
from tramgac_collector.commands.backup import read_passphrase
from tramgac_collector.config import DEFAULT_PATH, Config, load_config
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--passphrase-file", type=Path, required=True)
    parser.add_argument("--force", action="store_true", help="move what is there aside first")


def _require_stopped(config: Config) -> None:
    host, _, port = config.listen.metrics.rpartition(":")
    try:
        socket.create_connection((host or "127.0.0.1", int(port)), timeout=1).close()
    except OSError:
        return
    raise CommandFailed(f"the collector answers at {config.listen.metrics}; stop it first")


def main(args: argparse.Namespace) -> int:
    """Restore, or say why not and what was left as it is."""
    config = load_config(args.config)
    passphrase = read_passphrase(args.passphrase_file)
    _require_stopped(config)
    try:
        with args.source.open("rb") as file:
            manifest, aside = restore(
                config.state_dir, config.store_url, file, passphrase, force=args.force
            )
    except StateInTheWay as error:
        raise CommandFailed(f"already there: {error}; --force moves it aside") from error
    except (OSError, VaultError, StoreCopyError) as error:
        raise CommandFailed(f"{args.source}: {error}") from error
    lines = [f"restored a backup of version {manifest['version']}"]
    lines += [f"the old files are now {path}" for path in aside]
    sys.stdout.write("\n".join(lines) + "\n")
    return EXIT_OK
