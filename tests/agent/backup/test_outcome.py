"""What a finished run was, in the words of each restic version."""

import json
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_agent.backup.child import Ended
from tramgac_agent.backup.outcome import Tally, outcome_of
from tramgac_agent.backup.tools import OTHER, RESTIC, TOOLS, Job
from tramgac_agent.restic.messages import count, parse_line
from tramgac_agent.restic.repository import unix_ms

RESTIC_JOB = Job(RESTIC, tells=True)

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
DAMAGED_14 = b"Error loading snapshot 1dcfeae0: load <snapshot/1dcfeae01a>: invalid data returned"
NO_REPOSITORY_14 = (
    b"Fatal: unable to open config file: stat /srv/x/config: no such file or directory\n"
    b"Is there a repository at the following location?\n/srv/x"
)
REFUSED_14 = (
    b'Fatal: unable to open config file: client.Head: Head "http://127.0.0.1:9/config": dial tcp'
    b" 127.0.0.1:9: connect: connection refused\n"
    b"Is there a repository at the following location?\nrest:http://127.0.0.1:9/"
)
# By 0.18.0 and 0.19.1, shortened.
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
UNREADABLE_PLAIN = b"error: failed to save /srv/x: open /srv/x: permission denied"
SKIPPED = b"/srv does not exist, skipping"
LOCKED_18 = b'{"message_type":"exit_error","code":11,"message":"unable to create lock"}'
LOCK_DENIED = b"Fatal: unable to create lock in backend: open /srv/locks/x: permission denied"
LOCK_FULL = b"Fatal: unable to create lock in backend: write x: no space left on device"
DAMAGED_18 = (
    b'{"message_type":"exit_error","code":1,"message":"Error loading snapshot 43b722f2: failed to'
    b' load snapshot 43b722f2: LoadRaw(\\u003csnapshot/43b7\\u003e): invalid data returned\\ngit"}'
)
ALL_MISSING = b"Fatal: all source directories/files do not exist"
STOPPED_18 = b"\x1b[2Ksignal terminated received, cleaning up\nFatal: context canceled"
NO_SSH = b"Fatal: unable to open repository at sftp:nas:/x: unable to start the sftp session, error"
NO_PASSWORD = b"Resolving password failed: Fatal: /etc/x does not exist"
NOISE = (b"\x1b[2K\r[0:00] 100%", b"", b"{", b"\xff\xfe", b'{"message_type":"status"}')

