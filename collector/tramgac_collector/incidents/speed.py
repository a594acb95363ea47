"""Paths that do not carry what they should, by two floor tests running. One detector."""

from collections.abc import Iterator, Mapping

from tramgac_collector.facts.ledger import Fact
from tramgac_collector.incidents.codes import DAY
from tramgac_collector.incidents.model import Symptom
from tramgac_collector.incidents.symptoms import Detector, Look
from tramgac_collector.incidents.tree import host_of

HELD = "net.path.held"
CODE = "path_not_held"
# Tests come twice a day; what was found so long ago says nothing of two running.
_PAST_MS = 7 * DAY
_FLOOR = "floor"


def _not_held(fact: Fact, _value: float, _before: bool, look: Look) -> Symptom:  # noqa: FBT001 - a detector
    """Both directions of a path are one finding."""
    path = fact.subject.rsplit(":", 2)[0]
    since = dict(_bad_since(path, look))
    cause = f"slow_{next(iter(since))}" if len(since) == 1 else "slow_both" if since else ""
    begun = min(since.values(), default=fact.collected_ms)
    return Symptom(path, CODE, bool(since), begun, cause)


def _bad_since(path: str, look: Look) -> Iterator[tuple[str, int]]:
    """Directions that failed two tests running, and when the first of them was."""
    for subject, fact in look.named(path.partition("/")[0], HELD).items():
        way, _, proves = subject[len(path) + 1 :].partition(":")
        of_it = subject.startswith(f"{path}:") and host_of(subject) == host_of(path)
        if not of_it or proves != _FLOOR or fact.value != 0 or fact.expires_ms <= look.now_ms:
            continue
        past = look.past(HELD, subject, fact.collected_ms - _PAST_MS)
        before = [step for step in past if step[0] < fact.collected_ms]
        # History keeps changes: the last of them is where this began.
        if before and before[-1][1] == 0:
            yield way, before[-1][0]


OF_SPEED: Mapping[str, Detector] = {HELD: _not_held}
