"""The words of the rules, read from the packs once and again when a file changed."""

from pathlib import Path

from tramgac_collector.notify.digest import RuleWords, rule_words
from tramgac_collector.rules.pack import read_pack

_FOLDER = Path(__file__).parents[1] / "packs"


class PackWords:
    """Clause and text of every rule that is shipped."""

    def __init__(self) -> None:
        self._stamp: tuple[tuple[str, int], ...] = ()
        self._words: dict[str, RuleWords] = {}

    def read(self) -> dict[str, RuleWords]:
        """By rule id."""
        files = sorted(one for one in _FOLDER.glob("*.yml") if one.name != "papers.yml")
        stamp = tuple((one.name, one.stat().st_mtime_ns) for one in files)
        if stamp != self._stamp:
            self._words = rule_words([read_pack(one) for one in files])
            self._stamp = stamp
        return self._words
