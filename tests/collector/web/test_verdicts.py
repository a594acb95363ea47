"""The page's verdicts: a bounded time a request, oldest first, and what is missing is counted."""

from tramgac_collector.backups.findings import BackupState
from tramgac_collector.backups.rows import BackupRow
from tramgac_collector.web.verdicts import BUDGET_SECONDS, KEEP_SECONDS, VerdictCache

NAMES = {"vi": ("a", "b", "c"), "en": ("a", "b", "c")}


class Judge:
    """Judges one series a facility, and takes a second for it."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.now, self.seconds = 100.0, seconds
        self.asked: list[str] = []
        self.cache = VerdictCache(self, lambda: self.now)

    def __call__(self, facility: str, _now_ms: int) -> list[BackupRow]:
        self.asked.append(facility)
        self.now += self.seconds
        state = BackupState.FAILED if facility == "f9" else BackupState.OK
        series = f"{facility}/h/db@nas"
        nothing = (None, None, None, None, None, None)
        return [BackupRow(series, facility, NAMES, state, (), *nothing)]


FACILITIES = [f"f{n}" for n in range(10)]


def test_a_request_judges_for_a_bounded_time_and_says_what_is_missing() -> None:
    """What was never judged is counted; the next requests go on there, with a rest between."""
    judge = Judge()
    shown = judge.cache.of(FACILITIES, 1_000)
    spent = len(judge.asked)
    assert spent <= BUDGET_SECONDS + 1
    assert (len(shown.rows), shown.missing, shown.oldest_ms) == (spent, 10 - spent, 1_000)

    assert judge.cache.of(FACILITIES, 2_000).missing == 10 - spent, "it rests"
    judge.now += 6 * spent
    judge.cache.of(FACILITIES, 3_000)
    assert len(set(judge.asked)) == 2 * spent


def test_in_the_end_all_are_judged_worst_first_and_the_oldest_gives_the_age() -> None:
    """Nothing is left out, and the age is that of the oldest verdict shown."""
    judge = Judge(0.01)
    shown = judge.cache.of(FACILITIES, 1_000)
    assert (shown.missing, shown.rows[0].facility) == (0, "f9")
    judge.now += KEEP_SECONDS - 1
    assert judge.cache.of(FACILITIES, 9_000).oldest_ms == 1_000
    judge.now += 2
    assert judge.cache.of(FACILITIES, 9_000).oldest_ms == 9_000


def test_one_facility_is_judged_at_once_even_while_the_rest_waits() -> None:
    """Who asks for one facility does not wait for all."""
    judge = Judge()
    judge.cache.of(FACILITIES, 1_000)
    shown = judge.cache.of(["f9"], 2_000)

    assert (len(shown.rows), shown.missing, shown.oldest_ms) == (1, 0, 2_000)


def test_a_facility_that_is_gone_is_forgotten() -> None:
    """Otherwise a name that comes back would show what it was."""
    judge = Judge(0.01)
    judge.cache.of(FACILITIES, 1_000)
    judge.cache.keep_only(FACILITIES[:9])
    judge.cache.of(["f9"], 2_000)

    assert judge.asked.count("f9") == 2
