"""The draw of a sample: bounded, fair, repeatable."""

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_agent.drill.reading import Node
from tramgac_agent.drill.sample import Draw


def _draw(sizes: list[int], wanted: int = 20, seed: str = "a", most: int = 2**40) -> Draw:
    draw = Draw(wanted, seed, most)
    for number, size in enumerate(sizes):
        draw.take(Node("file", f"/{number}", size))
    return draw


@given(st.lists(st.integers(0, 10**6), max_size=60), st.integers(1, 30), st.integers(1, 10**6))
@settings(max_examples=60, deadline=None)
def test_a_draw_keeps_its_bounds(sizes: list[int], wanted: int, most: int) -> None:
    """No file twice, no more than wanted, no more bytes than allowed, and never nothing."""
    draw = _draw(sizes, wanted, most=most)
    chosen = draw.chosen()

    assert len({node.path for node in chosen}) == len(chosen) <= wanted
    assert bool(chosen) == bool(sizes)
    assert sum(node.size for node in chosen) <= most or len(chosen) == 1
    assert (draw.files, draw.bytes) == (len(sizes), sum(sizes))
    if sum(sizes) <= most:
        assert len(chosen) == min(wanted, len(sizes))


def test_a_draw_is_repeatable_and_changes_with_the_drill() -> None:
    """The same drill draws the same files; the next one others."""
    sizes = list(range(1, 500))

    assert _draw(sizes).chosen() == _draw(sizes).chosen()
    assert _draw(sizes).chosen() != _draw(sizes, seed="b").chosen()


def test_large_files_are_drawn_oftener_but_small_ones_too() -> None:
    """Of 990 small and 10 large files, every draw has some of each."""
    sizes = [1] * 990 + [10_000] * 10
    large = [sum(node.size > 1 for node in _draw(sizes, 20, f"{n}").chosen()) for n in range(50)]

    assert min(large) >= 5
    assert max(large) <= 12


def test_a_long_listing_takes_no_more_memory() -> None:
    """100,000 files cost what a hundred do."""
    draw = Draw(20, "a", 2**40)
    for number in range(100):
        draw.take(Node("file", f"/{number}", 10))
    tracemalloc.start()
    for number in range(100_000):
        draw.take(Node("file", f"/{number}", number))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 200_000


def test_what_cannot_be_asked_for_is_not_drawn() -> None:
    """Folders, links, and names that JSON could not carry; the last still count as files."""
    draw = Draw(20, "a", 100)
    for node in (Node("dir", "/a"), Node("symlink", "/b"), Node("file", "/\ufffd", 5), Node()):
        draw.take(node)

    assert (draw.files, draw.chosen()) == (1, [])
