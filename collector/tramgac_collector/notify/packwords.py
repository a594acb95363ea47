"""The words of the rules, read from the packs once and again when a pack changed."""

from sqlalchemy import Connection

from tramgac_collector.notify.digest import RuleWords, rule_words
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.province import library_of


class PackWords:
    """Clause and text of every rule and deadline in force, title of every paper."""

    def __init__(self) -> None:
        self._library = Library()
        self._words: dict[str, RuleWords] = {}

    def read(self, connection: Connection) -> dict[str, RuleWords]:
        """By id."""
        library = library_of(connection)
        if list(map(id, library.packs)) != list(map(id, self._library.packs)):
            self._words = rule_words(library.packs, library.papers)
            self._library = library
        return self._words