REASONS = (
    "unreadable_files missing_source empty no_summary dry_run saves_nothing locked wrong_password"
    " no_repository no_space unreachable permission signal not_started not_in_time"
    " damaged_repository exit_code"
)
CASES = [
    ("0.14 whole", 0, [SUMMARY_14], [], "complete", "", 2),
    ("0.18 whole", 0, [SUMMARY_18], [], "complete", "", 10),
    ("behind progress", 0, [b"\x1b[2K\r" + SUMMARY_18], [], "complete", "", 10),
    ("0.14 unreadable", 3, [SUMMARY_14], [UNREADABLE_14], "partial", "unreadable_files", 2),
    ("0.17.0 unreadable", 3, [SUMMARY_18], [UNREADABLE_17_0], "partial", "unreadable_files", 10),
    ("0.18 unreadable", 3, [SUMMARY_18], [UNREADABLE_18], "partial", "unreadable_files", 10),
    ("plain unreadable", 3, [SUMMARY_18], [UNREADABLE_PLAIN], "partial", "unreadable_files", 10),
    ("error but exit 0", 0, [SUMMARY_18], [UNREADABLE_18], "partial", "unreadable_files", 10),
    ("source missing", 0, [SUMMARY_14], [SKIPPED], "partial", "missing_source", 2),
    ("0.19 missing", 3, [SUMMARY_18], [SKIPPED], "partial", "missing_source", 10),
    ("both", 3, [SUMMARY_18], [SKIPPED, UNREADABLE_18], "partial", "missing_source", 10),
    ("all missing", 1, [], [SKIPPED, ALL_MISSING], "failed", "missing_source", 0),
    ("0.14 locked", 1, [], [LOCKED_14], "blocked", "locked", 0),
    ("0.18 locked", 11, [], [LOCKED_18], "blocked", "locked", 0),
    ("lock denied", 1, [], [LOCK_DENIED], "failed", "permission", 0),
    ("lock on full disk", 1, [], [LOCK_FULL], "failed", "no_space", 0),
    ("0.14 damaged", 1, [], [DAMAGED_14], "failed", "damaged_repository", 0),
    ("0.18 damaged", 1, [], [DAMAGED_18], "failed", "damaged_repository", 0),
    ("0.18 wrong password", 12, [], [], "failed", "wrong_password", 0),
    ("no password", 1, [], [NO_PASSWORD], "failed", "wrong_password", 0),
    ("0.14 no repository", 1, [], [NO_REPOSITORY_14], "failed", "no_repository", 0),
    ("0.18 no repository", 10, [], [], "failed", "no_repository", 0),
    ("0.14 refused", 1, [], [REFUSED_14], "failed", "unreachable", 0),
    ("no ssh", 1, [], [NO_SSH], "failed", "unreachable", 0),
    ("file before the end", 1, [], [UNREADABLE_PLAIN, NO_SSH], "failed", "unreachable", 0),
    ("crashed", 2, [], [b"panic: runtime error"], "failed", "exit_code", 0),
    ("0.14 SIGINT", 130, [], [], "interrupted", "signal", 0),
    ("0.18 stopped by another", 1, [], [STOPPED_18], "interrupted", "signal", 0),
    ("no summary", 0, [], [], "partial", "no_summary", 0),
    ("summary cut short", 0, [SUMMARY_18[:-20]], [], "partial", "no_summary", 0),
    ("all zero left out", 0, [b'{"message_type":"summary"}'], [], "partial", "empty", 0),
]


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "outcome", "reason", "files"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_each_version_is_understood(
    *, code: int, stdout: list[bytes], stderr: list[bytes], outcome: str, reason: str, files: int
) -> None:
    """Noise around the lines that matter changes nothing."""
    tally = Tally()
    for line in (*NOISE, *stdout, *NOISE):
        tally.take_stdout(line)
    complaints = b"\n".join((*NOISE, *stderr, *NOISE))
    for line in complaints.split(b"\n"):
        tally.take_stderr(line)

    judged = outcome_of(RESTIC_JOB, Ended(code, complaints=complaints), tally)
    assert judged == (outcome, reason)
    assert tally.files == files


# Printed by borg 1.2.4, rsync and GNU tar 1.34 here; borg's 107 is from its documentation.
OTHERS = [
    ("borg", 0, "", "complete", ""),
    ("borg", 1, "nix: [Errno 2] No such file or directory: 'nix'", "partial", "missing_source"),
    ("borg", 1, "/x: read: [Errno 5] Input/output error", "partial", "unreadable_files"),
    ("borg", 107, "", "partial", "unreadable_files"),
    ("borg", 2, "Repository /srv/x does not exist.", "failed", "no_repository"),
    ("borg", 2, "passphrase supplied in BORG_PASSPHRASE is incorrect.", "failed", "wrong_password"),
    ("borg", 2, "Failed to create/acquire the lock /x (timeout).", "blocked", "locked"),
    ("borg", 2, "Connection closed by remote host. Is borg working?", "failed", "unreachable"),
    ("borg", 2, "Archive a already exists", "failed", "exit_code"),
    ("rsync", 24, 'file has vanished: "/srv/x"', "partial", "unreadable_files"),
    ("rsync", 12, "", "failed", "unreachable"),
    ("rsync", 11, 'write failed on "x": No space left on device (28)', "failed", "no_space"),
    ("tar", 1, "tar: x: file changed as we read it", "partial", "unreadable_files"),
    ("tar", 0, "tar: x: Cannot open: Permission denied", "partial", "unreadable_files"),
    ("tar", 2, "tar: x: Cannot write: No space left on device", "failed", "no_space"),
    ("pg_dump", 1, "pg_dump: error: permission denied for table x", "failed", "permission"),
    ("mysqldump", 1, "", "failed", "exit_code"),
]


@pytest.mark.parametrize(("name", "code", "said", "outcome", "reason"), OTHERS)
def test_each_tool_is_understood(
    name: str, code: int, said: str, outcome: str, reason: str
) -> None:
    """A warning is no failure and no whole backup; a failure says why where the tool does."""
    tool = TOOLS[name]
    tally = Tally(tool)
    tally.take_stderr(said.encode())

    judged = outcome_of(Job(tool), Ended(code, complaints=said.encode()), tally)
    assert judged == (outcome, reason)


