"""Numbers and labels as the Prometheus text format 0.0.4 spells them."""

from collections.abc import Iterable, Sequence

import msgspec

_MINUS_INFINITY = float("-inf")
# From here on the format wants an exponent where ``repr`` still writes digits.
_EXPONENT_FROM = 1e6
# Below, ``repr`` writes an exponent; JSON has another idea of when and how.
_EXPONENT_BELOW = 1e-4
_ENCODE = msgspec.json.Encoder().encode
# By the place of the point in what ``repr`` wrote.
_EXPONENTS = {point: f"e+{point - 1:02d}" for point in range(7, 18)}
_NOT_FINITE = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def _special(value: float, word: str) -> str:
    """A value ``repr`` spells otherwise: not finite, or 1e6 and above.

    Args:
        value: The number.
        word: What JSON writes for it.
    """
    text = word if "." in word and "e" not in word else repr(value)
    point = text.find(".")
    if point > 1:
        mantissa = f"{text[0]}.{text[1:point]}{text[point + 1 :]}"
        return mantissa.rstrip("0.") + _EXPONENTS[point]
    return _NOT_FINITE.get(text, text)


def _plain(values: Sequence[float], packed: bytes) -> bool:
    """Whether JSON writes every one of ``values`` as the format wants it.

    The digits are always ``repr``'s, the shortest that give the number back. The notation is
    another where exponents come in, below 0.0001 and from 1e6 on, and JSON has no word for
    what is not finite.
    """
    return (
        max(values) < _EXPONENT_FROM
        and b"e" not in packed
        and b"0.0000" not in packed
        and b"null" not in packed
    )


def spell(values: Iterable[float]) -> tuple[str, ...]:
    """Spell numbers exactly as ``prometheus_client`` does, many at once in a fifth of the time."""
    numbers = list(map(float, values))
    if not numbers:
        return ()
    packed = _ENCODE(numbers)
    words = packed[1:-1].decode("ascii").split(",")
    if not _plain(numbers, packed):
        for at, value in enumerate(numbers):
            if _EXPONENT_BELOW <= value < _EXPONENT_FROM:
                continue
            small = _MINUS_INFINITY < value < _EXPONENT_BELOW
            words[at] = repr(value) if small else _special(value, words[at])
    return tuple(words)


def escape(value: str) -> str:
    """Escape a label value."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def labels_text(labels: Sequence[tuple[str, str]]) -> str:
    """``{a="1",b="2"}``, sorted by name."""
    pairs = [f'{name}="{escape(value)}"' for name, value in sorted(labels)]
    return f"{{{','.join(pairs)}}}" if pairs else ""
