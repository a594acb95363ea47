"""What a finished run was, in the words of each restic version."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_agent.backup.outcome import Job, Tally, outcome_of
from tramgac_agent.restic.messages import count, parse_line
from tramgac_agent.restic.repository import unix_ms

RESTIC = Job("restic", tells=True)

# Printed by 0.14.0 here.
SUMMARY_14 = (
    b'{"message_type":"summary","files_new":2,"files_changed":0,"files_unmodified":0,"dirs_new":3,'
    b'"dirs_changed":0,"dirs_unmodified":0,"data_blobs":2,"tree_blobs":4,"data_added":1746,'
    b'"total_files_processed":2,"total_bytes_processed":6,"total_duration":0.21,'
    b'"snapshot_id":"4be91e2e"}'
)
UNREADABLE_14 = (
    b'{"message_type":"error","error":{"Op":"open","Path":"x","Err":13},'
    b'"during":"archival","item":"/srv/x"}'
)
LOCKED_14 = b"unable to create lock in backend: repository is already locked exclusively by PID 7"
# Written by hand after the documentation of 0.17 to 0.19: zeros left out, full id.
SUMMARY_18 = json.dumps(
    {
        "message_type": "summary",
        "files_new": 1,
        "files_unmodified": 9,
        "data_added_packed": 60,
        "total_files_processed": 10,
        "total_bytes_processed": 12345,
        "backup_start": "2026-11-21T09:00:00Z",
        "snapshot_id": "ab" * 32,
    }
).encode()
UNREADABLE_18 = b'{"message_type":"error","error":{"message":"open x: permission denied"}}'
UNREADABLE_17_0 = b'{"message_type":"error","error":{}}'
LOCKED_18 = b'{"message_type":"exit_error","code":11,"message":"unable to create lock"}'
NOISE = (b"\x1b[2K\r[0:00] 100%", b"", b"{", b"\xff\xfe", b'{"message_type":"status"}')

CASES = [
    ("0.14 whole", 0, [SUMMARY_14], [], "complete", 2),
    ("0.18 whole", 0, [SUMMARY_18], [], "complete", 10),
    ("behind progress", 0, [b"\x1b[2K\r" + SUMMARY_18], [], "complete", 10),
    ("0.14 unreadable", 3, [SUMMARY_14], [UNREADABLE_14], "partial", 2),
    ("0.17.0 unreadable", 3, [SUMMARY_18], [UNREADABLE_17_0], "partial", 10),
    ("0.18 unreadable", 3, [SUMMARY_18], [UNREADABLE_18], "partial", 10),
    ("error but exit 0", 0, [SUMMARY_18], [UNREADABLE_18], "partial", 10),
    ("source missing", 0, [SUMMARY_14], [b"/srv does not exist, skipping"], "partial", 2),
    ("0.14 locked", 1, [], [LOCKED_14], "blocked", 0),
    ("0.18 locked", 11, [], [LOCKED_18], "blocked", 0),
    ("0.18 wrong password", 12, [], [], "failed", 0),
    ("0.18 no repository", 10, [], [], "failed", 0),
    ("crashed", 2, [], [b"panic: runtime error"], "failed", 0),
    ("0.14 SIGINT", 130, [], [], "interrupted", 0),
    ("no summary", 0, [], [], "partial", 0),
    ("summary cut short", 0, [SUMMARY_18[:-20]], [], "partial", 0),
    ("all zero left out", 0, [b'{"message_type":"summary"}'], [], "partial", 0),
]


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "outcome", "files"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_each_version_is_understood(
    code: int, stdout: list[bytes], stderr: list[bytes], outcome: str, files: int
) -> None:
    """Noise around the lines that matter changes nothing."""
    tally = Tally()
    for line in (*NOISE, *stdout, *NOISE):
        tally.take_stdout(line)
    for line in (*NOISE, *stderr, *NOISE):
        tally.take_stderr(line)

    assert outcome_of(RESTIC, code, tally, signalled=False) == outcome
    assert tally.files == files


def test_a_run_stopped_by_a_signal_is_interrupted_whatever_its_code() -> None:
    """0.18 exits 1 on SIGINT; 255 of ssh is an ordinary failure."""
    assert outcome_of(RESTIC, 1, Tally(), signalled=True) == "interrupted"
    assert outcome_of(Job("other"), 255, Tally(), signalled=False) == "failed"


@pytest.mark.parametrize(
    ("command", "job"),
    [
        (("restic", "backup", "--json", "/"), Job("restic", tells=True)),
        (("sudo", "-u", "b", "/usr/bin/restic", "backup", "/"), Job("restic")),
        (("restic", "forget", "--json"), Job("restic", saves=False)),
        (("restic", "copy", "--json"), Job("restic")),
        (("restic", "forget", "--tag", "backup", "--json"), Job("restic", saves=False)),
        (("restic", "-r", "backup", "prune"), Job("restic", saves=False)),
        (("restic", "--repo=/srv", "-v", "-o", "a=b", "backup", "forget"), Job("restic")),
        (("nice", "restic", "-p", "copy", "check"), Job("restic", saves=False)),
        (("rsync", "-a", "/srv", "nas:"), Job("other")),
        (("./backup.sh", "--json"), Job("other")),
    ],
)
def test_restic_is_recognised_by_name(command: tuple[str, ...], job: Job) -> None:
    """Only then is its output looked at."""
    assert Job.of(command) == job


@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(0, 255))
@settings(max_examples=80, deadline=None)
def test_no_output_can_break_the_verdict_or_fake_a_whole_run(lines: list[bytes], code: int) -> None:
    """Random lines never make a run complete that told no summary."""
    tally = Tally()
    for line in lines:
        tally.take_stdout(line)
        tally.take_stderr(line)

    assert outcome_of(RESTIC, code, tally, signalled=False) != "complete"


@pytest.mark.parametrize("bad", [-1, True, "7", None, float("nan"), float("inf"), [1]])
def test_a_counter_is_a_number_or_nothing(bad: object) -> None:
    """Hostile values count as zero, and a large one fits the record."""
    assert count({"n": bad}, "n") == 0
    assert count({"n": 10**30}, "n") == 2**53


@pytest.mark.parametrize("line", [b"[1]", b'"x"', b"7", b"{" * 100_000, b'{"a":' * 100_000])
def test_only_objects_are_messages(line: bytes) -> None:
    """Neither other JSON nor a bomb of brackets."""
    assert parse_line(line) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T09:00:00.123456789+07:00", 1_795_226_400_123),
        ("2026-11-21T02:00:00Z", 1_795_226_400_000),
        ("2026-11-21T02:00:00", 0),
        ("1960-01-01T00:00:00Z", 0),
        ("later", 0),
        (None, 0),
        (7, 0),
    ],
)
def test_times_keep_their_zone(text: object, expected: int) -> None:
    """Nanoseconds and offset are read; a time without zone is none."""
    assert unix_ms(text) == expected