def test_borgs_lines_are_understood_as_json_too() -> None:
    """As `--log-json` writes them."""
    tally = Tally(TOOLS["borg"])
    said = "nix: [Errno 2] No such file or directory: 'nix'"
    tally.take_stderr(json.dumps({"type": "log_message", "message": said}).encode())

    assert (tally.missing_sources, tally.errors) == (1, 0)


@pytest.mark.parametrize(
    ("job", "ended", "judged"),
    [
        (RESTIC_JOB, Ended(1, signalled=True), ("interrupted", "signal")),  # 0.18 on SIGINT
        (Job(OTHER), Ended(255), ("failed", "exit_code")),  # ssh
        (Job(OTHER), Ended(1, complaints=b"no space left on device"), ("failed", "exit_code")),
        (Job(OTHER), Ended(127, started=False), ("failed", "not_started")),
        (Job(OTHER, prefixed=True), Ended(127), ("failed", "not_started")),
        (Job(OTHER), Ended(127), ("failed", "exit_code")),
        (Job(RESTIC, timed=True), Ended(124), ("interrupted", "not_in_time")),
        (Job(OTHER), Ended(124), ("failed", "exit_code")),
        (Job(TOOLS["rsync"], dry=True), Ended(0), ("partial", "dry_run")),
        (Job(TOOLS["borg"], saves=False), Ended(0), ("partial", "saves_nothing")),
    ],
)
def test_how_it_ended_counts_before_what_it_said(
    job: Job, ended: Ended, judged: tuple[str, str]
) -> None:
    """Signals, a time limit, and a program that is not there."""
    assert outcome_of(job, ended, Tally(job.tool)) == judged


@pytest.mark.parametrize(
    ("command", "job"),
    [
        ("restic backup --json /", Job(RESTIC, tells=True)),
        ("sudo -u b /usr/bin/restic backup /", Job(RESTIC, prefixed=True)),
        ("sudo -u restic -H restic backup /", Job(RESTIC, prefixed=True)),
        ("flock /run/lock/restic restic backup /", Job(RESTIC, prefixed=True)),
        ("own-wrapper restic backup --json /", Job(RESTIC, tells=True)),
        ("restic forget --json", Job(RESTIC, saves=False)),
        ("restic copy --json", Job(RESTIC)),
        ("restic forget --tag backup --json", Job(RESTIC, saves=False)),
        ("restic -r backup prune", Job(RESTIC, saves=False)),
        ("restic --repo=/srv -v -o a=b backup forget", Job(RESTIC)),
        ("nice restic -p copy check", Job(RESTIC, saves=False, prefixed=True)),
        ("ionice -c3 timeout 9h borg --lock-wait 5 create r::a /", None),
        ("borg prune r", Job(TOOLS["borg"], saves=False)),
        ("borg create -n r::a /", Job(TOOLS["borg"], dry=True)),
        ("rsync -a /srv nas:", Job(TOOLS["rsync"])),
        ("rsync -avn /srv nas:", Job(TOOLS["rsync"], dry=True)),
        ("rsync -a --numeric-ids -enc --list-only /srv nas:", Job(TOOLS["rsync"])),
        ("sudo -u restic rsync -a /srv nas:", Job(TOOLS["rsync"], prefixed=True)),
        ("tar -cf /b.tar /srv/restic", Job(TOOLS["tar"])),
        ("timeout 60 ./backup.sh --json", Job(OTHER, timed=True, prefixed=True)),
        ("cp -a /srv/tar /mnt", Job(OTHER)),
        ("sh -c 'restic backup'", Job(OTHER)),
    ],
)
def test_a_tool_is_recognised_by_name(command: str, job: Job | None) -> None:
    """Only then is its output looked at."""
    expected = job or Job(TOOLS["borg"], timed=True, prefixed=True)
    assert Job.of(shlex.split(command)) == expected


@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(0, 255))
@settings(max_examples=80, deadline=None)
def test_no_output_can_break_the_verdict_or_fake_a_whole_run(lines: list[bytes], code: int) -> None:
    """Random lines never make a run complete that told no summary."""
    tally = Tally()
    for line in lines:
        tally.take_stdout(line)
        tally.take_stderr(line)

    judged = outcome_of(RESTIC_JOB, Ended(code, complaints=b"\n".join(lines)), tally)
    assert judged.outcome != "complete"
    assert judged.reason in REASONS.split()


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
