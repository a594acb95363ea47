"""The words of the rules, read from the packs once and again when a file changed."""

from tramgac_collector.notify.digest import RuleWords, rule_words
from tramgac_collector.rules.library import Library, fingerprint


class PackWords:
    """Clause and text of every rule and deadline that is shipped, title of every paper."""

    def __init__(self) -> None:
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._words: dict[str, RuleWords] = {}

    def read(self) -> dict[str, RuleWords]:
        """By id."""
        stamp = fingerprint()
        if stamp != self._stamp:
            library = Library.read()
            self._words = rule_words(library.packs, library.papers)
            self._stamp = stamp
        return self._words
