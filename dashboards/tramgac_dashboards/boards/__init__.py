"""The boards by name, in the order in which they are offered."""

from importlib import import_module
from typing import Final

from tramgac_dashboards.model import Board

BOARDS: Final = (
    "province",
    "facility",
    "server",
    "lan",
    "backups",
    "regulations",
    "power",
    "fleet",
    "collector",
)


def load(name: str) -> Board:
    """The board of this name: ``BOARD`` of its module."""
    board: Board = import_module(f"{__name__}.{name}").BOARD
    return board
