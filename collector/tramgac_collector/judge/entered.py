"""What people entered and holds now, on the one page of metrics: storms, work, accepted gaps."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import Engine, select

from tramgac_collector.incidents.model import Window
from tramgac_collector.incidents.store import load_windows
from tramgac_collector.incidents.tree import CENTRE, Tree, host_of
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.live.kept import Kept, Key, place
from tramgac_collector.live.state import LiveState
from tramgac_collector.rules.overlays import Acceptance
from tramgac_collector.rules.storm import Storm, read_storms
from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import acceptances

_STORM = "tramgac_storm_until_timestamp_seconds"
_WORK = "tramgac_maintenance_until_timestamp_seconds"
_ACCEPTED = "tramgac_gap_accepted_until_timestamp_seconds"


class Holding(NamedTuple):
    """What holds at one moment, whatever the inventory says."""

    storms: tuple[Storm, ...] = ()
    windows: tuple[Window, ...] = ()
    acceptances: tuple[Acceptance, ...] = ()


class Entered:
    """Keeps the ends of what people entered in step with the tables and the inventory.

    Args:
        engine: For reading.
        live: Where they are shown.
    """

    def __init__(self, engine: Engine, live: LiveState) -> None:
        self._engine = engine
        self._kept = Kept(live)
        self._tree = Tree(Inventory())
        self._held = Holding()

    def look(self, now_ms: int) -> Holding:
        """What holds now; may run in any thread."""
        query = select(acceptances).where(acceptances.c.expires_ms > now_ms)
        with reading(self._engine) as connection:
            storms = read_storms(connection, now_ms)
            windows = load_windows(connection, now_ms)
            accepted = [Acceptance(*row) for row in connection.execute(query)]
        return Holding(
            tuple(one for one in storms if one.holds(now_ms)),
            tuple(windows),
            tuple(one for one in accepted if one.holds(now_ms)),
        )

    def set_inventory(self, inventory: Inventory) -> None:
        """Take a new inventory: what it does not name any more is taken off at once."""
        self._tree = Tree(inventory)
        self.show(self._held)

    def show(self, held: Holding) -> None:
        """Show it; of several that hold, the last to end counts."""
        self._held = held
        last: dict[Key, int] = {}
        for key, until_ms in self._lines(held):
            if self._tree.inventory.facility(key[1].facility) is not None:
                last[key] = max(last.get(key, 0), until_ms)
        self._kept.show({key: until_ms / 1000 for key, until_ms in last.items()})

    def _lines(self, held: Holding) -> Iterator[tuple[Key, int]]:
        for storm in held.storms:
            for facility in storm.facilities:
                yield (_STORM, place(facility), ()), storm.over_ms
        for one in held.acceptances:
            yield (_ACCEPTED, place(one.facility), (("rule", one.rule),)), one.expires_ms
        for window in held.windows:
            for node in self._places(window.node):
                yield (_WORK, place(*node.split("/")), ()), window.until_ms

    def _places(self, node: str) -> Iterable[str]:
        """The facility, site or host; of what is shared, the sites that hang on it.

        Work on one system or on a vendor's cloud is of no place.
        """
        if not self._tree.knows(node):
            return ()
        facilities = self._tree.inventory.facilities
        if node == CENTRE:
            return [one.id for one in facilities]
        if ":" not in node.partition("/")[0]:
            return (host_of(node),)
        sites = (f"{one.id}/{site.id}" for one in facilities for site in one.sites)
        return [site for site in sites if node in self._tree.ancestors(site)]
