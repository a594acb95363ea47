"""From a YAML file to a checked inventory, or to a message that says what to mend."""

from pathlib import Path

import msgspec

from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.rules import Problem, find_problems
from tramgac_collector.inventory.strictyaml import StrictYamlError, parse, read_text
from tramgac_proto.configfile import ConfigError

_MOST_PROBLEMS_SHOWN = 20
# What msgspec says, and what a person can do about it.
_FIXES = (
    ("matching regex '^[a-z0-9]", "use small letters, digits and `-`, at most 63"),
    ("matching regex '^([a-z0-9]", "use small letters, digits and `-`, at most 63"),
    ("Expected `str`, got", "put it in quotes"),
    ("unknown field", "check the spelling, see docs/inventory.md"),
    ("missing required field", "add it, see docs/inventory.md"),
)


class InventoryError(ConfigError):
    """The inventory cannot be used; one line a problem, each with file, path and fix."""


def _explain(where: str, error: msgspec.ValidationError) -> str:
    text, _, place = str(error).partition(" - at `$")
    path = place.removesuffix("`").removeprefix(".")
    fix = next((f"; {fix}" for sign, fix in _FIXES if sign in text), "")
    return f"{where}: {path}: {text}{fix}" if path else f"{where}: {text}{fix}"


def _list(where: str, problems: list[Problem]) -> str:
    lines = [f"{where}: {one.path}: {one.text}" for one in problems[:_MOST_PROBLEMS_SHOWN]]
    if len(problems) > _MOST_PROBLEMS_SHOWN:
        lines.append(f"{where}: and {len(problems) - _MOST_PROBLEMS_SHOWN} more")
    return "\n".join(lines)


def parse_inventory(text: str, where: str) -> Inventory:
    """Check an inventory's text.

    Args:
        text: YAML.
        where: Named in messages, usually the file.

    Raises:
        InventoryError: Every problem found, one a line.
    """
    try:
        inventory = msgspec.convert(parse(text) or {}, Inventory)
    except StrictYamlError as error:
        raise InventoryError(f"{where}: {error}") from None
    except msgspec.ValidationError as error:
        raise InventoryError(_explain(where, error)) from None
    problems = find_problems(inventory)
    if problems:
        raise InventoryError(_list(where, problems))
    return inventory


def read_document(path: Path) -> str:
    """Read an inventory file.

    Raises:
        InventoryError: It is missing, unreadable, too large or not UTF-8.
    """
    try:
        return read_text(path)
    except FileNotFoundError:
        text = f"{path}: no such file; write one, docs/inventory.md has an example"
        raise InventoryError(text) from None
    except OSError as error:
        raise InventoryError(f"{path}: cannot be read: {error.strerror}") from error
    except StrictYamlError as error:
        raise InventoryError(f"{path}: {error}") from None


def load_inventory(path: Path) -> Inventory:
    """Read and check an inventory file.

    Raises:
        InventoryError: Names file, place and fix; a ``ConfigError``.
    """
    return parse_inventory(read_document(path), str(path))
