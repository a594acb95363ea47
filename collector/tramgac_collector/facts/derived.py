"""Series the collector owns, worked out from facts: backups that outlive an agent's silence."""

from collections.abc import Callable

from tramgac_collector.facts.backup_state import judge
from tramgac_collector.facts.backups import LAST_GOOD
from tramgac_collector.facts.kinds import Claim
from tramgac_collector.facts.ledger import Fact, FactLedger
from tramgac_collector.facts.mapping import COVERAGE
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner

_LAST_GOOD = "tramgac_backup_last_good_timestamp_seconds"
_STATE = "tramgac_backup_state"
_BACKUP_FACTS = (LAST_GOOD.name, "bk.run", "bk.repository")
_COVERAGE_VALID_MS = 600_000


class Derived:
    """Keeps derived series in step with the facts.

    Args:
        facts: The ledger.
        live: Where they are shown.
        owner_of: A registered agent's owner by its id.
    """

    def __init__(
        self, facts: FactLedger, live: LiveState, owner_of: Callable[[str], Owner | None]
    ) -> None:
        self._facts = facts
        self._live = live
        self._owner_of = owner_of
        self._inventory = Inventory()
        self._rpo_hours: dict[str, float] = {}
        # What is shown now, so that a series that changes hands or state is taken off first.
        self._states: dict[str, tuple[Owner, str]] = {}
        self._good: dict[str, tuple[Owner, float]] = {}

    def set_inventory(self, inventory: Inventory) -> None:
        """Take a new inventory: which series are declared, and with what RPO."""
        self._inventory = inventory
        self._rpo_hours = {one.id: one.dataset.rpo_hours for one in inventory.all_series()}

    def refresh(self, now_ms: int) -> None:
        """Judge every series that is declared or has evidence."""
        owners: dict[str, Owner] = {}
        for one in self._inventory.all_series():
            placed = self._inventory.place_of(one.facility.id, one.dataset.host)
            if placed is not None:
                owners[one.id] = Owner("", one.facility.id, placed.site.id, placed.host.id)
        for name in _BACKUP_FACTS:
            for fact in self._facts.named(name):
                owner = self._owner_of(fact.agent_id)
                if owner is not None:
                    owners[fact.subject] = owner
        for series, owner in owners.items():
            self._show(series, owner, now_ms)
        for series in [one for one in self._states if one not in owners]:
            self._hide(series)

    def _show(self, series: str, owner: Owner, now_ms: int) -> None:
        good = self._facts.get(LAST_GOOD.name, series)
        state = judge(
            good,
            self._facts.get("bk.run", series),
            self._facts.get("bk.repository", series),
            now_ms,
            self._rpo_hours.get(series),
        ).value
        if self._states.get(series) != (owner, state):
            self._hide(series)
            self._states[series] = (owner, state)
            self._live.derived(_STATE, owner, (("series", series), ("state", state)), 1.0)
        if good is not None and good.value is not None:
            self._show_good(series, owner, good.value)

    def _show_good(self, series: str, owner: Owner, ended: float) -> None:
        if self._good.get(series) != (owner, ended):
            self._good[series] = (owner, ended)
            self._live.derived(_LAST_GOOD, owner, (("series", series),), ended)

    def _hide(self, series: str) -> None:
        if series in self._states:
            owner, state = self._states.pop(series)
            self._live.derived(_STATE, owner, (("series", series), ("state", state)), None)
        if series in self._good:
            owner, _ = self._good.pop(series)
            self._live.derived(_LAST_GOOD, owner, (("series", series),), None)

    def forget(self, agent_id: str) -> None:
        """An agent may not report any more, and the page has dropped what was derived from it."""
        shown = [
            series for series, (owner, _) in self._states.items() if owner.agent_id == agent_id
        ]
        for series in shown:
            self._hide(series)

    def note(self, fact: Fact) -> None:
        """A fact changed: show a new backup at once instead of at the next refresh."""
        if fact.name in _BACKUP_FACTS:
            owner = self._owner_of(fact.agent_id)
            if owner is not None:
                self._show(fact.subject, owner, fact.received_ms)

    def cover(self, now_ms: int) -> None:
        """Note, as facts, the share of declared hosts heard of lately, per facility."""
        expected: dict[str, list[str]] = {}
        for host in self._inventory.expected_hosts():
            expected.setdefault(host.facility, []).append(host.place)
        for facility, places in expected.items():
            heard = 0
            for place in places:
                seen = self._facts.get("agent.seen", place)
                heard += seen is not None and seen.expires_ms > now_ms
            share = heard / len(places)
            claim = Claim(COVERAGE, facility, share, "", now_ms, _COVERAGE_VALID_MS)
            self._facts.measured_here(claim, now_ms)
