"""The read-only restic: everything of this project that reads a repository goes through here.

Run as a file by the shim that ``install`` writes, with the standard library alone, because it
starts once for every restic call. It lets reading commands pass and refuses the rest, adds
``--no-lock`` so that looking never stops a backup, steps back behind every other process, and
ends a restic that does not come back.

Exit codes: restic's own; 2 refused; 124 deadline passed; 127 no restic.
"""

import os
import signal
import sys
import time

REFUSED = 2
DEADLINE_PASSED = 124
NOT_FOUND = 127

BINARY_VARIABLE = "TRAMGAC_RESTIC_BINARY"
DEADLINE_VARIABLE = "TRAMGAC_RESTIC_DEADLINE_SECONDS"
GRACE_VARIABLE = "TRAMGAC_RESTIC_GRACE_SECONDS"
_DEFAULT_DEADLINE_SECONDS = 300.0
_DEFAULT_GRACE_SECONDS = 10.0  # nothing is written and no lock is held: there is little to tidy

READING_COMMANDS = frozenset(
    {"cat", "check", "dump", "find", "list", "ls", "restore", "snapshots", "stats", "version"}
)
# `cat masterkey` and `cat key` would print secrets.
_CAT_KINDS = frozenset({"config", "lock", "snapshot"})
_PLAIN_FLAGS = frozenset({"--json", "--no-cache", "--no-lock", "--quiet", "-q"})
_VALUE_FLAGS = frozenset({"--repo", "-r", "--repository-file", "--password-file", "-p"})
# Run another program, carry a secret, take a lock after all or delete, wherever they stand.
_NEVER = (
    "--password-command",
    "--option",
    "-o",
    "--insecure",
    "--no-lock=",
    "--cleanup-cache",
    "--delete",
)
_SLICE_FLAG = "--read-data-subset="
_CLUSTER_LENGTH = 3  # `-qo x` is `-q -o x`


def command_of(words: list[str]) -> str:
    """The restic command in ``words``, or empty when one must not be run.

    Only flags known here may stand before the command: restic would otherwise read as its
    command what we take for a flag's value.
    """
    if any(word.startswith(_NEVER) or _is_cluster(word) for word in words):
        return ""
    index = 0
    while index < len(words) and words[index].startswith("-"):
        name, equals, _ = words[index].partition("=")
        if name in _VALUE_FLAGS:
            index += 1 if equals else 2
        elif words[index] in _PLAIN_FLAGS:
            index += 1
        else:
            return ""
    rest = words[index:]
    if not rest or rest[0] not in READING_COMMANDS:
        return ""
    return rest[0] if _may(rest[0], rest[1:]) else ""


def _is_cluster(word: str) -> bool:
    return word.startswith("-") and word[1:2] != "-" and len(word) >= _CLUSTER_LENGTH


def _may(command: str, words: list[str]) -> bool:
    """Whether ``command`` only reads when it is given ``words``."""
    if command == "cat":
        return bool(words) and words[0] in _CAT_KINDS
    if command == "check":
        return all(word in _PLAIN_FLAGS or _is_slice(word) for word in words)
    targets = _targets(words)
    if command == "restore":
        # Onto the root it would write over the live system.
        if len(targets) != 1 or not targets[0].startswith("/"):
            return False
        return os.path.normpath(targets[0]).strip("/") != ""
    return not (command == "dump" and targets)


def _is_slice(word: str) -> bool:
    """Whether ``word`` asks for n/t of the data; a share or a size would be random."""
    number, slash, slices = word.removeprefix(_SLICE_FLAG).partition("/")
    plain = number.isascii() and number.isdigit() and slices.isascii() and slices.isdigit()
    return word.startswith(_SLICE_FLAG) and slash == "/" and plain


def _targets(words: list[str]) -> list[str]:
    """Values of every ``--target``."""
    found = [word.partition("=")[2] for word in words if word.startswith("--target=")]
    pairs = zip(words, [*words, ""][1:], strict=True)
    return found + [value for name, value in pairs if name in {"--target", "-t"}]


def _seconds(name: str, default: float) -> float:
    try:
        return max(0.0, float(os.environ[name]))
    except (KeyError, ValueError):
        return default


def _find(program: str) -> str:
    """Absolute path of ``program``, or empty."""
    places = [""] if "/" in program else os.get_exec_path()
    for place in places:
        path = os.path.join(place, program)  # noqa: PTH118 - pathlib costs as much as the rest
        if os.path.isfile(path) and os.access(path, os.X_OK):  # noqa: PTH113 - as above
            return path
    return ""


def _wait(child: int, until: float, signals: set[signal.Signals]) -> int | None:
    """Exit code of ``child``, or None at the deadline.

    A signal to us is passed on, and the deadline is then no later than the grace time.
    """
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code
        left = until - time.monotonic()
        if left <= 0:
            return None
        told = signal.sigtimedwait(signals, left)
        if told is not None and told.si_signo != signal.SIGCHLD:
            os.kill(child, told.si_signo)
            until = min(until, _grace())


def _grace() -> float:
    return time.monotonic() + _seconds(GRACE_VARIABLE, _DEFAULT_GRACE_SECONDS)


def _end(child: int, signals: set[signal.Signals]) -> None:
    os.kill(child, signal.SIGTERM)
    if _wait(child, _grace(), signals) is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _run(words: list[str]) -> int:
    restic = _find(os.environ.get(BINARY_VARIABLE) or "restic")
    if not restic:
        sys.stderr.write("no restic found\n")
        return NOT_FOUND
    os.nice(19)
    ionice = _find("ionice")
    idle = [ionice, "-t", "-c", "3"] if ionice else []
    argv = [*idle, restic, "--no-lock", *words]
    signals = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    # The child stays in our process group: whoever ends the group ends all of us.
    child = os.posix_spawn(
        argv[0], argv, os.environ, setsigmask=[], setsigdef=[signal.SIGPIPE, signal.SIGXFSZ]
    )
    until = time.monotonic() + _seconds(DEADLINE_VARIABLE, _DEFAULT_DEADLINE_SECONDS)
    code = _wait(child, until, signals)
    if code is None:
        _end(child, signals)
        sys.stderr.write("deadline passed\n")
        return DEADLINE_PASSED
    return code


def main(words: list[str]) -> int:
    """Run restic with ``words`` if that only reads; return the exit code."""
    if not command_of(words):
        sys.stderr.write("refused: only reading commands are allowed\n")
        return REFUSED
    return _run(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
