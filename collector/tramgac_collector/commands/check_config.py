"""``tramgac-collector check-config``: is the file usable?"""

import argparse
import sys
from pathlib import Path

from tramgac_collector.config import DEFAULT_PATH, Config, load_config
from tramgac_collector.identity.keyring import general_names
from tramgac_collector.inventory.load import load_inventory
from tramgac_collector.notify.roster import roster_of
from tramgac_collector.rules.province import own_files
from tramgac_collector.rules.signing import read_keys
from tramgac_collector.store.engine import open_engine
from tramgac_collector.web.address import check_door
from tramgac_collector.wsgi import split_address
from tramgac_proto.configfile import EXIT_OK, ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)


def check_doors(config: Config) -> dict[str, str]:
    """Every address the collector listens on, by name.

    Raises:
        ConfigError: One of them is no address, or shows the pages to strangers.
    """
    listen = config.listen
    doors = {name: str(getattr(listen, name)) for name in listen.__struct_fields__}
    if not config.throughput.responder:
        del doors["throughput"]
    for name, address in doors.items():
        try:
            split_address(address)
        except ValueError as error:
            raise ConfigError(f"[listen] {name}: {error}") from None
    check_door(config)
    return doors


def check_all(config: Config) -> dict[str, str]:
    """Everything that would keep `serve` from working; return its addresses by name.

    Raises:
        ConfigError: With the key and the fix.
    """
    doors = check_doors(config)
    taken = [address for address in doors.values() if not address.endswith(":0")]
    for address in taken:
        if taken.count(address) > 1:
            names = [name for name, one in doors.items() if one == address]
            raise ConfigError(
                f"[listen] {' and '.join(names)}: both are {address}; give each its own"
            )
    try:
        general_names(config.collector.names)
    except ValueError:
        names_key = "[collector] names: host names are ASCII (xn--... for others), or addresses"
        raise ConfigError(names_key) from None
    open_engine(config.store_url).dispose()
    roster_of(config.notify)
    return doors


def check_packs(config: Config) -> int:
    """How many packs of the province's own there are to look at; the judge looks closer.

    No start waits for them: what is in force stays, and the rest of the collector works.

    Raises:
        ConfigError: Their folder or a trusted key cannot be read.
    """
    read_keys(config.rules.trusted_keys)
    return len(own_files(Path(config.rules.folder))) if config.rules.folder else 0


def main(args: argparse.Namespace) -> int:
    """Load everything; a fault ends with exit code 78 and names file, key and fix."""
    config = load_config(args.config)
    try:
        doors = check_all(config)
        packs = check_packs(config)
    except ConfigError as error:
        raise ConfigError(f"{args.config}: {error}") from None
    inventory = Path(config.collector.inventory)
    if inventory.exists():
        hosts = sum(1 for _ in load_inventory(inventory).placed_hosts())
        known = f"{hosts} hosts in {inventory}"
    else:
        known = f"no inventory at {inventory} yet"
    addresses = ", ".join(f"{name} {address}" for name, address in doors.items())
    own = f"; {packs} packs in {config.rules.folder}" if config.rules.folder else ""
    sys.stdout.write(f"{args.config}: usable; {addresses}; {known}{own}\n")
    return EXIT_OK
