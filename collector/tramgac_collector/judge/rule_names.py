"""What the rules in force ask, on the one page of metrics: a verdict alone names only its rule."""

from collections.abc import Collection, Iterator

from sqlalchemy import Engine

from tramgac_collector.live.kept import place
from tramgac_collector.live.names import Info
from tramgac_collector.live.state import LiveState
from tramgac_collector.rules.library import Library, fingerprint
from tramgac_collector.rules.pack import Deadline, Pack, Rule
from tramgac_collector.rules.province import library_of
from tramgac_collector.store.engine import read_generation, reading

_INFO = "tramgac_rule_info"
_NOBODY = place("")


class RuleNames:
    """Names the rules of which verdicts are shown, each once.

    Args:
        engine: For reading.
        live: Where they are shown.
    """

    def __init__(self, engine: Engine, live: LiveState) -> None:
        self._engine = engine
        self._live = live
        self._seen: tuple[object, ...] = ()
        self._read: dict[str, Info] = {}
        self._named: dict[str, Info] = {}
        self._shown: list[Info] = []

    def look(self, rules: Collection[str]) -> list[Info]:
        """A line for each of ``rules``; may run in any thread.

        Packs are read again when a file or what is in force changed. A rule whose pack cannot
        be read any more keeps what it was called, else it is called by its id.
        """
        with reading(self._engine) as connection:
            seen = (fingerprint(), read_generation(connection))
            if seen != self._seen:
                self._read, self._seen = dict(_infos(library_of(connection))), seen
        known = self._named | self._read
        self._named = {rule: known.get(rule) or _unread(rule) for rule in sorted(rules)}
        return list(self._named.values())

    def show(self, infos: list[Info]) -> None:
        """Show them, in place of those shown before."""
        if infos != self._shown:
            self._live.name("rules", infos)
            self._shown = infos


def _infos(library: Library) -> Iterator[tuple[str, Info]]:
    for pack in library.packs:
        rows: list[Rule | Deadline] = [*pack.rules, *pack.deadlines]
        for row in rows:
            yield row.id, _info(pack, row)


def _info(pack: Pack, row: Rule | Deadline) -> Info:
    force = pack.legal_force(row) if isinstance(row, Rule) else pack.pack.legal_force
    labels = (
        ("rule", row.id),
        ("pack", pack.pack.id),
        ("force", force),
        ("text_status", pack.text_status(row)),
        ("cite", str(row.cite)),
        ("title_vi", row.text.vi),
        ("title_en", row.text.en),
    )
    return Info(_INFO, _NOBODY, labels)


def _unread(rule: str) -> Info:
    nothing = (("pack", ""), ("force", ""), ("text_status", ""), ("cite", ""))
    return Info(_INFO, _NOBODY, (("rule", rule), *nothing, ("title_vi", rule), ("title_en", rule)))
