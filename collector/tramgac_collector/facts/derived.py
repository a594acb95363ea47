"""Series the collector owns, worked out from facts: backups that outlive an agent's silence."""

from collections.abc import Callable, Iterator
from itertools import chain, islice

from tramgac_collector.backups.copies import Copies, Judged
from tramgac_collector.backups.declared import Declarations
from tramgac_collector.backups.judging import Judgement, judge_all, judge_beside
from tramgac_collector.facts import backups as bk
from tramgac_collector.facts.kinds import EVENT_VALID_MS, Claim, FactKind
from tramgac_collector.facts.ledger import Fact, FactLedger
from tramgac_collector.facts.mapping import COVERAGE
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner

_NOTED_VALID_MS = 600_000
# Series judged in one turn, some 25 ms of work; with very many, all within half a minute.
_TURN_SERIES = 200
_TURNS = 30
_HOUR_SECONDS = 3600.0
_BACKUP = "tramgac_backup_"
# Facts that show by whom a series is reported; the newest of these names its owner.
_TELLING = (bk.REPOSITORY, bk.RUN_STARTED, bk.LAST_RUN)
_JUDGED = {kind.name for kind in bk.BACKUP_KINDS} - {bk.DECLARED.name, bk.COPIES.name}

Labels = tuple[tuple[str, str], ...]
Lines = dict[tuple[str, Labels], float]

