"""Real processes on loopback, ended with the test whatever happens."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.stack import Stack

MakeStack = Callable[..., Stack]
HOSTS = ("h1", "h2", "h3")


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A centre with three enrolled hosts that never ran; copied instead of made anew."""
    stack = Stack(tmp_path_factory.mktemp("enrolled"), hosts=HOSTS)
    try:
        stack.start_collector()
        stack.enroll(*HOSTS)
        stack.stop("ingest")
    finally:
        stack.close()
    return stack.root


@pytest.fixture
def make_stack(tmp_path: Path, enrolled: Path) -> Iterator[MakeStack]:
    """Build a stack of enrolled hosts and start its collector; everything is killed afterwards."""
    made: list[Stack] = []

    def make(**settings: Any) -> Stack:
        stack = Stack(tmp_path, hosts=HOSTS, **settings)
        made.append(stack)
        stack.take_over(enrolled)
        stack.start_collector()
        return stack

    yield make
    for one in made:
        one.close()


@pytest.fixture
def stack(make_stack: MakeStack) -> Stack:
    """A collector, and the hosts ``h1`` to ``h3`` whose agents are not started yet."""
    return make_stack()
