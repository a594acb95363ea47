"""Agent and centre disagree about the past: both come to the same end, and losses are said."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing

from helpers.stack import FACILITY, SITE, Stack, poll

from tramgac_agent.checks.base import Observation, Sample

ROUNDS = 900


def prefill(stack: Stack) -> None:
    """Two streams of points, one a minute for 15 hours."""
    box = stack.outbox()
    for number in range(ROUNDS):
        age = (ROUNDS - number) * 60.0
        labels = {"mountpoint": "/", "fstype": "ext4"}
        sample = Sample("tramgac_filesystem_avail_bytes", float(number), labels)
        seen = [Observation((sample,), stream=one, age_seconds=age) for one in ("a", "b")]
        box.append("disk", seen, valid_seconds=600)
    box.close()


def last_seq(stack: Stack) -> int:
    """Highest number the agent's outbox ever gave."""
    path = stack.root / "h1/outbox.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'records'")
        return int(row.fetchone()[0])


def test_thinning_in_the_middle_of_a_backlog_converges(make_stack: Callable[..., Stack]) -> None:
    """Half a backlog is sent, the rest is thinned: each number is stored or declared, not both."""
    stack = make_stack(
        collector_extra="[limits]\ncalls_per_minute = 6000\nbacklog_bytes_per_second = 30000\n"
    )
    prefill(stack)
    stack.start_agent()
    count = "SELECT count(*) FROM records"
    poll(lambda: stack.query(count)[0][0], lambda n: n > 400, 30, "a part of the backlog")
    stack.kill("h1")
    stack.write_agent(
        "h1", outbox="[outbox]\nmax_mebibytes = 0.09\nballast_mebibytes = 0"
    )  # less than what waits
    stack.start_agent()
    poll(stack.lost, lambda lost: lost.get("thinned", 0) > 100, 30, "the loss on /metrics")
    waiting = last_seq(stack)
    poll(lambda: stack.accounts()[-1].contiguous, lambda n: n >= waiting, 60, "everything settled")
    stack.wait_ticks(len(stack.handed_ticks()))

    (account,) = stack.accounts()
    stack.check_accounts()
    assert account.quarantined == []
    assert set(stack.gaps()) == {"thinned"}, "events are spared, and nothing is lost untold"
    poll(stack.lost, lambda lost: lost == stack.gaps(), 10, "/metrics agrees with the store")
    # The beginning is thinned, not cut: something is kept of every hour.
    hours = "SELECT count(DISTINCT event_ms / 3600000) FROM records WHERE seq <= ?"
    assert stack.query(hours, 2 * ROUNDS)[0][0] >= ROUNDS / 60


def test_a_centre_put_back_in_time_says_what_it_lost(stack: Stack) -> None:
    """The store is restored from a backup: agents go on, the hole is declared, none is asked twice.

    A host that enrolled after the backup is unknown now: it says so, asks to come back by
    itself, and after one approval reports under its old id.
    """
    passphrase, saved = stack.root / "passphrase", stack.root / "saved"
    passphrase.write_text("a made-up passphrase\n")
    words = ("--passphrase-file", str(passphrase))
    stack.start_agent()
    stack.wait_ticks(5)
    stack.collector_command("backup", "--to", str(saved), *words)
    before = len(stack.stored_ticks())
    stack.enroll("late")
    late = json.loads((stack.root / "late/identity/identity.json").read_text())["agent_id"]
    stack.start_agent("late")
    stack.wait_ticks(3, "late")
    settled = len(stack.wait_ticks(before + 10))
    stack.stop("ingest")
    stack.collector_command("restore", "--from", str(saved), *words, "--force")
    assert len(stack.stored_ticks()) <= settled - 5
    stack.start_collector()

    lost = poll(stack.lost, lambda found: "lost_at_centre" in found, 40, "the hole is declared")
    handed = len(stack.handed_ticks())
    poll(lambda: stack.stored_ticks()[-1].number, lambda n: n > handed, 40, "h1 goes on")
    numbers = [one.number for one in stack.stored_ticks()]
    missing = set(range(1, numbers[-1] + 1)) - set(numbers)
    assert len(numbers) == len(set(numbers))
    assert missing == set(range(min(missing), max(missing) + 1)), "one hole"
    assert set(lost) == {"lost_at_centre"}
    # Each run of the check is two records: the tick, and how the check went.
    assert len(missing) <= lost["lost_at_centre"] <= 2 * len(missing) + 2
    assert stack.gaps() == lost
    stack.check_accounts()
    come_back(stack, late)


def come_back(stack: Stack, agent_id: str) -> None:
    """The agent that the restored store does not know is approved and reports again."""
    stack.wait_uplink("late", 60, state="refused", reason="agent_unknown")

    def pending() -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(
            stack.collector_command("agents", "list", "--pending", "--json")
        )
        return found

    (row,) = poll(pending, bool, 30, "it asks to come back")
    assert (row["agent_id"], row["host"]) == (agent_id, "late")
    stack.collector_command(
        "agents", "approve", row["key"][:16], "--facility", FACILITY, "--site", SITE
    )
    # It would knock again by itself within 15 minutes; a restart does it now.
    stack.stop("late")
    stack.start_agent("late")
    ticks = poll(lambda: stack.stored_ticks("late"), lambda found: len(found) > 5, 60, "it is back")
    stack.wait_uplink("late", state="ok")
    assert set(stack.gaps("late")) == {"lost_at_centre"}
    stack.check_accounts("late")
    assert stack.query("SELECT id FROM agents WHERE host = 'late'") == [(agent_id,)]
    numbers = [one.number for one in ticks]
    assert len(numbers) == len(set(numbers))
