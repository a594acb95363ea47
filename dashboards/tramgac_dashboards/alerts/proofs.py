"""Unit tests of the rules, for ``promtool test rules``."""

from collections.abc import Iterator


def files() -> Iterator[tuple[str, str]]:
    """Each file, by its path in ``dashboards/``."""
    yield from ()