# Shown as it was told, without judging.
_AS_TOLD: tuple[tuple[str, Labels, FactKind], ...] = (
    ("last_good_timestamp_seconds", (), bk.LAST_GOOD),
    ("last_check_timestamp_seconds", (("scope", "metadata"),), bk.CHECK_GOOD),
    ("last_check_timestamp_seconds", (("scope", "data"),), bk.DATA_GOOD),
    ("data_read_ratio", (), bk.DATA_READ),
    *(
        ("last_drill_timestamp_seconds", (("kind", kind),), fact)
        for kind, fact in bk.DRILLS_GOOD.items()
    ),
    ("restore_bytes_per_second", (), bk.RESTORE_RATE),
    ("predicted_restore_seconds", (), bk.RESTORE_TIME),
)


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
        self._declarations = Declarations.of(self._inventory)
        # What is shown now of each series and dataset: what is no more is taken off.
        self._shown: dict[str, tuple[Owner, Lines]] = {}
        self._copies: dict[str, Copies] = {}
        self._news: dict[str, None] = {}
        self._due: dict[str, None] = {}

    def set_inventory(self, inventory: Inventory) -> None:
        """Take a new inventory: which series are declared, and what is asked of them."""
        self._inventory = inventory
        self._declarations = Declarations.of(inventory)

    def note(self, fact: Fact) -> None:
        """A fact changed: the next ``settle`` judges its series anew."""
        if fact.name in _JUDGED:
            self._news[fact.subject] = None

    def renew(self) -> None:
        """Time has passed: the next turns of ``settle`` judge every series anew."""
        self._due = dict.fromkeys((*self._declarations.series, *self._seen()))

    def settle(self, now_ms: int) -> None:
        """Judge some series: those of which something new is known, then those that are due."""
        turn = max(_TURN_SERIES, len(self._due) // _TURNS)
        for series in list(islice(chain(self._news, self._due), turn)):
            if series not in self._news and series not in self._due:
                continue  # judged beside another of its dataset
            # Forgotten first: one that cannot be judged must not hold up the others for ever.
            self._news.pop(series, None)
            self._due.pop(series, None)
            judgement = judge_beside(self._facts, self._declarations, series, now_ms)
            for one in judgement.series:
                self._news.pop(one, None)
                self._due.pop(one, None)
            self._show_all(judgement, now_ms)

    def refresh(self, now_ms: int) -> None:
        """Judge every series that is declared or has evidence, at once."""
        self._note_declared(now_ms)
        self._news.clear()
        self._due.clear()
        judgement = judge_all(self._facts, self._declarations, now_ms, self._seen())
        self._copies = dict(judgement.copies)
        self._show_all(judgement, now_ms)
        for subject in self._shown.keys() - judgement.series.keys() - judgement.copies.keys():
            self._hide(subject)

    def _seen(self) -> set[str]:
        return {fact.subject for kind in _TELLING for fact in self._facts.named(kind.name)}

    def _note_declared(self, now_ms: int) -> None:
        """Remember, for ever, since when a series is declared."""
        for series in self._declarations.series:
            if self._facts.get(bk.DECLARED.name, series) is None:
                claim = Claim(bk.DECLARED, series, now_ms / 1000, "", now_ms, EVENT_VALID_MS)
                self._facts.measured_here(claim, now_ms)

    def _show_all(self, judgement: Judgement, now_ms: int) -> None:
        for judged in judgement.series.values():
            owner = self._owner(judged)
            if owner is None:
                self._hide(judged.series)
            else:
                self._show(judged.series, owner, dict(_lines(judged, now_ms)))
        for dataset, counted in judgement.copies.items():
            self._copies[dataset] = counted
            owner = self._home(self._declarations.datasets[dataset][0].place)
            if owner is not None:
                label: Labels = (("dataset", dataset),)
                lines: Lines = {
                    (f"{_BACKUP}copies", label): float(counted.count),
                    (f"{_BACKUP}copies_required", label): float(counted.required),
                }
                self._show(dataset, owner, lines)

    def _home(self, place: str) -> Owner | None:
        return Owner("", *place.split("/")) if place else None

    def _owner(self, judged: Judged) -> Owner | None:
        """Who reports it; where nobody does, the host the inventory says it lies on."""
        told = [fact for kind in _TELLING if (fact := judged.evidence.of(kind)) is not None]
        for fact in sorted(told, key=lambda one: -one.collected_ms):
            owner = self._owner_of(fact.agent_id)
            if owner is not None:
                return owner
        return self._home("" if judged.declared is None else judged.declared.place)

    def _show(self, subject: str, owner: Owner, lines: Lines) -> None:
        before = self._shown.get(subject)
        if before is not None and before[0] != owner:
            self._hide(subject)
            before = None
        shown = {} if before is None else before[1]
        for name, labels in shown.keys() - lines.keys():
            self._live.derived(name, owner, labels, None)
        for (name, labels), value in lines.items():
            if shown.get((name, labels)) != value:
                self._live.derived(name, owner, labels, value)
        self._shown[subject] = (owner, lines)

    def _hide(self, subject: str) -> None:
        owner, lines = self._shown.pop(subject, (None, {}))
        if owner is not None:
            for name, labels in lines:
                self._live.derived(name, owner, labels, None)

    def forget(self, agent_id: str) -> None:
        """An agent may not report any more, and the page has dropped what was derived from it.

        With it went whatever else was shown of the same host; the next refresh brings it back.
        """
        gone = {owner.place for owner, _ in self._shown.values() if owner.agent_id == agent_id}
        for subject in [one for one, (owner, _) in self._shown.items() if owner.place in gone]:
            self._hide(subject)

    def cover(self, now_ms: int) -> None:
        """Note, as facts, the copies of each dataset, and each facility's share of hosts heard."""
        for dataset, copies in self._copies.items():
            text = f"{copies.count}/{copies.required}"
            value = float(copies.count)
            claim = Claim(bk.COPIES, dataset, value, text, now_ms, _NOTED_VALID_MS)
            self._facts.measured_here(claim, now_ms)
        expected: dict[str, list[str]] = {}
        for host in self._inventory.expected_hosts():
            expected.setdefault(host.facility, []).append(host.place)
        for facility, places in expected.items():
            heard = 0
            for place in places:
                seen = self._facts.get("agent.seen", place)
                heard += seen is not None and seen.expires_ms > now_ms
            share = heard / len(places)
            claim = Claim(COVERAGE, facility, share, "", now_ms, _NOTED_VALID_MS)
            self._facts.measured_here(claim, now_ms)


def _lines(judged: Judged, now_ms: int) -> Iterator[tuple[tuple[str, Labels], float]]:
    """What the page says of one series."""
    verdict, evidence = judged.verdict, judged.evidence
    series = ("series", judged.series)
    if judged.declared is not None:
        asked = judged.declared.dataset
        yield (f"{_BACKUP}rpo_seconds", (series,)), asked.rpo_hours * _HOUR_SECONDS
        if asked.rto_hours is not None:
            yield (f"{_BACKUP}rto_seconds", (series,)), asked.rto_hours * _HOUR_SECONDS
    yield (f"{_BACKUP}state", (series, ("state", verdict.state.value))), 1.0
    for found in verdict.findings:
        yield (f"{_BACKUP}finding", (series, ("reason", found.reason))), 1.0
    if verdict.next_due_ms is not None:
        label = (series,)
        yield (f"{_BACKUP}next_due_timestamp_seconds", label), verdict.next_due_ms / 1000
    for name, extra, kind in _AS_TOLD:
        fact = evidence.of(kind)
        if fact is not None and fact.value is not None:
            yield (_BACKUP + name, (series, *extra)), fact.value
    probe = evidence.of(bk.IMMUTABLE)
    if probe is not None and probe.value is not None and probe.expires_ms > now_ms:
        yield (f"{_BACKUP}immutable", (series,)), probe.value
