"""Terms of backups: what the backup judge worked out, as evidence of rules. Nothing twice."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tramgac_collector.backups import proofs
from tramgac_collector.backups.copies import Copies, Judged
from tramgac_collector.backups.declared import Declared
from tramgac_collector.backups.judging import judge_dataset
from tramgac_collector.facts import backups as bk
from tramgac_collector.facts.kinds import EVENT_VALID_MS, FactKind
from tramgac_collector.facts.stored import Facts
from tramgac_collector.rules.evaluate import Evidence

_DAMAGE = {"metadata_damaged", "data_damaged", "snapshot_damaged"}
_NEAR = {"same_device", "same_machine"}
_LOOKED = (bk.CHECK, bk.DATA, bk.RESTORE)


@dataclass(frozen=True, slots=True)
class JudgedDataset:
    """All series of one dataset, judged at one moment."""

    series: Sequence[Judged]
    copies: Copies
    now_ms: int

    @classmethod
    def of(cls, facts: Facts, group: Sequence[Declared], now_ms: int) -> "JudgedDataset":
        """Judge it."""
        judged, copies = judge_dataset(facts, group, now_ms)
        return cls(judged, copies, now_ms)


class _Look(NamedTuple):
    """When a repository was looked at, until when that counts, and who looked."""

    collected_ms: int
    expires_ms: int
    origin: str


def _look(one: Judged) -> _Look | None:
    look = one.evidence.of(bk.REPOSITORY)
    if look is None or look.text != "ok":
        return None
    return _Look(look.collected_ms, look.expires_ms, look.origin)


def _best(
    dataset: JudgedDataset, found: Iterable[Evidence | None], prefer: Callable[[float], float]
) -> Evidence | None:
    """The best of what is fresh, else of what has expired."""
    some = [one for one in found if one is not None]
    fresh = [one for one in some if one.expires_ms > dataset.now_ms]

    def place(one: Evidence) -> float:
        return prefer(float(one.value)) if isinstance(one.value, float | int) else 0.0

    return max(fresh or some, key=place, default=None)


def _youngest(dataset: JudgedDataset, found: Iterable[Evidence | None]) -> Evidence | None:
    return _best(dataset, found, lambda age: -age)


def _aged(dataset: JudgedDataset, at_ms: int, seen: _Look) -> Evidence:
    return Evidence(max(0.0, (dataset.now_ms - at_ms) / 1000), *seen)


def _age(dataset: JudgedDataset) -> Evidence | None:
    """Of what the repository shows: a run that ended well and left nothing there is no backup."""

    def one(judged: Judged) -> Evidence | None:
        look, good = _look(judged), judged.evidence.good_ms(dataset.now_ms)
        gone = any(found.reason == "snapshot_not_found" for found in judged.verdict.findings)
        return None if look is None or good is None or gone else _aged(dataset, good[1], look)

    return _youngest(dataset, map(one, dataset.series))


def _since(dataset: JudgedDataset, time_of: Callable[[Judged], int | None]) -> Evidence | None:
    """Age of an event that stays true; the best of all destinations."""

    def one(judged: Judged) -> Evidence | None:
        at_ms = time_of(judged)
        if at_ms is None:
            return None
        return _aged(dataset, at_ms, _Look(at_ms, at_ms + EVENT_VALID_MS, "centre"))

    return _youngest(dataset, map(one, dataset.series))


def _seen(dataset: JudgedDataset) -> Evidence | None:
    """Yes for ever; no only while somebody can look."""
    if any(one.evidence.seen for one in dataset.series):
        return Evidence(value=True, collected_ms=dataset.now_ms, expires_ms=dataset.now_ms + 1)
    looks = [look for one in dataset.series if (look := _look(one)) is not None]
    return Evidence(False, *max(looks, key=lambda look: look.expires_ms)) if looks else None  # noqa: FBT003 - it is the content


def _shown(kind: FactKind) -> Callable[[JudgedDataset], Evidence | None]:
    """A value the newest look showed, of the destination with most."""

    def term(dataset: JudgedDataset) -> Evidence | None:
        facts = (one.evidence.of(kind) for one in dataset.series)
        return _best(
            dataset,
            (
                Evidence(fact.value, fact.collected_ms, fact.expires_ms, fact.origin)
                for fact in facts
                if fact is not None
            ),
            lambda value: value,
        )

    return term


def _copies(count: Callable[[Copies], int]) -> Callable[[JudgedDataset], Evidence | None]:
    """What is counted while some destination cannot be seen is only the least there are.

    It says nothing then, unless it is as many as the facility itself asks for.
    """

    def term(dataset: JudgedDataset) -> Evidence | None:
        looks = [_look(one) for one in dataset.series]
        known = [look for look in looks if look is not None]
        if not known:
            return None
        enough = dataset.copies.count >= dataset.copies.required
        last = max(known, key=lambda look: look.expires_ms)
        if None in looks and not enough:
            expires = min(dataset.now_ms, last.expires_ms)
        else:
            ends = [look.expires_ms for look in known]
            expires = max(ends) if enough else min(ends)
        value = float(count(dataset.copies))
        return Evidence(value, last.collected_ms, expires, last.origin)

    return term


def _same_place(dataset: JudgedDataset) -> Evidence | None:
    """Yes only if no copy lies anywhere else; while one cannot be seen, that is not known."""
    media = [one.evidence.of(bk.MEDIUM) for one in dataset.series]
    known = [fact for fact in media if fact is not None]
    fresh = [fact for fact in known if fact.expires_ms > dataset.now_ms]
    away = next((fact for fact in fresh if fact.text not in _NEAR), None)
    if away is None and (not known or len(known) < len(media)):
        return None
    fact = away or min(known, key=lambda one: one.expires_ms)
    return Evidence(fact.text in _NEAR, fact.collected_ms, fact.expires_ms, fact.origin)


def _damaged(dataset: JudgedDataset) -> Evidence | None:
    """Yes if any destination is; no if a check or drill of one ever ended."""
    found = {one for judged in dataset.series for one in judged.verdict.findings}
    bad = any(one.reason in _DAMAGE or one.detail == "damaged" for one in found)
    told = [
        fact
        for judged in dataset.series
        for kind in _LOOKED
        if (fact := judged.evidence.of(kind)) is not None
    ]
    if bad:
        return Evidence(value=True, collected_ms=dataset.now_ms, expires_ms=dataset.now_ms + 1)
    last = max(told, key=lambda fact: fact.collected_ms, default=None)
    if last is None:
        return None
    return Evidence(False, last.collected_ms, last.expires_ms, last.origin)  # noqa: FBT003 - it is the content


def _encrypted(dataset: JudgedDataset) -> Evidence | None:
    """A repository with keys encrypts by design; of others nothing is known."""
    found = _shown(bk.KEYS)(dataset)
    if found is None or not found.value:
        return None
    return Evidence(True, found.collected_ms, found.expires_ms, found.origin)  # noqa: FBT003 - it is the content


def _refuses(dataset: JudgedDataset) -> Evidence | None:
    found = _shown(bk.IMMUTABLE)(dataset)
    if found is None:
        return None
    return Evidence(bool(found.value), found.collected_ms, found.expires_ms, found.origin)


def _drilled(kind: str) -> Callable[[JudgedDataset], Evidence | None]:
    return lambda dataset: _since(dataset, lambda one: proofs.drilled_ms(one.evidence, kind))


TERMS: Mapping[str, Callable[[JudgedDataset], Evidence | None]] = {
    "bk.age": _age,
    "bk.seen": _seen,
    "bk.versions": _shown(bk.SNAPSHOTS),
    "bk.copies": _copies(lambda copies: copies.count),
    "bk.copies.offsite": _copies(lambda copies: copies.offsite),
    "bk.copies.onsite": _copies(lambda copies: copies.count - copies.offsite),
    "bk.same_place": _same_place,
    "bk.check": lambda dataset: _since(dataset, lambda one: one.evidence.time_ms(bk.CHECK_GOOD)),
    "bk.check.data": lambda dataset: _since(dataset, lambda one: proofs.all_read_ms(one.evidence)),
    "bk.damaged": _damaged,
    "bk.restore": _drilled("sample"),
    "bk.restore.full": _drilled("full"),
    "bk.enc": _encrypted,
    "bk.immut": _refuses,
}
"""What can be said of a dataset; of other names of ``bk.`` nothing is measured yet."""


def covered(datasets: Sequence[JudgedDataset], now_ms: int) -> Evidence | None:
    """Share of declared datasets of which a backup was ever seen, while somebody looks at each."""
    if not datasets:
        return None
    known = [found for one in datasets if (found := _seen(one)) is not None]
    if not known:
        return None
    ends = [
        max((look.expires_ms for one in dataset.series if (look := _look(one))), default=now_ms)
        for dataset in datasets
    ]
    share = sum(found.value is True for found in known) / len(datasets)
    return Evidence(share, now_ms, min(ends), "centre")
