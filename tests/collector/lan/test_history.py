"""When a capacity test is due."""

from tramgac_collector.lan.history import HOUR_MS, RETRY_MS, History, Past

PATH = ("agent", "hub", "send")
NOW = 1_790_000_000_000
WEEK_MS = 7 * 24 * HOUR_MS


def measured(history: History, at_ms: int, verdict: str = "measured") -> None:
    history.granted(PATH, "capacity", at_ms)
    history.ended(PATH, "capacity", verdict, at_ms)


def test_a_path_never_measured_is_due() -> None:
    """The first night will do."""
    assert History(7).due_ms(PATH) <= NOW


def test_once_measured_it_is_due_after_a_week() -> None:
    """A lower bound is a measurement too."""
    history = History(7)
    measured(history, NOW, "lower_bound")

    assert history.due_ms(PATH) == NOW + WEEK_MS


def test_a_test_that_came_to_nothing_is_tried_the_next_night() -> None:
    """Granted and never reported, or aborted: nothing is known, and no storm."""
    history = History(7)
    history.granted(PATH, "capacity", NOW)
    assert history.due_ms(PATH) == NOW + RETRY_MS

    for verdict in ("aborted", "refused", "other", ""):
        history.ended(PATH, "capacity", verdict, NOW)
        assert history.due_ms(PATH) == NOW + RETRY_MS


def test_three_missed_floors_make_it_due() -> None:
    """In a row: one that held begins the count anew, an aborted one says nothing."""
    history = History(7)
    measured(history, NOW)
    for verdict in ("not_held", "not_held", "held", "not_held", "aborted", "not_held"):
        history.ended(PATH, "floor", verdict, NOW)
    assert history.due_ms(PATH) == NOW + WEEK_MS

    history.ended(PATH, "floor", "not_held", NOW)
    assert history.due_ms(PATH) == NOW + RETRY_MS
    measured(history, NOW + RETRY_MS)
    assert history.due_ms(PATH) == NOW + RETRY_MS + WEEK_MS


def test_what_nobody_was_granted_is_not_remembered() -> None:
    """An agent's made-up results take no memory here."""
    history = History(7)
    for number in range(1000):
        history.ended(("agent", f"made-up-{number}", "send"), "floor", "not_held", NOW)

    assert history.due_ms(("agent", "made-up-1", "send")) <= NOW


def test_a_restart_remembers() -> None:
    """From the ledger, oldest first."""
    history = History(7)
    rows = [("capacity", 0, "measured"), ("floor", 1, "not_held"), ("floor", 2, "not_held")]
    history.restore(Past(*PATH, proves, NOW + at, verdict) for proves, at, verdict in rows)
    assert history.due_ms(PATH) == NOW + WEEK_MS

    history.ended(PATH, "floor", "not_held", NOW)
    assert history.due_ms(PATH) == NOW + RETRY_MS
