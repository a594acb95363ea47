"""Names and notes of others made harmless before they stand in a message.

They come from inventories, hosts and people: a line break in one would forge a second line,
a mark of writing direction would turn the text around, and a very long one would push out the rest.
"""

import unicodedata

# Control, format (writing direction, zero width), lone surrogates, line and paragraph separators.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_LONGEST = 120
# Marks upon marks on one letter paint over the lines around it.
_MOST_MARKS = 2


def plain(text: str, longest: int = _LONGEST) -> str:
    """One line of composed characters, at most ``longest`` of them.

    Args:
        text: Anything; only so much of it is looked at.
        longest: In characters; what was longer ends with an ellipsis.
    """
    kept: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text[: 8 * longest]):
        kind = unicodedata.category(char)
        marks = marks + 1 if kind.startswith("M") else 0
        if marks <= _MOST_MARKS:
            kept.append(" " if kind in _UNSEEN else char)
    line = " ".join("".join(kept).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def units(text: str) -> int:
    """Length as a telephone counts it in a message with Vietnamese letters: UCS-2 code units."""
    return len(text.encode("utf-16-le")) // 2


def cut(text: str, room: int) -> str:
    """As much of a text as fits ``room`` code units, never half a letter; shortened ends with …."""
    if units(text) <= room:
        return text
    kept, left = list[str](), room - 1
    for char in text:
        left -= units(char)
        if left < 0:
            break
        kept.append(char)
    rest = text[len(kept) :]
    # A mark belongs to the letter before it.
    while kept and rest and unicodedata.category(rest[0]).startswith("M"):
        rest = kept.pop() + rest
    return "".join(kept).rstrip() + "…" if room > 0 else ""
