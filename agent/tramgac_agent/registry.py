"""Classes that are named in a table and imported when they are first needed."""

from importlib import import_module
from typing import Any


def find(place: str, kind: type) -> type[Any]:
    """The class at ``module:Name``.

    Args:
        place: A line of a registry.
        kind: What it must be a subclass of.

    Raises:
        TypeError: It is something else.
    """
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    if not (isinstance(found, type) and issubclass(found, kind)):
        msg = f"{place} is not a {kind.__name__}"
        raise TypeError(msg)
    return found
