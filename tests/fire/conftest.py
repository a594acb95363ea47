"""Real processes on loopback, ended with the test whatever happens."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.stack import Stack

MakeStack = Callable[..., Stack]


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[MakeStack]:
    """Build a stack below ``tmp_path``; everything it started is killed afterwards."""
    made: list[Stack] = []

    def make(**settings: Any) -> Stack:
        made.append(Stack(tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def stack(make_stack: MakeStack) -> Stack:
    """A collector and one enrolled host, ``h1``, whose agent is not started yet."""
    one = make_stack()
    one.start_collector()
    one.enroll()
    return one
